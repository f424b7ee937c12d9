//! Artifacts: the entry function as LLVM text, bitcode, assembly, object file, and its C header. Owns the C face of a
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
    /// The C declarations of the exported function and its types.
    Header,
}

/// Makes the artifact of the module's entry function for a target triple (`None`: this machine and its processor). The
/// same module, target and options give the same bytes.
pub fn emit(
    module: &ir::Module,
    artifact: Artifact,
    target: Option<&str>,
    options: &Options,
) -> Result<Vec<u8>, CodegenError> {
    let _ = (module, artifact, target, options);
    Err(CodegenError::new("not built yet"))
}
