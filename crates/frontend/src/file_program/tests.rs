//! What names of a file stand for, and which of its functions are to be compiled.

use super::*;
use ir::Const;

fn read(text: &str) -> FileProgram {
    let file = SourceFile::new("f.py", text, 1);
    file_program(file)
}

/// What `name` stands for in the function `f` of the text.
fn binding(text: &str, name: &str) -> Option<Binding> {
    let file = read(text);
    let index = file.function_named("f").unwrap();
    file.program.functions[index].bindings.get(name).cloned()
}

/// As [`binding`], of the name `x` that `f` returns.
fn x(module: &str) -> Option<Binding> {
    binding(&format!("{module}\ndef f(): return x\n"), "x")
}

fn member(module: &str, name: &str) -> Option<Binding> {
    Some(Binding::Member(String::from(module), String::from(name)))
}

fn int(value: i64) -> Option<Binding> {
    Some(Binding::Constant(Const::Int(value)))
}

fn unsupported(text: &str) -> Option<Binding> {
    Some(Binding::Unsupported(String::from(text)))
}

#[test]
fn imports() {
    let module = |name: &str| Some(Binding::Module(String::from(name)));
    assert_eq!(x("import numpy as x"), module("numpy"));
    assert_eq!(x("import x.path"), module("x"));
    assert_eq!(x("import os.path as x"), module("os.path"));
    assert_eq!(x("from math import sqrt as x"), member("math", "sqrt"));
    assert_eq!(x("from . import x"), unsupported("imported from another file of the package"));
    assert_eq!(x("if slow:\n    import math as x\nelse:\n    import math as x"), module("math"));
    assert_eq!(x("try:\n    import numpy as x\nexcept ImportError:\n    x = None"), unsupported(REASSIGNED));
    assert_eq!(x("y = 1"), None);
    assert_eq!(read("from numpy import *\n").diagnostics[0].code, "star-import");
}

#[test]
fn constants_of_the_module() {
    assert_eq!(x("x = -3"), int(-3));
    assert_eq!(x("x: int = 60 * 60"), int(3600));
    assert_eq!(x("x = -9223372036854775808"), int(i64::MIN));
    assert_eq!(x("a, x = 1, 2"), int(2));
    assert_eq!(x("a = 2\nx = a + 1"), int(3));
    assert_eq!(x("import math\nx = 2 * math.pi"), Some(Binding::Constant(Const::Float(std::f64::consts::TAU))));
    assert_eq!(x("from math import inf\nx = -inf"), Some(Binding::Constant(Const::Float(f64::NEG_INFINITY))));
    assert_eq!(x("x = float('inf')"), Some(Binding::Constant(Const::Float(f64::INFINITY))));
    assert_eq!(x("x = 'a' 'b'"), Some(Binding::Constant(Const::Str("ab".into()))));
    let pair = vec![int(1).unwrap(), Binding::Constant(Const::None)];
    assert_eq!(x("x = (1, None)"), Some(Binding::Tuple(pair)));
    assert_eq!(x("[i for x in y]\nx = 1"), int(1));
    assert!(matches!(x("class x: pass"), Some(Binding::Class(_))));
    let builtin = |name: &str| member("builtins", name).unwrap();
    assert_eq!(x("x = (int, KeyError)"), Some(Binding::Tuple(vec![builtin("int"), builtin("KeyError")])));
    assert!(
        matches!(x("class int: pass\nx = (int,)"), Some(Binding::Tuple(items)) if matches!(*items, [Binding::Class(_)]))
    );
}

#[test]
fn what_may_change_stands_for_nothing() {
    assert_eq!(x("x = 1\nx = 2"), unsupported(REASSIGNED));
    assert_eq!(x("x = 1\nx += 1"), unsupported(REASSIGNED));
    assert_eq!(x("x = 1\ndel x"), unsupported(REASSIGNED));
    assert_eq!(x("if y:\n    x = 1"), unsupported(CONDITIONAL));
    assert_eq!(x("for x in y: pass"), unsupported(constants::COMPUTED));
    assert_eq!(x("x = 1\ndef g():\n    global x\n    x = 2"), unsupported(GLOBAL));
    assert_eq!(x("x = 1\nclass A:\n    def g():\n        if y:\n            global x"), unsupported(GLOBAL));
    assert_eq!(x("print(x := 3)"), unsupported(constants::COMPUTED));
    let written = |text: &str| Some(Binding::Written(String::from(text)));
    assert_eq!(x("x = [1]"), written("a `list`, which can change at any time"));
    assert_eq!(x("x = [1]\ny = x\nx = y"), unsupported(REASSIGNED));
    assert_eq!(x("x = 10 ** 19"), unsupported("an `int` outside 64 bits"));
    assert_eq!(x("if y:\n    class x: pass"), unsupported(CONDITIONAL));
    assert_eq!(x("x = y\ny = x"), unsupported(NOT_YET));
    assert_eq!(x("x = x"), unsupported(NOT_YET));
    assert_eq!(x("def float(s): return 1\nx = float('inf')"), unsupported(constants::COMPUTED));
    assert_eq!(x("match y:\n    case {'a': 1, **x}: pass"), unsupported(constants::COMPUTED));
}

