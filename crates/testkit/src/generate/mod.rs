//! Writes random well-typed Python functions and calls of them. Owns the grammar of what it writes: every program stays
//! within the language, ends, and stays clear of the intended differences other than checked integers, which the oracle
//! can check as well. A program is a function of its seed. Most of the grammar is data: `forms.txt`.

mod definitions;
mod expressions;
mod forms;
mod kind;
mod statements;
mod values;

use std::rc::Rc;
use std::sync::Arc;

use crate::random::Random;
use forms::Form;
use kind::Kind;

/// A block of Python and calls of its function `f`.
#[derive(Clone)]
pub struct Program {
    pub source: String,
    pub calls: Vec<String>,
}

/// How deep expressions nest in most programs, and in some.
const DEPTHS_MAX: [usize; 8] = [1, 2, 2, 2, 2, 3, 3, 4];
/// How deep statements nest.
const NESTING_MAX: usize = 3;
const CALLS: usize = 6;

const MODULES: &[&str] = &[
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "re",
    "statistics",
];

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let with_arrays = random.one_in(4);
    let depth_max = DEPTHS_MAX[random.below(DEPTHS_MAX.len())];
    let mut writer = Writer {
        random,
        lines: Vec::new(),
        variables: Vec::new(),
        globals: Vec::new(),
        forms: Vec::new(),
        fitting: Vec::new(),
        classes: Vec::new(),
        exceptions: Vec::new(),
        has_parts: false,
        result: None,
        next_name: 0,
        loops: 0,
        with_arrays,
        depth_max,
    };
    writer.definitions();
    let params = writer.function();
    let calls = (0..CALLS).map(|_| writer.call(&params)).collect();
    let body = writer.lines.join("\n") + "\n";
    Program { source: imports(&body) + &body, calls }
}

/// The imports that the program needs.
fn imports(body: &str) -> String {
    let mut lines: Vec<String> = MODULES
        .iter()
        .filter(|module| body.contains(&format!("{module}.")))
        .map(|name| format!("import {name}"))
        .collect();
    if body.contains("np.") {
        lines.push("import numpy as np".to_string());
    }
    if body.contains("@dataclass") {
        lines.push("from dataclasses import dataclass".to_string());
    }
    if body.contains("(NamedTuple)") {
        lines.push("from typing import NamedTuple".to_string());
    }
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n\n" }
}

type Forms = Rc<[Arc<Form>]>;
type Fields = Vec<(String, Kind)>;

struct Writer {
    random: Random,
    lines: Vec<String>,
    /// Names that certainly have a value here.
    variables: Vec<(String, Kind)>,
    /// Global values: functions read them and change what they refer to, but do not bind them.
    globals: Vec<(String, Kind)>,
    /// The forms that this program's definitions add.
    forms: Vec<Arc<Form>>,
    /// What fits a type, as long as there are so many forms of the program.
    fitting: Vec<(Kind, usize, Forms)>,
    /// The classes of the program: the type's name, the class's, the fields.
    classes: Vec<(String, String, Fields)>,
    /// The exception classes of the program.
    exceptions: Vec<&'static str>,
    /// Those exceptions have attributes and a method.
    has_parts: bool,
    /// What the function being written must return; any type when `None`.
    result: Option<Kind>,
    next_name: usize,
    /// How many loops are around the statement being written.
    loops: usize,
    /// Whether variables may be arrays.
    with_arrays: bool,
    depth_max: usize,
}

impl Writer {
    fn fresh(&mut self) -> String {
        self.next_name += 1;
        format!("v{}", self.next_name)
    }

    fn line(&mut self, nesting: usize, text: &str) {
        self.lines.push(format!("{}{text}", "    ".repeat(nesting)));
    }

    /// The variables and globals of a kind.
    fn names_of(&self, is: impl Fn(&Kind) -> bool) -> Vec<(String, Kind)> {
        self.variables.iter().chain(&self.globals).filter(|(_, kind)| is(kind)).cloned().collect()
    }

    /// One of the variables of a kind, when there is any.
    fn name_of(&mut self, is: impl Fn(&Kind) -> bool) -> Option<(String, Kind)> {
        let known = self.names_of(is);
        known.get(self.random.below(known.len())).cloned()
    }

    /// The function that is called, with the types of its parameters and whether each is annotated.
    fn function(&mut self) -> Vec<(Kind, bool)> {
        let params: Vec<(Kind, bool)> = (0..1 + self.random.below(3)).map(|_| self.param()).collect();
        self.variables = params.iter().enumerate().map(|(i, (kind, _))| (format!("a{i}"), kind.clone())).collect();
        let written: Vec<String> = params
            .iter()
            .enumerate()
            .map(|(i, (kind, is_annotated))| match kind.annotation() {
                Some(annotation) if *is_annotated => format!("a{i}: {annotation}"),
                _ => format!("a{i}"),
            })
            .collect();
        self.line(0, &format!("def f({}):", written.join(", ")));
        if self.random.one_in(8) {
            self.closure();
        }
        for _ in 0..2 + self.random.below(3) {
            self.statement(1);
        }
        let count = 1 + self.random.below(3);
        let values: Vec<String> = (0..count).map(|_| self.returned(0)).collect();
        self.line(1, &format!("return {}", values.join(", ")));
        params
    }

    fn param(&mut self) -> (Kind, bool) {
        let kind = self.crossing_kind();
        let is_annotated = kind.annotation().is_some() && (self.random.one_in(2) || may_be_none(&kind));
        (kind, is_annotated)
    }

    /// A value that the function returns: of any type, but the helper's is fixed by those who use it.
    fn returned(&mut self, depth: usize) -> String {
        let kind = match self.result.clone() {
            Some(kind) => kind,
            None => self.crossing_kind(),
        };
        self.expression(&kind, depth)
    }
}

/// Whether arguments of the type have several types of their own.
fn may_be_none(kind: &Kind) -> bool {
    kind.text().contains("opt[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_program() {
        assert_eq!(program(7).source, program(7).source);
        assert_ne!(program(7).source, program(8).source);
    }
}
