//! What the tests of the compiler share: a program from text, compiled for a signature.

use frontend::file_program::file_program;
use frontend::program::{Program, SourceFile};
use frontend::{Compiled, Request, compile, parse_signature};

/// The program of a file's text.
pub fn program(text: &str) -> Program {
    file_program(SourceFile::new("test.py", text, 1)).program
}

/// Compiles the last function of the text; without a signature, for its annotations.
pub fn compile_last(text: &str, signature: Option<&str>) -> (Program, Compiled) {
    let program = program(text);
    let params = signature.map(|signature| parse_signature(signature).expect("a signature").params);
    let request = Request { params: params.into_iter().flatten().map(Some).collect(), ..Request::default() };
    let entry = program.functions.len() - 1;
    let compiled = compile(&program, entry, &request);
    (program, compiled)
}
