//! Verified Fuseline IR to machine code through LLVM: kernels run in this process, artifacts written for others. The
//! only crate that names LLVM. Never asks what Python meant: the IR says it.

pub mod artifact;
mod contiguous;
mod emit;
pub mod error;
mod facts;
pub mod input;
pub mod kernel;
mod kernels;
pub mod leaf;
mod llvm;
mod loops;
mod object_cache;
mod regions;
pub mod shape;
pub mod spans;
pub mod state;
mod value;

pub use artifact::{Artifact, emit, exported_name};
pub use error::CodegenError;
pub use input::{ColumnType, MapInput, Options, ParamInput, Physical, StatesView, broadcast_slots};
pub use kernel::{
    CallKernel, FoldKernel, MapKernel, MapOutcome, MergeKernel, check_state_type, compile_call, compile_count,
    compile_fold, compile_map, compile_merge,
};
pub use leaf::{Leaf, LeafKind, leaves};
pub use llvm::target::pretend_processor;
pub use object_cache::set_object_cache;
pub use shape::shape_of;
pub use spans::{Raised, SpanEntry, SpanTable};
