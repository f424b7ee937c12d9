//! The statements of generated programs: assignments, branches, loops, early ends, `try`.

use super::forms;
use super::kind::Kind;
use super::{NESTING_MAX, Writer};

impl Writer {
    pub(super) fn statement(&mut self, nesting: usize) {
        let choice = if nesting >= NESTING_MAX { self.random.below(12) } else { self.random.below(22) };
        match choice {
            0..=2 => self.assign_new(nesting),
            3 => self.assign_again(nesting),
            4 => self.augmented(nesting),
            5 => self.leave(nesting),
            6..=8 => self.simple(nesting),
            9 => self.unpack(nesting),
            10 => self.star_unpack(nesting),
            11 => self.alias(nesting),
            12..=13 => self.branch(nesting),
            14 => self.merge_of_types(nesting),
            15 => self.for_loop(nesting),
            16 => self.while_loop(nesting),
            17 => self.try_statement(nesting),
            18 => self.match_statement(nesting),
            19 => self.narrow(nesting),
            20 => self.collect(nesting),
            _ => self.walrus(nesting),
        }
    }

    /// A statement of the table.
    fn simple(&mut self, nesting: usize) {
        let table = forms::table();
        let grows = self.loops == 0 && self.random.one_in(6);
        let known = if grows { &table.growing } else { &table.statements };
        for _ in 0..6 {
            let form = &known[self.random.below(known.len())];
            match self.fill(form, None, 2) {
                // An assignment would make the global a local name.
                Some(text) if !binds_a_global(&text) => return self.line(nesting, &text),
                Some(_) | None => {}
            }
        }
        self.assign_new(nesting);
    }

    /// A second name for a value: what is changed through one is seen through the other.
    fn alias(&mut self, nesting: usize) {
        let Some((name, kind)) = self.name_of(|kind| matches!(kind, Kind::List(_) | Kind::Dict(..) | Kind::Opaque(_)))
        else {
            return self.assign_new(nesting);
        };
        let second = self.fresh();
        self.line(nesting, &format!("{second} = {name}"));
        self.variables.push((second, kind));
    }

    fn star_unpack(&mut self, nesting: usize) {
        let Some((list, Kind::List(item))) = self.name_of(|kind| matches!(kind, Kind::List(_))) else {
            return self.assign_new(nesting);
        };
        let (first, rest, last) = (self.fresh(), self.fresh(), self.fresh());
        let (text, one) = match self.random.below(3) {
            0 => (format!("{first}, *{rest} = {list}"), first),
            1 => (format!("*{rest}, {last} = {list}"), last),
            _ => (format!("{first}, *{rest}, {last} = {list}"), last),
        };
        self.line(nesting, &text);
        self.variables.push((one, (*item).clone()));
        self.variables.push((rest, Kind::List(item)));
    }

    /// A branch in which a variable is known not to be `None`.
    fn narrow(&mut self, nesting: usize) {
        let Some(index) = self.variables.iter().position(|(_, kind)| matches!(kind, Kind::Optional(_))) else {
            return self.branch(nesting);
        };
        let (name, kind) = self.variables[index].clone();
        let Kind::Optional(item) = kind.clone() else { return };
        let (test, is_some) = [("is not None", true), ("is None", false)][self.random.below(2)];
        self.line(nesting, &format!("if {name} {test}:"));
        for (negative, text) in [(false, ""), (true, "else:")] {
            if negative {
                self.line(nesting, text);
            }
            if is_some != negative {
                self.variables[index].1 = (*item).clone();
            }
            self.block(nesting + 1);
            self.variables[index].1 = kind.clone();
        }
    }

