//! The IR corpus, `tests/ir/*.txt`. A file is a list of cases:
//!
//! ```text
//! == name of the case
//! verify
//! the text form of a module
//! ----
//! what is expected
//! ```
//!
//! The second line is the stage:
//! - `verify`: expected are `ok`, or the errors.
//! - `run`: expected are lines such as `(1, 2.5) -> 3` or `(1, 0) -> ZeroDivisionError: message @line:column`: calls of
//!   the entry with the values of `support`. `[5] (1) -> 2` gives the module's captures first. Where an argument is
//!   changed, ` args (..)` shows all of them afterwards. The module must verify.
//!
//! - `facts`: expected are what `introspect` says of each function, and the columns read of each record parameter.
//! - `pass NAME` or `optimize`: expected is the module after the pass, or after all of them.
//!
//! Lines that start with `#` before the first case are comments. With `FUSELINE_BLESS=1` the expected parts are written anew; look at the difference before you
//! commit it. A file without cases fails, and so does a case that expects nothing.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use ir::Module;
use ir::interp::{self, Limits, NoHost, Stop, Value};
use ir::text::parse;

mod support;

struct Case {
    name: String,
    stage: String,
    input: String,
    expected: String,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir")
}

/// The comment at the top of a file and its cases.
fn read_cases(text: &str) -> (String, Vec<Case>) {
    let mut parts = text.split("\n== ");
    let head = parts.next().unwrap_or("").to_string();
    let cases = parts.map(|part| {
        let (name, rest) = part.split_once('\n').unwrap_or((part, ""));
        let (stage, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let (input, expected) = rest.split_once("----\n").unwrap_or((rest, ""));
        Case { name: name.into(), stage: stage.into(), input: input.into(), expected: expected.trim_end().into() }
    });
    (head, cases.collect())
}

fn write_cases(head: &str, cases: &[(Case, String)]) -> String {
    let mut out = format!("{}\n", head.trim_end());
    for (case, actual) in cases {
        out += &format!("\n== {}\n{}\n{}----\n{}\n", case.name, case.stage, case.input, actual);
    }
    out
}

/// What the case gives now.
fn actual(case: &Case) -> String {
    let module = match parse(&case.input) {
        Ok(module) => module,
        Err(error) => return format!("does not parse: {error}"),
    };
    assert_eq!(parse(&ir::text::print(&module)).as_ref(), Ok(&module), "{}", case.name);
    match case.stage.as_str() {
        "verify" => verdict(&module),
        "facts" if verdict(&module) == "ok" => facts(&module),
        "facts" => verdict(&module),
        "run" => case.expected.lines().map(|line| run_line(&module, line)).collect::<Vec<_>>().join("\n"),
        _ if verdict(&module) != "ok" => verdict(&module),
        "optimize" => after(module, ir::passes::optimize),
        stage if stage.starts_with("pass ") => match ir::passes::Pass::from_name(&stage[5..]) {
            Some(pass) => after(module, |module| pass.run(module)),
            None => panic!("case `{}` names the unknown pass `{}`", case.name, &stage[5..]),
        },
        other => panic!("case `{}` has the unknown stage `{other}`", case.name),
    }
}

/// The module once it is changed; it must still verify.
fn after(mut module: Module, change: impl Fn(&mut Module)) -> String {
    change(&mut module);
    match verdict(&module).as_str() {
        "ok" => ir::text::print(&module).trim_end().to_string(),
        errors => format!("does not verify any more: {errors}\n{}", ir::text::print(&module)),
    }
}

fn verdict(module: &Module) -> String {
    match ir::verify(module) {
        Ok(()) => "ok".to_string(),
        Err(errors) => errors.iter().map(|error| error.to_string()).collect::<Vec<_>>().join("\n"),
    }
}

/// What is known of each function, a line each.
fn facts(module: &Module) -> String {
    let facts = ir::introspect::Facts::new(module);
    let mut lines = Vec::new();
    for (index, func) in module.funcs.iter().enumerate() {
        let id = ir::FuncId(index as u32);
        let known = facts.func(id);
        let flags = [
            (known.can_raise, "raises"),
            (facts.is_pure(id), "pure"),
            (known.reads_memory, "reads"),
            (known.writes.is_elsewhere(), "writes-elsewhere"),
            (known.is_recursive, "recursive"),
            (known.has_loops, "loops"),
            (known.terminates, "terminates"),
        ];
        let mut words: Vec<String> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| word.to_string()).collect();
        for (param, ty) in func.param_types().iter().enumerate() {
            if facts.writes_param(id, param) && !known.writes.is_elsewhere() {
                words.push(format!("writes({param})"));
            }
            if let ir::Type::Record(_) = ty {
                let columns = ir::introspect::columns_read(module, id, param);
                words.push(format!("columns({param})={columns:?}"));
            }
        }
        lines.push(format!("{}: {} cost={}", func.name, words.join(" "), known.cost));
    }
    lines.join("\n")
}

