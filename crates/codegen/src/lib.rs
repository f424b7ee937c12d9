//! Verified Fuseline IR to machine code through LLVM: kernels run in this process, artifacts written for others. The
//! only crate that names LLVM. Never asks what Python meant: the IR says it.

pub mod artifact;
pub mod error;
pub mod input;
pub mod kernel;
pub mod leaf;
pub mod spans;
pub mod state;

pub use artifact::{Artifact, emit};
pub use error::CodegenError;
pub use input::{ColumnType, MapInput, Options, ParamInput, Physical, StatesView, broadcast_slots};
pub use kernel::{
    CallKernel, FoldKernel, MapKernel, MapOutcome, MergeKernel, check_state_type, compile_call, compile_count,
    compile_fold, compile_map, compile_merge,
};
pub use leaf::{Leaf, LeafKind, leaves};
pub use spans::{Raised, SpanEntry, SpanTable};
