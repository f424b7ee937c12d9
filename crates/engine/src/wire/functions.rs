//! Functions on the wire: their IR in the form of `ir::wire`, verified before anything uses it, and the values they
//! captured. What is large travels once for a job and is referred to by its hash.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use super::bytes::{Reader, Writer, malformed};
use super::values;
use crate::error::{Error, Result};
use crate::function::{CaptureValues, CompiledFunction, StateValue};
use crate::run::lock;

/// The identity of some bytes: their SHA-256.
pub type Hash = [u8; 32];

/// Larger payloads travel by reference.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Captured values larger than this travel by reference: they change from round to round, so several functions and
/// every task would repeat them.
const INLINE_CAPTURES_MAX: usize = 4 * 1024;

/// IR larger than this is refused: no function that a person writes comes near it.
pub const MODULE_BYTES_MAX: usize = 16 << 20;

/// Instructions of a module that is compiled for others: what takes LLVM some seconds and some hundred MB of memory.
const MODULE_SIZE_MAX: usize = 200_000;

/// Modules and captured values kept by hash, and the bytes they came from; the memory of an executor that runs many jobs
/// stays bounded.
const KEPT_MAX: usize = 256;
const KEPT_BYTES_MAX: usize = 512 << 20;

/// What a plan refers to, collected while it is written.
#[derive(Default, Debug)]
pub struct Outbox {
    /// Bytes that travel once, by their hash.
    pub blobs: BTreeMap<Hash, Arc<[u8]>>,
    /// Names and hashes of the functions in it.
    pub functions: Vec<(String, Hash)>,
}

/// Where a plan that is read finds what it refers to.
pub trait Inbox: Send + Sync {
    fn blob(&self, hash: &Hash) -> Option<Arc<[u8]>>;
}

/// The identity of bytes that travel by reference.
pub fn hash_of(bytes: &[u8]) -> Hash {
    ir::wire::payload_digest(bytes)
}

fn write_payload(writer: &mut Writer, outbox: &mut Outbox, bytes: Vec<u8>, inline_max: usize) {
    writer.flag(bytes.len() > inline_max);
    if bytes.len() <= inline_max {
        writer.block(&bytes);
        return;
    }
    let hash = hash_of(&bytes);
    writer.raw(&hash);
    outbox.blobs.entry(hash).or_insert_with(|| bytes.into());
}

/// Bytes and, where they are referred to, their hash.
fn read_payload<'a>(reader: &mut Reader<'a>, inbox: &dyn Inbox) -> Result<Payload<'a>> {
    if !reader.flag()? {
        return Ok(Payload::Inline(reader.block()?));
    }
    let hash = reader.hash()?;
    let bytes = inbox.blob(&hash).ok_or_else(|| Error::engine("a part of the plan did not arrive"))?;
    Ok(Payload::Referred(bytes, hash))
}

enum Payload<'a> {
    Inline(&'a [u8]),
    Referred(Arc<[u8]>, Hash),
}

impl Payload<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Payload::Inline(bytes) => bytes,
            Payload::Referred(bytes, _) => bytes,
        }
    }

    fn hash(&self) -> Hash {
        match self {
            Payload::Inline(bytes) => hash_of(bytes),
            Payload::Referred(_, hash) => *hash,
        }
    }
}

/// Things kept by hash; all go when there are too many, which costs one decoding each.
struct Kept<T> {
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    by_hash: HashMap<Hash, T>,
    bytes: usize,
}

impl<T: Clone> Kept<T> {
    fn new() -> Kept<T> {
        Kept { entries: Mutex::new(Entries { by_hash: HashMap::new(), bytes: 0 }) }
    }

    fn get(&self, hash: &Hash) -> Option<T> {
        lock(&self.entries).by_hash.get(hash).cloned()
    }

    /// `bytes`: what the value was made from.
    fn put(&self, hash: Hash, value: T, bytes: usize) {
        let mut entries = lock(&self.entries);
        if entries.by_hash.len() >= KEPT_MAX || entries.bytes + bytes > KEPT_BYTES_MAX {
            entries.by_hash.clear();
            entries.bytes = 0;
        }
        if entries.by_hash.insert(hash, value).is_none() {
            entries.bytes += bytes;
        }
    }
}

static MODULES: LazyLock<Kept<Arc<ir::Module>>> = LazyLock::new(Kept::new);
static CAPTURES: LazyLock<Kept<CaptureValues>> = LazyLock::new(Kept::new);

pub(super) fn write_function(writer: &mut Writer, outbox: &mut Outbox, function: &CompiledFunction) -> Result<()> {
    let module = function.module();
    let named = (function.name().to_owned(), *function.module_hash());
    if !outbox.functions.contains(&named) {
        outbox.functions.push(named);
    }
    writer.text(function.name());
    write_payload(writer, outbox, ir::wire::encode(module), INLINE_BYTES_MAX);
    let types: Vec<ir::Type> = module.captures.iter().map(|capture| capture.ty.clone()).collect();
    // SAFETY: the captures of a function fit its module and are kept alive by it.
    let captured = unsafe { values::encode(&types, function.captures().slots()) }.map_err(|error| match error {
        Error::Plan(error) => Error::plan_hint(
            format!("`{}`: {}", function.name(), error.message),
            "capture what the function needs of it instead: numbers, texts, arrays, tuples, lists, dicts",
        ),
        other => other,
    })?;
    write_payload(writer, outbox, captured, INLINE_CAPTURES_MAX);
    Ok(())
}

