//! Development only: the oracle, the corpus runners and the generator that hold the contract. Drives the compiler's
//! crates through their public faces and owns no meaning of its own.

pub mod markdown;
pub mod oracle;
pub mod value;
