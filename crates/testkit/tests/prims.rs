//! Every primitive of the table, over values from its corners: the interpreter and machine code must agree, at no and at
//! full optimisation.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use ir::builder::{FuncBuilder, ModuleBuilder};
use ir::{Module, Prim, Span, Type};
use testkit::interpret;
use testkit::jit::Jit;
use testkit::value::Value;

const INTS: &[i64] = &[
    0,
    1,
    -1,
    2,
    3,
    -7,
    10,
    63,
    64,
    255,
    1 << 53,
    (1 << 53) + 1,
    3037000500,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
];

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    1.5,
    2.5,
    -2.5,
    7.25,
    0.1,
    -3.7,
    1e16,
    9007199254740993.0,
    9.223372036854775e18,
    -9.223372036854776e18,
    9.223372036854776e18,
    1e300,
    710.0,
    -1e300,
    5e-324,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

const TEXTS: &[&str] = &["", "a", "abc", "ABC", " b c ", "héllo", "日本", "12", "-3.5", "1e5", "a,b,,c", "ß", "😀x"];

/// Values of a parameter type.
fn values(ty: &Type) -> Vec<Value> {
    match ty {
        Type::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Type::Int => INTS.iter().map(|value| Value::Int(*value)).collect(),
        Type::Float => FLOATS.iter().map(|value| Value::Float(*value)).collect(),
        Type::Str => TEXTS.iter().map(|text| Value::Str(text.to_string())).collect(),
        Type::Range => [(0, 10, 1), (10, 0, -3), (0, 0, 1), (i64::MIN, i64::MAX, 1), (5, i64::MAX, i64::MAX)]
            .map(|(start, stop, step)| Value::Range(start, stop, step))
            .to_vec(),
        Type::Bytes => {
            [&b""[..], b"a", b"abc", b" A1 ", b"\xff\x00", b"aaa"].map(|b| Value::Bytes(b.to_vec())).to_vec()
        }
        Type::List(item) if **item != Type::Str => {
            let all = values(item);
            vec![Value::List(vec![]), Value::List(all[..1].to_vec()), Value::List(all[..3].to_vec())]
        }
        Type::List(_) => vec![
            Value::List(vec![]),
            Value::List(vec![Value::Str("x".to_string())]),
            Value::List(vec![Value::Str("é".to_string()), Value::Str(String::new()), Value::Str("b".to_string())]),
        ],
        other => panic!("no values of type {other}"),
    }
}

/// Every combination of values, thinned out where there are too many.
fn combinations(params: &[Type]) -> Vec<Vec<Value>> {
    let mut rows = vec![vec![]];
    for ty in params {
        let values = values(ty);
        rows = rows
            .iter()
            .flat_map(|row: &Vec<Value>| {
                values.iter().map(move |value| row.iter().chain([value]).cloned().collect::<Vec<_>>())
            })
            .collect();
    }
    let step = rows.len().div_ceil(3_000).max(1);
    // A step that shares no factor with the numbers of values meets all of them.
    let step = if step > 1 { step | 1 } else { 1 };
    rows.into_iter().step_by(step).collect()
}

fn module_of(prim: Prim) -> Module {
    let params: Vec<(&str, Type)> = prim.params().into_iter().map(|ty| ("x", ty)).collect();
    let mut func = FuncBuilder::new("f", &params, prim.result(), Span { file: 0, line: 1, column: 1 });
    let args: Vec<ir::Value> = (0..params.len()).map(|index| func.param(index)).collect();
    let result = func.prim(prim, &args);
    func.ret(result);
    let mut module = ModuleBuilder::new();
    module.file("f.py");
    let entry = module.add(func.finish());
    module.finish(entry)
}

/// Arguments that would only use up memory.
fn is_wasteful(prim: Prim, args: &[Value]) -> bool {
    match (prim, args) {
        (Prim::StrRepeat, [Value::Str(text), Value::Int(count)]) => !text.is_empty() && *count > 1_000,
        (Prim::MathFactorial | Prim::MathComb | Prim::MathPerm, args) => {
            args.iter().any(|arg| matches!(arg, Value::Int(value) if *value > 1_000_000))
        }
        _ => false,
    }
}

#[test]
fn machine_code_agrees_with_the_interpreter() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for prim in Prim::ALL.iter().copied() {
        let module = module_of(prim);
        ir::verify::verify(&module).unwrap();
        for level in [0, 3] {
            let jit = match Jit::compile(&module, level) {
                Ok(jit) => jit,
                Err(error) => {
                    wrong.push(format!("{}: {error}", prim.name()));
                    continue;
                }
            };
            for args in combinations(&prim.params()) {
                if is_wasteful(prim, &args) {
                    continue;
                }
                cases += 1;
                let expected = interpret::call(&module, &args, &[]).unwrap();
                let found = jit.call(&args, &[]).unwrap();
                let same = found.outcome.same(&expected.outcome) && found.message == expected.message;
                if !same && wrong.len() < 100 {
                    let shown: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
                    let [found, expected] = [found, expected].map(|ran| format!("{} {:?}", ran.outcome, ran.message));
                    wrong.push(format!("{} O{level} ({}): {found}, not {expected}", prim.name(), shown.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Powers with small constant exponents are computed without `pow` where its result is certain; it must have its bits.
#[test]
fn constant_powers_have_the_bits_of_pow() {
    let mut seed = 88_172_645_463_325_252_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut bases: Vec<f64> = FLOATS.to_vec();
    for _ in 0..60_000 {
        let bits = random();
        bases.push(f64::from_bits(bits));
        bases.push(1.0 + (bits >> 12) as f64 / (1_u64 << 52) as f64);
        bases.push((bits % 2_000_000) as f64 / 1000.0 - 1000.0);
        bases.push(2.0_f64.powi((bits % 60) as i32 - 30));
    }
    for exponent in [2.0, 3.0, 0.5] {
        for prim in [Prim::FloatPow, Prim::MathPow, Prim::FloatPowIeee] {
            let mut func = FuncBuilder::new("f", &[("x", Type::Float)], Type::Float, Span::default());
            let (base, constant) = (func.param(0), func.float(exponent));
            let result = func.prim(prim, &[base, constant]);
            func.ret(result);
            let mut module = ModuleBuilder::new();
            let entry = module.add(func.finish());
            let jit = Jit::compile(&module.finish(entry), 3).unwrap();
            let general = Jit::compile(&module_of(prim), 3).unwrap();
            for base in &bases {
                let found = jit.call(&[Value::Float(*base)], &[]).unwrap().outcome;
                let args = [Value::Float(*base), Value::Float(exponent)];
                let mut expected = general.call(&args, &[]).unwrap().outcome;
                if let testkit::value::Outcome::Raises { line, .. } = &mut expected {
                    *line = 0;
                }
                assert!(found.same(&expected), "{} {base:?} ** {exponent}: {found}, not {expected}", prim.name());
            }
        }
    }
}
