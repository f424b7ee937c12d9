//! Values as the oracle speaks them: exact Python types in typed JSON, and their crossing to and from slots. Owns the
//! comparison that decides whether two answers are the same; knows nothing of how answers are made.

use std::fmt;
use std::sync::Arc;

use ir::{Elem, RecordKind, RecordType, Type};
use serde_json::Value as Json;

/// A Python value of an exact type.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An int outside 64 bits: only CPython has it.
    Big(String),
    Float(f64),
    Str(String),
    Range(i64, i64, i64),
    /// A NumPy scalar as its slot: the integer extended to 64 bits, or the bits of the float as f64.
    Np(Elem, u64),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Bytes(Vec<u8>),
    /// A `dict`; one whose keys are all texts is a `Record` when CPython shows it.
    Dict(Vec<(Value, Value)>),
    Set {
        frozen: bool,
        items: Vec<Value>,
    },
    Record(RecordKind, String, Vec<(String, Value)>),
    /// Elements in row-major order, each as its slot.
    Array {
        elem: Elem,
        shape: Vec<usize>,
        items: Vec<u64>,
    },
    /// Something that fuseline has no value for.
    Other(String),
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Value(Value),
    /// Class name and line in the block; line 0 matches any.
    Raises {
        class: String,
        line: u32,
    },
}

impl Value {
    /// Reads the oracle's form.
    pub fn from_json(json: &Json) -> Result<Value, String> {
        read_value(json).ok_or_else(|| format!("not a value of the oracle's form: {json}"))
    }

    /// The type of the value alone: what a direct call with this argument compiles for.
    pub fn type_of(&self) -> Result<Type, String> {
        Ok(match self {
            Value::None => Type::None,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Str(_) => Type::Str,
            Value::Range(..) => Type::Range,
            Value::Np(elem, _) => Type::Np(*elem),
            Value::Tuple(items) => Type::Tuple(items.iter().map(Value::type_of).collect::<Result<_, _>>()?),
            Value::List(items) => Type::List(Box::new(stored_type(&items.iter().collect::<Vec<_>>())?)),
            Value::Bytes(_) => Type::Bytes,
            Value::Dict(pairs) => {
                let (keys, values): (Vec<_>, Vec<_>) = pairs.iter().map(|(key, value)| (key, value)).unzip();
                Type::Dict(Box::new(item_type(&keys)?), Box::new(item_type(&values)?))
            }
            Value::Set { frozen, items } => {
                let items: Vec<&Value> = items.iter().collect();
                Type::Set { item: Box::new(stored_type(&items)?), frozen: *frozen }
            }
            Value::Record(RecordKind::Dict, _, fields) if fields.is_empty() => {
                Type::Dict(Box::new(Type::None), Box::new(Type::None))
            }
            Value::Record(RecordKind::Dict, _, fields) if is_dict(fields) => {
                let values: Vec<&Value> = fields.iter().map(|(_, value)| value).collect();
                Type::Dict(Box::new(Type::Str), Box::new(item_type(&values)?))
            }
            Value::Record(kind, name, fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.type_of()?))).collect::<Result<
                    _,
                    String,
                >>(
                )?;
                Type::Record(Arc::new(RecordType { kind: *kind, name: name.clone(), fields }))
            }
            Value::Array { elem, shape, .. } => Type::Array { elem: *elem, ndim: shape.len() as u8 },
            Value::Big(text) => return Err(format!("{text} does not fit in 64 bits")),
            Value::Other(text) => return Err(format!("no type for {text}")),
        })
    }

    /// The keys and values of a dict.
    pub fn pairs(&self) -> Option<Vec<(Value, Value)>> {
        match self {
            Value::Dict(pairs) => Some(pairs.clone()),
            Value::Record(RecordKind::Dict, _, fields) => {
                Some(fields.iter().map(|(name, value)| (Value::Str(name.clone()), value.clone())).collect())
            }
            _ => None,
        }
    }

    /// Whether both are the same value of the same type: floats by bits, every NaN the same.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::None, Value::None) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Big(a), Value::Big(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => same_float(*a, *b),
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Range(a, b, c), Value::Range(x, y, z)) => (a, b, c) == (x, y, z),
            (Value::Np(a, x), Value::Np(b, y)) => a == b && same_slot(*a, *x, *y),
            (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => all_same(a, b),
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Dict(a), Value::Dict(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka.same(kb) && va.same(vb))
            }
            (Value::Dict(pairs), Value::Record(RecordKind::Dict, _, fields))
            | (Value::Record(RecordKind::Dict, _, fields), Value::Dict(pairs)) => {
                let same = |((key, value), (name, other)): (&(Value, Value), &(String, Value))| {
                    matches!(key, Value::Str(text) if text == name) && value.same(other)
                };
                pairs.len() == fields.len() && pairs.iter().zip(fields).all(same)
            }
            // The order of a set is what a list made of it shows.
            (Value::Set { frozen: x, items: a }, Value::Set { frozen: y, items: b }) => {
                x == y && a.len() == b.len() && a.iter().all(|item| b.iter().any(|other| item.same(other)))
            }
            (Value::Record(kind_a, name_a, a), Value::Record(kind_b, name_b, b)) => {
                kind_a == kind_b
                    && name_a == name_b
                    && a.len() == b.len()
                    && a.iter().zip(b).all(|((na, va), (nb, vb))| na == nb && va.same(vb))
            }
            (
                Value::Array { elem: elem_a, shape: shape_a, items: a },
                Value::Array { elem: elem_b, shape: shape_b, items: b },
            ) => elem_a == elem_b && shape_a == shape_b && a.iter().zip(b).all(|(x, y)| same_slot(*elem_a, *x, *y)),
            _ => false,
        }
    }
}

