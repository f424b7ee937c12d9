//! The members of modules: which part of the compiler knows them, and what is said of those that nobody knows yet.

use ir::Const;

use super::collections::is_class;
use super::methods::has_methods;
use super::statics::makes_function;
use super::value::Static;
use super::{Lowered, Lowerer, Thing};
use crate::library;
use crate::nearest::nearest;
use crate::parse::ast::Ranged;

/// The constants of the module `string`.
const STRING: &[(&str, &str)] = &[
    ("ascii_letters", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("ascii_lowercase", "abcdefghijklmnopqrstuvwxyz"),
    ("ascii_uppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("digits", "0123456789"),
    ("hexdigits", "0123456789abcdefABCDEF"),
    ("octdigits", "01234567"),
    (
        "printable",
        concat!(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\x0b\x0c"
        ),
    ),
    ("punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ("whitespace", " \t\n\r\x0b\x0c"),
];

/// Modules of the standard library that functions may be met in which cannot be compiled yet, with what to do meanwhile.
const LATER: &[(&str, &str)] = &[
    ("array", "use a list or a NumPy array"),
    ("base64", OUTSIDE),
    ("calendar", "use `datetime`"),
    ("cmath", "keep real and imaginary part apart"),
    ("contextlib", "use `try` and `finally`"),
    ("csv", OUTSIDE),
    ("decimal", "use `int` for exact amounts, or `float`"),
    ("fractions", "keep numerator and denominator apart"),
    ("hashlib", OUTSIDE),
    ("io", OUTSIDE),
    ("json", OUTSIDE),
    ("multiprocessing", OUTSIDE),
    ("os", OUTSIDE),
    ("pathlib", OUTSIDE),
    ("queue", "use `collections.deque` or `heapq`"),
    ("random", "draw the numbers outside and pass them as an argument"),
    ("secrets", "draw the numbers outside and pass them as an argument"),
    ("struct", "use `int.to_bytes` and `int.from_bytes`"),
    ("textwrap", OUTSIDE),
    ("threading", OUTSIDE),
    ("time", OUTSIDE),
    ("timeit", OUTSIDE),
    ("unicodedata", OUTSIDE),
    ("uuid", OUTSIDE),
    ("warnings", "use `logging`"),
    ("zlib", OUTSIDE),
];

const OUTSIDE: &str = "use it outside, and pass what it gives as an argument";

/// What to do without a module that cannot be compiled yet; `None` of a module that is no such.
pub fn later(module: &str) -> Option<&'static str> {
    let first = module.split('.').next().unwrap_or(module);
    LATER.iter().find(|(name, _)| *name == first).map(|(_, help)| *help)
}

/// Whether a function may import the module.
pub fn is_known(module: &str) -> bool {
    const KNOWN: &[&str] =
        &["copy", "dataclasses", "enum", "logging", "math", "numpy", "re", "string", "sys", "typing"];
    KNOWN.contains(&module) || library::has_module(module) || later(module).is_some()
}

impl Lowerer<'_, '_> {
    /// The member of a module.
    pub fn member(&mut self, module: &str, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        let itself = || Ok(Thing::Static(Static::Member(module.to_owned(), name.to_owned())));
        match module {
            "math" => self.math_member(name, node),
            "numpy" => self.numpy_member(name, node),
            "re" => self.regex_member(name, node),
            "numpy.linalg" => self.linalg_member(name, node),
            "string" if let Some((_, text)) = STRING.iter().find(|(known, _)| *known == name) => {
                Ok(Thing::Val(self.literal(Const::Str((*text).into()))))
            }
            "sys" if name == "maxsize" => Ok(Thing::Val(self.int(i64::MAX))),
            "sys" if name == "float_info" => itself(),
            "sys.float_info" if let Some(val) = float_info(name) => Ok(Thing::Val(self.constant(val))),
            "copy" if matches!(name, "copy" | "deepcopy") => itself(),
            "dataclasses" if super::dataclasses::FUNCTIONS.contains(&name) => itself(),
            "datetime" => self.datetime_member(name, node),
            "builtins" if let Some(builtin) = super::builtins::known_name(name) => {
                Ok(Thing::Static(Static::Builtin(builtin)))
            }
            _ if is_class(module, name) => itself(),
            "logging" if super::log::level_of(name).is_some() || name == "getLogger" => itself(),
            "functools" if matches!(name, "cache" | "lru_cache") => itself(),
            _ if makes_function(module, name) || has_methods(module) => itself(),
            _ => self.library_member(module, name, node),
        }
    }

    /// The member of a module that the library has.
    pub fn library_member(&mut self, module: &str, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        if let Some(function) = library::function_named(module, name) {
            return Ok(Thing::Static(Static::Function(function)));
        }
        if let Some(class) = library::class_named(module, name) {
            return Ok(Thing::Static(Static::Class(class)));
        }
        if let Some(help) = later(module) {
            let message = format!("`{module}.{name}` cannot be compiled: the module `{module}` is not yet there");
            return self.fail_at(node, "unsupported-value", message, Some(help.to_owned()));
        }
        let help = nearest(name, library::names(module)).map(|near| format!("did you mean `{module}.{near}`?"));
        self.fail_at(node, "unsupported-value", format!("`{module}.{name}` cannot be used in compiled code"), help)
    }
}

/// `sys.float_info.name`.
fn float_info(name: &str) -> Option<Const> {
    Some(match name {
        "max" => Const::Float(f64::MAX),
        "min" => Const::Float(f64::MIN_POSITIVE),
        "epsilon" => Const::Float(f64::EPSILON),
        "dig" => Const::Int(15),
        "mant_dig" => Const::Int(53),
        "max_exp" => Const::Int(1024),
        "min_exp" => Const::Int(-1021),
        "max_10_exp" => Const::Int(308),
        "min_10_exp" => Const::Int(-307),
        "radix" => Const::Int(2),
        "rounds" => Const::Int(1),
        _ => return None,
    })
}