#[test]
fn functions_are_found_under_their_names() {
    let text = "def g(a: int): return a\ng2 = g\nh = lambda: g(1)\ndef f(): return g(1) + g2(2) + h()\n";
    assert_eq!(binding(text, "g"), Some(Binding::Function(0)));
    assert_eq!(binding(text, "g2"), Some(Binding::Function(0)));
    assert_eq!(binding(text, "h"), Some(Binding::Function(1)));
    let file = read(text);
    assert_eq!(file.program.functions[0].locator, Locator::Def { name: String::from("g"), line: 1 });
    assert_eq!(file.program.functions[1].locator, Locator::Lambda { line: 3, column: 4 });
    let twice = read("def f(): return 1\ndef f(): return 2\n");
    assert_eq!((twice.functions[0].callable, twice.functions[1].callable), (false, true));
    assert_eq!(x("def x(): return 1\nx = other(x)"), unsupported(REASSIGNED));
}

#[test]
fn decorators() {
    let text = "import fuseline as fl\nfrom fuseline import compile\nfrom other import memo\n\
        @fl.compile\ndef a(x): return x\n\
        @fl.compile(signature='(int) -> int')\ndef b(x): return x\n\
        @compile\n@memo\ndef c(x): return x\n\
        d = fl.compile(lambda x: x, signature='(float) -> float')\n\
        e = re.compile(lambda x: x)\n\
        def f(): return a(1) + b(1) + c(1) + d(1) + e(1)\n";
    assert_eq!(binding(text, "a"), Some(Binding::Function(0)));
    assert_eq!(binding(text, "b"), Some(Binding::Function(1)));
    assert_eq!(binding(text, "c"), unsupported("a function with the decorator `@memo`"));
    assert_eq!(binding(text, "d"), Some(Binding::Function(3)));
    assert_eq!(binding(text, "e"), unsupported(constants::COMPUTED));
    let file = read(text);
    assert_eq!(file.functions[1].signature, parse_signature("(int) -> int").ok());
    assert_eq!(file.functions[3].signature, parse_signature("(float) -> float").ok());
    let found = &file.functions[2].diagnostics;
    assert_eq!((found.len(), found[0].code), (1, "unsupported-decorator"));
    assert_eq!(&text[found[0].place.start as usize..found[0].place.end as usize], "@memo");
    // A decorated function is found by its `def` line.
    assert_eq!(file.program.functions[0].locator, Locator::Def { name: String::from("a"), line: 5 });
}

#[test]
fn a_signature_that_is_none_is_reported_at_the_function() {
    let file = read("import fuseline as fl\n@fl.compile(signature='int')\ndef f(x): return x\n");
    let codes: Vec<&str> = file.functions[0].diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!((codes, file.functions[0].signature.clone()), (vec!["bad-signature"], None));
}

#[test]
fn exported_functions_have_known_parameter_types() {
    let file = read(
        "def a(x: int, *, y: float = 1.0): return x\ndef b(x): return x\ndef _c(x: int): return x\n\
         def d(): return 1\ndef e(*xs: int): return 1\ndef a2(x: int): return x\na2 = 1\n",
    );
    let names: Vec<&str> = file.exported().into_iter().map(|index| file.functions[index].name.as_str()).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn functions_that_work_with_datasets_are_no_candidates() {
    let file = read(
        "import fuseline as fl\nfrom fuseline import read_csv\n\
         def main(): pass\n\
         def load(path: str): return fl.read_csv(path)\n\
         def load2(path: str): return read_csv(path)\n\
         def show(data: fl.Dataset): print(data)\n\
         def row(x: int): return fl.compile(x)\n\
         @fl.compile\ndef constant(): return 1\n\
         @contextmanager\ndef timed(title): yield title\n\
         @cache\ndef double(x: int): return 2 * x\n",
    );
    let candidates: Vec<bool> = file.functions.iter().map(FileFunction::is_candidate).collect();
    assert_eq!(candidates, [false, false, false, false, true, true, false, true]);
    let names: Vec<&str> = file.exported().into_iter().map(|index| file.functions[index].name.as_str()).collect();
    assert_eq!(names, ["row", "constant"], "what is decorated cannot be called");
}

#[test]
fn defaults_have_the_value_of_the_moment_of_the_def() {
    let text = "n = 4\ndef f(a=n, b=-1.5, *, c='x', d=later, e=[]): pass\nlater = 2\n";
    let file = read(text);
    let default = |name: &str| file.program.functions[0].defaults.get(name).cloned();
    assert_eq!(default("a"), int(4));
    assert_eq!(default("b"), Some(Binding::Constant(Const::Float(-1.5))));
    assert_eq!(default("c"), Some(Binding::Constant(Const::Str("x".into()))));
    assert_eq!(default("d"), unsupported(NOT_YET));
    assert_eq!(default("e"), unsupported("a `list`, which can change at any time"));
}

#[test]
fn names_in_string_annotations_are_bound() {
    assert_eq!(
        binding("import numpy as np\ndef f(a: 'np.ndarray', b: list['int']): pass\n", "np"),
        Some(Binding::Module(String::from("numpy")))
    );
}
