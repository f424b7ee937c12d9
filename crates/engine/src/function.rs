//! Compiled functions as the engine knows them: verified IR, the values it captured, and an identity.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps alive what slots point to (NumPy arrays, strings).
pub type Keepalive = Arc<dyn Any + Send + Sync>;

/// The values of a module's captures, as the slots of `ir::layout` in the order of `Module::captures`.
#[derive(Clone)]
pub struct CaptureValues {
    slots: Arc<[u64]>,
    keepalive: Keepalive,
    identity: u64,
}

impl CaptureValues {
    /// `slots` may hold addresses; what they point to must live and stay unchanged as long as `keepalive` does.
    pub fn new(slots: Vec<u64>, keepalive: Keepalive) -> CaptureValues {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Nothing captured: all such values are the same one. Else every capture is itself only, which is never wrong.
        let identity = if slots.is_empty() { 0 } else { NEXT.fetch_add(1, Ordering::Relaxed) };
        CaptureValues { slots: slots.into(), keepalive, identity }
    }

    /// For a function without captures.
    pub fn none() -> CaptureValues {
        CaptureValues::new(Vec::new(), Arc::new(()))
    }

    pub fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// What keeps the slots valid.
    pub fn keepalive(&self) -> &Keepalive {
        &self.keepalive
    }
}

/// A function ready for the engine. Two are equal when their IR and their captured values are the same.
#[derive(Clone)]
pub struct CompiledFunction {
    name: Arc<str>,
    module: Arc<ir::Module>,
    captures: CaptureValues,
}

impl CompiledFunction {
    /// `module` must have passed the verifier; `captures` must fit `module.captures`.
    pub fn new(name: impl Into<Arc<str>>, module: Arc<ir::Module>, captures: CaptureValues) -> CompiledFunction {
        CompiledFunction { name: name.into(), module, captures }
    }

    /// The Python name, `<lambda>` for a lambda.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn module(&self) -> &Arc<ir::Module> {
        &self.module
    }

    pub fn captures(&self) -> &CaptureValues {
        &self.captures
    }

    /// The type of what the function returns.
    pub fn result_type(&self) -> &ir::Type {
        &self.module.entry_func().result
    }

    pub fn param_types(&self) -> Vec<ir::Type> {
        self.module.entry_func().param_types()
    }
}

impl PartialEq for CompiledFunction {
    fn eq(&self, other: &Self) -> bool {
        self.captures.identity == other.captures.identity
            && (Arc::ptr_eq(&self.module, &other.module) || self.module == other.module)
    }
}

impl Eq for CompiledFunction {}

impl Hash for CompiledFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.captures.identity.hash(state);
        self.module.funcs.len().hash(state);
    }
}

impl std::fmt::Debug for CompiledFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// A value of a fold's state as slots. Arrays in it lie behind the slots in the same area: an array's address slot then
/// holds the byte offset of its elements from the start of the area.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateValue {
    pub ty: ir::Type,
    pub area: Vec<u64>,
}
