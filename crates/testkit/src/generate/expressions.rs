//! The expressions of scalar types in generated programs.

use super::containers::is_shown_alike;
use super::{DEPTH_MAX, Kind, Writer};

impl Writer {
    pub(super) fn expression(&mut self, kind: &Kind, depth: usize) -> String {
        if depth >= DEPTH_MAX || self.random.one_in(4) {
            return self.leaf(kind);
        }
        if self.random.one_in(12) {
            let condition = self.expression(&Kind::Bool, depth + 1);
            let (a, b) = (self.expression(kind, depth + 1), self.expression(kind, depth + 1));
            return format!("({a} if {condition} else {b})");
        }
        if let Some((params, result)) = self.helper.clone()
            && result == *kind
            && self.random.one_in(6)
        {
            let args: Vec<String> = params.iter().map(|kind| self.expression(kind, depth + 1)).collect();
            return format!("g({})", args.join(", "));
        }
        match kind {
            Kind::Int => self.int(depth + 1),
            Kind::Float => self.float(depth + 1),
            Kind::Bool => self.bool(depth + 1),
            Kind::Str | Kind::Any => self.text(depth + 1),
            Kind::List(item) => self.list(item, depth + 1),
            Kind::Tuple(items) => self.tuple(items, depth + 1),
            Kind::Dict(key, value) => self.dict(key, value, depth + 1),
            Kind::Set(item) => self.set(item, depth + 1),
        }
    }

    fn leaf(&mut self, kind: &Kind) -> String {
        let known: Vec<String> =
            self.variables.iter().filter(|(_, own)| own == kind).map(|(name, _)| name.clone()).collect();
        if !known.is_empty() && !self.random.one_in(4) {
            return known[self.random.below(known.len())].clone();
        }
        match kind {
            Kind::Int => self.random.pick(&["0", "1", "2", "3", "-1", "5", "10", "100", "4611686018427387904"]),
            Kind::Float => self.random.pick(&["0.0", "1.0", "0.5", "-1.5", "2.0", "1e10", "1e-5", "math.pi"]),
            Kind::Bool => self.random.pick(&["True", "False"]),
            Kind::Str | Kind::Any => self.random.pick(&["''", "'a'", "'xyz'", "'é'", "' b '", "'7'"]),
            Kind::List(_) | Kind::Tuple(_) | Kind::Dict(..) | Kind::Set(_) => return self.display(kind),
        }
        .to_string()
    }

