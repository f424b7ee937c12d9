//! Python text to verified Fuseline IR. Owns every diagnostic a user sees about a program. Pure: no I/O, no Python, no
//! LLVM; it never fails: text in, `(module, diagnostics)` out.

pub mod diagnostic;
mod file_constants;
pub mod file_program;
pub mod locate;
pub mod program;
pub mod render;
