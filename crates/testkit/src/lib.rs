//! Development only: the oracle, the corpus runners and the generator that hold the contract. Drives the compiler's
//! crates through their public faces and owns no meaning of its own.

pub mod compile;
pub mod corpus;
pub mod fuzz;
pub mod generate;
pub mod host;
pub mod interpret;
pub mod jit;
pub mod markdown;
pub mod oracle;
pub mod program;
pub mod random;
pub mod shrink;
pub mod slots;
pub mod value;

/// How many times longer than usual things may take: `FUSELINE_PATIENCE`, for tools that slow the process down.
pub fn patience() -> u64 {
    std::env::var("FUSELINE_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}
