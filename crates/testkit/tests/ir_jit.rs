//! The `run` cases of the IR corpus (`tests/ir`, written for the interpreter) as machine code, at no and at full
//! optimisation: the same values, exceptions, messages and stores.

use std::fs;
use std::path::Path;

use testkit::interpret::{self, from_interp};
use testkit::jit::{Jit, Ran};
use testkit::value::Value;

#[path = "../../ir/tests/support/values.rs"]
mod values;

/// What a run gave, as one line.
fn shown(ran: &Ran) -> String {
    let list = |values: &[Value]| values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
    let (args, captures) = (list(&ran.args_after), list(&ran.captures_after));
    format!("{} {:?}, then ({args}) [{captures}]", ran.outcome, ran.message)
}

fn check(module: &ir::Module, line: &str, jits: &[Jit]) -> Result<(), String> {
    let capture_types: Vec<ir::Type> = module.captures.iter().map(|capture| capture.ty.clone()).collect();
    let call = line.split(" -> ").next().unwrap_or(line);
    let read = || -> Result<(Vec<Value>, Vec<Value>), String> {
        let (captures, rest) = match call.strip_prefix('[') {
            Some(rest) => values::read_values(rest, &capture_types, ']')?,
            None => (vec![], call),
        };
        let rest = rest.strip_prefix('(').ok_or("expected `(`")?;
        let (args, _) = values::read_values(rest, &module.entry_func().param_types(), ')')?;
        let all = |values: &[ir::interp::Value]| values.iter().map(from_interp).collect::<Result<Vec<_>, _>>();
        Ok((all(&args)?, all(&captures)?))
    };
    let (args, captures) = read()?;
    let expected = shown(&interpret::call(module, &args, &captures)?);
    for jit in jits {
        let found = shown(&jit.call(&args, &captures)?);
        if found != expected {
            return Err(format!("{found}\n  not {expected}"));
        }
    }
    Ok(())
}

#[test]
fn machine_code_agrees_with_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir");
    let mut wrong = Vec::new();
    let mut calls = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for case in text.split("\n== ").skip(1) {
            let mut parts = case.splitn(3, '\n');
            let (name, stage, rest) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            if stage != "run" {
                continue;
            }
            let (input, expected) = rest.split_once("----\n").unwrap();
            let module = ir::text::parse(input).unwrap();
            let jits = [0, 3].map(|level| Jit::compile(&module, level));
            let jits: Vec<Jit> = match jits.into_iter().collect() {
                Ok(jits) => jits,
                Err(error) => {
                    wrong.push(format!("{name}: {error}"));
                    continue;
                }
            };
            // What never ends in the interpreter would not end as machine code either.
            for line in expected.lines().filter(|line| line.contains(" -> ") && !line.ends_with("limit was reached")) {
                calls += 1;
                if let Err(error) = check(&module, line, &jits) {
                    wrong.push(format!("{name}: {line}\n  {error}"));
                }
            }
        }
    }
    assert!(calls > 50, "only {calls} calls");
    assert!(wrong.is_empty(), "{} of {calls} calls differ:\n{}", wrong.len(), wrong.join("\n"));
}