/// The type that all items of a container have, or the union of theirs; `None` of an empty one, as the Python package says.
fn item_type(items: &[&Value]) -> Result<Type, String> {
    let types = items.iter().map(|item| item.type_of()).collect::<Result<Vec<_>, _>>()?;
    Ok(if types.is_empty() { Type::None } else { Type::union(types) })
}

/// As [`item_type`], of lists and sets: one that holds `None` only is told from an empty one by a variant that it does not use.
fn stored_type(items: &[&Value]) -> Result<Type, String> {
    let found = item_type(items)?;
    Ok(if found == Type::None && !items.is_empty() { Type::union([Type::None, Type::Bool]) } else { found })
}

/// Whether a `dict` with texts as keys is taken for a dict rather than for a row: all its values have one type.
fn is_dict(fields: &[(String, Value)]) -> bool {
    let values: Vec<&Value> = fields.iter().map(|(_, value)| value).collect();
    !fields.is_empty()
        && item_type(&values).is_ok_and(|ty| match ty {
            Type::Union(variants) => {
                variants.windows(2).all(|pair| std::mem::discriminant(&pair[0]) == std::mem::discriminant(&pair[1]))
            }
            _ => true,
        })
}

fn all_same(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y))
}

fn same_float(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn same_slot(elem: Elem, a: u64, b: u64) -> bool {
    if elem.is_float() { same_float(f64::from_bits(a), f64::from_bits(b)) } else { a == b }
}

impl Outcome {
    /// Reads the oracle's form.
    pub fn from_json(json: &Json) -> Result<Outcome, String> {
        if let Some(class) = json.get("raises").and_then(Json::as_str) {
            let line = json.get("line").and_then(Json::as_u64).unwrap_or(0) as u32;
            return Ok(Outcome::Raises { class: class.to_string(), line });
        }
        match json.get("value") {
            Some(value) => Ok(Outcome::Value(Value::from_json(value)?)),
            None => Err(format!("not an outcome: {json}")),
        }
    }

    /// Whether both ended alike: the same value, or the same exception class at the same line. Where a
    /// `RecursionError` is noticed depends on the depth (a difference of the contract), so its line is not compared.
    pub fn same(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Value(a), Outcome::Value(b)) => a.same(b),
            (Outcome::Raises { class: a, line: line_a }, Outcome::Raises { class: b, line: line_b }) => {
                a == b && (line_a == line_b || *line_a == 0 || *line_b == 0 || a == "RecursionError")
            }
            _ => false,
        }
    }
}

