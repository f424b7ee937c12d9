//! The text form: what is printed parses back to the same module, and no text makes the parser panic.

use ir::text::{parse, parse_type, print};

mod support;

use support::{Random, everything};

#[test]
fn every_form_survives_printing_and_parsing() {
    let module = everything();
    let text = print(&module);
    let parsed = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(parsed, module);
    assert_eq!(print(&parsed), text);
}

#[test]
fn types_survive() {
    let spellings = [
        "none",
        "(int, str)",
        "(int,)",
        "()",
        "(int|str,)",
        "list[list[float|none]]",
        "array[float64, 2]",
        "np.uint8",
        "int|none",
        "row{a: int, \"b c\": str|none}",
        "dict{}",
        "namedtuple Point{x: float, y: float}",
        "dataclass \"Größe\"{}",
        "exception",
        "range",
        "list[(bool, row{a: (int,)})]",
    ];
    for spelling in spellings {
        let ty = parse_type(spelling).unwrap_or_else(|error| panic!("{spelling}: {error}"));
        assert_eq!(ty.to_string(), spelling);
    }
}

#[test]
fn errors_have_a_place() {
    let cases = [
        ("", "1:1: expected `file`, `capture`, `class`, `exception` or `entry`"),
        ("entry f0\nfunc f1", "2:8: out of order: this has number 0"),
        ("entry f0\n\nfunc f0 g() -> integer {}", "3:16: expected a type"),
        ("entry f0\nfunc f0 g() -> int {\nb0():\n  v0: int = sideways\n}", "4:13: unknown operation `sideways`"),
        (
            "entry f0\nfunc f0 g() -> int {\nb0():\n  v0: int = const 9223372036854775808\n}",
            "4:19: expected a constant",
        ),
        (
            "entry f0\nfunc f0 g() -> int {\nb0():\n  v1: int = const 1\n  return v1\n}",
            "6:2: `v0` is missing: values are numbered without gaps",
        ),
        ("entry f0\nfunc f0 g() -> int {\nb0(v0: int, v0: str):", "3:20: `v0` has another type before: `int`"),
        ("file \"a", "1:8: the string does not end"),
        ("file \"\\u{d800}\"", "1:9: expected a code point such as `\\u{a0}`"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    assert!(parse_type("(int)").is_err());
    assert!(parse_type("int int").is_err());
}

#[test]
fn deep_types_are_refused() {
    for open in ["list[", "(", "row{a:", "int|(", "(int|list["] {
        let error = parse_type(&open.repeat(100_000)).unwrap_err();
        assert_eq!(error.message, "the type is nested too deeply", "{open}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let text = print(&everything());
    let chars: Vec<char> = text.chars().collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut parsed = 0;
    for _ in 0..2_000 {
        let mut mutated = chars.clone();
        for _ in 0..=random.below(3) {
            let (at, from) = (random.below(mutated.len()), random.below(mutated.len()));
            match random.below(4) {
                0 => mutated[at] = mutated[from],
                1 => mutated.truncate(at.max(1)),
                2 => drop(mutated.remove(at)),
                _ => mutated.insert(at, mutated[from]),
            }
        }
        let mutated: String = mutated.into_iter().collect();
        if let Ok(module) = parse(&mutated) {
            parsed += 1;
            assert_eq!(parse(&print(&module)).as_ref(), Ok(&module));
        }
    }
    assert!(parsed > 10, "the mutations should not all be refused");
}
