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
use crate::spans::SpanTable;

static COMPILE_COUNT: AtomicU64 = AtomicU64::new(0);

/// How many kernels this process has compiled so far: a cache that works does not move it.
pub fn compile_count() -> u64 {
    COMPILE_COUNT.load(Ordering::Relaxed)
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

/// A name that no other kernel of this process has.
pub fn fresh_symbol() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("fuseline_kernel_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Optimises the emitter's module, makes machine code of it and loads that; the code's addresses are those of `symbols`.
pub fn load(em: &mut Emitter<'_>, symbols: &[&str], options: &Options) -> Result<(Code, SpanTable), CodegenError> {
    let machine = Machine::host(options.optimization).map_err(CodegenError::new)?;
    em.set_machine(&machine);
    em.emit_queued();
    let spans = em.finish()?;
    optimize(&em.ll, &machine, options)?;
    let object = machine.write(&em.ll, FileKind::Object).map_err(CodegenError::new)?;
    let code = jit::load(&object, symbols, library::symbols).map_err(CodegenError::new)?;
    COMPILE_COUNT.fetch_add(1, Ordering::Relaxed);
    Ok((code, spans))
}

/// Checks a finished module and optimises it for the machine.
pub fn optimize(ll: &Llvm, machine: &Machine, options: &Options) -> Result<(), CodegenError> {
    machine.configure(ll);
    // A malformed module would crash LLVM: it is our bug then, and stays an error.
    ll.verify().map_err(|message| CodegenError::new(format!("internal error: malformed LLVM module: {message}")))?;
    let level = options.optimization.min(3);
    machine.run_passes(ll, &format!("default<O{level}>")).map_err(CodegenError::new)
}
