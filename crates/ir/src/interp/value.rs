//! The values the interpreter computes with, and how they are shown.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

use super::table::{Dict, Set};
use crate::exc::ExcClass;
use crate::module::Span;
use crate::text::quote;
use crate::types::{Elem, RecordKind, RecordType, Type};

/// A value. Lists, dicts, sets, objects and arrays are references, as in Python; the rest are values.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Range {
        start: i64,
        stop: i64,
        step: i64,
    },
    /// A NumPy scalar as its slot holds it: integers extended to 64 bits, the bits of the f64 (`float32` widened).
    Np(Elem, u64),
    Tuple(Rc<[Value]>),
    Record(Arc<RecordType>, Rc<[Value]>),
    /// A value of union type: the position of its variant, and the variant's value.
    Union(u32, Rc<Value>),
    List(Rc<RefCell<Vec<Value>>>),
    Array(Array),
    Exception(Rc<Exception>),
    Bytes(Arc<[u8]>),
    Dict(Rc<RefCell<Dict>>),
    Set(Rc<RefCell<Set>>),
    Object(Rc<Object>),
}

/// An instance of a class of the module.
#[derive(Debug)]
pub struct Object {
    pub class: Arc<str>,
    /// See [`crate::Class::is_dataclass`].
    pub is_dataclass: bool,
    pub names: Vec<String>,
    pub fields: RefCell<Vec<Value>>,
}

/// A chain of objects may be longer than the stack is deep, so they are not given up one inside the other.
impl Drop for Object {
    fn drop(&mut self) {
        let mut given_up = std::mem::take(self.fields.get_mut());
        while let Some(value) = given_up.pop() {
            value.take_apart(&mut given_up);
        }
    }
}

/// A NumPy array: a view of a buffer that others may share.
#[derive(Clone, Debug)]
pub struct Array {
    pub elem: Elem,
    /// Elements as slots hold them.
    pub buffer: Rc<RefCell<Vec<u64>>>,
    /// The position of the first element in the buffer.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// How many elements apart neighbours are, per dimension.
    pub strides: Vec<isize>,
}

/// A caught exception.
#[derive(Clone, Debug)]
pub struct Exception {
    pub class: ExcClass,
    pub message: String,
    /// Where it was raised first.
    pub span: Span,
    /// What it carries, where its class has objects.
    pub object: Option<Rc<Object>>,
}

/// Two exceptions are the same when the world outside is told the same of them.
impl PartialEq for Exception {
    fn eq(&self, other: &Exception) -> bool {
        (self.class, &self.message, self.span) == (other.class, &other.message, other.span)
    }
}

impl Eq for Exception {}

impl Array {
    /// A new array with its elements in row order; missing elements are zero.
    pub fn new(elem: Elem, shape: Vec<usize>, mut elements: Vec<u64>) -> Array {
        elements.resize(shape.iter().product(), 0);
        let mut strides = vec![1_isize; shape.len()];
        for dimension in (1..shape.len()).rev() {
            strides[dimension - 1] = strides[dimension] * shape[dimension] as isize;
        }
        Array { elem, buffer: Rc::new(RefCell::new(elements)), offset: 0, shape, strides }
    }

    /// The elements in row order.
    pub fn elements(&self) -> Vec<u64> {
        let mut positions = vec![self.offset];
        for (length, stride) in self.shape.iter().zip(&self.strides) {
            positions = positions
                .into_iter()
                .flat_map(|base| (0..*length as isize).map(move |index| base.wrapping_add_signed(index * stride)))
                .collect();
        }
        let buffer = self.buffer.borrow();
        positions.into_iter().filter_map(|position| buffer.get(position).copied()).collect()
    }
}

impl Value {
    /// Moves what only this value holds out of it.
    fn take_apart(self, parts: &mut Vec<Value>) {
        match self {
            Value::Object(object) => {
                if let Ok(mut object) = Rc::try_unwrap(object) {
                    parts.append(object.fields.get_mut());
                }
            }
            Value::Union(_, value) => parts.extend(Rc::try_unwrap(value)),
            Value::List(list) => parts.extend(Rc::try_unwrap(list).into_iter().flat_map(RefCell::into_inner)),
            Value::Tuple(mut items) | Value::Record(_, mut items) => {
                let items = Rc::get_mut(&mut items).into_iter().flatten();
                parts.extend(items.map(|item| std::mem::replace(item, Value::None)));
            }
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Range { .. }
            | Value::Np(..)
            | Value::Array(_)
            | Value::Exception(_)
            | Value::Bytes(_)
            | Value::Dict(_)
            | Value::Set(_) => {}
        }
    }

