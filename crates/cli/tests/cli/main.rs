//! The command line as a person uses it, one file for each command. The C test and the shared libraries need the runtime's
//! archive beside the binary: `cargo build --release --workspace`, as `scripts/setup` does, puts it there.

mod check;
mod compile;
mod shared;
mod sql;
mod support;
