//! Fuseline IR: the one middle between Python source and machine code. Owns the types, the operations and their
//! meaning, the text form, the verifier, the interpreter, the passes and the wire form. Knows nothing of Python
//! syntax, LLVM or data engines, and depends on the standard library alone.

pub mod builder;
pub mod cfg;
pub mod container;
pub mod exc;
mod graph;
pub mod interp;
pub mod introspect;
pub mod layout;
pub mod limits;
pub mod messages;
pub mod module;
pub mod ops;
pub mod passes;
pub mod prim;
mod sha256;
pub mod text;
pub mod types;
pub mod verify;
pub mod wire;

pub use builder::{FuncBuilder, ModuleBuilder};
pub use container::{ContainerOp, Effect};
pub use exc::{ExcClass, ExcKind, ExceptionClass, ExceptionTable, OWN_EXCEPTIONS_MAX, RaisedClass};
pub use module::{
    Block, BlockId, Capture, CaptureId, Class, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term, Value, View,
};
pub use prim::Prim;
pub use sha256::digest;
pub use types::{Elem, RecordKind, RecordType, Type};
pub use verify::{VerifyError, verify};
