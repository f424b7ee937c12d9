//! Every function of the table against CPython, on edge values and noise, called as compiled code calls it. CPython 3.11
//! is found by `FUSELINE_PYTHON`, else as `python3`. `FUSELINE_NOISE_CALLS` and `FUSELINE_NOISE_SEED` make longer and
//! other runs.

#![expect(clippy::expect_used, clippy::panic, reason = "a test helper may panic")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use runtime::table::{self, Convention, Kind, Symbol};

#[path = "cpython/call.rs"]
mod call;
#[path = "cpython/inputs.rs"]
mod inputs;

use call::{Value, call};
use inputs::{Domain, Noise};

/// How many random calls each function gets.
const CALLS_PER_FUNCTION: u64 = 2500;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Functions that no row of CPython answers: memory, and NumPy's rules.
const NOT_COMPARED: &[&str] = &[
    "fl_arena_mark",
    "fl_arena_rewind",
    "fl_array_index_error",
    "fl_array_zeros_1d",
    "fl_array_zeros_2d",
    "fl_float_floordiv_ieee",
    "fl_float_mod_ieee",
    "fl_float_pow_ieee",
    "fl_list_append",
    "fl_list_concat",
    "fl_list_new",
    "fl_list_reserve",
    "fl_list_slice",
    "fl_log_write",
    "fl_re_find",
    "fl_re_find_all",
    "fl_re_find_spans",
    "fl_re_split",
    "fl_re_substitute",
    "fl_re_template",
];

/// Arguments that are not just any value of their kind.
fn domains(symbol: &Symbol) -> Vec<Domain> {
    use Domain::*;
    match symbol.name {
        "fl_int_pow" => vec![AnyInt, Exponent],
        // CPython would compute 10**digits.
        "fl_int_round_digits" => vec![AnyInt, Width],
        "fl_float_round_digits" => vec![AnyFloat, Digits],
        "fl_int_to_base" => vec![AnyInt, PrintBase],
        "fl_int_chr" => vec![CodePoint],
        "fl_int_format" => vec![AnyInt, SpecText],
        "fl_float_format" => vec![AnyFloat, SpecText],
        "fl_str_format" => vec![AnyText, SpecText],
        "fl_int_percent" => vec![AnyInt, Conversion("diuxXoc")],
        "fl_float_percent" => vec![AnyFloat, Conversion("eEfFgG")],
        "fl_str_percent" => vec![AnyText, Conversion("sc")],
        "fl_str_byte_slice" => vec![FewLetters, SmallInt, SmallInt],
        "fl_str_position" | "fl_str_byte_offset" => vec![FewLetters, SmallInt],
        "fl_str_char_at" => vec![FewLetters, SmallInt],
        "fl_str_to_int" => vec![NumberText, Base],
        "fl_str_to_float" => vec![NumberText],
        "fl_str_repeat" => vec![AnyText, SmallInt],
        "fl_str_index" => vec![AnyText, Position],
        "fl_str_slice" => vec![AnyText, Position, Position, Position],
        "fl_str_replace" => vec![FewLetters, ShortPart, ShortPart, SmallInt],
        "fl_str_split" | "fl_str_rsplit" => vec![FewLetters, ShortPart, SmallInt],
        "fl_str_split_whitespace_max" | "fl_str_rsplit_whitespace" => vec![FewLetters, SmallInt],
        "fl_str_ljust" | "fl_str_rjust" | "fl_str_center" => vec![AnyText, Width, Fill],
        "fl_str_zfill" => vec![NumberText, Width],
        "fl_str_expandtabs" => vec![Tabbed, SmallInt],
        "fl_str_splitlines" => vec![Lines, Flag],
        name if name.ends_with("_between") => vec![FewLetters, ShortPart, Position, Position],
        "fl_math_gamma" | "fl_math_lgamma" | "fl_math_erf" | "fl_math_erfc" => vec![NearFloat],
        "fl_math_isclose" => vec![NearFloat, NearFloat, Tolerance, Tolerance],
        "fl_math_ldexp" => vec![AnyFloat, Digits],
        "fl_math_factorial" => vec![Exponent],
        "fl_math_comb" | "fl_math_perm" => vec![Exponent, Exponent],
        "fl_range_index" => vec![AnyInt, AnyInt, Step, Position],
        "fl_range_len" => vec![AnyInt, AnyInt, Step],
        "fl_range_new" => vec![AnyInt, AnyInt, SmallInt],
        _ => {
            let searched = symbol.signature.params.iter().filter(|kind| **kind == Kind::Str).count() > 1;
            let mut domains: Vec<Domain> = symbol
                .signature
                .params
                .iter()
                .map(|kind| match kind {
                    Kind::Int | Kind::Bool | Kind::Address => AnyInt,
                    Kind::Float => AnyFloat,
                    Kind::Str | Kind::Bytes => AnyText,
                    Kind::List => Texts,
                })
                .collect();
            if searched {
                domains = vec![FewLetters, ShortPart];
            }
            domains
        }
    }
}

