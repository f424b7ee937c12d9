//! Python text to verified Fuseline IR. Owns every diagnostic a user sees about a program. Pure: no I/O, no Python, no
//! LLVM; it never fails: text in, `(module, diagnostics)` out.

pub mod diagnostic;
pub mod program;
pub mod render;
