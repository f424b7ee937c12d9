//! What compiled code calls, and the memory layouts it shares with its callers. Knows nothing of the compiler.
//!
//! [`table`] lists every function with its C signature. The work is done by ordinary safe functions (`string`,
//! `case`, `pad`, `parse`, `format`, `number`, `math`, `list`, `sort`) that need no context, so that an interpreter can call them; the modules
//! under `export` only translate between the C calling convention and those.

pub mod abi;
pub mod arena;
pub mod budget;
pub mod bytes;
pub mod case;
pub mod copy;
mod decimal;
pub mod embed;
pub mod encoding;
pub mod exc;
mod export;
pub mod format;
mod format_spec;
pub mod gamma;
pub mod hash;
mod interrupt;
pub mod list;
pub mod log;
pub mod math;
pub mod number;
pub mod pad;
pub mod parse;
pub mod percent;
pub mod range;
pub mod regex;
pub mod set;
pub mod shape;
pub mod sort;
pub mod string;
pub mod table;
pub mod tables;
pub mod text;
pub mod unicode;
#[rustfmt::skip]
mod unicode_tables;
pub mod value;
