//! The code around the entry function: single calls, loops over rows, folds. Owns the functions that Rust calls; the
//! functions of the program are `emit`'s.

pub mod call;
pub mod columns;
pub mod exported;
pub mod library;
pub mod results;
pub mod rows;
pub mod states;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use ir::Module;

use crate::emit::Emitter;
use crate::error::CodegenError;
use crate::input::Options;
use crate::llvm::Llvm;
use crate::llvm::jit::{self, Code};
use crate::llvm::target::{FileKind, Machine};
use crate::object_cache;
use crate::spans::SpanTable;

static KERNEL_COUNT: AtomicU64 = AtomicU64::new(0);

/// How many kernels this process has made so far, from IR or from the machine code kept on disk: a cache in the process that
/// works does not move it.
pub fn compile_count() -> u64 {
    KERNEL_COUNT.load(Ordering::Relaxed)
}

/// The module as it is compiled: with the IR's own passes run over it, unless nothing shall be optimised.
pub fn prepared<'m>(module: &'m Module, options: &Options) -> Cow<'m, Module> {
    if options.optimization == 0 {
        return Cow::Borrowed(module);
    }
    let mut optimized = module.clone();
    ir::passes::optimize(&mut optimized);
    Cow::Owned(optimized)
}

/// The names of a kernel's functions in its object file, alike for all kernels, so that the same code makes the same file.
/// They get others when the file is loaded: see [`renamed`].
pub const SYMBOLS: [&str; 2] = ["fuseline_kernel_0000000000000000", "fuseline_kernel_0000000000000001"];

/// A name that no other kernel of this process has, as long as those of [`SYMBOLS`].
fn fresh_symbol() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(SYMBOLS.len() as u64);
    format!("fuseline_kernel_{:016x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The object file with a name replaced in its table of strings. Names there have no hash and no other copy.
fn renamed(mut object: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let places: Vec<usize> = memchr::memmem::find_iter(&object, from).collect();
    for place in places {
        object[place..place + from.len()].copy_from_slice(to.as_bytes());
    }
    object
}

/// Makes machine code of the emitter's module, or finds it on disk, and loads it; the code's addresses are those of the first
/// `count` of [`SYMBOLS`].
pub fn load(em: &mut Emitter<'_>, count: usize, options: &Options) -> Result<(Code, SpanTable), CodegenError> {
    let machine = Machine::host(options.optimization).map_err(CodegenError::new)?;
    em.set_machine(&machine);
    em.emit_queued();
    let spans = em.finish()?;
    let mut object = object_of(em, &machine, options)?;
    let names: Vec<String> = (0..count).map(|_| fresh_symbol()).collect();
    for (from, to) in SYMBOLS.iter().zip(&names) {
        object = renamed(object, from, to);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let code = jit::load(&object, &names, library::symbols).map_err(CodegenError::new)?;
    KERNEL_COUNT.fetch_add(1, Ordering::Relaxed);
    Ok((code, spans))
}

fn object_of(em: &Emitter<'_>, machine: &Machine, options: &Options) -> Result<Vec<u8>, CodegenError> {
    machine.configure(&em.ll);
    let bitcode = em.ll.bitcode();
    let place = object_cache::place(&[&bitcode, machine.description().as_bytes(), &[options.optimization]]);
    if let Some(object) = place.as_ref().and_then(object_cache::Place::read) {
        return Ok(object);
    }
    optimize(&em.ll, machine, options)?;
    let object = machine.write(&em.ll, FileKind::Object).map_err(CodegenError::new)?;
    if let Some(place) = place {
        place.write(&object);
    }
    Ok(object)
}

/// Checks a finished module and optimises it for the machine.
pub fn optimize(ll: &Llvm, machine: &Machine, options: &Options) -> Result<(), CodegenError> {
    machine.configure(ll);
    // A malformed module would crash LLVM: it is our bug then, and stays an error.
    ll.verify().map_err(|message| CodegenError::new(format!("internal error: malformed LLVM module: {message}")))?;
    let level = options.optimization.min(3);
    machine.run_passes(ll, &format!("default<O{level}>")).map_err(CodegenError::new)
}
