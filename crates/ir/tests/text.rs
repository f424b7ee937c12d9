//! The text form: what is printed parses back to the same module, and no text makes the parser panic.

use ir::text::{parse, parse_type, print};
use ir::{Elem, ExcKind, FuncBuilder, Module, ModuleBuilder, Op, Prim, RecordKind, RecordType, Span, Target};
use ir::{Term, Type, Value};

fn span(file: u16, line: u32, column: u32) -> Span {
    Span { file, line, column }
}

fn record() -> Type {
    Type::Record(std::sync::Arc::new(RecordType {
        kind: RecordKind::Dict,
        name: String::new(),
        fields: vec![("a".into(), Type::Int), ("b c\n".into(), Type::Float.optional())],
    }))
}

/// A module with every form of instruction, constant, type and name. It is not meant to verify.
fn everything() -> Module {
    let mut module = ModuleBuilder::new();
    module.file("a \"quoted\"\\ name\u{1}\u{a0}é.py");
    module.file("b.py");
    let limit = module.capture("limit", &Type::Float.optional());
    module.capture("<odd name>", &Type::Array { elem: Elem::F32, ndim: 2 });
    let mut b =
        FuncBuilder::new("<lambda>", &[("x", Type::Int), ("größe", record())], Type::Tuple(vec![]), span(1, 2, 3));
    for float in [0.0, -0.0, 1.5, 1e300, 5e-324, 0.1, 1e16, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN] {
        b.float(float);
    }
    b.float(f64::from_bits(0x7ff0_0000_0000_0001));
    b.none();
    b.bool(true);
    b.bool(false);
    b.int(i64::MIN);
    b.set_span(span(0, 7, 1));
    b.int(i64::MAX);
    b.str("tab\t nl\n cr\r nul\0 bell\u{7} quote\" \\ é 🦀 # no comment");
    b.capture(limit, Type::Float);
    for prim in Prim::ALL {
        b.prim(*prim, &[Value(0), Value(1)]);
    }
    for (_, op) in ir::ops::ALL {
        b.inst(op.clone(), &[Value(0)], Type::Np(Elem::U16));
        b.inst(op.clone(), &[], Type::List(Box::new(Type::Range)));
    }
    for class in ExcKind::ALL {
        b.inst(Op::ExceptionIs(*class), &[Value(3)], Type::Exception);
    }
    b.set_span(span(1, 8, 0));
    let (next, last) = (b.block(), b.block());
    b.block_param(next, Type::Tuple(vec![Type::Int]));
    b.set_block_handler(next, Some(Target { block: last, args: vec![Value(0), Value(1)] }));
    b.branch_with(Value(0), next, &[Value(1)], last, &[]);
    b.switch_to(next);
    b.jump(next, &[Value(0), Value(900_000)]);
    for term in [
        Term::Return(Value(0)),
        Term::Raise { class: ExcKind::ValueError, message: Some(Value(1)) },
        Term::Raise { class: ExcKind::KeyError, message: None },
        Term::Reraise(Value(2)),
        Term::Unreachable,
    ] {
        b.terminate(term);
    }
    let mut func = b.finish();
    func.values.push(Type::Union(vec![Type::Int, Type::Int]));
    func.blocks[1].insts.push(ir::Inst { result: Value(7777), op: Op::Select, args: vec![], span: Span::default() });
    module.add(func);
    let entry = module.declare();
    module.finish(entry)
}

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
        ("", "1:1: expected `file`, `capture` or `entry`"),
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

/// A small generator of numbers: the tests need the same ones on every run, not good ones.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let text = print(&everything());
    let chars: Vec<char> = text.chars().collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut parsed = 0;
    for _ in 0..400 {
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