    pub fn str(text: &str) -> Value {
        Value::Str(Arc::from(text))
    }

    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(items.into())
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(items)))
    }

    /// The value of type `from` as a value of the union `to`; itself when `to` is no wider union.
    pub fn widen(self, from: &Type, to: &Type) -> Value {
        let tag_in = |variant: &Type| to.tag_of(variant).map(|tag| tag as u32);
        match (self, from, to) {
            (value, from, to) if from == to => value,
            (Value::Union(tag, value), Type::Union(variants), Type::Union(_)) => {
                let tag_now = variants.get(tag as usize).and_then(tag_in);
                Value::Union(tag_now.unwrap_or(tag), value)
            }
            (value, from, Type::Union(_)) => match tag_in(from) {
                Some(tag) => Value::Union(tag, Rc::new(value)),
                None => value,
            },
            (value, _, _) => value,
        }
    }

    /// The value without the tag of a union.
    pub fn untagged(&self) -> &Value {
        match self {
            Value::Union(_, value) => value.untagged(),
            other => other,
        }
    }

    /// The items of a tuple of any length.
    pub fn tuple_items(&self) -> Option<Rc<RefCell<Vec<Value>>>> {
        match self {
            Value::Record(record, items) if record.tuple_item().is_some() => match &**items {
                [Value::List(items)] => Some(items.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The name of the Python class, as messages have it.
    pub fn type_name(&self) -> &str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::Range { .. } => "range",
            Value::Np(elem, _) => elem.name(),
            Value::Tuple(_) => "tuple",
            Value::Record(record, _) => match record.kind {
                RecordKind::Dict => "dict",
                RecordKind::Row => "Row",
                RecordKind::NamedTuple | RecordKind::Dataclass | RecordKind::Library => &record.name,
            },
            Value::Union(_, value) => value.type_name(),
            Value::List(_) => "list",
            Value::Dict(_) => "dict",
            Value::Set(set) => {
                if set.borrow().is_frozen() {
                    "frozenset"
                } else {
                    "set"
                }
            }
            Value::Object(object) => object.class.split('#').next().unwrap_or_default(),
            Value::Array(_) => "numpy.ndarray",
            Value::Exception(_) => "exception",
        }
    }

    /// Whether this is a value of the type.
    pub fn has_type(&self, ty: &Type) -> bool {
        match (self, ty) {
            (Value::None, Type::None)
            | (Value::Bool(_), Type::Bool)
            | (Value::Int(_), Type::Int)
            | (Value::Float(_), Type::Float)
            | (Value::Str(_), Type::Str)
            | (Value::Range { .. }, Type::Range)
            | (Value::Bytes(_), Type::Bytes)
            | (Value::Exception(_), Type::Exception) => true,
            (Value::Object(object), Type::Object(class)) => object.class == *class,
            (Value::Np(elem, _), Type::Np(expected)) => elem == expected,
            (Value::Tuple(items), Type::Tuple(types)) => {
                items.len() == types.len() && items.iter().zip(types).all(|(item, ty)| item.has_type(ty))
            }
            (Value::Record(record, items), Type::Record(expected)) => {
                let mut fields = items.iter().zip(&expected.fields);
                record == expected
                    && items.len() == expected.fields.len()
                    && fields.all(|(item, (_, ty))| item.has_type(ty))
            }
            (Value::Union(tag, value), Type::Union(variants)) => {
                variants.get(*tag as usize).is_some_and(|variant| value.has_type(variant))
            }
            (Value::List(items), Type::List(item)) => items.borrow().iter().all(|value| value.has_type(item)),
            (Value::Dict(dict), Type::Dict(key, item)) => {
                dict.borrow().iter().all(|(found, value)| found.has_type(key) && value.has_type(item))
            }
            (Value::Set(set), Type::Set { item, .. }) => set.borrow().iter().all(|value| value.has_type(item)),
            (Value::Array(array), Type::Array { elem, ndim }) => {
                array.elem == *elem && array.shape.len() == usize::from(*ndim)
            }
            _ => false,
        }
    }

    /// A copy that shares no list and no buffer with the value.
    pub fn deep_copy(&self) -> Value {
        match self {
            Value::Tuple(items) => Value::Tuple(items.iter().map(Value::deep_copy).collect()),
            Value::Record(ty, items) => Value::Record(ty.clone(), items.iter().map(Value::deep_copy).collect()),
            Value::Union(tag, value) => Value::Union(*tag, Rc::new(value.deep_copy())),
            Value::List(items) => Value::list(items.borrow().iter().map(Value::deep_copy).collect()),
            Value::Array(array) => Value::Array(Array::new(array.elem, array.shape.clone(), array.elements())),
            Value::Dict(dict) => {
                let mut copy = Dict::default();
                dict.borrow().iter().for_each(|(key, value)| copy.set(key.clone(), value.deep_copy()));
                Value::Dict(Rc::new(RefCell::new(copy)))
            }
            Value::Set(set) => Value::Set(Rc::new(RefCell::new(set.borrow().clone()))),
            other => other.clone(),
        }
    }

    /// `copy.deepcopy`: what is met twice is copied once.
    pub fn copied(&self) -> Value {
        self.copied_among(&mut HashMap::new())
    }

    fn copied_among(&self, copies: &mut HashMap<usize, Value>) -> Value {
        let key = match self {
            Value::List(items) => Rc::as_ptr(items) as usize,
            Value::Dict(dict) => Rc::as_ptr(dict) as usize,
            Value::Set(set) => Rc::as_ptr(set) as usize,
            Value::Object(object) => Rc::as_ptr(object) as usize,
            _ => 0,
        };
        if let Some(known) = copies.get(&key) {
            return known.clone();
        }
        match self {
            Value::Tuple(items) => Value::Tuple(items.iter().map(|item| item.copied_among(copies)).collect()),
            Value::Record(ty, items) => {
                Value::Record(ty.clone(), items.iter().map(|item| item.copied_among(copies)).collect())
            }
            Value::Union(tag, value) => Value::Union(*tag, Rc::new(value.copied_among(copies))),
            Value::List(items) => {
                let made = Rc::new(RefCell::new(Vec::new()));
                copies.insert(key, Value::List(made.clone()));
                let own: Vec<Value> = items.borrow().iter().map(|item| item.copied_among(copies)).collect();
                *made.borrow_mut() = own;
                Value::List(made)
            }
            Value::Dict(dict) => {
                let made = Rc::new(RefCell::new(Dict::default()));
                copies.insert(key, Value::Dict(made.clone()));
                let pairs: Vec<(Value, Value)> =
                    dict.borrow().iter().map(|(key, value)| (key.clone(), value.copied_among(copies))).collect();
                pairs.into_iter().for_each(|(key, value)| made.borrow_mut().set(key, value));
                Value::Dict(made)
            }
            Value::Set(set) => {
                let made = Value::Set(Rc::new(RefCell::new(set.borrow().added_anew())));
                copies.insert(key, made.clone());
                made
            }
            Value::Object(object) => {
                let made = Rc::new(Object {
                    class: object.class.clone(),
                    is_dataclass: object.is_dataclass,
                    names: object.names.clone(),
                    fields: RefCell::new(Vec::new()),
                });
                copies.insert(key, Value::Object(made.clone()));
                let own: Vec<Value> = object.fields.borrow().iter().map(|field| field.copied_among(copies)).collect();
                *made.fields.borrow_mut() = own;
                Value::Object(made)
            }
            other => other.clone(),
        }
    }

    /// Python's `repr`, for tests: non-ASCII text is shown as it is.
    pub fn repr(&self) -> String {
        match self {
            Value::None => "None".to_string(),
            Value::Bool(value) => if *value { "True" } else { "False" }.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => float_repr(*value),
            Value::Str(value) => str_repr(value),
            Value::Range { start, stop, step: 1 } => format!("range({start}, {stop})"),
            Value::Range { start, stop, step } => format!("range({start}, {stop}, {step})"),
            Value::Np(elem, bits) => format!("np.{}({})", elem.name(), element_repr(*elem, *bits)),
            Value::Tuple(items) => tuple_repr(items),
            Value::Record(record, items) => match self.tuple_items() {
                Some(items) => tuple_repr(&items.borrow()),
                None => record_repr(record, items),
            },
            Value::Union(_, value) => value.repr(),
            Value::List(items) => format!("[{}]", joined(items.borrow().iter().map(Value::repr))),
            Value::Array(array) => array_repr(array),
            Value::Bytes(bytes) => bytes_repr(bytes),
            Value::Dict(dict) => {
                let pairs = dict
                    .borrow()
                    .iter()
                    .map(|(key, value)| format!("{}: {}", key.repr(), value.repr()))
                    .collect::<Vec<_>>();
                format!("{{{}}}", joined(pairs.into_iter()))
            }
            Value::Set(set) => {
                let items = format!("{{{}}}", joined(set.borrow().iter().map(Value::repr)));
                match (set.borrow().is_frozen(), set.borrow().is_empty()) {
                    (false, true) => "set()".to_string(),
                    (true, true) => "frozenset()".to_string(),
                    (false, false) => items,
                    (true, false) => format!("frozenset({items})"),
                }
            }
            Value::Object(object) => object_repr(object),
            Value::Exception(exception) => format!("<exception {}>", str_repr(&exception.message)),
        }
    }
}

fn tuple_repr(items: &[Value]) -> String {
    match items {
        [item] => format!("({},)", item.repr()),
        items => format!("({})", joined(items.iter().map(Value::repr))),
    }
}

fn object_repr(object: &Object) -> String {
    let class = object.class.split('#').next().unwrap_or_default();
    let fields = object.fields.borrow();
    let fields = object.names.iter().zip(fields.iter()).map(|(name, value)| format!("{name}={}", value.repr()));
    if object.is_dataclass { format!("{class}({})", joined(fields)) } else { format!("<{class} object>") }
}

/// Python's `repr` of bytes.
fn bytes_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            byte if char::from(*byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
    out
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn record_repr(record: &RecordType, items: &[Value]) -> String {
    let fields = record.fields.iter().zip(items);
    match record.kind {
        RecordKind::Dict => {
            format!("{{{}}}", joined(fields.map(|((name, _), item)| format!("{}: {}", str_repr(name), item.repr()))))
        }
        RecordKind::Row | RecordKind::NamedTuple | RecordKind::Dataclass | RecordKind::Library => {
            let class = if record.name.is_empty() { "Row" } else { &record.name };
            format!("{class}({})", joined(fields.map(|((name, _), item)| format!("{name}={}", item.repr()))))
        }
    }
}

fn array_repr(array: &Array) -> String {
    let elements = array.elements();
    let shown = |elements: &[u64]| format!("[{}]", joined(elements.iter().map(|bits| element_repr(array.elem, *bits))));
    let body = match array.shape.as_slice() {
        [_, 0] | [0, _] => "[]".to_string(),
        [_, columns] => format!("[{}]", joined(elements.chunks(*columns).map(shown))),
        _ => shown(&elements),
    };
    format!("array({body}, dtype={})", array.elem.name())
}

fn element_repr(elem: Elem, bits: u64) -> String {
    match elem {
        Elem::Bool => if bits != 0 { "True" } else { "False" }.to_string(),
        Elem::F32 => shortest(f64::from_bits(bits), &format!("{:e}", f64::from_bits(bits) as f32)),
        Elem::F64 => float_repr(f64::from_bits(bits)),
        Elem::U64 => bits.to_string(),
        _ => (bits as i64).to_string(),
    }
}

/// Python's `repr` of a float: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16 on.
pub fn float_repr(value: f64) -> String {
    let digits = format!("{value:e}");
    // Where the value lies exactly between two candidates the standard library takes the upper one and CPython the even one.
    let decimals = digits.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count().max(1) - 1;
    let even = format!("{value:.decimals$e}");
    shortest(value, if even.parse() == Ok(value) { &even } else { &digits })
}

/// Lays out the digits of `scientific`, such as `1.25e-7`, as Python does.
fn shortest(value: f64, scientific: &str) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let mut out = sign.to_string();
    if (-4..16).contains(&exponent) {
        if exponent < 0 {
            let _ = write!(out, "0.{}{digits}", "0".repeat((-exponent - 1) as usize));
        } else {
            let point = exponent as usize + 1;
            let digits = format!("{digits:0<point$}");
            let (whole, rest) = digits.split_at(point);
            let _ = write!(out, "{whole}.{}", if rest.is_empty() { "0" } else { rest });
        }
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{first}{dot}{rest}e{sign}{:02}", exponent.unsigned_abs());
    }
    out
}

fn str_repr(text: &str) -> String {
    let body = quote(text);
    let body = body.get(1..body.len() - 1).unwrap_or_default().replace("\\\"", "\"");
    if text.contains('\'') && !text.contains('"') {
        format!("\"{body}\"")
    } else {
        format!("'{}'", body.replace('\'', "\\'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_shown_as_python_shows_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (9007199254740993.0, "9007199254740992.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (5e-324, "5e-324"),
            // Exactly between ...562 and ...563: the even one.
            (86405.0 / 131072.0, "0.6592178344726562"),
            (-1.7976931348623157e308, "-1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_repr(value), expected);
        }
        assert_eq!(Value::Np(Elem::F32, f64::from(0.1f32).to_bits()).repr(), "np.float32(0.1)");
    }

    #[test]
    fn values_are_shown_as_python_shows_them() {
        assert_eq!(Value::str("it's").repr(), "\"it's\"");
        assert_eq!(Value::str("a\"b'\n").repr(), "'a\"b\\'\\n'");
        assert_eq!(Value::tuple(vec![Value::Int(1)]).repr(), "(1,)");
        assert_eq!(Value::list(vec![Value::None, Value::Bool(true)]).repr(), "[None, True]");
        let matrix = Array::new(Elem::I8, vec![2, 2], vec![1, 2, 3, u64::MAX]);
        assert_eq!(Value::Array(matrix).repr(), "array([[1, 2], [3, -1]], dtype=int8)");
    }
}
