//! Tests of the compiler front end through its public face. What compiled programs compute is the language corpus's
//! matter; here are the types that are inferred, the diagnostics, and sources that try to break the compiler.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;
mod diagnostics;
mod robust;
mod types;
