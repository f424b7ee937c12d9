//! The target of the coverage-guided fuzzer: `scripts/fuzz ir`. Bytes as the payload of a wire form and as text: whatever is
//! accepted survives being written and read again. Built without the fuzzer, it checks the files given.
#![cfg_attr(fuzzing, no_main)]

use ir::{text, wire};

/// The header of the wire form: magic, version, digest of the payload.
const HEADER_BYTES: usize = 38;
const DIGEST_AT: usize = 6;

fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        check_wire(rest);
    } else if let Ok(text) = std::str::from_utf8(rest) {
        check_text(text);
    }
}

fn check_wire(payload: &[u8]) {
    let Ok(empty) = text::parse("") else { return };
    let mut bytes = wire::encode(&empty);
    bytes.truncate(HEADER_BYTES);
    bytes[DIGEST_AT..].copy_from_slice(&wire::payload_digest(payload));
    bytes.extend_from_slice(payload);
    if let Ok(module) = wire::decode(&bytes) {
        let again = wire::encode(&module);
        assert!(wire::decode(&again).is_ok_and(|module| wire::encode(&module) == again), "a wire form that changes");
        // A verdict, whichever.
        let _ = ir::verify(&module);
    }
}

fn check_text(text: &str) {
    if let Ok(module) = text::parse(text) {
        let printed = text::print(&module);
        let again = text::parse(&printed);
        assert!(again.is_ok_and(|again| text::print(&again) == printed), "a text form that changes");
        let _ = ir::verify(&module);
    }
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
