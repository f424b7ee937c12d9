//! Diagnostics: code, place, message and help of wrong and unsupported programs. One row is one program.

use crate::common;

use frontend::diagnostic::Diagnostic;
use frontend::program::Program;
use frontend::render;

/// Source, signature, and the diagnostics in their concise form.
const ROWS: &[(&str, &str, &[&str])] = &[
    ("def f(a): return a + b", "(int)", &["1:22: unknown-name: `b` is not defined"]),
    (
        "def f(value): return valeu",
        "(int)",
        &["1:22: unknown-name: `valeu` is not defined (help: did you mean `value`?)"],
    ),
    ("def f(a): return a + 'x'", "(int)", &["1:18: type-mismatch: unsupported operand type(s) for +: 'int' and 'str'"]),
    (
        "def f(a): return a.uper()",
        "(str)",
        &["1:18: unknown-attribute: 'str' object has no attribute 'uper' (help: did you mean `upper`?)"],
    ),
    ("def f(a): return a.__trunc__()", "(float)", &["1:18: unsupported-method: `float.__trunc__` cannot be compiled"]),
    (
        "import math\ndef f(a): return math.sqr(a)",
        "(float)",
        &["2:23: unknown-attribute: `math` has no `sqr` that can be compiled (help: did you mean `math.sqrt`?)"],
    ),
    (
        "def f(a): return len",
        "(int)",
        &[
            "1:5: result-mismatch: the result has the type `function`, which stays in compiled code (help: call it, and return what \
         it gives)",
        ],
    ),
    ("def f(a):\n x\n return x", "(int)", &["2:2: unknown-name: `x` is not defined"]),
    (
        "def f(a):\n str(x)\n x = 1",
        "(int)",
        &["2:6: unbound-name: cannot access local variable 'x' where it is not associated with a value"],
    ),
    (
        "def f(a): return 9223372036854775808",
        "(int)",
        &[
            "1:18: int-too-large: this number does not fit into the 64 bits that a compiled `int` has (help: write it as a `float`)",
        ],
    ),
    (
        "def f(a):\n with a: pass",
        "(int)",
        &[
            "2:7: unsupported-method: `int.__enter__` cannot be compiled",
            "2:7: unsupported-method: `int.__exit__` cannot be compiled",
        ],
    ),
    ("def f(a): return {1, [a]}", "(int)", &["1:22: type-mismatch: unhashable type: 'list'"]),
    (
        "def f(*a): return 1",
        "()",
        &[
            "1:5: unsupported-parameter: what `*a` takes is only known when the function is called (help: call the function \
             from Python or from another function, or name the parameters)",
        ],
    ),
    (
        "def g(x, y): return x\ndef f(a): return g(a, z=1)",
        "(int)",
        &["2:18: wrong-arguments: `g` has no parameter `z`"],
    ),
    (
        "def g(x, y): return x\ndef f(a): return g(a)",
        "(int)",
        &["2:18: type-mismatch: g() missing 1 required positional argument: 'y'"],
    ),
    ("def f(a): return (1, 2)[5]", "(int)", &["1:18: index-out-of-range: tuple index out of range"]),
    (
        "def f(n):\n t = ()\n for i in range(n): t = (t,)\n return t",
        "(int)",
        &["3:2: too-many-types: `t` has ever more types in this loop (help: use a list for what grows)"],
    ),
    // All the errors of a program at once, and nothing twice.
    (
        "def g(a): return a.x\ndef f(a):\n y = a + None\n z = y + 1\n for i in z: q = zz\n return q, g(a), g(a)",
        "(int)",
        &[
            "1:18: unknown-attribute: 'int' object has no attribute 'x'",
            "3:6: type-mismatch: unsupported operand type(s) for +: 'int' and 'NoneType'",
        ],
    ),
    (
        "def f(a):\n if a > b:\n  return c\n return d",
        "(int)",
        &[
            "2:9: unknown-name: `b` is not defined",
            "3:10: unknown-name: `c` is not defined",
            "4:9: unknown-name: `d` is not defined",
        ],
    ),
    // What is never reached for these types is no error.
    ("def f(a):\n if isinstance(a, str): return a + 1\n return a", "(int)", &[]),
    ("def f(a):\n if a is None: return a + 1\n return a", "(int)", &[]),
    // A combination that may come is a row error, not a diagnostic.
    ("def f(a): return a + 1", "(int | None)", &[]),
];

