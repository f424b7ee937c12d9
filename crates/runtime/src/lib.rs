//! What compiled code calls, and the memory layouts it shares with its callers. Knows nothing of the compiler.

pub mod abi;
pub mod arena;
