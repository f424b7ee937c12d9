//! Writes random well-typed Python functions and calls of them. Owns the grammar of what it writes: every program stays
//! within the language, ends, and stays clear of the intended differences other than checked integers, which the oracle
//! can check as well. A program is a function of its seed.

use crate::random::Random;

/// A block of Python and calls of its function `f`.
pub struct Program {
    pub source: String,
    pub calls: Vec<String>,
}

/// The types of the expressions that are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Bool,
    Int,
    Float,
    Str,
    /// One of several, known at run time only: what branches left in it. Only operations that every type has.
    Any,
}

const KINDS: [Kind; 4] = [Kind::Int, Kind::Float, Kind::Bool, Kind::Str];

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
    fn kind(&mut self) -> Kind {
        KINDS[self.random.below(KINDS.len())]
    }

    fn fresh(&mut self) -> String {
        self.next_name += 1;
        format!("v{}", self.next_name)
    }

    fn line(&mut self, nesting: usize, text: &str) {
        self.lines.push(format!("{}{text}", "    ".repeat(nesting)));
    }

    fn helper(&mut self) {
        let result = self.kind();
        let params: Vec<Kind> = (0..1 + self.random.below(2)).map(|_| self.kind()).collect();
        self.variables = params.iter().enumerate().map(|(i, kind)| (format!("p{i}"), *kind)).collect();
        let names: Vec<String> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        self.line(0, &format!("def g({}):", names.join(", ")));
        self.result = Some(result);
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
        self.variables = params.iter().enumerate().map(|(i, kind)| (format!("a{i}"), *kind)).collect();
        let names: Vec<String> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        self.line(0, &format!("def {name}({}):", names.join(", ")));
        for _ in 0..2 + self.random.below(5) {
            self.statement(1);
        }
        let count = 1 + self.random.below(3);
        let values: Vec<String> = (0..count).map(|_| self.returned(0)).collect();
        self.line(1, &format!("return {}", values.join(", ")));
        params
    }

    fn statement(&mut self, nesting: usize) {
        let choice = if nesting >= NESTING_MAX { self.random.below(6) } else { self.random.below(11) };
        match choice {
            0..=2 => self.assign_new(nesting),
            3 => self.assign_again(nesting),
            4 => self.augmented(nesting),
            5 => self.leave(nesting),
            6..=7 => self.branch(nesting),
            8 => self.merge_of_types(nesting),
            9 => self.for_loop(nesting),
            _ => self.while_loop(nesting),
        }
    }

    fn assign_new(&mut self, nesting: usize) {
        let kind = self.kind();
        let value = self.expression(kind, 0);
        let name = self.fresh();
        self.line(nesting, &format!("{name} = {value}"));
        self.variables.push((name, kind));
    }

    /// A name gets another value; outside of loops and branches of another type, too.
    fn assign_again(&mut self, nesting: usize) {
        let Some((index, name, kind)) = self.any_variable() else { return self.assign_new(nesting) };
        let free = nesting == 1 && self.loops == 0;
        let new_kind = if free { self.kind() } else { kind };
        if new_kind == Kind::Any {
            return self.assign_new(nesting);
        }
        let value = self.expression(new_kind, 0);
        let value = self.bounded(new_kind, value);
        self.line(nesting, &format!("{name} = {value}"));
        if let Some(variable) = self.variables.get_mut(index) {
            variable.1 = new_kind;
        }
    }

    fn any_variable(&mut self) -> Option<(usize, String, Kind)> {
        // Counters of `while` loops must not be touched: they make sure that the loop ends.
        let free: Vec<usize> = (0..self.variables.len()).filter(|i| !self.variables[*i].0.starts_with('n')).collect();
        let index = *free.get(self.random.below(free.len()))?;
        let (name, kind) = self.variables[index].clone();
        Some((index, name, kind))
    }

    fn augmented(&mut self, nesting: usize) {
        let Some((_, name, kind)) = self.any_variable() else { return self.assign_new(nesting) };
        let operator = match kind {
            Kind::Int => self.random.pick(&["+=", "-=", "*=", "//=", "%=", "|=", "&=", "^="]),
            Kind::Float => self.random.pick(&["+=", "-=", "*=", "/=", "//=", "%="]),
            Kind::Str if self.loops > 0 => return self.line(nesting, &format!("{name} += 'z'")),
            Kind::Str => "+=",
            Kind::Bool | Kind::Any => return self.assign_new(nesting),
        };
        let value = self.expression(kind, 1);
        self.line(nesting, &format!("{name} {operator} {value}"));
    }

    /// Something that ends the round or the function, behind a condition.
    fn leave(&mut self, nesting: usize) {
        let condition = self.expression(Kind::Bool, 1);
        if self.loops > 0 && self.random.one_in(2) {
            let word = self.random.pick(&["break", "continue"]);
            self.line(nesting, &format!("if {condition}:"));
            return self.line(nesting + 1, word);
        }
        match self.random.below(4) {
            0 => {
                let message = self.expression(Kind::Str, 2);
                let class = self.random.pick(&["ValueError", "KeyError", "RuntimeError", "IndexError"]);
                self.line(nesting, &format!("if {condition}:"));
                self.line(nesting + 1, &format!("raise {class}({message})"));
            }
            1 => self.line(nesting, &format!("assert {condition}")),
            _ => {
                let value = self.returned(1);
                self.line(nesting, &format!("if {condition}:"));
                self.line(nesting + 1, &format!("return {value}"));
            }
        }
    }

    /// A value that the function returns: of any type, but the helper's is fixed by those who use it.
    fn returned(&mut self, depth: usize) -> String {
        let kind = match self.result {
            Some(kind) => kind,
            None => self.kind(),
        };
        self.expression(kind, depth)
    }

    /// Text that is put into a name within a loop must not double each round.
    fn bounded(&self, kind: Kind, value: String) -> String {
        if kind == Kind::Str && self.loops > 0 { format!("({value})[:40]") } else { value }
    }

    /// Statements in an indented block; names bound in it are not certain afterwards.
    fn block(&mut self, nesting: usize) {
        let known = self.variables.len();
        for _ in 0..1 + self.random.below(3) {
            self.statement(nesting);
        }
        self.variables.truncate(known);
    }

    fn branch(&mut self, nesting: usize) {
        let condition = self.expression(Kind::Bool, 1);
        self.line(nesting, &format!("if {condition}:"));
        self.block(nesting + 1);
        if self.random.one_in(3) {
            let condition = self.expression(Kind::Bool, 1);
            self.line(nesting, &format!("elif {condition}:"));
            self.block(nesting + 1);
        }
        if self.random.one_in(2) {
            self.line(nesting, "else:");
            self.block(nesting + 1);
        }
    }

    /// Two branches leave different types in one name.
    fn merge_of_types(&mut self, nesting: usize) {
        let condition = self.expression(Kind::Bool, 1);
        let name = self.fresh();
        let (first, mut second) = (self.kind(), self.kind());
        // An int literal that meets a float may become one: an intended difference, kept out.
        if matches!((first, second), (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int)) {
            second = Kind::Str;
        }
        let value = self.expression(first, 1);
        self.line(nesting, &format!("if {condition}:"));
        self.line(nesting + 1, &format!("{name} = {value}"));
        let value = if self.random.one_in(3) { "None".to_string() } else { self.expression(second, 1) };
        let same = first == second && value != "None";
        self.line(nesting, "else:");
        self.line(nesting + 1, &format!("{name} = {value}"));
        self.variables.push((name, if same { first } else { Kind::Any }));
    }

    fn for_loop(&mut self, nesting: usize) {
        let name = self.fresh();
        let (header, kind) = match self.random.below(4) {
            0 => (format!("for {name} in {}:", self.expression(Kind::Str, 3)), Kind::Str),
            1 => {
                let stop = self.random.below(7);
                let step = self.random.pick(&["1", "2", "-1", "3"]);
                (format!("for {name} in range({}, {stop}, {step}):", self.random.below(5)), Kind::Int)
            }
            2 => (format!("for {name} in (1, 5, -3, 7):"), Kind::Int),
            _ => (format!("for {name} in range({}):", self.random.below(6)), Kind::Int),
        };
        self.line(nesting, &header);
        self.loop_body(nesting, Some((name, kind)));
        if self.random.one_in(4) {
            self.line(nesting, "else:");
            self.block(nesting + 1);
        }
    }

    fn while_loop(&mut self, nesting: usize) {
        self.next_name += 1;
        let counter = format!("n{}", self.next_name);
        let rounds = 1 + self.random.below(6);
        self.line(nesting, &format!("{counter} = {rounds}"));
        self.variables.push((counter.clone(), Kind::Int));
        let condition = self.expression(Kind::Bool, 2);
        self.line(nesting, &format!("while {counter} > 0 and ({condition}):"));
        self.line(nesting + 1, &format!("{counter} -= 1"));
        self.loop_body(nesting, None);
    }

    fn loop_body(&mut self, nesting: usize, variable: Option<(String, Kind)>) {
        let known = self.variables.len();
        self.variables.extend(variable);
        self.loops += 1;
        self.block(nesting + 1);
        self.loops -= 1;
        self.variables.truncate(known);
    }

    fn call(&mut self, params: &[Kind]) -> String {
        let args: Vec<String> = params
            .iter()
            .map(|kind| match kind {
                Kind::Int => self.random.pick(&INTS).to_string(),
                Kind::Float => self.random.pick(&FLOATS).to_string(),
                Kind::Bool => self.random.pick(&["True", "False"]).to_string(),
                Kind::Str | Kind::Any => self.random.pick(&TEXTS).to_string(),
            })
            .collect();
        format!("f({})", args.join(", "))
    }
}

