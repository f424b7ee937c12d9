//! What compiled code calls, and the memory layouts it shares with its callers. Knows nothing of the compiler.
//!
//! [`table`] lists every function with its C signature. The work is done by ordinary safe functions (`string`,
//! `number`, `format`, `math`, `list`, `sort`) that need no context, so that an interpreter can call them; the modules
//! under `export` only translate between the C calling convention and those.

pub mod abi;
pub mod arena;
pub mod exc;
mod export;
pub mod list;
pub mod number;
pub mod sort;
pub mod table;
pub mod text;
