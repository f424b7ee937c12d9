//! Python text to verified Fuseline IR. Owns every diagnostic a user sees about a program. Pure: no I/O, no Python, no
//! LLVM; it never fails: text in, `(module, diagnostics)` out.

pub mod annotation;
mod border;
mod bound_names;
mod carriers;
mod class_parts;
mod classes;
pub mod compile;
pub mod diagnostic;
mod enumerations;
mod file_constants;
pub mod file_program;
mod inner_classes;
mod library;
pub mod locate;
mod lower;
mod named_tuples;
mod names;
mod nearest;
mod notes;
mod objects;
pub mod parse;
pub mod pattern;
mod private_names;
pub mod program;
mod read_only;
mod remembered;
pub mod render;
mod shape;
mod sources;
mod specialise;
mod template;
mod widen;
mod with_statement;

pub use annotation::{Signature, parse_signature};
pub use compile::{Compiled, DEFERRED, Request, Resume, compile};
pub use objects::{GivenClass, GivenField, join_held};
pub use sources::{ParsedFiles, Sources};
pub use specialise::FACTORIES;