const INTS: [&str; 18] = [
    "0",
    "1",
    "-1",
    "2",
    "-2",
    "3",
    "7",
    "-7",
    "10",
    "64",
    "-100",
    "255",
    "1000003",
    "2**31",
    "2**53 + 1",
    "2**62",
    "2**63 - 1",
    "-2**63",
];
const FLOATS: [&str; 18] = [
    "0.0",
    "-0.0",
    "1.0",
    "-1.0",
    "0.5",
    "-2.5",
    "3.7",
    "1e-9",
    "1e16",
    "123456.789",
    "5e-324",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "-1e300",
    "float('inf')",
    "float('-inf')",
    "float('nan')",
    "0.1",
];
const TEXTS: [&str; 14] = [
    "''",
    "'a'",
    "'abc'",
    "'Hello World'",
    "'  x '",
    "'12'",
    "'-7'",
    "'3.5'",
    "'é'",
    "'日本語'",
    "'a😀b'",
    "'ß'",
    "'x,y,,z'",
    "'\\t\\n'",
];

// Expressions.
impl Writer {
    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        if depth >= DEPTH_MAX || self.random.one_in(4) {
            return self.leaf(kind);
        }
        if self.random.one_in(12) {
            let condition = self.expression(Kind::Bool, depth + 1);
            let (a, b) = (self.expression(kind, depth + 1), self.expression(kind, depth + 1));
            return format!("({a} if {condition} else {b})");
        }
        if let Some((params, result)) = self.helper.clone()
            && result == kind
            && self.random.one_in(6)
        {
            let args: Vec<String> = params.iter().map(|kind| self.expression(*kind, depth + 1)).collect();
            return format!("g({})", args.join(", "));
        }
        match kind {
            Kind::Int => self.int(depth + 1),
            Kind::Float => self.float(depth + 1),
            Kind::Bool => self.bool(depth + 1),
            Kind::Str | Kind::Any => self.text(depth + 1),
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        let known: Vec<String> =
            self.variables.iter().filter(|(_, own)| *own == kind).map(|(name, _)| name.clone()).collect();
        if !known.is_empty() && !self.random.one_in(4) {
            return known[self.random.below(known.len())].clone();
        }
        match kind {
            Kind::Int => self.random.pick(&["0", "1", "2", "3", "-1", "5", "10", "100", "4611686018427387904"]),
            Kind::Float => self.random.pick(&["0.0", "1.0", "0.5", "-1.5", "2.0", "1e10", "1e-5", "math.pi"]),
            Kind::Bool => self.random.pick(&["True", "False"]),
            Kind::Str | Kind::Any => self.random.pick(&["''", "'a'", "'xyz'", "'é'", "' b '", "'7'"]),
        }
        .to_string()
    }