fn python(mode: &str, input: String) -> String {
    let program = std::env::var("FUSELINE_PYTHON").unwrap_or_else(|_| "python3".into());
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cpython/oracle.py");
    let mut child = Command::new(&program)
        .args(["-X", "utf8", oracle, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{program}` (set FUSELINE_PYTHON): {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let mut output = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("UTF-8 from the oracle");
    writer.join().expect("no panic").expect("the oracle reads everything");
    assert!(child.wait().expect("an exit").success(), "the oracle failed");
    output
}

fn check_version() {
    let version = python("version", String::new());
    assert_eq!(version.trim(), "3.11", "set FUSELINE_PYTHON to CPython 3.11, whose Unicode data the tables hold");
}

/// A call as the oracle reads it.
fn line(symbol: &Symbol, arguments: &[Value]) -> String {
    let name = symbol.name.strip_prefix("fl_").unwrap_or(symbol.name);
    // The shape of sort keys is for us alone: the oracle sees it in the keys.
    let shape = symbol.name == "fl_list_argsort";
    let arguments = arguments.iter().filter(|value| !(shape && matches!(value, Value::Str(_))));
    let arguments: String = arguments.map(|value| format!("\t{}", value.encode_argument())).collect();
    format!("{name}{arguments}\n")
}

/// True when the answers agree; the oracle leaves some texts open.
fn agree(ours: &str, theirs: &str) -> bool {
    match theirs.strip_suffix('*') {
        Some(open) => ours.starts_with(open),
        None => ours == theirs,
    }
}

/// Runs the calls here and there; gives the disagreements.
fn compare(calls: &[(Symbol, Vec<Value>)]) -> Vec<String> {
    check_version();
    let answers = python("calls", calls.iter().map(|(symbol, arguments)| line(symbol, arguments)).collect());
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), calls.len());
    let mut failures = Vec::new();
    for ((symbol, arguments), theirs) in calls.iter().zip(answers) {
        let ours = call(symbol, arguments);
        if !agree(&ours, theirs) {
            failures.push(format!(
                "{}{arguments:?}\n    CPython {}\n    ours    {}",
                symbol.name,
                shown(theirs),
                shown(&ours)
            ));
        }
    }
    failures
}

/// Text in an answer, readable.
fn shown(answer: &str) -> String {
    let Some((kind, hex)) = answer.rsplit_once(':').filter(|(kind, _)| !matches!(*kind, "i" | "f" | "b" | "n")) else {
        return answer.strip_prefix("f:").map_or(answer.to_owned(), |bits| {
            format!("{answer} = {:?}", u64::from_str_radix(bits, 16).map(f64::from_bits).unwrap_or(f64::NAN))
        });
    };
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let bytes = digits.chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    format!("{kind}:{:?}", String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()))
}

fn report(failures: Vec<String>, total: usize) {
    let functions: BTreeSet<&str> = failures.iter().filter_map(|failure| failure.split('[').next()).collect();
    let shown: Vec<&String> =
        functions.iter().flat_map(|name| failures.iter().filter(move |f| f.starts_with(name)).take(6)).collect();
    let shown = shown.into_iter().cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {total} calls disagree, of {functions:?}:\n{shown}", failures.len());
}

#[test]
fn functions_answer_as_cpython() {
    let mut noise = Noise(setting("FUSELINE_NOISE_SEED", 20));
    let calls_per_function = setting("FUSELINE_NOISE_CALLS", CALLS_PER_FUNCTION);
    let mut calls = Vec::new();
    for symbol in table::symbols() {
        // What changes its arguments is compared by the language's corpus.
        let containers = ["fl_dict_", "fl_set_", "fl_list_", "fl_value_", "fl_object_"];
        let results = match symbol.signature.convention {
            Convention::Direct(_) => &[],
            Convention::Status(results) | Convention::Interruptible(results) => results,
        };
        // `bytes` are compared with CPython by the language corpus.
        if symbol.signature.params.iter().chain(results).any(|kind| *kind == Kind::Bytes) {
            continue;
        }
        if NOT_COMPARED.contains(&symbol.name) || containers.iter().any(|prefix| symbol.name.starts_with(prefix)) {
            continue;
        }
        let domains = domains(symbol);
        assert_eq!(domains.len(), symbol.signature.params.len(), "{}", symbol.name);
        for _ in 0..calls_per_function {
            calls.push((*symbol, domains.iter().map(|domain| inputs::value(&mut noise, *domain)).collect()));
        }
    }
    let failures = compare(&calls);
    report(failures, calls.len());
}

#[test]
fn sort_compares_as_cpython() {
    let mut noise = Noise(11);
    let symbol = table::symbol("fl_list_argsort").expect("a row");
    let mut calls = Vec::new();
    for shape in ["i", "f", "s", "ff", "if", "sfi"] {
        for length in (0..80).chain([100, 500, 2000, 5000]) {
            let keys = inputs::keys(&mut noise, shape, length);
            let reverse = Value::Bool(noise.below(4) == 0);
            calls.push((
                *symbol,
                vec![keys, Value::Str(if shape.len() > 1 { format!("({shape})") } else { shape.into() }), reverse],
            ));
        }
    }
    let failures = compare(&calls);
    report(failures, calls.len());
}

#[test]
fn every_character_is_as_in_cpython() {
    check_version();
    let answers = python("characters", String::new());
    let mut answers = answers.lines();
    let tests = ["isalpha", "isdecimal", "isdigit", "isnumeric", "islower", "isupper", "istitle", "isprintable"];
    let tests: Vec<_> = tests.iter().chain(&["isspace", "isidentifier"]).map(|name| method(name)).collect();
    let mappings: Vec<_> = ["lower", "upper", "title", "casefold"].iter().map(|name| method(name)).collect();
    for character in '\0'..=char::MAX {
        let argument = [Value::Str(character.into())];
        let bits: u32 =
            tests.iter().enumerate().map(|(bit, test)| u32::from(call(test, &argument) == "b:1") << bit).sum();
        let mapped: Vec<String> = mappings.iter().map(|mapping| call(mapping, &argument)).collect();
        if bits != 0 || mapped.iter().any(|text| *text != argument[0].encode()) {
            let mapped: String = mapped.iter().map(|text| text.replacen("s:", " ", 1)).collect();
            let ours = format!("{:x} {bits:x}{mapped}", u32::from(character));
            assert_eq!(Some(ours.as_str()), answers.next());
        }
    }
    assert_eq!(answers.next(), None);
}

fn method(name: &str) -> Symbol {
    *table::symbol(&format!("fl_str_{name}")).expect("a row")
}
