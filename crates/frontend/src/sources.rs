//! The files of a program, parsed, with what is looked up in them again and again: made once, however many of the
//! program's functions are compiled. Knows nothing of what the functions do.

use crate::compile::{Compiled, Request, compile_here, on_own_stack};
use crate::diagnostic::Diagnostic;
use crate::locate::Index;
use crate::objects::Stores;
use crate::parse::Parsed;
use crate::program::Program;

/// The files of a program, parsed.
pub struct ParsedFiles(Vec<Parsed>);

impl ParsedFiles {
    /// Every file of the program; the syntax errors of all of them when one does not parse, for only files that hold a
    /// function which may be needed are listed.
    pub fn new(program: &Program) -> Result<ParsedFiles, Vec<Diagnostic>> {
        let mut files = Vec::new();
        let mut diagnostics = Vec::new();
        for (index, file) in program.files.iter().enumerate() {
            match Parsed::new(index, file) {
                Ok(file) => files.push(file),
                Err(errors) => diagnostics.extend(errors),
            }
        }
        if diagnostics.is_empty() { Ok(ParsedFiles(files)) } else { Err(diagnostics) }
    }
}

/// A program and the syntax of its files.
pub struct Sources<'p> {
    pub program: &'p Program,
    files: Vec<(&'p Parsed, Index<'p>)>,
    pub stores: Stores,
}

impl<'p> Sources<'p> {
    pub fn new(program: &'p Program, parsed: &'p ParsedFiles) -> Sources<'p> {
        let files = parsed.0.iter().map(|file| (file, Index::of(file))).collect();
        Sources { program, files, stores: Stores::of(&parsed.0) }
    }

    /// Compiles function number `entry` of the program and all it calls.
    ///
    /// ```
    /// use frontend::{ParsedFiles, Request, Sources, file_program::file_program, program::SourceFile};
    ///
    /// let text = String::from("def double(x: int) -> int:\n    return x + x\n");
    /// let file = file_program(SourceFile::new("double.py", text, 1));
    /// let parsed = ParsedFiles::new(&file.program).expect("this is Python");
    /// let compiled = Sources::new(&file.program, &parsed).compile(0, &Request::default());
    /// assert!(compiled.module.is_some());
    /// ```
    pub fn compile(&self, entry: usize, request: &Request) -> Compiled {
        on_own_stack(|| compile_here(self, entry, request))
    }

    pub fn parsed(&self, file: usize) -> Option<&'p Parsed> {
        self.files.get(file).map(|(parsed, _)| *parsed)
    }

    pub fn index(&'p self, file: usize) -> Option<&'p Index<'p>> {
        self.files.get(file).map(|(_, index)| index)
    }
}
