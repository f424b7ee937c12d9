//! No source makes the compiler panic, hang or run out of stack: it compiles or is refused with a diagnostic.

use crate::common;

use std::time::{Duration, Instant};

/// However slow the machine, more than this is a hang.
const SECONDS_MAX: u64 = 30;

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("def f(x):\n    return {}x{}\n", open.repeat(depth), close.repeat(depth))
}

fn blocks(head: impl Fn(usize) -> String, depth: usize) -> String {
    let heads: String = (0..depth).map(|level| format!("{}{}\n", "    ".repeat(level + 1), head(level))).collect();
    format!("def f(x):\n    y = 0\n{heads}{}y, x = x, y + 0.5\n    return y\n", "    ".repeat(depth + 1))
}

#[test]
fn hostile_sources() {
    let mut sources = Vec::new();
    for depth in [100, 390, 100_000] {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("x + ", ""), ("x if x else ", ""), ("lambda: ", "")]
        {
            sources.push(nested(open, close, depth));
        }
        sources.push(nested("", ".a", depth));
        sources.push(nested("f", "(x)", depth));
    }
    for depth in [20, 95, 200] {
        sources.push(blocks(|level| format!("if x > {level}:"), depth));
        sources.push(blocks(|level| format!("for i{level} in range(3):"), depth));
        sources.push(blocks(|level| format!("while x > {level}:"), depth));
    }
    // A dict that holds itself, as far as types go, and a tree of lists likewise.
    let endless =
        "def f(x):\n    root = node = {}\n    for c in 'abc':\n        node = node.setdefault(c, {})\n    return x\n";
    sources.push(endless.to_owned());
    sources.push("def f(x):\n    a = []\n    for i in 'abc':\n        a = [a, a + [a]]\n    return x\n".to_owned());
    sources.push(
        "def f(x):\n    d = {}\n    for i in 'abc':\n        d[i] = d.get(i, []) + [d]\n    return x\n".to_owned(),
    );
    sources.push("def f(x):\n    return f((x,))\n".to_owned());
    sources.push("def f(x):\n    return (f(x),) if x else ()\n".to_owned());
    sources.push("def f(x):\n    while x: x = (x,)\n    return x\n".to_owned());
    sources.push("def f(x):\n    return [[]] if x else [f(x)]\n".to_owned());
    sources.push("def f(x):\n    g = lambda: g()\n    return g()\n".to_owned());
    sources.push(format!("def f(x):\n    return [{}]\n", "x, ".repeat(20_000)));
    sources.push(format!("def f(x):\n{}    return x\n", "    x = x + 1\n".repeat(20_000)));
    sources.push(format!("def f(x):\n    if x == 0: pass\n{}    return x\n", "    elif x == 1: x = 2\n".repeat(2_000)));
    sources.push(format!("def f(x):\n    return {}\n", "9".repeat(100_000)));
    for text in [
        "",
        "\u{0}",
        "def",
        "def f(",
        "def f(x):",
        "def f(x):\n\treturn x\n        return",
        "\u{feff}def f(x): return x",
    ] {
        sources.push(text.to_owned());
    }
    for source in sources {
        let start = Instant::now();
        let program = common::program(&source);
        let request = frontend::Request { params: vec![Some(ir::Type::Int)], ..frontend::Request::default() };
        for entry in 0..program.functions.len().max(1) {
            let compiled = frontend::compile(&program, entry, &request);
            let shown: String = source.chars().take(60).collect();
            assert_ne!(compiled.module.is_some(), !compiled.diagnostics.is_empty(), "{shown:?}");
            let internal = compiled.diagnostics.iter().find(|diagnostic| diagnostic.code == "internal");
            assert_eq!(internal, None, "{shown:?}");
            assert!(start.elapsed() < Duration::from_secs(SECONDS_MAX), "{shown:?}");
        }
    }
}