pub(super) fn read_function(reader: &mut Reader<'_>, inbox: &dyn Inbox) -> Result<CompiledFunction> {
    let name = reader.text()?;
    let module = read_module(&read_payload(reader, inbox)?, &name)?;
    let captured = read_payload(reader, inbox)?;
    let captures = if module.captures.is_empty() { CaptureValues::none() } else { read_captures(&module, &captured)? };
    Ok(CompiledFunction::new(name, module, captures))
}

fn read_module(payload: &Payload<'_>, name: &str) -> Result<Arc<ir::Module>> {
    let bytes = payload.bytes();
    if bytes.len() > MODULE_BYTES_MAX {
        return Err(Error::engine(format!("the IR of `{name}` is larger than {MODULE_BYTES_MAX} bytes")));
    }
    let hash = payload.hash();
    if let Some(module) = MODULES.get(&hash) {
        return Ok(module);
    }
    let module = ir::wire::decode_verified(bytes).map_err(|error| {
        Error::engine_hint(
            format!("the IR of `{name}` is refused: {error}"),
            "the client and every executor of a cluster run the same version of Fuseline",
        )
    })?;
    let block_size = |block: &ir::Block| 1 + block.params.len() + block.insts.len();
    let size: usize = module.funcs.iter().flat_map(|func| &func.blocks).map(block_size).sum();
    if size > MODULE_SIZE_MAX {
        return Err(Error::engine(format!("the IR of `{name}` has {size} instructions, more than {MODULE_SIZE_MAX}")));
    }
    let module = Arc::new(module);
    MODULES.put(hash, module.clone(), bytes.len());
    Ok(module)
}

fn read_captures(module: &ir::Module, payload: &Payload<'_>) -> Result<CaptureValues> {
    let types: Vec<ir::Type> = module.captures.iter().map(|capture| capture.ty.clone()).collect();
    // The same bytes mean something else for other types.
    let mut key = Writer::default();
    key.text(&format!("{types:?}"));
    key.raw(&payload.hash());
    let key = hash_of(&key.finish());
    if let Some(captures) = CAPTURES.get(&key) {
        return Ok(captures);
    }
    let captures = values::decode(&types, payload.bytes())?;
    CAPTURES.put(key, captures.clone(), payload.bytes().len());
    Ok(captures)
}

pub(super) fn write_state(writer: &mut Writer, state: &StateValue) -> Result<()> {
    // The type travels as that of a function's parameter, so that one decoder reads all types.
    let ty = state.ty();
    let text = format!("entry f0\nfunc f0 state(state) -> {ty} {{\nb0(v0: {ty}):\n  return v0\n}}\n");
    let module = ir::text::parse(&text).map_err(|error| Error::engine(format!("state `{ty}`: {}", error.message)))?;
    writer.block(&ir::wire::encode(&module));
    // SAFETY: the slots point into the state, which is borrowed.
    writer.block(&unsafe { values::encode(std::slice::from_ref(ty), &state.slots()) }?);
    Ok(())
}

pub(super) fn read_state(reader: &mut Reader<'_>) -> Result<StateValue> {
    let module = ir::wire::decode_verified(reader.block()?).map_err(|error| Error::engine(error.to_string()))?;
    let ty = module.entry_func().result.clone();
    let value = values::decode(std::slice::from_ref(&ty), reader.block()?)?;
    if value.slots().len() != ir::layout::slot_count(&ty) {
        return Err(malformed());
    }
    // SAFETY: `value` is alive and holds a value of the type.
    unsafe { StateValue::new(ty, value.slots()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: Vec<u8>) -> Error {
        read_module(&Payload::Inline(&bytes), "speed").err().unwrap()
    }

    fn module(text: &str) -> Vec<u8> {
        ir::wire::encode(&ir::text::parse(text).unwrap())
    }

    #[test]
    fn a_module_of_another_version_is_named() {
        let mut bytes = module("entry f0\nfunc f0 f(x) -> int {\nb0(v0: int):\n  return v0\n}\n");
        bytes[4] = bytes[4].wrapping_add(1);
        let text = read(bytes).to_string();
        assert!(text.contains("the IR of `speed` is refused") && text.contains("version"), "{text}");
    }

    #[test]
    fn hostile_modules_are_refused_before_anything_compiles() {
        // More instructions than any person writes.
        let body: String =
            (1..=MODULE_SIZE_MAX).map(|at| format!("  v{at}: int = int.add v{}, v0\n", at - 1)).collect();
        let long = format!("entry f0\nfunc f0 f(x) -> int {{\nb0(v0: int):\n{body}  return v{MODULE_SIZE_MAX}\n}}\n");
        assert!(read(module(&long)).to_string().contains("instructions, more than"));
        // Not verified: an int that is given as a float.
        let wrong = "entry f0\nfunc f0 f(x) -> float {\nb0(v0: int):\n  return v0\n}\n";
        assert!(read(module(wrong)).to_string().contains("the IR of `speed` is refused"));
        // Longer than any plan may be.
        assert!(read(vec![0; MODULE_BYTES_MAX + 1]).to_string().contains("is larger than"));
    }
}
