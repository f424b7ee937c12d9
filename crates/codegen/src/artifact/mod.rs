//! Artifacts: entry functions as LLVM text, bitcode, assembly, object file, and their C header. Owns the C face of a
//! compiled function; writes no files.

mod header;

use crate::emit::{Emitter, symbol_name};
use crate::error::CodegenError;
use crate::input::Options;
use crate::kernels::{self, exported};
use crate::llvm::Llvm;
use crate::llvm::target::{FileKind, Machine};

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Artifact {
    /// LLVM's text form, after optimisation.
    LlvmIr,
    Bitcode,
    Assembly,
    /// A relocatable object; it needs the runtime's static library and the C library's `m` to link.
    Object,
    /// The C declarations of the exported functions and their types.
    Header,
}

/// Makes one artifact that exports the entry function of each module under its name, for a target triple (`None`: this
/// machine and its processor). The names must differ. The same modules, target and options give the same bytes.
///
/// The modules must be verified. How the functions are called from C is said in the header.
pub fn emit(
    modules: &[ir::Module],
    artifact: Artifact,
    target: Option<&str>,
    options: &Options,
) -> Result<Vec<u8>, CodegenError> {
    check_names(modules)?;
    if artifact == Artifact::Header {
        return Ok(header::text(modules).into_bytes());
    }
    let machine = match target {
        Some(triple) => Machine::of_triple(triple, options.optimization),
        None => Machine::host(options.optimization),
    };
    let machine = machine.map_err(CodegenError::new)?;
    let mut ll = Llvm::new("fuseline");
    for module in modules {
        let module = &kernels::prepared(module, options);
        let mut em = Emitter::within(ll, module);
        em.set_machine(&machine);
        exported::emit(&mut em);
        em.emit_queued();
        em.finish()?;
        ll = em.ll;
    }
    kernels::optimize(&ll, &machine, options)?;
    let written = match artifact {
        Artifact::LlvmIr | Artifact::Header => Ok(ll.text().into_bytes()),
        Artifact::Bitcode => Ok(ll.bitcode()),
        Artifact::Assembly => machine.write(&ll, FileKind::Assembly),
        Artifact::Object => machine.write(&ll, FileKind::Object),
    };
    written.map_err(CodegenError::new)
}

/// The name under which [`emit`] exports the entry function of a module.
pub fn exported_name(module: &ir::Module) -> String {
    symbol_name(&module.entry_func().name)
}

fn check_names(modules: &[ir::Module]) -> Result<(), CodegenError> {
    let mut seen = std::collections::BTreeSet::new();
    for module in modules {
        let name = exported_name(module);
        if name.starts_with("fl_") || name.starts_with("fuseline_") {
            return Err(CodegenError::new(format!("the name `{name}` belongs to the runtime")));
        }
        if !seen.insert(name.clone()) {
            return Err(CodegenError::new(format!("two functions would be exported as `{name}`")));
        }
    }
    Ok(())
}
