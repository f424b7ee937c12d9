//! The values that generated programs are called with: the edges of each type, as Python source.

use super::Writer;
use super::kind::Kind;

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
    "9223372036854775807",
    "-9223372036854775807 - 1",
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

const BYTES: &[&str] = &["b''", "b'a'", "b'\\x00\\xff\\x80'", "b'Ab 12'", "'é'.encode()"];

impl Writer {
    /// A call of `f` with values of these types; only an annotated container may be empty, because an empty one says
    /// nothing of what it holds.
    pub(super) fn call(&mut self, params: &[(Kind, bool)]) -> String {
        let args: Vec<String> = params
            .iter()
            .map(|(kind, is_annotated)| match kind {
                Kind::List(_) if *is_annotated && self.random.one_in(5) => "[]".to_string(),
                Kind::Dict(..) if *is_annotated && self.random.one_in(5) => "{}".to_string(),
                Kind::Set(_) if *is_annotated && self.random.one_in(5) => "set()".to_string(),
                kind => self.argument(kind),
            })
            .collect();
        format!("f({})", args.join(", "))
    }

    pub(super) fn argument(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Int => self.random.pick(INTS).to_string(),
            Kind::Float => self.random.pick(FLOATS).to_string(),
            Kind::Bool => self.random.pick(&["True", "False"]).to_string(),
            Kind::Bytes => self.random.pick(BYTES).to_string(),
            Kind::Str | Kind::Any | Kind::Iter(_) | Kind::Var(_) => self.random.pick(TEXTS).to_string(),
            Kind::Optional(_) if self.random.one_in(3) => "None".to_string(),
            Kind::Optional(item) => self.argument(item),
            Kind::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| self.argument(item)).collect();
                format!("({},)", items.join(", "))
            }
            Kind::List(item) => format!("[{}]", self.arguments(item)),
            Kind::Set(item) => format!("{{{}}}", self.arguments(item)),
            Kind::Dict(key, value) => {
                let entries: Vec<String> = (0..1 + self.random.below(4))
                    .map(|_| format!("{}: {}", self.argument(key), self.argument(value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Kind::Opaque(name) => self.opaque_argument(name),
        }
    }

    /// An array, or an instance of a class of the program.
    fn opaque_argument(&mut self, name: &str) -> String {
        let (ints, floats) = (Kind::Int, Kind::Float);
        match name {
            "array_int" => format!("np.array([{}])", self.arguments(&ints)),
            "array_float" => format!("np.array([{}])", self.arguments(&floats)),
            "array_int2" => format!("np.array([[{0}, 1], [2, {0}]])", self.argument(&ints)),
            "array_float2" => {
                format!("np.array([[{0}, 1.0], [2.5, {1}]])", self.argument(&floats), self.argument(&floats))
            }
            _ => {
                let Some((_, class, fields)) = self.classes.iter().find(|(known, ..)| known == name).cloned() else {
                    return "None".to_string();
                };
                let fields: Vec<String> = fields.iter().map(|(_, kind)| self.argument(kind)).collect();
                format!("{class}({})", fields.join(", "))
            }
        }
    }

    fn arguments(&mut self, kind: &Kind) -> String {
        let items: Vec<String> = (0..1 + self.random.below(4)).map(|_| self.argument(kind)).collect();
        items.join(", ")
    }
}