    fn int(&mut self, depth: usize) -> String {
        let a = self.expression(&Kind::Int, depth);
        match self.random.below(19) {
            0..=6 => {
                let operator = self.random.pick(&["+", "-", "*", "//", "%", "&", "|", "^"]);
                format!("({a} {operator} {})", self.expression(&Kind::Int, depth))
            }
            7 => format!("({a} << ({} & 7))", self.expression(&Kind::Int, depth)),
            8 => format!("({a} >> ({} & 63))", self.expression(&Kind::Int, depth)),
            9 => format!("({a} ** {})", self.random.below(5)),
            10 => format!("({}{a})", self.random.pick(&["-", "~", "+"])),
            11 => format!("abs({a})"),
            12 => format!("{}({a}, {})", self.random.pick(&["min", "max"]), self.expression(&Kind::Int, depth)),
            13 => format!(
                "{}({})",
                self.random.pick(&["int", "round", "math.floor", "math.ceil"]),
                self.expression(&Kind::Float, depth)
            ),
            14 => format!("len({})", self.expression(&Kind::Str, depth)),
            15 => format!("({} + {a})", self.expression(&Kind::Bool, depth)),
            16 => self.int_of_container(depth),
            _ => self.element(&Kind::Int, depth),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let a = self.expression(&Kind::Float, depth);
        match self.random.below(15) {
            0..=4 => {
                let operator = self.random.pick(&["+", "-", "*", "/", "//", "%"]);
                format!("({a} {operator} {})", self.expression(&Kind::Float, depth))
            }
            5 => format!(
                "({a} {} {})",
                self.random.pick(&["+", "-", "*", "/", "//", "%"]),
                self.expression(&Kind::Int, depth)
            ),
            6 => format!("({} / {})", self.expression(&Kind::Int, depth), self.expression(&Kind::Int, depth)),
            7 => format!("(abs({a}) ** {})", self.expression(&Kind::Float, depth)),
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
                self.expression(&Kind::Float, depth)
            ),
            11 => format!("round({a}, {})", self.random.below(5)),
            12 => format!("float({})", self.expression(&Kind::Int, depth)),
            13 => format!("({a} * {})", self.expression(&Kind::Bool, depth)),
            _ => self.element(&Kind::Float, depth),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            0..=2 => {
                let (a, b) = self.numbers(depth);
                format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">=", "==", "!="]))
            }
            3 => {
                let (a, b) = (self.expression(&Kind::Str, depth), self.expression(&Kind::Str, depth));
                format!("({a} {} {b})", self.random.pick(&["<", "<=", ">", ">=", "==", "!=", "in", "not in"]))
            }
            4 => {
                let (a, b) = self.numbers(depth);
                let c = self.expression(&Kind::Int, depth);
                let (first, second) = (self.random.pick(&["<", "<=", ">"]), self.random.pick(&["<", ">=", "=="]));
                format!("({a} {first} {b} {second} {c})")
            }
            5..=6 => {
                let (a, b) = (self.expression(&Kind::Bool, depth), self.expression(&Kind::Bool, depth));
                format!("({a} {} {b})", self.random.pick(&["and", "or"]))
            }
            7 => format!("(not {})", self.expression(&Kind::Bool, depth)),
            8 => {
                let kind = self.scalar();
                format!("bool({})", self.expression(&kind, depth))
            }
            9..=10 => self.test_of_container(depth),
            _ => self.test_of_union(depth),
        }
    }

    fn test_of_union(&mut self, depth: usize) -> String {
        let unions: Vec<String> =
            self.variables.iter().filter(|(_, kind)| *kind == Kind::Any).map(|(name, _)| name.clone()).collect();
        if unions.is_empty() {
            let a = self.expression(&Kind::Str, depth);
            return format!("{a}.{}()", self.random.pick(&["isdigit", "isalpha", "isupper", "isspace"]));
        }
        let name = unions[self.random.below(unions.len())].clone();
        match self.random.below(4) {
            0 => format!("({name} is None)"),
            1 => format!("bool({name})"),
            2 => format!("({name} == {})", self.expression(&Kind::Int, depth)),
            _ => format!("isinstance({name}, {})", self.random.pick(&["int", "str", "float", "bool"])),
        }
    }

    fn numbers(&mut self, depth: usize) -> (String, String) {
        let kinds = [Kind::Int, Kind::Float, Kind::Int, Kind::Bool];
        let (a, b) = (&kinds[self.random.below(4)], &kinds[self.random.below(4)]);
        (self.expression(a, depth), self.expression(b, depth))
    }

    fn text(&mut self, depth: usize) -> String {
        match self.random.below(11) {
            0..=1 => format!("({} + {})", self.expression(&Kind::Str, depth), self.expression(&Kind::Str, depth)),
            2 => format!("({} * {})", self.expression(&Kind::Str, depth), self.random.below(4)),
            3 => {
                let name = self.name_of(|kind| kind.is_scalar() || is_shown_alike(kind));
                format!("str({})", name.map_or("None".to_string(), |(name, _)| name))
            }
            4 => {
                let kind = self.kind_to_show();
                format!("{}({})", self.random.pick(&["str", "repr"]), self.expression(&kind, depth))
            }
            5 => format!("{}[{}:{}]", self.expression(&Kind::Str, depth), self.bound(), self.bound()),
            6 => format!("{}.{}()", self.expression(&Kind::Str, depth), self.random.pick(&["upper", "lower", "strip"])),
            7 => format!("{}[{}]", self.expression(&Kind::Str, depth), self.random.pick(&["0", "-1", "1"])),
            8 => self.element(&Kind::Str, depth),
            9 => format!("'-'.join({})", self.expression(&Kind::List(Box::new(Kind::Str)), depth)),
            _ => self.formatted(depth),
        }
    }

    pub(super) fn bound(&mut self) -> &'static str {
        self.random.pick(&["", "1", "-1", "2", "0", "-3", "100"])
    }

    fn formatted(&mut self, depth: usize) -> String {
        let kind = self.scalar();
        let spec = match kind {
            Kind::Int => self.random.pick(&["", ":d", ":5d", ":x", ":,", ":+d", ":08d"]),
            Kind::Float => self.random.pick(&["", ":.2f", ":e", ":g", ":10.3f", ":.0f", ":%"]),
            Kind::Bool => "",
            _ => self.random.pick(&["", ":>6", ":^5", ":.2", "!r"]),
        };
        let value = self.expression(&kind, depth.max(DEPTH_MAX - 1));
        // A quote of the same kind ends the string in Pythons before 3.12, and a backslash is not allowed.
        if value.contains("f'") || value.contains('\\') {
            return format!("str({value})");
        }
        format!("f'<{{{}{spec}}}>'", value.replace('\'', "\""))
    }
}
