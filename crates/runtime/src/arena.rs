//! The per-batch arena: everything compiled code allocates lives here until the kernel's results have been copied.

/// A bump allocator.
#[derive(Debug, Default)]
pub struct Arena {}
