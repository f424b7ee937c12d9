//! The entry point: a program, the function to start from and the types of its arguments in, a module or diagnostics
//! out. Owns the order of the passes; knows nothing of how each works.

use crate::diagnostic::{Diagnostic, Place};
use crate::program::Program;

/// What is asked of the entry function.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The types of the arguments, by parameter; `None` (or a parameter beyond the end) takes the annotation.
    pub params: Vec<Option<ir::Type>>,
    /// The function makes a row: a `dict` display with constant string keys in return position is a record.
    pub row_result: bool,
    /// The type the result must have (a fold's state): an `int` where it has a `float` becomes one.
    pub expected_result: Option<ir::Type>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The module, when there is no diagnostic.
    pub module: Option<ir::Module>,
    pub diagnostics: Vec<Diagnostic>,
    /// The type of the entry function's result, when it is known.
    pub result: Option<ir::Type>,
}

/// Compiles function number `entry` of the program and all it calls.
pub fn compile(_program: &Program, _entry: usize, _request: &Request) -> Compiled {
    let diagnostic = Diagnostic {
        code: "not-yet",
        message: "the compiler front end is not there yet".to_owned(),
        place: Place { file: 0, start: 0, end: 0 },
        labels: Vec::new(),
        help: None,
    };
    Compiled { diagnostics: vec![diagnostic], ..Compiled::default() }
}
