//! Inference: the result types of functions for the types of their arguments. One row is one function.

use crate::common;

/// Source, signature, result type as the IR spells it.
const ROWS: &[(&str, &str, &str)] = &[
    // Numbers.
    ("def f(a, b): return a + b", "(int, float)", "float"),
    ("def f(a, b): return a / b", "(int, int)", "float"),
    ("def f(a, b): return a // b, a % b", "(bool, int)", "(int, int)"),
    ("def f(a, b): return a & b, a + b", "(bool, bool)", "(bool, int)"),
    ("def f(a): return a ** 2, a ** -1, 2 ** a", "(int)", "(int, float, int|float)"),
    ("def f(n): return [2 ** i for i in range(n)]", "(int)", "list[int]"),
    ("def f(a): return a[0] + 1, a[0] / 2, a[0] < 1", "(Array[int])", "(np.int64, np.float64, np.bool)"),
    ("def f(a): return a[0] + 1.5, a[0] * a[0]", "(Array[float32])", "(np.float32, np.float32)"),
    // Merges are exact; only the head of a loop lets a literal adapt.
    ("def f(c):\n if c: x = 1\n else: x = 2.5\n return x", "(bool)", "int|float"),
    ("def f(c): return 1 if c else None", "(bool)", "none|int"),
    ("def f(n):\n t = 0\n for i in range(n): t += 0.5\n return t", "(int)", "float"),
    ("def f(n, t):\n for i in range(n): t += 0.5\n return t", "(int, int)", "int|float"),
    ("def f(a):\n t = 0.0\n for x in a: t += x\n return t", "(Array[float])", "np.float64"),
    ("def f(a):\n t = 0\n for x in a: t += x\n return t", "(Array[int32])", "np.int32"),
    ("def f(n):\n x = y = 0\n for i in range(n):\n  x = x + y\n  y = 0.5\n return x", "(int)", "float"),
    // A name that is reused in each branch costs nothing where it is not read again.
    ("def f(c):\n if c: x = 1; y = x\n else: x = 'a'; y = 2\n return y", "(bool)", "int"),
    // Narrowing.
    ("def f(x):\n if x is None: return 0.0\n return x", "(float | None)", "float"),
    ("def f(x): return x or 0.0", "(float | None)", "float"),
    ("def f(x): return x and x + 1", "(float | None)", "none|float"),
    ("def f(x):\n if isinstance(x, str): return len(x)\n return x", "(int | str)", "int"),
    ("def f(x):\n while x is None: x = 1\n return x", "(int | None)", "int"),
    // Tuples merge by field, lists grow by use.
    ("def f(c): return (1, None) if c else (2, 'a')", "(bool)", "(int, none|str)"),
    ("def f():\n out = []\n out.append(1)\n return out", "()", "list[int]"),
    ("def f():\n out = []\n out.append([])\n out[0].append('a')\n return out", "()", "list[list[str]]"),
    ("def f(n):\n g = [[0] * n for _ in range(n)]\n g[0][0] = 1.5\n return g", "(int)", "list[list[int|float]]"),
    ("def f():\n out: list[float] = []\n return out", "()", "list[float]"),
    // Functions: each combination of types is compiled once, recursion by iteration.
    ("def g(x): return x\ndef f(a, b): return g(a), g(b)", "(int, str)", "(int, str)"),
    ("def f(n):\n if n < 2: return n\n return f(n - 1) + f(n - 2)", "(int)", "int"),
    ("def f(n):\n if n == 0: return None\n return f(n - 1)", "(int)", "none"),
    ("def e(n): return True if n == 0 else f(n - 1)\ndef f(n): return 0 if n == 0 else e(n - 1)", "(int)", "bool|int"),
    ("def f(n): return f(n - 1)", "(int)", "none"),
    ("def g(h, x): return h(h(x))\ndef f(x): return g(lambda v: v / 2, x)", "(int)", "float"),
    ("def f(t): return {'a': 1, 'b': t}", "(str)", "dict{a: int, b: str}"),
];

#[test]
fn result_types() {
    for (source, signature, expected) in ROWS {
        let (_, compiled) = common::compile_last(source, Some(signature));
        assert_eq!(compiled.diagnostics, [], "{source}");
        let found = compiled.result.map(|ty| ty.to_string());
        assert_eq!(found.as_deref(), Some(*expected), "{source}");
        let module = compiled.module.unwrap();
        assert_eq!(module.entry_func().result.to_string(), *expected);
    }
}

#[test]
fn a_function_is_compiled_once_for_each_combination_of_types() {
    let source = "def g(x): return x\ndef f(a, b): return g(a), g(b), g(a + 1), g(1), g(True), g(2.5), g(b)";
    let (_, compiled) = common::compile_last(source, Some("(int, str)"));
    let module = compiled.module.unwrap();
    let mut params: Vec<String> =
        module.funcs.iter().filter(|func| func.name == "g").map(|func| func.result.to_string()).collect();
    params.sort();
    assert_eq!(params, ["bool", "float", "int", "str"]);
}

#[test]
fn a_loop_over_an_array_stays_a_counted_loop() {
    let source = "def f(a):\n t = 0.0\n for x in a: t += x\n return t";
    let (_, compiled) = common::compile_last(source, Some("(Array[float])"));
    let text = ir::text::print(&compiled.module.unwrap());
    // Its length is taken once, and no union is left.
    assert_eq!(text.matches("array.shape").count(), 1, "{text}");
    assert!(!text.contains("widen") && !text.contains("is_variant"), "{text}");
}

#[test]
fn the_result_of_a_row_function_has_one_type_for_each_column() {
    let (program, _) = common::compile_last("def f(x): return {'a': x if x > 0 else 0, 'b': x}", Some("(float)"));
    let request =
        frontend::Request { params: vec![Some(ir::Type::Float)], row_result: true, ..frontend::Request::default() };
    let compiled = frontend::compile(&program, 0, &request);
    assert_eq!(compiled.result.map(|ty| ty.to_string()).as_deref(), Some("dict{a: float, b: float}"));
}

#[test]
fn a_fold_returns_its_state() {
    let state = ir::Type::Tuple(vec![ir::Type::Float, ir::Type::Int]);
    for (source, fits) in [
        ("def f(s, x): return (s[0] + x, s[1] + 1)", true),
        ("def f(s, x): return (0, s[1])", true),
        ("def f(s, x): return s if x > 0 else (1, True)", false),
        ("def f(s, x): return s[0]", false),
    ] {
        let program = common::program(source);
        let request = frontend::Request {
            params: vec![Some(state.clone()), Some(ir::Type::Float)],
            expected_result: Some(state.clone()),
            ..frontend::Request::default()
        };
        let compiled = frontend::compile(&program, 0, &request);
        let codes: Vec<&str> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, if fits { vec![] } else { vec!["result-mismatch"] }, "{source}");
        if fits {
            assert_eq!(compiled.result, Some(state.clone()), "{source}");
        }
    }
}
