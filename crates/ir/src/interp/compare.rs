//! `==` and `<` of whole values of any types, as Python has them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use super::scalar::Raise;
use super::table::Key;
use super::value::Value;
use crate::exc::ExcKind;
use crate::types::RecordKind;

/// Python's `a == b`.
pub fn equal(a: &Value, b: &Value) -> bool {
    let (a, b) = (a.untagged(), b.untagged());
    if let (Some(a), Some(b)) = (tuple_of(a), tuple_of(b)) {
        return all_equal(&a, &b);
    }
    match (a, b) {
        (Value::Record(x, a), Value::Record(y, b))
            if [x.kind, y.kind].iter().any(|kind| matches!(kind, RecordKind::Dataclass | RecordKind::Library)) =>
        {
            x.kind == y.kind && x.name == y.name && all_equal(a, b)
        }
        (Value::Record(x, a), Value::Record(y, b)) if x.kind == RecordKind::Dict && y.kind == x.kind => {
            a.len() == b.len()
                && named(x, a).all(|(name, value)| named(y, b).any(|other| other.0 == name && equal(value, other.1)))
        }
        (Value::Record(x, fields), Value::Dict(dict)) | (Value::Dict(dict), Value::Record(x, fields))
            if x.kind == RecordKind::Dict =>
        {
            let dict = dict.borrow();
            dict.len() == fields.len()
                && dict.iter().all(|(key, value)| {
                    let is_entry = |(name, field): (&str, &Value)| {
                        matches!(key.untagged(), Value::Str(key) if **key == *name) && equal(field, value)
                    };
                    named(x, fields).any(is_entry)
                })
        }
        (Value::Record(x, a), Value::Record(y, b)) if x.kind == y.kind && x.kind != RecordKind::NamedTuple => {
            let names =
                |record: &crate::RecordType| record.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            names(x) == names(y) && all_equal(a, b)
        }
        (Value::Record(x, a), Value::Record(y, b)) => x.kind == y.kind && all_equal(a, b),
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b) || all_equal(&a.borrow(), &b.borrow()),
        (Value::Dict(a), Value::Dict(b)) if Rc::ptr_eq(a, b) => true,
        (Value::Dict(a), Value::Dict(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            a.len() == b.len()
                && a.iter().all(|(key, value)| {
                    b.find(key).and_then(|at| b.at(at as i64)).is_some_and(|(_, other)| equal(value, other))
                })
        }
        (Value::Set(a), Value::Set(b)) if Rc::ptr_eq(a, b) => true,
        (Value::Set(a), Value::Set(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            a.len() == b.len() && a.is_subset(&b)
        }
        (Value::Object(a), Value::Object(b)) => {
            Rc::ptr_eq(a, b)
                || (a.is_dataclass && a.class == b.class && all_equal(&a.fields.borrow(), &b.fields.borrow()))
        }
        (Value::Np(_, a), Value::Np(_, b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (a, b) => {
            let key = Key::of(a);
            key != Key::Other && key == Key::of(b)
        }
    }
}

/// The fields of a record with their names.
fn named<'a>(record: &'a crate::RecordType, fields: &'a [Value]) -> impl Iterator<Item = (&'a str, &'a Value)> {
    record.fields.iter().map(|(name, _)| name.as_str()).zip(fields)
}

fn all_equal(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
}

/// A comparison other than `==`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Lt,
    Le,
    Gt,
    Ge,
}

impl Order {
    fn symbol(self) -> &'static str {
        match self {
            Order::Lt => "<",
            Order::Le => "<=",
            Order::Gt => ">",
            Order::Ge => ">=",
        }
    }

    fn of(self, ordering: Option<Ordering>) -> bool {
        match self {
            Order::Lt => ordering == Some(Ordering::Less),
            Order::Le => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Order::Gt => ordering == Some(Ordering::Greater),
            Order::Ge => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// Python's `a < b` and its like.
pub fn compare(order: Order, a: &Value, b: &Value) -> Result<bool, Raise> {
    let (a, b) = (a.untagged(), b.untagged());
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(Value::Int(i64::from(*value))),
        Value::Int(_) | Value::Float(_) => Some(value.clone()),
        _ => None,
    };
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return Ok(order.of(compare_numbers(&a, &b)));
    }
    if let (Some(a), Some(b)) = (tuple_of(a), tuple_of(b)) {
        return sequences(order, &a, &b);
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Ok(order.of(Some(a.as_bytes().cmp(b.as_bytes())))),
        (Value::Bytes(a), Value::Bytes(b)) => Ok(order.of(Some(a.cmp(b)))),
        (Value::List(a), Value::List(b)) if Rc::ptr_eq(a, b) => Ok(order.of(Some(Ordering::Equal))),
        (Value::List(a), Value::List(b)) => sequences(order, &a.borrow(), &b.borrow()),
        (Value::Record(x, a), Value::Record(y, b)) if x.kind == RecordKind::Library && x.name == y.name => {
            sequences(order, a, b)
        }
        (Value::Set(a), Value::Set(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            Ok(match order {
                Order::Lt => a.len() < b.len() && a.is_subset(&b),
                Order::Le => a.is_subset(&b),
                Order::Gt => b.len() < a.len() && b.is_subset(&a),
                Order::Ge => b.is_subset(&a),
            })
        }
        _ => Err(no_order(order, a, b)),
    }
}

fn no_order(order: Order, a: &Value, b: &Value) -> Raise {
    let symbol = order.symbol();
    let message = format!("'{symbol}' not supported between instances of '{}' and '{}'", a.type_name(), b.type_name());
    (ExcKind::TypeError, message)
}

/// The items of what compares as a tuple.
fn tuple_of(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::Tuple(items) => Some(Cow::Borrowed(items)),
        Value::Record(record, items) if record.kind == RecordKind::NamedTuple => Some(Cow::Borrowed(items)),
        other => other.tuple_items().map(|items| Cow::Owned(items.borrow().clone())),
    }
}

/// The first items that are not equal decide, else the lengths.
fn sequences(order: Order, a: &[Value], b: &[Value]) -> Result<bool, Raise> {
    match a.iter().zip(b).find(|(a, b)| !equal(a, b)) {
        Some((a, b)) => compare(order, a, b),
        None => Ok(order.of(Some(a.len().cmp(&b.len())))),
    }
}

fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => int_and_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => int_and_float(*b, *a).map(Ordering::reverse),
        _ => None,
    }
}

/// Exact: the int is not rounded.
fn int_and_float(a: i64, b: f64) -> Option<Ordering> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        return None;
    }
    if b >= TWO_63 {
        return Some(Ordering::Less);
    }
    if b < -TWO_63 {
        return Some(Ordering::Greater);
    }
    let below = b.floor();
    Some(a.cmp(&(below as i64)).then(if b > below { Ordering::Less } else { Ordering::Equal }))
}
