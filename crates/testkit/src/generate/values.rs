//! The values that generated programs are called with: the edges of each type, as Python source.

use super::{Kind, Writer};

const INTS: &[&str] = &[
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
const FLOATS: &[&str] = &[
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
const TEXTS: &[&str] = &[
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

impl Writer {
    /// A call of `f` with values of these types.
    pub(super) fn call(&mut self, params: &[Kind]) -> String {
        let args: Vec<String> = params.iter().map(|kind| self.argument(kind)).collect();
        format!("f({})", args.join(", "))
    }

    fn argument(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Int => self.random.pick(INTS).to_string(),
            Kind::Float => self.random.pick(FLOATS).to_string(),
            Kind::Bool => self.random.pick(&["True", "False"]).to_string(),
            Kind::Str | Kind::Any => self.random.pick(TEXTS).to_string(),
            Kind::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| self.argument(item)).collect();
                format!("({},)", items.join(", "))
            }
            // An empty container says nothing of what it holds, so a call could not be compiled for it.
            Kind::List(item) => format!("[{}]", self.arguments(item)),
            Kind::Set(item) => format!("{{{}}}", self.arguments(item)),
            Kind::Dict(key, value) => {
                let entries: Vec<String> = (0..1 + self.random.below(4))
                    .map(|_| format!("{}: {}", self.argument(key), self.argument(value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn arguments(&mut self, kind: &Kind) -> String {
        let items: Vec<String> = (0..1 + self.random.below(4)).map(|_| self.argument(kind)).collect();
        items.join(", ")
    }
}