#[test]
fn diagnostics() {
    for (source, signature, expected) in ROWS {
        let (program, compiled) = common::compile_last(source, Some(signature));
        assert_eq!(compiled.module.is_some(), compiled.diagnostics.is_empty(), "{source}");
        assert_eq!(concise(&program, &compiled.diagnostics), *expected, "{source}");
    }
}

/// What is said of the variables in a wrong expression: where they came from, and what they were there.
#[test]
fn messages_about_types_say_where_variables_came_from() {
    let source = "def f(x, flag):\n if flag: y = 'a'\n else: y = [x]\n return x + y";
    let (program, compiled) = common::compile_last(source, Some("(int, bool)"));
    let [diagnostic] = compiled.diagnostics.as_slice() else { panic!("{:?}", compiled.diagnostics) };
    assert_eq!(diagnostic.code, "type-mismatch");
    let said: Vec<String> = diagnostic
        .labels
        .iter()
        .map(|(place, text)| {
            let at = render::position(&program.files[place.file], place.start);
            format!("{}:{}: {text}", at.line, at.column)
        })
        .collect();
    assert_eq!(said, ["1:7: `x` is an `int` here", "2:11: `y` is a `str` here", "3:8: `y` is a `list[int]` here"]);
}

/// Place, code, message and help of each.
fn concise(program: &Program, diagnostics: &[Diagnostic]) -> Vec<String> {
    let shown = |diagnostic: &Diagnostic| {
        let at = render::position(&program.files[diagnostic.place.file], diagnostic.place.start);
        let help = diagnostic.help.as_ref().map_or(String::new(), |help| format!(" (help: {help})"));
        format!("{}:{}: {}: {}{help}", at.line, at.column, diagnostic.code, diagnostic.message)
    };
    diagnostics.iter().map(shown).collect()
}

#[test]
fn a_file_that_does_not_parse() {
    let mut program = common::program("def f(a, b): return a");
    program.files[0].text = "def f(a, b".to_owned();
    let compiled = frontend::compile(&program, 0, &frontend::Request::default());
    assert_eq!(concise(&program, &compiled.diagnostics), ["1:11: syntax-error: unexpected EOF while parsing"]);
}

#[test]
fn a_column_that_does_not_exist_has_a_hint() {
    let fields = vec![("fare".to_owned(), ir::Type::Float), ("zone".to_owned(), ir::Type::Str)];
    let row = ir::Type::Record(ir::RecordType { kind: ir::RecordKind::Row, name: String::new(), fields }.into());
    for source in ["def f(t): return t.fara", "def f(t): return t['fara']"] {
        let program = common::program(source);
        let request = frontend::Request { params: vec![Some(row.clone())], ..frontend::Request::default() };
        let compiled = frontend::compile(&program, 0, &request);
        let [diagnostic] = compiled.diagnostics.as_slice() else { panic!("{:?}", compiled.diagnostics) };
        assert_eq!(diagnostic.code, "unknown-field");
        assert_eq!(diagnostic.help.as_deref(), Some("did you mean `fare`?"));
    }
}

#[test]
fn a_parameter_without_a_type_is_refused() {
    let program = common::program("def f(a, b: float, c: 'dict[list[int], int]'): return a");
    let compiled = frontend::compile(&program, 0, &frontend::Request::default());
    let codes: Vec<&str> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [frontend::diagnostic::NEEDS_TYPE, "unsupported-annotation"]);
}
