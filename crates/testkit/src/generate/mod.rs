//! Writes random well-typed Python functions and calls of them. Owns the grammar of what it writes: every program stays
//! within the language, ends, and stays clear of the intended differences other than checked integers, which the oracle
//! can check as well. A program is a function of its seed.

mod containers;
mod expressions;
mod statements;
mod values;

use crate::random::Random;

/// A block of Python and calls of its function `f`.
#[derive(Clone)]
pub struct Program {
    pub source: String,
    pub calls: Vec<String>,
}

/// The types of the expressions that are written.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Bool,
    Int,
    Float,
    Str,
    List(Box<Kind>),
    Tuple(Vec<Kind>),
    Dict(Box<Kind>, Box<Kind>),
    Set(Box<Kind>),
    /// One of several, known at run time only: what branches left in it. Only operations that every type has.
    Any,
}

impl Kind {
    fn is_scalar(&self) -> bool {
        matches!(self, Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Any)
    }

    /// What a loop over a value of the kind gives, where the order is the same everywhere.
    fn item(&self) -> Option<Kind> {
        match self {
            Kind::Str => Some(Kind::Str),
            Kind::List(item) => Some((**item).clone()),
            Kind::Dict(key, _) => Some((**key).clone()),
            Kind::Set(item) if has_fixed_hash(item) => Some((**item).clone()),
            Kind::Tuple(items) => {
                let first = items.first()?;
                items.iter().all(|item| item == first).then(|| first.clone())
            }
            Kind::Bool | Kind::Int | Kind::Float | Kind::Set(_) | Kind::Any => None,
        }
    }
}

/// Whether CPython's hash of the value is the same in every process, and with it the order of a set.
fn has_fixed_hash(kind: &Kind) -> bool {
    match kind {
        Kind::Bool | Kind::Int | Kind::Float => true,
        Kind::Tuple(items) => items.iter().all(has_fixed_hash),
        Kind::Str | Kind::Any | Kind::List(_) | Kind::Dict(..) | Kind::Set(_) => false,
    }
}

const SCALARS: [Kind; 4] = [Kind::Int, Kind::Float, Kind::Bool, Kind::Str];

/// How deep expressions nest.
const DEPTH_MAX: usize = 4;
/// How deep statements nest.
const NESTING_MAX: usize = 3;
const CALLS: usize = 6;

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut writer = Writer {
        random: Random::new(seed),
        lines: vec!["import math".to_string(), String::new()],
        variables: Vec::new(),
        helper: None,
        result: None,
        next_name: 0,
        loops: 0,
    };
    if writer.random.one_in(3) {
        writer.helper();
    }
    let params = writer.function("f");
    let calls = (0..CALLS).map(|_| writer.call(&params)).collect();
    Program { source: writer.lines.join("\n") + "\n", calls }
}

struct Writer {
    random: Random,
    lines: Vec<String>,
    /// Names that certainly have a value here.
    variables: Vec<(String, Kind)>,
    /// Parameters and result of the function `g`.
    helper: Option<(Vec<Kind>, Kind)>,
    /// What the function being written must return; any type when `None`.
    result: Option<Kind>,
    next_name: usize,
    /// How many loops are around the statement being written.
    loops: usize,
}

impl Writer {
    fn scalar(&mut self) -> Kind {
        SCALARS[self.random.below(SCALARS.len())].clone()
    }

    /// A scalar mostly, sometimes a container.
    fn kind(&mut self) -> Kind {
        if self.random.one_in(4) { self.container() } else { self.scalar() }
    }

    fn fresh(&mut self) -> String {
        self.next_name += 1;
        format!("v{}", self.next_name)
    }

    fn line(&mut self, nesting: usize, text: &str) {
        self.lines.push(format!("{}{text}", "    ".repeat(nesting)));
    }

    /// The names of the variables of a kind.
    fn names_of(&self, is: impl Fn(&Kind) -> bool) -> Vec<(String, Kind)> {
        self.variables.iter().filter(|(_, kind)| is(kind)).cloned().collect()
    }

    /// One of the variables of a kind, when there is any.
    fn name_of(&mut self, is: impl Fn(&Kind) -> bool) -> Option<(String, Kind)> {
        let known = self.names_of(is);
        known.get(self.random.below(known.len())).cloned()
    }

    fn helper(&mut self) {
        let result = self.kind();
        let params: Vec<Kind> = (0..1 + self.random.below(2)).map(|_| self.kind()).collect();
        self.open_function("g", 'p', &params);
        self.result = Some(result.clone());
        for _ in 0..self.random.below(3) {
            self.statement(1);
        }
        let value = self.returned(0);
        self.result = None;
        self.line(1, &format!("return {value}"));
        self.lines.push(String::new());
        self.helper = Some((params, result));
    }

    fn function(&mut self, name: &str) -> Vec<Kind> {
        let params: Vec<Kind> = (0..1 + self.random.below(3)).map(|_| self.kind()).collect();
        self.open_function(name, 'a', &params);
        for _ in 0..2 + self.random.below(5) {
            self.statement(1);
        }
        let count = 1 + self.random.below(3);
        let values: Vec<String> = (0..count).map(|_| self.returned(0)).collect();
        self.line(1, &format!("return {}", values.join(", ")));
        params
    }

    /// The first line of a function, whose parameters are the variables from here on.
    fn open_function(&mut self, name: &str, letter: char, params: &[Kind]) {
        self.variables = params.iter().enumerate().map(|(i, kind)| (format!("{letter}{i}"), kind.clone())).collect();
        let names: Vec<String> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        self.line(0, &format!("def {name}({}):", names.join(", ")));
    }

    /// A value that the function returns: of any type, but the helper's is fixed by those who use it.
    fn returned(&mut self, depth: usize) -> String {
        let kind = match self.result.clone() {
            Some(kind) => kind,
            None => self.kind(),
        };
        self.expression(&kind, depth)
    }
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