    fn int(&mut self, depth: usize) -> String {
        let a = self.expression(Kind::Int, depth);
        match self.random.below(16) {
            0..=6 => {
                let operator = self.random.pick(&["+", "-", "*", "//", "%", "&", "|", "^"]);
                format!("({a} {operator} {})", self.expression(Kind::Int, depth))
            }
            7 => format!("({a} << ({} & 7))", self.expression(Kind::Int, depth)),
            8 => format!("({a} >> ({} & 63))", self.expression(Kind::Int, depth)),
            9 => format!("({a} ** {})", self.random.below(5)),
            10 => format!("({}{a})", self.random.pick(&["-", "~", "+"])),
            11 => format!("abs({a})"),
            12 => format!("{}({a}, {})", self.random.pick(&["min", "max"]), self.expression(Kind::Int, depth)),
            13 => format!(
                "{}({})",
                self.random.pick(&["int", "round", "math.floor", "math.ceil"]),
                self.expression(Kind::Float, depth)
            ),
            14 => format!("len({})", self.expression(Kind::Str, depth)),
            _ => format!("({} + {a})", self.expression(Kind::Bool, depth)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let a = self.expression(Kind::Float, depth);
        match self.random.below(14) {
            0..=4 => {
                let operator = self.random.pick(&["+", "-", "*", "/", "//", "%"]);
                format!("({a} {operator} {})", self.expression(Kind::Float, depth))
            }
            5 => format!(
                "({a} {} {})",
                self.random.pick(&["+", "-", "*", "/", "//", "%"]),
                self.expression(Kind::Int, depth)
            ),
            6 => format!("({} / {})", self.expression(Kind::Int, depth), self.expression(Kind::Int, depth)),
            7 => format!("(abs({a}) ** {})", self.expression(Kind::Float, depth)),
            8 => format!("(-{a})"),
            9 => format!(
                "{}({a})",
                self.random.pick(&[
                    "abs",
                    "float",
                    "math.sqrt",
                    "math.exp",
                    "math.log",
                    "math.sin",
                    "math.atan",
                    "math.tanh",
                    "math.fabs",
                    "math.degrees"
                ])
            ),
            10 => format!(
                "{}({a}, {})",
                self.random.pick(&["min", "max", "math.atan2", "math.fmod", "math.copysign", "math.hypot"]),
                self.expression(Kind::Float, depth)
            ),
            11 => format!("round({a}, {})", self.random.below(5)),
            12 => format!("float({})", self.expression(Kind::Int, depth)),
            _ => format!("({a} * {})", self.expression(Kind::Bool, depth)),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            0..=2 => {
                let (a, b) = self.numbers(depth);
                format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">=", "==", "!="]))
            }
            3 => {
                let (a, b) = (self.expression(Kind::Str, depth), self.expression(Kind::Str, depth));
                format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">=", "==", "!=", "in", "not in"]))
            }
            4 => {
                let (a, b) = self.numbers(depth);
                let c = self.expression(Kind::Int, depth);
                let (first, second) = (self.random.pick(&["<", "<=", ">"]), self.random.pick(&["<", ">=", "=="]));
                format!("({a} {first} {b} {second} {c})")
            }
            5..=6 => {
                let (a, b) = (self.expression(Kind::Bool, depth), self.expression(Kind::Bool, depth));
                format!("({a} {} {b})", self.random.pick(&["and", "or"]))
            }
            7 => format!("(not {})", self.expression(Kind::Bool, depth)),
            8 => {
                let kind = self.kind();
                format!("bool({})", self.expression(kind, depth))
            }
            _ => self.test_of_union(depth),
        }
    }

    fn test_of_union(&mut self, depth: usize) -> String {
        let unions: Vec<String> =
            self.variables.iter().filter(|(_, kind)| *kind == Kind::Any).map(|(name, _)| name.clone()).collect();
        if unions.is_empty() {
            let a = self.expression(Kind::Str, depth);
            return format!("{a}.{}()", self.random.pick(&["isdigit", "isalpha", "isupper", "isspace"]));
        }
        let name = unions[self.random.below(unions.len())].clone();
        match self.random.below(4) {
            0 => format!("({name} is None)"),
            1 => format!("bool({name})"),
            2 => format!("({name} == {})", self.expression(Kind::Int, depth)),
            _ => format!("isinstance({name}, {})", self.random.pick(&["int", "str", "float", "bool"])),
        }
    }

    fn numbers(&mut self, depth: usize) -> (String, String) {
        let kinds = [Kind::Int, Kind::Float, Kind::Int, Kind::Bool];
        let (a, b) = (kinds[self.random.below(4)], kinds[self.random.below(4)]);
        (self.expression(a, depth), self.expression(b, depth))
    }

    fn text(&mut self, depth: usize) -> String {
        match self.random.below(9) {
            0..=1 => format!("({} + {})", self.expression(Kind::Str, depth), self.expression(Kind::Str, depth)),
            2 => format!("({} * {})", self.expression(Kind::Str, depth), self.random.below(4)),
            3 => {
                let any: Vec<String> = self.variables.iter().map(|(name, _)| name.clone()).collect();
                if any.is_empty() {
                    "str(None)".to_string()
                } else {
                    format!("str({})", any[self.random.below(any.len())])
                }
            }
            4 => {
                let kind = self.kind();
                format!("{}({})", self.random.pick(&["str", "repr"]), self.expression(kind, depth))
            }
            5 => format!("{}[{}:{}]", self.expression(Kind::Str, depth), self.bound(), self.bound()),
            6 => format!("{}.{}()", self.expression(Kind::Str, depth), self.random.pick(&["upper", "lower", "strip"])),
            7 => format!("{}[{}]", self.expression(Kind::Str, depth), self.random.pick(&["0", "-1", "1"])),
            _ => self.formatted(depth),
        }
    }

    fn bound(&mut self) -> &'static str {
        self.random.pick(&["", "1", "-1", "2", "0", "-3", "100"])
    }

    fn formatted(&mut self, depth: usize) -> String {
        let kind = self.kind();
        let spec = match kind {
            Kind::Int => self.random.pick(&["", ":d", ":5d", ":x", ":,", ":+d", ":08d"]),
            Kind::Float => self.random.pick(&["", ":.2f", ":e", ":g", ":10.3f", ":.0f", ":%"]),
            Kind::Bool => "",
            Kind::Str | Kind::Any => self.random.pick(&["", ":>6", ":^5", ":.2", "!r"]),
        };
        let value = self.expression(kind, depth.max(DEPTH_MAX - 1));
        // A quote of the same kind ends the string in Pythons before 3.12, and a backslash is not allowed.
        if value.contains("f'") || value.contains('\\') {
            return format!("str({value})");
        }
        format!("f'<{{{}{spec}}}>'", value.replace('\'', "\""))
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
