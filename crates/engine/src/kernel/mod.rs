//! Kernels: compiled once per function and kinds of input, cached for the process, run over Arrow arrays. Knows nothing of
//! datasets.

mod cache;
pub mod current;
mod elementwise;
pub(crate) mod inputs;
pub(crate) mod items;
pub(crate) mod outputs;
pub(crate) mod runner;

use std::sync::atomic::AtomicU8;

use runtime::abi;
use runtime::arena::Arena;

use crate::function::CompiledFunction;

pub use cache::{call_kernel, set_compile_time_max};
pub(crate) use cache::{fold_kernel, map_kernel, merge_kernel};
pub use codegen::compile_count;
pub use elementwise::{Argument, elementwise};

/// Stack that compiled functions may use for recursion before it is a `RecursionError`.
pub(crate) const KERNEL_STACK_BYTES: usize = 16 * 1024 * 1024;

/// A context for kernels of the function that run on this thread now.
pub(crate) fn context(arena: &mut Arena, function: &CompiledFunction, cancel: &AtomicU8) -> abi::Context {
    current::enter(function.name(), function.module_hash());
    let here = 0u8;
    abi::Context {
        arena,
        captures: function.captures().slots().as_ptr(),
        stack_limit: (&raw const here as usize).saturating_sub(KERNEL_STACK_BYTES),
        cancel,
        message: abi::Str { data: std::ptr::null(), length: 0 },
        poll: None,
        object: std::ptr::null(),
    }
}