    /// An empty container that a loop fills.
    fn collect(&mut self, nesting: usize) {
        let (name, item) = (self.fresh(), self.fresh());
        let (key, value) = (Kind::parse(self.random.pick(&["int", "str"])), Kind::scalar(&mut self.random));
        let (display, kind, change) = match self.random.below(4) {
            0 => ("{}", Kind::Dict(Box::new(key.clone()), Box::new(value.clone())), "NAME[KEY] = VALUE"),
            1 => ("set()", Kind::Set(Box::new(key.clone())), "NAME.add(KEY)"),
            2 => (
                "collections.defaultdict(list)",
                Kind::Dict(Box::new(key.clone()), Box::new(Kind::List(Box::new(value.clone())))),
                "NAME[KEY].append(VALUE)",
            ),
            _ => ("[]", Kind::List(Box::new(value.clone())), "NAME.append(VALUE)"),
        };
        self.line(nesting, &format!("{name} = {display}"));
        let source = Kind::scalar(&mut self.random);
        let iterated = self.expression(&Kind::Iter(Box::new(source.clone())), 2);
        self.line(nesting, &format!("for {item} in {iterated}:"));
        self.variables.push((item, source));
        let change = change.replace("NAME", &name).replace("KEY", &self.expression(&key, 2));
        let change = change.replace("VALUE", &self.expression(&value, 2));
        self.line(nesting + 1, &change);
        self.variables.pop();
        let shown = if display.starts_with('c') { format!("dict({name})") } else { name.clone() };
        self.line(nesting, &format!("{name} = {shown}"));
        self.variables.push((name, kind));
    }

    fn walrus(&mut self, nesting: usize) {
        let kind = Kind::scalar(&mut self.random);
        let name = self.fresh();
        let value = self.expression(&kind, 2);
        let test = match kind {
            Kind::Int | Kind::Float => self.random.pick(&[" > 1", " != 0", ""]),
            _ => "",
        };
        self.line(nesting, &format!("if ({name} := {value}){test}:"));
        self.variables.push((name, kind));
        self.block(nesting + 1);
    }

    /// A function inside, which reads and binds the variables around it.
    pub(super) fn closure(&mut self) {
        let (result, param) = (Kind::scalar(&mut self.random), Kind::scalar(&mut self.random));
        let kind = Kind::scalar(&mut self.random);
        let value = self.expression(&kind, 3);
        self.line(1, &format!("c = {value}"));
        self.variables.push(("c".to_string(), kind.clone()));
        let known = self.variables.len();
        self.line(1, "def inner(q):");
        self.variables.push(("q".to_string(), param.clone()));
        if self.random.one_in(2) {
            self.line(2, "nonlocal c");
            let value = self.expression(&kind, 2);
            let value = self.capped(&kind, value);
            self.line(2, &format!("c = {value}"));
        }
        let value = self.expression(&result, 2);
        self.line(2, &format!("return {value}"));
        self.variables.truncate(known);
        self.form(&format!("{} :: inner(${})", result.text(), param.text()));
    }

    fn match_statement(&mut self, nesting: usize) {
        let kind = self.kind();
        let mut cases: Vec<(String, Option<(String, Kind)>)> = Vec::new();
        let name = self.fresh();
        match &kind {
            Kind::Int => cases.extend([("0 | 1".into(), None), ("-1".into(), None)]),
            Kind::Str => cases.extend([("'' | 'a'".into(), None), ("'abc'".into(), None)]),
            Kind::Bool => cases.push(("True".into(), None)),
            Kind::Optional(_) => cases.push(("None".into(), None)),
            Kind::List(item) => {
                cases.push(("[]".into(), None));
                cases.push((format!("[{name}]"), Some((name.clone(), (**item).clone()))));
                cases.push((format!("[_, *{name}]"), Some((name.clone(), kind.clone()))));
            }
            Kind::Tuple(items) => {
                let rest = ", _".repeat(items.len() - 1);
                cases.push((format!("({name}{rest},)"), items.first().map(|item| (name.clone(), item.clone()))));
            }
            Kind::Opaque(own) => {
                if let Some((_, class, fields)) = self.classes.iter().find(|(known, ..)| known == own) {
                    cases.push((format!("{class}(x0={name})"), Some((name.clone(), fields[0].1.clone()))));
                }
            }
            _ => {}
        }
        let subject = self.expression(&kind, 2);
        self.line(nesting, &format!("match {subject}:"));
        for (pattern, bound) in cases {
            let known = self.variables.len();
            self.variables.extend(bound);
            let guard =
                if self.random.one_in(3) { format!(" if {}", self.expression(&Kind::Bool, 3)) } else { String::new() };
            self.line(nesting + 1, &format!("case {pattern}{guard}:"));
            self.block(nesting + 2);
            self.variables.truncate(known);
        }
        self.line(nesting + 1, "case _:");
        self.block(nesting + 2);
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
        let value = if self.loops > 0 { self.capped(&new_kind, value) } else { value };
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
            _ => return self.assign_new(nesting),
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
        match self.random.below(8) {
            0..=1 => {
                let message = self.expression(&Kind::Str, 2);
                let mut classes = vec!["ValueError", "KeyError", "RuntimeError", "IndexError", "RuntimeError"];
                classes.extend(self.exceptions.iter().copied());
                let class = self.random.pick(&classes);
                self.line(nesting, &format!("if {condition}:"));
                self.line(nesting + 1, &format!("raise {class}({message})"));
            }
            2 => self.line(nesting, &format!("assert {condition}")),
            _ => {
                let value = self.returned(1);
                self.line(nesting, &format!("if {condition}:"));
                self.line(nesting + 1, &format!("return {value}"));
            }
        }
    }

