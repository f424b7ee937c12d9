//! The target of the coverage-guided fuzzer: `scripts/fuzz source`. Any text as a Python file: every function of it compiles
//! to IR that verifies, or is refused with a diagnostic. Built without the fuzzer, it checks the files given.
#![cfg_attr(fuzzing, no_main)]

use frontend::file_program::file_program;
use frontend::program::SourceFile;
use frontend::{Request, compile};
use ir::Type;

/// Functions compiled of one file, at most.
const FUNCTIONS_MAX: usize = 3;

fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let source = SourceFile::new("fuzz.py", text, 1);
    let program = file_program(source).program;
    let parameter = match kind % 5 {
        0 => None,
        1 => Some(Type::Int),
        2 => Some(Type::Float),
        3 => Some(Type::Str),
        _ => Some(Type::Bool),
    };
    let request = Request { params: vec![parameter; 4], ..Request::default() };
    for entry in 0..program.functions.len().min(FUNCTIONS_MAX) {
        let compiled = compile(&program, entry, &request);
        // The compiler's own words for a fault of its own.
        let fault = compiled.diagnostics.iter().find(|diagnostic| diagnostic.code == "internal");
        assert!(fault.is_none(), "{fault:?}");
        if let Some(module) = compiled.module {
            let verdict = ir::verify(&module);
            assert!(verdict.is_ok(), "{verdict:?}\n{}", ir::text::print(&module));
        }
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
