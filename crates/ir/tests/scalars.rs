//! Scalar primitives against CPython: `tests/ir/scalars.tsv`, which `tests/ir/scalars.py` writes.

use std::path::Path;

use ir::interp::{Value, scalar};
use ir::{Prim, Type};

mod support;

/// The value that the text spells, or the exception.
fn expected(prim: Prim, text: &str) -> Result<Value, String> {
    support::read_values(&format!("{text})"), &[prim.result()], ')').map(|(values, _)| values[0].clone())
}

#[test]
fn primitives_give_what_cpython_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir/scalars.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = 0;
    let mut failures = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, args @ .., result] = cells.as_slice() else { panic!("`{line}` has too few cells") };
        let prim = Prim::from_name(name).unwrap_or_else(|| panic!("no primitive `{name}`"));
        let types: Vec<Type> = prim.params();
        let (args, _) = support::read_values(&format!("{})", args.join(",")), &types, ')').unwrap();
        let actual = match scalar::eval(prim, &args) {
            None => "not in the interpreter".to_string(),
            Some(Ok(value)) => value.repr(),
            Some(Err((class, message))) => format!("{}: {message}", class.name()),
        };
        let expected = expected(prim, result).map_or_else(|_| result.to_string(), |value| value.repr());
        lines += 1;
        if actual != expected {
            failures.push(format!("{line}: {actual}"));
        }
    }
    assert!(lines > 5_000, "the table is too short");
    assert!(failures.is_empty(), "{} of {lines}\n{}", failures.len(), failures.join("\n"));
}