/// The line with what its call gives now.
fn run_line(module: &Module, line: &str) -> String {
    let call = line.split(" -> ").next().unwrap_or(line);
    match run_call(module, call) {
        Ok(result) => format!("{call} -> {result}"),
        Err(message) => format!("{call} -> cannot be run: {message}"),
    }
}

fn run_call(module: &Module, call: &str) -> Result<String, String> {
    if verdict(module) != "ok" {
        return Err(verdict(module));
    }
    let capture_types: Vec<ir::Type> = module.captures.iter().map(|capture| capture.ty.clone()).collect();
    let (captures, rest) = match call.strip_prefix('[') {
        Some(rest) => support::read_values(rest, &capture_types, ']')?,
        None => (vec![], call),
    };
    let rest = rest.strip_prefix('(').ok_or("expected `(`")?;
    let (args, rest) = support::read_values(rest, &module.entry_func().param_types(), ')')?;
    if !rest.is_empty() {
        return Err(format!("`{rest}` follows"));
    }
    let shown = |args: &[Value]| args.iter().map(Value::repr).collect::<Vec<_>>().join(", ");
    let before = shown(&args);
    let limits = Limits { steps: 1_000_000, depth: 100 };
    let mut result = match interp::run(module, module.entry, &args, &captures, &mut NoHost, limits) {
        Ok(value) => value.repr(),
        Err(Stop::Raised(raised)) => {
            let (class, place) = (module.exceptions.raised(raised.class), raised.span);
            format!("{}: {} @{}:{}", class.name(), raised.message, place.line, place.column)
        }
        Err(stop) => stop.to_string(),
    };
    let after = shown(&args);
    if after != before {
        result += &format!(" args ({after})");
    }
    Ok(result)
}

/// Optimised modules give what they gave before, value or exception with its place; only a call depth may differ.
#[test]
fn passes_change_no_result() {
    let mut calls = 0;
    for (name, module, lines) in support::corpus_runs() {
        let mut optimized = module.clone();
        if let Err((pass, errors)) = ir::passes::optimize_checked(&mut optimized) {
            panic!("`{name}` does not verify after `{pass}`: {errors:?}\n{}", ir::text::print(&optimized));
        }
        for line in lines {
            let (before, after) = (run_line(&module, &line), run_line(&optimized, &line));
            assert_eq!(before, after, "`{name}` after the passes:\n{}", ir::text::print(&optimized));
            calls += 1;
        }
    }
    assert!(calls > 30, "the corpus runs too little");
}

#[test]
fn recursion_is_cut_short() {
    let fib = support::corpus_modules().into_iter().find(|(name, _)| name == "fibonacci").map(|(_, module)| module);
    let mut fib = fib.expect("the corpus has fibonacci");
    let run = |module: &Module, steps| {
        let limits = Limits { steps, depth: 100 };
        interp::run(module, module.entry, &[Value::Int(35)], &[], &mut NoHost, limits)
    };
    // As it is written, 29,860,703 calls.
    assert!(matches!(run(&fib, 1_000_000), Err(Stop::Steps)));
    ir::passes::optimize(&mut fib);
    // 313 calls of at most 40 steps each.
    assert!(matches!(run(&fib, 313 * 40), Ok(Value::Int(9_227_465))));
}

#[test]
fn every_case_gives_what_it_expects() {
    let bless = std::env::var_os("FUSELINE_BLESS").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    let mut failures = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (head, cases) = read_cases(&text);
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if cases.is_empty() {
            failures.push(format!("{file} has no cases"));
        }
        let mut blessed = Vec::new();
        for case in cases {
            let actual = actual(&case);
            if !bless && case.expected.is_empty() {
                failures.push(format!("{file}: `{}` expects nothing", case.name));
            } else if !bless && actual != case.expected {
                failures.push(format!("{file}: `{}` gives\n{actual}\ninstead of\n{}", case.name, case.expected));
            }
            blessed.push((case, actual));
        }
        if bless {
            fs::write(&path, write_cases(&head, &blessed)).unwrap();
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
