//! Artifacts: entry functions as LLVM text, bitcode, assembly, object file, and their C header. Owns the C face of a
//! compiled function; writes no files.

use crate::error::CodegenError;
use crate::input::Options;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Artifact {
    /// LLVM's text form, after optimisation.
    LlvmIr,
    Bitcode,
    Assembly,
    /// A relocatable object; it needs the runtime's static library to link.
    Object,
    /// The C declarations of the exported functions and their types.
    Header,
}

/// Makes one artifact that exports the entry function of each module under its name, for a target triple (`None`: this
/// machine and its processor). The names must differ. The same modules, target and options give the same bytes.
pub fn emit(
    modules: &[ir::Module],
    artifact: Artifact,
    target: Option<&str>,
    options: &Options,
) -> Result<Vec<u8>, CodegenError> {
    let _ = (modules, artifact, target, options);
    Err(CodegenError::new("not built yet"))
}
