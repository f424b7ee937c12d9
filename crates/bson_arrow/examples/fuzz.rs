//! The target of the coverage-guided fuzzer: `scripts/fuzz bson`. Built without it, it checks the files given: what a crash
//! left behind.
#![cfg_attr(fuzzing, no_main)]

#[path = "../tests/support/properties.rs"]
mod properties;
#[path = "../tests/support/mod.rs"]
mod support;

use properties::{Random, check};

fn run(data: &[u8]) {
    // The end of the input chooses the schema, so that the documents in front of it stay what they are.
    let Some((bytes, seed)) = data.split_last_chunk::<4>() else { return };
    check(bytes, &mut Random(u64::from(u32::from_le_bytes(*seed)) | 1 << 40));
}

/// What libFuzzer calls.
///
/// # Safety
/// `data` points at `size` readable bytes, unless `size` is 0.
#[cfg(fuzzing)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
    if size > 0 {
        // SAFETY: libFuzzer's promise.
        run(unsafe { std::slice::from_raw_parts(data, size) });
    }
    0
}

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        run(&std::fs::read(path)?);
    }
    Ok(())
}