fn read_value(json: &Json) -> Option<Value> {
    let parts = json.as_array()?;
    let text = |index: usize| parts.get(index).and_then(Json::as_str);
    Some(match text(0)? {
        "none" => Value::None,
        "bool" => Value::Bool(parts.get(1)?.as_bool()?),
        "int" => match text(1)?.parse() {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Big(text(1)?.to_string()),
        },
        "float" => Value::Float(f64::from_bits(u64::from_str_radix(text(1)?, 16).ok()?)),
        "str" => Value::Str(text(1)?.to_string()),
        "range" => Value::Range(text(1)?.parse().ok()?, text(2)?.parse().ok()?, text(3)?.parse().ok()?),
        "np" => match Elem::from_name(text(1)?) {
            Some(elem) => Value::Np(elem, read_slot(elem, text(2)?)?),
            None => Value::Other(format!("np.{}", text(1)?)),
        },
        "tuple" => Value::Tuple(read_values(parts.get(1)?)?),
        "list" => Value::List(read_values(parts.get(1)?)?),
        "bytes" => Value::Bytes(read_hex(text(1)?)?),
        "set" => Value::Set { frozen: false, items: read_values(parts.get(1)?)? },
        "frozenset" => Value::Set { frozen: true, items: read_values(parts.get(1)?)? },
        "items" => Value::Dict(
            parts
                .get(1)?
                .as_array()?
                .iter()
                .map(|pair| Some((read_value(pair.get(0)?)?, read_value(pair.get(1)?)?)))
                .collect::<Option<_>>()?,
        ),
        "array" => {
            let Some(elem) = Elem::from_name(text(1)?) else {
                return Some(Value::Other(format!("array of {}", text(1)?)));
            };
            let shape = parts.get(2)?.as_array()?.iter().map(|n| Some(n.as_u64()? as usize)).collect::<Option<_>>()?;
            let items = parts.get(3)?.as_array()?;
            let items = items.iter().map(|item| read_slot(elem, item.as_str()?)).collect::<Option<_>>()?;
            Value::Array { elem, shape, items }
        }
        "row" => read_record(RecordKind::Row, parts)?,
        "dict" => read_record(RecordKind::Dict, parts)?,
        "namedtuple" => read_record(RecordKind::NamedTuple, parts)?,
        "dataclass" => read_record(RecordKind::Dataclass, parts)?,
        "other" => Value::Other(text(1)?.to_string()),
        _ => return None,
    })
}

fn read_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

fn read_values(json: &Json) -> Option<Vec<Value>> {
    json.as_array()?.iter().map(read_value).collect()
}

fn read_slot(elem: Elem, text: &str) -> Option<u64> {
    match elem {
        Elem::F32 | Elem::F64 => u64::from_str_radix(text, 16).ok(),
        Elem::U64 => text.parse().ok(),
        _ => text.parse::<i64>().ok().map(|value| value as u64),
    }
}

fn read_record(kind: RecordKind, parts: &[Json]) -> Option<Value> {
    let name = parts.get(1)?.as_str()?.to_string();
    let mut fields = Vec::new();
    for field in parts.get(2)?.as_array()? {
        let pair = field.as_array()?;
        fields.push((pair.first()?.as_str()?.to_string(), read_value(pair.get(1)?)?));
    }
    Some(Value::Record(kind, name, fields))
}

/// A spelling near Python's `repr`, for reports.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("None"),
            Value::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Value::Int(value) => write!(f, "{value}"),
            Value::Big(text) => f.write_str(text),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Str(text) => write!(f, "{text:?}"),
            Value::Range(start, stop, step) => write!(f, "range({start}, {stop}, {step})"),
            Value::Np(elem, slot) => write!(f, "np.{}({})", elem.name(), SlotText(*elem, *slot)),
            Value::Tuple(items) => write_items(f, "(", items, ")"),
            Value::List(items) => write_items(f, "[", items, "]"),
            Value::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Value::Dict(pairs) => {
                f.write_str("{")?;
                for (key, value) in pairs {
                    write!(f, "{key}: {value}, ")?;
                }
                f.write_str("}")
            }
            Value::Set { frozen, items } => {
                write_items(f, if *frozen { "frozenset({" } else { "{" }, items, if *frozen { "})" } else { "}" })
            }
            Value::Record(kind, name, fields) => {
                write!(f, "{kind:?} {name}{{")?;
                for (name, value) in fields {
                    write!(f, "{name}: {value}, ")?;
                }
                f.write_str("}")
            }
            Value::Array { elem, shape, items } => {
                write!(f, "array({}, {shape:?}, [", elem.name())?;
                for item in items {
                    write!(f, "{}, ", SlotText(*elem, *item))?;
                }
                f.write_str("])")
            }
            Value::Other(text) => write!(f, "<{text}>"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Value(value) => write!(f, "{value}"),
            Outcome::Raises { class, line: 0 } => f.write_str(class),
            Outcome::Raises { class, line } => write!(f, "{class} line {line}"),
        }
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, open: &str, items: &[Value], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for item in items {
        write!(f, "{item}, ")?;
    }
    f.write_str(close)
}

struct SlotText(Elem, u64);

impl fmt::Display for SlotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Elem::F32 | Elem::F64 => write!(f, "{:?}", f64::from_bits(self.1)),
            Elem::U64 => write!(f, "{}", self.1),
            Elem::Bool => f.write_str(if self.1 == 0 { "False" } else { "True" }),
            _ => write!(f, "{}", self.1 as i64),
        }
    }
}
