//! Random modules: they verify, survive both forms, and mean the same after every pass. `FUSELINE_GENERATED=n` tries
//! `n` of them instead of some tens.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use ir::interp::{self, Limits, NoHost, Stop, Value};
use ir::passes::{self, Pass};
use ir::{ExcKind, Module};

mod support;

use support::{Random, arguments, module};

/// The outcome with what the arguments look like afterwards; `None` where depth or steps ran out, which passes may change.
fn outcome(module: &Module, args: &[Value]) -> Option<String> {
    let args: Vec<Value> = args.iter().map(Value::deep_copy).collect();
    let limits = Limits { steps: 20_000, depth: 60 };
    let result = match interp::run(module, module.entry, &args, &[], &mut NoHost, limits) {
        Ok(value) => value.repr(),
        Err(Stop::Raised(raised)) if raised.class == ExcKind::RecursionError.into() => return None,
        Err(Stop::Raised(raised)) => format!("{:?}", raised),
        Err(Stop::Steps) => return None,
        Err(Stop::Invalid(message)) => panic!("{message}"),
    };
    Some(format!("{result} {:?}", args.iter().map(Value::repr).collect::<Vec<_>>()))
}

fn compare(before: &Module, after: &Module, pass: &str, inputs: &[Vec<Value>], seed: u64) {
    if let Err(errors) = ir::verify(after) {
        panic!("seed {seed}: `{pass}` broke it: {}\n{}", errors[0], ir::text::print(after));
    }
    for args in inputs {
        let (expected, found) = (outcome(before, args), outcome(after, args));
        if expected.is_some() && found.is_some() {
            let text = || (ir::text::print(before), ir::text::print(after));
            assert_eq!(found, expected, "seed {seed}: `{pass}` changed it:\n{}\n{}", text().0, text().1);
        }
    }
}

#[test]
fn passes_keep_the_meaning_of_random_modules() {
    let count = std::env::var("FUSELINE_GENERATED").ok().and_then(|count| count.parse().ok()).unwrap_or(40);
    let mut values = 0;
    let mut changes = vec![0; passes::ALL.len()];
    for seed in 1..=count {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 20));
        random.below(2);
        let original = module(&mut random);
        if let Err(errors) = ir::verify(&original) {
            panic!("seed {seed}: {}\n{}", errors[0], ir::text::print(&original));
        }
        assert_eq!(ir::text::parse(&ir::text::print(&original)).as_ref(), Ok(&original));
        assert_eq!(ir::wire::decode_verified(&ir::wire::encode(&original)).as_ref(), Ok(&original));
        let inputs: Vec<Vec<Value>> = (0..6).map(|_| arguments(&mut random)).collect();
        values += inputs.iter().filter(|args| outcome(&original, args).is_some()).count();
        for (index, pass) in passes::ALL.iter().enumerate() {
            let mut changed = original.clone();
            pass.run(&mut changed);
            changes[index] += usize::from(changed != original);
            compare(&original, &changed, pass.name, &inputs, seed);
            // Once more on top of the clean-up that makes the next pass find something.
            for name in ["inline", "blocks", "common", "dead", pass.name] {
                if let Some(pass) = Pass::from_name(name) {
                    pass.run(&mut changed);
                }
            }
            compare(&original, &changed, pass.name, &inputs, seed);
        }
        let mut optimized = original.clone();
        passes::optimize(&mut optimized);
        compare(&original, &optimized, "optimize", &inputs, seed);
    }
    assert!(values as u64 > 3 * count, "too few runs end");
    for (pass, changes) in passes::ALL.iter().zip(changes) {
        assert!(changes > 1, "`{}` changed {changes} modules of {count}", pass.name);
    }
}