    /// Statements in an indented block; names bound in it are not certain afterwards.
    fn block(&mut self, nesting: usize) {
        let known = self.variables.len();
        for _ in 0..1 + self.random.below(2) {
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
        let (first, mut second) = (Kind::scalar(&mut self.random), Kind::scalar(&mut self.random));
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
            _ => return self.for_each(nesting),
        };
        self.line(nesting, &header);
        self.loop_body(nesting, Some((name, kind)));
        if self.random.one_in(4) {
            self.line(nesting, "else:");
            self.block(nesting + 1);
        }
    }

    /// A loop over anything: a list, a view, a generator. A list is copied, because the body may change it.
    fn for_each(&mut self, nesting: usize) {
        let known = self.variables.len();
        let item = self.kind();
        if let Some((dict, Kind::Dict(key, value))) = self.name_of(|kind| matches!(kind, Kind::Dict(..)))
            && self.random.one_in(3)
        {
            let names = [self.fresh(), self.fresh()];
            self.line(nesting, &format!("for {}, {} in list({dict}.items()):", names[0], names[1]));
            let [first, second] = names;
            self.variables.extend([(first, *key), (second, *value)]);
        } else {
            let (position, name) = (self.fresh(), self.fresh());
            let source = self.expression(&Kind::Iter(Box::new(item.clone())), 2);
            if self.random.one_in(4) {
                self.line(nesting, &format!("for {position}, {name} in enumerate(list({source})[:7]):"));
                self.variables.push((position, Kind::Int));
            } else {
                self.line(nesting, &format!("for {name} in list({source})[:7]:"));
            }
            self.variables.push((name, item));
        }
        self.loop_body(nesting, None);
        self.variables.truncate(known);
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
            match self.random.below(3) {
                0 => self.simple(nesting + 1),
                1 => self.augmented(nesting + 1),
                _ => self.assign_new(nesting + 1),
            }
            self.variables.truncate(known);
        }
    }

    fn except(&mut self, nesting: usize) {
        let mut classes = vec![
            "ValueError",
            "ZeroDivisionError",
            "(IndexError, KeyError)",
            "ArithmeticError",
            "LookupError",
            "OverflowError",
            "AssertionError",
            "RuntimeError",
            "TypeError",
            "Exception",
        ];
        classes.extend(self.exceptions.iter().copied());
        let class = self.random.pick(&classes);
        if !self.random.one_in(3) {
            self.line(nesting, &format!("except {class}:"));
            if self.random.one_in(8) {
                return self.line(nesting + 1, "raise");
            }
            return self.block(nesting + 1);
        }
        self.line(nesting, &format!("except {class} as e:"));
        if self.random.one_in(5) {
            let raised = self.random.pick(&["RuntimeError('again') from e", "KeyError(str(e)) from None", "e"]);
            return self.line(nesting + 1, &format!("raise {raised}"));
        }
        let name = self.fresh();
        let mut choices = vec!["type(e).__name__", "str(e)", "type(e).__name__", "f'{e}'"];
        if class == "Problem" && self.has_parts {
            choices.extend(["e.text", "str(e.code)", "str(e.times(3))", "e.args[0]"]);
        } else if class == "Exception" {
            choices.extend(["getattr(e, 'text', '?')", "str(type(e) is ValueError)", "str(hasattr(e, 'times'))"]);
        }
        let shown = self.random.pick(&choices);
        self.line(nesting + 1, &format!("{name} = {shown}"));
        let known = self.variables.len();
        self.variables.push((name, Kind::Str));
        self.block(nesting + 1);
        self.variables.truncate(known);
    }
}

/// Whether the statement assigns to one of the global names.
fn binds_a_global(text: &str) -> bool {
    text.starts_with('G') && text.split(' ').next().is_some_and(|name| name[1..].bytes().all(|c| c.is_ascii_digit()))
}
