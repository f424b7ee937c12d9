//! Compiled functions as the engine knows them: verified IR, the values it captured, and an identity.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use codegen::state::StateLayout;

use crate::error::{Error, Result};

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
    /// `ir::wire::hash` of the module.
    hash: [u8; 32],
    captures: CaptureValues,
}

impl CompiledFunction {
    /// `module` must have passed the verifier; `captures` must fit `module.captures`.
    pub fn new(name: impl Into<Arc<str>>, module: Arc<ir::Module>, captures: CaptureValues) -> CompiledFunction {
        let hash = ir::wire::hash(&module);
        CompiledFunction { name: name.into(), module, hash, captures }
    }

    /// The Python name, `<lambda>` for a lambda.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn module(&self) -> &Arc<ir::Module> {
        &self.module
    }

    /// The identity of the IR: equal modules have equal hashes, on every machine.
    pub fn module_hash(&self) -> &[u8; 32] {
        &self.hash
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
        self.captures.identity == other.captures.identity && self.hash == other.hash && self.name == other.name
    }
}

impl Eq for CompiledFunction {}

impl Hash for CompiledFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.captures.identity.hash(state);
        self.hash.hash(state);
    }
}

impl std::fmt::Debug for CompiledFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// A value of a fold's state, copied: it owns the elements of its arrays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateValue {
    ty: ir::Type,
    layout: StateLayout,
    area: Vec<u64>,
}

impl StateValue {
    /// A copy of the value with these slots (`ir::layout`). Fails when values of the type cannot be a state.
    ///
    /// # Safety
    /// The arrays that `slots` describes are alive.
    pub unsafe fn new(ty: ir::Type, slots: &[u64]) -> Result<StateValue> {
        let layout = StateLayout::new(&ty, slots).map_err(|error| Error::plan(error.message))?;
        let mut area = vec![0; layout.slots()];
        // SAFETY: the caller's.
        unsafe { layout.pack(slots, &mut area) }.map_err(|error| Error::plan(error.message))?;
        Ok(StateValue { ty, layout, area })
    }

    /// From an area in the stored form of the same layout.
    pub(crate) fn from_area(like: &StateValue, area: Vec<u64>) -> StateValue {
        StateValue { ty: like.ty.clone(), layout: like.layout.clone(), area }
    }

    pub fn ty(&self) -> &ir::Type {
        &self.ty
    }

    pub fn layout(&self) -> &StateLayout {
        &self.layout
    }

    /// The stored form: slots, then the elements of the arrays.
    pub fn area(&self) -> &[u64] {
        &self.area
    }

    /// The value's slots. Addresses in them point into this `StateValue`.
    pub fn slots(&self) -> Vec<u64> {
        let mut slots = vec![0; self.layout.value_slots()];
        self.layout.unpack(&self.area, &mut slots);
        slots
    }
}

impl std::hash::Hash for StateValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ty.hash(state);
        self.area.hash(state);
    }
}
