//! The statements of generated programs: assignments, branches, loops, early ends, `try`.

use super::{Kind, NESTING_MAX, Writer};

impl Writer {
    pub(super) fn statement(&mut self, nesting: usize) {
        let choice = if nesting >= NESTING_MAX { self.random.below(9) } else { self.random.below(15) };
        match choice {
            0..=2 => self.assign_new(nesting),
            3 => self.assign_again(nesting),
            4 => self.augmented(nesting),
            5 => self.leave(nesting),
            6..=7 => self.change_container(nesting),
            8 => self.unpack(nesting),
            9..=10 => self.branch(nesting),
            11 => self.merge_of_types(nesting),
            12 => self.for_loop(nesting),
            13 => self.try_statement(nesting),
            _ => self.while_loop(nesting),
        }
    }

    fn assign_new(&mut self, nesting: usize) {
        let kind = self.kind();
        let value = self.expression(&kind, 0);
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
        let value = self.expression(&new_kind, 0);
        let value = self.bounded(&new_kind, value);
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
            Kind::Bool | Kind::Any | Kind::List(_) | Kind::Tuple(_) | Kind::Dict(..) | Kind::Set(_) => {
                return self.assign_new(nesting);
            }
        };
        let value = self.expression(&kind, 1);
        self.line(nesting, &format!("{name} {operator} {value}"));
    }

    /// Something that ends the round or the function, behind a condition.
    fn leave(&mut self, nesting: usize) {
        let condition = self.expression(&Kind::Bool, 1);
        if self.loops > 0 && self.random.one_in(2) {
            let word = self.random.pick(&["break", "continue"]);
            self.line(nesting, &format!("if {condition}:"));
            return self.line(nesting + 1, word);
        }
        match self.random.below(4) {
            0 => {
                let message = self.expression(&Kind::Str, 2);
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

    /// What is put into a name within a loop must not double each round.
    fn bounded(&self, kind: &Kind, value: String) -> String {
        match kind {
            Kind::Str if self.loops > 0 => format!("({value})[:40]"),
            Kind::List(_) if self.loops > 0 => format!("({value})[:9]"),
            _ => value,
        }
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
        let condition = self.expression(&Kind::Bool, 1);
        self.line(nesting, &format!("if {condition}:"));
        self.block(nesting + 1);
        if self.random.one_in(3) {
            let condition = self.expression(&Kind::Bool, 1);
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
        let condition = self.expression(&Kind::Bool, 1);
        let name = self.fresh();
        let (first, mut second) = (self.scalar(), self.scalar());
        // An int literal that meets a float may become one: an intended difference, kept out.
        if matches!((&first, &second), (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int)) {
            second = Kind::Str;
        }
        let value = self.expression(&first, 1);
        self.line(nesting, &format!("if {condition}:"));
        self.line(nesting + 1, &format!("{name} = {value}"));
        let value = if self.random.one_in(3) { "None".to_string() } else { self.expression(&second, 1) };
        let same = first == second && value != "None";
        self.line(nesting, "else:");
        self.line(nesting + 1, &format!("{name} = {value}"));
        self.variables.push((name, if same { first } else { Kind::Any }));
    }

    fn for_loop(&mut self, nesting: usize) {
        let name = self.fresh();
        let (header, kind) = match self.random.below(6) {
            0 => (format!("for {name} in {}:", self.expression(&Kind::Str, 3)), Kind::Str),
            1 => {
                let stop = self.random.below(7);
                let step = self.random.pick(&["1", "2", "-1", "3"]);
                (format!("for {name} in range({}, {stop}, {step}):", self.random.below(5)), Kind::Int)
            }
            2 => (format!("for {name} in (1, 5, -3, 7):"), Kind::Int),
            3 => (format!("for {name} in range({}):", self.random.below(6)), Kind::Int),
            _ => match self.name_of(|kind| kind.item().is_some()) {
                Some((container, kind)) => self.header_over(&name, &container, &kind),
                None => (format!("for {name} in range({}):", self.random.below(4)), Kind::Int),
            },
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
        let condition = self.expression(&Kind::Bool, 2);
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

    /// The header of a loop over a container; a copy is walked, because the body may change the container.
    fn header_over(&mut self, name: &str, container: &str, kind: &Kind) -> (String, Kind) {
        let item = kind.item().unwrap_or(Kind::Any);
        match kind {
            Kind::List(_) | Kind::Set(_) | Kind::Dict(..) => (format!("for {name} in list({container})[:6]:"), item),
            _ => (format!("for {name} in {container}:"), item),
        }
    }

    fn unpack(&mut self, nesting: usize) {
        let Some((tuple, Kind::Tuple(items))) = self.name_of(|kind| matches!(kind, Kind::Tuple(_))) else {
            return self.assign_new(nesting);
        };
        let names: Vec<String> = items.iter().map(|_| self.fresh()).collect();
        self.line(nesting, &format!("{}, = {tuple}", names.join(", ")));
        self.variables.extend(names.into_iter().zip(items));
    }

    fn try_statement(&mut self, nesting: usize) {
        self.line(nesting, "try:");
        self.block(nesting + 1);
        let with_finally = self.random.one_in(4);
        if !with_finally || self.random.one_in(2) {
            for _ in 0..1 + self.random.below(2) {
                self.except(nesting);
            }
            if self.random.one_in(4) {
                self.line(nesting, "else:");
                self.block(nesting + 1);
            }
        }
        if with_finally {
            self.line(nesting, "finally:");
            // A `finally` that leaves would hide what happened, and CPython warns of it.
            let known = self.variables.len();
            self.assign_new(nesting + 1);
            self.variables.truncate(known);
        }
    }

    fn except(&mut self, nesting: usize) {
        let class = self.random.pick(&[
            "ValueError",
            "ZeroDivisionError",
            "(IndexError, KeyError)",
            "ArithmeticError",
            "LookupError",
            "OverflowError",
            "AssertionError",
            "RuntimeError",
        ]);
        if !self.random.one_in(3) {
            self.line(nesting, &format!("except {class}:"));
            return self.block(nesting + 1);
        }
        self.line(nesting, &format!("except {class} as e:"));
        let name = self.fresh();
        self.line(nesting + 1, &format!("{name} = type(e).__name__"));
        let known = self.variables.len();
        self.variables.push((name, Kind::Str));
        self.block(nesting + 1);
        self.variables.truncate(known);
    }
}
