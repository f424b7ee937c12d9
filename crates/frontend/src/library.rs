//! The library that is written in Python: the files of `crates/frontend/prelude`, one for each module, compiled like the
//! user's own functions when they are used. Owns which modules there are and how their functions and files are numbered;
//! a module is parsed when one of its members is first asked for. Knows nothing of what the functions do.

use std::sync::OnceLock;

use crate::file_program::file_program;
use crate::locate::Index;
use crate::parse::{Parsed, ast};
use crate::program::{Binding, FunctionSource, SourceFile};

/// Files and functions from this number on are the library's; those before are the program's.
const FIRST: usize = 1 << 40;
/// Functions that one module may have.
const FUNCTIONS_MAX: usize = 1 << 16;

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        /// The modules with their text.
        const MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../prelude/", $name, ".py")))),*];
    };
}

modules!(
    "_exact",
    "_sort",
    "bisect",
    "builtins",
    "collections",
    "datetime",
    "functools",
    "heapq",
    "itertools",
    "math",
    "numpy",
    "numpy_algebra",
    "numpy_blas",
    "numpy_linalg",
    "numpy_more",
    "numpy_reduce",
    "operator",
    "statistics"
);

/// A module that has been read.
struct Module {
    file: SourceFile,
    parsed: Option<Parsed>,
    functions: Vec<FunctionSource>,
    /// The names of the functions, in the same order; those of the classes, which come behind them.
    names: Vec<String>,
    /// How many of them are functions.
    functions_count: usize,
}

fn module(index: usize) -> Option<&'static Module> {
    static READ: [OnceLock<Module>; MODULES.len()] = [const { OnceLock::new() }; MODULES.len()];
    let (name, text) = MODULES.get(index)?;
    Some(READ.get(index)?.get_or_init(|| read(index, name, text)))
}

fn read(index: usize, name: &str, text: &str) -> Module {
    let file = SourceFile::new(format!("<{name}>"), text, 1);
    let found = file_program(file.clone());
    let first = FIRST + index * FUNCTIONS_MAX;
    let functions = found.program.functions.into_iter().map(|function| renumbered(function, index, first)).collect();
    let mut names: Vec<String> = found.functions.iter().map(|function| function.name.clone()).collect();
    let functions_count = names.len();
    let parsed = Parsed::new(FIRST + index, &file).ok();
    names.extend(parsed.iter().flat_map(|parsed| parsed.body()).filter_map(|stmt| match stmt {
        ast::Stmt::ClassDef(class) => Some(class.name.to_string()),
        _ => None,
    }));
    Module { parsed, file, functions, names, functions_count }
}

/// A function of the file as one of the library.
fn renumbered(mut function: FunctionSource, index: usize, first: usize) -> FunctionSource {
    function.file = FIRST + index;
    let FunctionSource { bindings, defaults, attributes, .. } = &mut function;
    for binding in bindings.values_mut().chain(defaults.values_mut()).chain(attributes.values_mut()) {
        if let Binding::Function(number) | Binding::Class(number) | Binding::EnumMember(number, _) = binding {
            *number += first;
        }
    }
    function
}

fn module_of(number: usize) -> Option<(&'static Module, usize)> {
    let number = number.checked_sub(FIRST)?;
    Some((module(number / FUNCTIONS_MAX)?, number % FUNCTIONS_MAX))
}

/// Whether the file is one of the library's.
pub fn is_library_file(file: usize) -> bool {
    file >= FIRST
}

/// Whether the function is one of the library's.
pub fn is_library_function(function: usize) -> bool {
    function >= FIRST
}

/// Whether the function picks the items that are joined: its list holds texts or bytes, and stays inside the library.
pub fn picks_items(function: usize) -> bool {
    ["_texts", "_byte_strings"].iter().any(|name| function_named("builtins", name) == Some(function))
}

/// Whether there is a module of this name that a program can import.
pub fn has_module(name: &str) -> bool {
    !name.starts_with('_') && MODULES.iter().any(|(known, _)| *known == name)
}

/// The file of this number.
pub fn file(number: usize) -> Option<&'static SourceFile> {
    module(number.checked_sub(FIRST)?).map(|module| &module.file)
}

/// The syntax of the file of this number.
pub fn parsed(number: usize) -> Option<&'static Parsed> {
    module(number.checked_sub(FIRST)?)?.parsed.as_ref()
}

/// Where things are in the file of this number.
pub fn index(number: usize) -> Option<&'static Index<'static>> {
    static MADE: [OnceLock<Index<'static>>; MODULES.len()] = [const { OnceLock::new() }; MODULES.len()];
    let parsed = parsed(number)?;
    Some(MADE.get(number.checked_sub(FIRST)?)?.get_or_init(|| Index::of(parsed)))
}

/// The syntax of the function of this number, with that of its file.
pub fn source(number: usize) -> Option<(&'static Parsed, &'static ast::StmtFunctionDef)> {
    let (module, index) = module_of(number)?;
    let (parsed, name) = (module.parsed.as_ref()?, module.names.get(index)?);
    let def = parsed.body().iter().find_map(|stmt| match stmt {
        ast::Stmt::FunctionDef(def) if def.name.as_str() == name => Some(def),
        _ => None,
    })?;
    Some((parsed, def))
}

/// The function of this number.
pub fn function(number: usize) -> Option<&'static FunctionSource> {
    let (module, index) = module_of(number)?;
    module.functions.get(index)
}

/// The number of a function of a module, its own helpers included.
pub fn function_named(module_name: &str, name: &str) -> Option<usize> {
    number_of(module_name, name).and_then(|(number, is_class)| (!is_class).then_some(number))
}

/// The number of a class of a module.
pub fn class_named(module_name: &str, name: &str) -> Option<usize> {
    number_of(module_name, name).and_then(|(number, is_class)| is_class.then_some(number))
}

fn number_of(module_name: &str, name: &str) -> Option<(usize, bool)> {
    let index = MODULES.iter().position(|(known, _)| *known == module_name)?;
    let module = module(index)?;
    let found = module.names.iter().position(|known| known == name)?;
    Some((FIRST + index * FUNCTIONS_MAX + found, found >= module.functions_count))
}

/// The function of the same module that is made for so many arguments by position.
pub fn for_count(number: usize, count: usize) -> Option<usize> {
    let (module, index) = module_of(number)?;
    let wanted = format!("{}__{count}", module.names.get(index)?);
    let found = module.names.iter().position(|name| *name == wanted)?;
    Some(number - index + found)
}

/// The function that takes the iterables of another in a list.
pub fn of_rows(number: usize) -> Option<usize> {
    let (module, index) = module_of(number)?;
    let wanted = format!("_{}_of_rows", module.names.get(index)?);
    let found = module.names.iter().position(|name| *name == wanted)?;
    Some(number - index + found)
}

/// The function that stands for an attribute of another, as in `chain.from_iterable`.
pub fn method(number: usize, attribute: &str) -> Option<usize> {
    let (module, index) = module_of(number)?;
    let wanted = format!("{}__{attribute}", module.names.get(index)?);
    let found = module.names.iter().position(|name| *name == wanted)?;
    Some(number - index + found)
}

/// The names that a module offers.
pub fn names(module_name: &str) -> impl Iterator<Item = &'static str> {
    let index = MODULES.iter().position(|(known, _)| *known == module_name);
    let names = index.and_then(module).into_iter().flat_map(|module| &module.names);
    names.map(String::as_str).filter(|name| !name.starts_with('_') && !name.contains("__"))
}
