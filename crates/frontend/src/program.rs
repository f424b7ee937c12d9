//! What is compiled: source files, the functions in them, and what their free names stand for. The command line makes
//! a [`Program`] from a file alone; Python makes one from live function objects, without running them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A file's text, as written.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Shown in messages.
    pub name: String,
    pub text: String,
    /// The line number in the file of the text's first line (1 unless the text is a part of a file).
    pub first_line: u32,
    /// Where its lines start, once somebody asked: a file may have as many errors as lines.
    line_starts: OnceLock<Vec<usize>>,
}

impl SourceFile {
    pub fn new(name: impl Into<String>, text: impl Into<String>, first_line: u32) -> SourceFile {
        SourceFile { name: name.into(), text: text.into(), first_line, line_starts: OnceLock::new() }
    }

    /// The index of the line an offset is in, and the offset of the line's start. Lines end as Python's do: at `\n`,
    /// `\r\n` or `\r`.
    pub fn line_at(&self, offset: usize) -> (usize, usize) {
        let starts = self.line_starts.get_or_init(|| line_starts(&self.text));
        let index = starts.partition_point(|start| *start <= offset).saturating_sub(1);
        (index, starts.get(index).copied().unwrap_or(0))
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends_line = |at: usize, byte: u8| byte == b'\n' || byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    let ends = bytes.iter().enumerate().filter(|(at, byte)| ends_line(*at, **byte));
    std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
}

/// Where in a file a function's source is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Locator {
    /// A `def` of this name whose `def` or first decorator stands at this line (counted as [`SourceFile::first_line`]).
    Def { name: String, line: u32 },
    /// A `class` of this name whose `class` or first decorator stands at this line.
    Class { name: String, line: u32 },
    /// A lambda that starts at this line and UTF-8 byte column (from 0).
    Lambda { line: u32, column: u32 },
}

/// A function object, or a class: what the names in its body and its methods stand for, and its fields' defaults.
#[derive(Clone, Debug)]
pub struct FunctionSource {
    pub file: usize,
    pub locator: Locator,
    /// What its free names (globals, closure variables) stand for. Built-ins need no entry.
    pub bindings: BTreeMap<String, Binding>,
    /// Values of the defaults of its parameters, by name.
    pub defaults: BTreeMap<String, Binding>,
    /// Of a class: its own attributes that may be something else than what its text says, as they are now.
    pub attributes: BTreeMap<String, Binding>,
}

/// What a free name stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Binding {
    /// Another function of [`Program::functions`].
    Function(usize),
    /// A class, likewise.
    Class(usize),
    /// A member of an enumeration: its class, likewise, and its name.
    EnumMember(usize, String),
    /// A capture: index into [`Program::captures`].
    Capture(usize),
    /// A value fixed for good: only for module-level constants of a file compiled by itself, and for defaults.
    Constant(ir::Const),
    /// A tuple of constants, functions or classes, and of such tuples.
    Tuple(Vec<Binding>),
    /// A list with functions among its items, which is only read.
    List(Vec<Binding>),
    /// A dict with functions and classes among its values, which is only read.
    Table(Vec<(ir::Const, Binding)>),
    /// An `object()` that is there to be told from everything else, by its number.
    Sentinel(usize),
    /// A compiled regular expression: its text, and its flags as numbers of `re`.
    Pattern(String, u32),
    /// A module by its full name: `math`, `numpy`, `fuseline`.
    Module(String),
    /// A member of a module (`from math import sqrt`): module and name.
    Member(String, String),
    /// A container that is what the file's text says, which compiled code can take from there if nothing changes it; the text says
    /// what it is where it cannot.
    Written(String),
    /// Something that cannot be compiled; the text says what it is ("an object of class `Foo`").
    Unsupported(String),
}

/// A captured global or closure variable with the type its value has now.
#[derive(Clone, Debug)]
pub struct CaptureSource {
    pub name: String,
    pub ty: ir::Type,
}

/// Everything the compiler is told.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub files: Vec<SourceFile>,
    pub functions: Vec<FunctionSource>,
    pub captures: Vec<CaptureSource>,
}
