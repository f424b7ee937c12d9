//! Kernels as objects: counted, shared between threads, freed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use codegen::{CallKernel, FoldKernel, MapKernel, MergeKernel, Options, compile_call, compile_count};
use support::{call, module};

/// Bytes of memory the process holds.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[test]
fn kernels_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<CallKernel>();
    shared::<MapKernel>();
    shared::<FoldKernel>();
    shared::<MergeKernel>();
    let kernel = Arc::new(compile_call(&module(3), &Options::default()).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let kernel = kernel.clone();
            // Each thread compiles as well.
            std::thread::spawn(move || {
                let own = compile_call(&module(thread), &Options::default()).unwrap();
                (0..100).all(|n| call(&kernel, n) == 3 * n && call(&own, n) == thread * n)
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn kernels_are_counted_and_their_memory_is_freed() {
    let before = compile_count();
    for factor in 0..20 {
        drop(compile_call(&module(factor), &Options::default()).unwrap());
    }
    assert!(compile_count() >= before + 20);
    let start = resident_bytes();
    for factor in 0..300 {
        let kernel = compile_call(&module(factor), &Options { optimization: 0 }).unwrap();
        assert_eq!(call(&kernel, 7), 7 * factor);
    }
    let grown = resident_bytes().saturating_sub(start);
    assert!(grown < 16 << 20, "300 kernels left {grown} bytes behind");
}
