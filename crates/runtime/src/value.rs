//! Whole values: `==`, `<`, `hash` and `repr` as Python has them, for values of any shape.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::abi::{List, Table};
use crate::exc::{ExcClass, Raised};
use crate::format::{float_to_str, int_to_str};
use crate::shape::{Fields, Part, Place, Sort, Val};
use crate::{hash, interrupt, set, string, tables};

/// The element types of NumPy scalars that are floats begin here, by number; the one before is `uint64`.
const FIRST_FLOAT: u8 = 9;
const UINT64: u8 = 8;
const NP_NAMES: [&str; 11] =
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"];

/// A number, exactly.
#[derive(Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

fn as_number(part: &Part<'_>) -> Option<Number> {
    match part {
        Part::Bool(value) => Some(Number::Int(i128::from(*value))),
        Part::Int(value) => Some(Number::Int(i128::from(*value))),
        Part::Float(value) => Some(Number::Float(*value)),
        Part::Np(UINT64, slot) => Some(Number::Int(i128::from(*slot))),
        Part::Np(elem, slot) if *elem >= FIRST_FLOAT => Some(Number::Float(f64::from_bits(*slot))),
        Part::Np(_, slot) => Some(Number::Int(i128::from(*slot as i64))),
        _ => None,
    }
}

fn compare_numbers(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Float(b)) => int_and_float(a, b),
        (Number::Float(a), Number::Int(b)) => int_and_float(b, a).map(Ordering::reverse),
    }
}

/// Exact: the int is not rounded.
fn int_and_float(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    // Beyond what any int here can be, the conversion saturates in the right direction.
    let below = b.floor();
    Some(a.cmp(&(below as i128)).then(if b > below { Ordering::Less } else { Ordering::Equal }))
}

/// The items of a list as values.
///
/// # Safety
/// The header is that of a live list with items of this shape.
unsafe fn items<'a>(header: u64, item: Place<'a>) -> impl ExactSizeIterator<Item = Val<'a>> {
    // SAFETY: promised by the caller.
    let list = unsafe { &*(header as *const List) };
    let (data, width) = (list.data, item.width());
    (0..list.len.max(0) as usize).map(move |index| item.val(data.wrapping_add(index * width)))
}

/// `a == b`.
///
/// # Safety
/// Both are live values of their shapes.
pub unsafe fn equal(a: Val<'_>, b: Val<'_>) -> bool {
    // SAFETY: promised by the caller, here and below.
    let (a, b) = unsafe { (a.part(), b.part()) };
    if let (Some(a), Some(b)) = (as_number(&a), as_number(&b)) {
        return compare_numbers(a, b) == Some(Ordering::Equal);
    }
    match (a, b) {
        (Part::None, Part::None) => true,
        (Part::Str(a), Part::Str(b)) => a.as_str() == b.as_str(),
        (Part::Bytes(a), Part::Bytes(b)) => a == b,
        (Part::Range(a), Part::Range(b)) => range_key(a) == range_key(b),
        (Part::Tuple(a), Part::Tuple(b)) => unsafe { all_equal(a, b) },
        (Part::Items(a, item_a), Part::Items(b, item_b)) => unsafe { same(items(a, item_a), items(b, item_b)) },
        (Part::Items(header, item), Part::Tuple(fields) | Part::Record(Sort::NamedTuple, _, fields))
        | (Part::Tuple(fields) | Part::Record(Sort::NamedTuple, _, fields), Part::Items(header, item)) => unsafe {
            same(items(header, item), fields.map(|(_, val)| val))
        },
        (Part::Record(Sort::Dict, _, mut a), Part::Record(Sort::Dict, _, b)) => {
            let has =
                |name: &str, val| b.into_iter().any(|(known, other)| known == name && unsafe { equal(val, other) });
            a.count() == b.count() && !interrupt::is_too_deep() && a.all(|(name, val)| has(name, val))
        }
        (Part::Record(Sort::Dict, _, fields), Part::Dict(header, key, value))
        | (Part::Dict(header, key, value), Part::Record(Sort::Dict, _, fields)) => unsafe {
            is_display(header, key, value, fields)
        },
        (Part::Record(sort_a, name_a, a), Part::Record(sort_b, name_b, b)) => {
            let alike = match sort_a {
                Sort::NamedTuple => true,
                Sort::Row | Sort::Dict => a.map(|(name, _)| name).eq(b.map(|(name, _)| name)),
                Sort::Dataclass | Sort::Library | Sort::Plain => name_a == name_b,
            };
            sort_a == sort_b && alike && unsafe { all_equal(a, b) }
        }
        (Part::Tuple(a), Part::Record(Sort::NamedTuple, _, b))
        | (Part::Record(Sort::NamedTuple, _, a), Part::Tuple(b)) => unsafe { all_equal(a, b) },
        (Part::List(a, item_a), Part::List(b, item_b)) => {
            let (mut left, mut right) = unsafe { (items(a, item_a), items(b, item_b)) };
            // CPython asks of items first whether they are the same object, so a list is equal to itself whatever it holds.
            a == b
                || left.len() == right.len()
                    && !interrupt::is_too_deep()
                    && std::iter::from_fn(|| left.next().zip(right.next())).all(|(a, b)| unsafe { equal(a, b) })
        }
        (Part::Set(a, item_a, _), Part::Set(b, item_b, _)) => {
            let (left, right) = unsafe { (&*(a as *const Table), &*(b as *const Table)) };
            a == b || left.len == right.len && unsafe { set::is_subset(left, right, item_a, item_b) }
        }
        (Part::Dict(a, key_a, value_a), Part::Dict(b, key_b, value_b)) => {
            let (left, right) = unsafe { (&*(a as *const Table), &*(b as *const Table)) };
            a == b || left.len == right.len && unsafe { dicts_equal(left, right, (key_a, value_a), (key_b, value_b)) }
        }
        (Part::Object(a, sort_a, name_a, fields_a), Part::Object(b, sort_b, name_b, fields_b)) => {
            a == b
                || sort_a == Sort::Dataclass
                    && sort_b == Sort::Dataclass
                    && name_a == name_b
                    && unsafe { all_equal(fields_a, fields_b) }
        }
        _ => false,
    }
}

/// Whether a dict has the entries of a dict display whose keys are all known.
///
/// # Safety
/// As [`equal`].
unsafe fn is_display(header: u64, key: Place<'_>, value: Place<'_>, fields: Fields<'_>) -> bool {
    // SAFETY: promised by the caller, here and below.
    let table = unsafe { &*(header as *const Table) };
    let width = key.width();
    table.len as usize == fields.count()
        && !interrupt::is_too_deep()
        && tables::live(table, 1 + width + value.width()).all(|entry| unsafe {
            let Part::Str(name) = key.val(entry.add(1)).part() else { return false };
            let field = fields.into_iter().find(|(known, _)| *known == name.as_str());
            field.is_some_and(|(_, field)| equal(field, value.val(entry.add(1 + width))))
        })
}

/// Whether the values are as many, and equal one by one.
///
/// # Safety
/// As [`equal`].
unsafe fn same<'a>(mut a: impl Iterator<Item = Val<'a>>, mut b: impl Iterator<Item = Val<'a>>) -> bool {
    if interrupt::is_too_deep() {
        return false;
    }
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            // SAFETY: promised by the caller.
            (Some(a), Some(b)) if unsafe { equal(a, b) } => {}
            _ => return false,
        }
    }
}

/// # Safety
/// As [`equal`].
unsafe fn all_equal(a: Fields<'_>, b: Fields<'_>) -> bool {
    // SAFETY: promised by the caller.
    unsafe { same(a.map(|(_, val)| val), b.map(|(_, val)| val)) }
}

/// # Safety
/// Both are live dicts of these shapes.
unsafe fn dicts_equal(a: &Table, b: &Table, shape_a: (Place<'_>, Place<'_>), shape_b: (Place<'_>, Place<'_>)) -> bool {
    let (key_width, other_key) = (shape_a.0.width(), shape_b.0.width());
    let width = 1 + key_width + shape_a.1.width();
    let other_width = 1 + other_key + shape_b.1.width();
    // SAFETY: promised by the caller.
    tables::live(a, width).all(|entry| unsafe {
        let key = entry.add(1);
        let Some(found) = tables::find(b, other_width, &tables::any_key(shape_b.0, shape_a.0, key)) else {
            return false;
        };
        equal(shape_a.1.val(key.add(key_width)), shape_b.1.val(tables::entry(b, other_width, found).add(1 + other_key)))
    })
}

/// What equal ranges share: the numbers they give.
fn range_key([start, stop, step]: [i64; 3]) -> (i128, i64, i64) {
    let (low, high) = if step > 0 { (start, stop) } else { (stop, start) };
    if low >= high {
        return (0, 0, 0);
    }
    let count = (i128::from(high) - i128::from(low) - 1) / i128::from(step).abs() + 1;
    (count, start, if count == 1 { 0 } else { step })
}

/// An ordering comparison, by the number that compiled code hands over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Lt,
    Le,
    Gt,
    Ge,
}

impl Order {
    pub fn from_number(number: i64) -> Order {
        match number {
            0 => Order::Lt,
            1 => Order::Le,
            2 => Order::Gt,
            _ => Order::Ge,
        }
    }

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

/// `a < b` and its like.
///
/// # Safety
/// Both are live values of their shapes.
pub unsafe fn compare(order: Order, a: Val<'_>, b: Val<'_>) -> Result<bool, Raised> {
    // SAFETY: promised by the caller, here and below.
    let (left, right) = unsafe { (a.part(), b.part()) };
    if let (Some(a), Some(b)) = (as_number(&left), as_number(&right)) {
        return Ok(order.of(compare_numbers(a, b)));
    }
    match (left, right) {
        (Part::Str(a), Part::Str(b)) => Ok(order.of(Some(a.as_bytes().cmp(b.as_bytes())))),
        (Part::Bytes(a), Part::Bytes(b)) => Ok(order.of(Some(a.cmp(b)))),
        (Part::List(a, _), Part::List(b, _)) if a == b => Ok(order.of(Some(Ordering::Equal))),
        (Part::List(a, item_a), Part::List(b, item_b)) => unsafe {
            sequences(order, items(a, item_a), items(b, item_b))
        },
        (Part::Items(a, item_a), Part::Items(b, item_b)) => unsafe {
            sequences(order, items(a, item_a), items(b, item_b))
        },
        (Part::Items(a, item), Part::Tuple(b) | Part::Record(Sort::NamedTuple, _, b)) => unsafe {
            sequences(order, items(a, item), b.map(|(_, val)| val))
        },
        (Part::Tuple(a) | Part::Record(Sort::NamedTuple, _, a), Part::Items(b, item)) => unsafe {
            sequences(order, a.map(|(_, val)| val), items(b, item))
        },
        (
            Part::Tuple(a) | Part::Record(Sort::NamedTuple, _, a),
            Part::Tuple(b) | Part::Record(Sort::NamedTuple, _, b),
        ) => unsafe { sequences(order, a.map(|(_, val)| val), b.map(|(_, val)| val)) },
        (Part::Record(Sort::Library, name_a, a), Part::Record(Sort::Library, name_b, b)) if name_a == name_b => unsafe {
            sequences(order, a.map(|(_, val)| val), b.map(|(_, val)| val))
        },
        (Part::Set(a, item_a, _), Part::Set(b, item_b, _)) => unsafe {
            let (left, right) = (&*(a as *const Table), &*(b as *const Table));
            Ok(match order {
                Order::Lt => left.len < right.len && set::is_subset(left, right, item_a, item_b),
                Order::Le => set::is_subset(left, right, item_a, item_b),
                Order::Gt => right.len < left.len && set::is_subset(right, left, item_b, item_a),
                Order::Ge => set::is_subset(right, left, item_b, item_a),
            })
        },
        (left, right) => {
            let (symbol, a, b) = (order.symbol(), type_name(&left), type_name(&right));
            let message = format!("'{symbol}' not supported between instances of '{a}' and '{b}'");
            Err((ExcClass::TypeError, message.into()))
        }
    }
}

/// The first items that are not equal decide, else the lengths.
///
/// # Safety
/// As [`compare`].
unsafe fn sequences<'a>(
    order: Order,
    mut a: impl Iterator<Item = Val<'a>>,
    mut b: impl Iterator<Item = Val<'a>>,
) -> Result<bool, Raised> {
    loop {
        return match (a.next(), b.next()) {
            (None, None) => Ok(order.of(Some(Ordering::Equal))),
            (None, Some(_)) => Ok(order.of(Some(Ordering::Less))),
            (Some(_), None) => Ok(order.of(Some(Ordering::Greater))),
            // SAFETY: promised by the caller.
            (Some(a), Some(b)) => unsafe {
                if equal(a, b) {
                    continue;
                }
                compare(order, a, b)
            },
        };
    }
}

fn type_name<'a>(part: &Part<'a>) -> &'a str {
    match part {
        Part::None => "NoneType",
        Part::Bool(_) => "bool",
        Part::Int(_) => "int",
        Part::Float(_) => "float",
        Part::Np(elem, _) => NP_NAMES.get(usize::from(*elem)).copied().unwrap_or("numpy scalar"),
        Part::Str(_) => "str",
        Part::Bytes(_) => "bytes",
        Part::Range(_) => "range",
        Part::Tuple(_) | Part::Items(..) => "tuple",
        Part::Record(Sort::Dict, ..) | Part::Dict(..) => "dict",
        Part::Record(Sort::Row, ..) => "Row",
        Part::Record(_, name, _) | Part::Object(_, _, name, _) => name,
        Part::List(..) => "list",
        Part::Set(_, _, false) => "set",
        Part::Set(_, _, true) => "frozenset",
    }
}

/// `hash(x)` of a value that can be a key. Never -1, which marks what is no entry.
///
/// # Safety
/// The value lives.
pub unsafe fn hash_of(val: Val<'_>) -> i64 {
    // SAFETY: promised by the caller.
    match unsafe { val.part() } {
        Part::None => hash::NONE,
        Part::Bool(value) => i64::from(value),
        Part::Int(value) => hash::of_int(value),
        Part::Float(value) => hash::of_float(value),
        Part::Str(text) => hash::of_bytes(text.as_bytes()),
        Part::Bytes(bytes) => hash::of_bytes(bytes),
        Part::Range(range) => {
            let (count, start, step) = range_key(range);
            hash::of_int((count as i64).wrapping_mul(31).wrapping_add(start).wrapping_mul(31).wrapping_add(step))
        }
        Part::Np(_, slot) => hash::of_int(slot as i64),
        // SAFETY: the fields live as the value does.
        Part::Tuple(fields) | Part::Record(_, _, fields) => {
            hash::of_tuple(fields.map(|(_, field)| unsafe { hash_of(field) }))
        }
        // SAFETY: the list lives as the tuple does.
        Part::Items(header, item) => {
            hash::of_tuple(unsafe { items(header, item) }.map(|item| unsafe { hash_of(item) }))
        }
        Part::Object(address, ..) | Part::List(address, _) | Part::Dict(address, ..) => hash::of_int(address as i64),
        Part::Set(address, item, _) => {
            // SAFETY: a live set.
            let table = unsafe { &*(address as *const Table) };
            // SAFETY: the first slot of an entry is its hash.
            hash::of_frozenset(tables::live(table, 1 + item.width()).map(|entry| unsafe { *entry as i64 }), table.len)
        }
    }
}

/// Appends `repr(x)`.
///
/// # Safety
/// The value lives.
pub unsafe fn repr(val: Val<'_>, out: &mut String) -> Result<(), Raised> {
    if interrupt::is_too_deep() {
        return Ok(());
    }
    // SAFETY: promised by the caller, here and below.
    match unsafe { val.part() } {
        Part::None => out.push_str("None"),
        Part::Bool(value) => out.push_str(if value { "True" } else { "False" }),
        Part::Int(value) => int_to_str(value, out),
        Part::Float(value) => float_to_str(value, out),
        Part::Np(elem, slot) => np_repr(elem, slot, out),
        Part::Str(text) => string::repr(text.as_str(), out)?,
        Part::Bytes(bytes) => bytes_repr(bytes, out),
        Part::Range([start, stop, step]) => {
            let _ = write!(out, "range({start}, {stop}");
            let _ = if step == 1 { write!(out, ")") } else { write!(out, ", {step})") };
        }
        Part::Tuple(fields) => {
            let count = fields.count();
            unsafe { join(out, ["(", if count == 1 { ",)" } else { ")" }], fields.map(|(_, val)| val))? };
        }
        Part::Items(header, item) => {
            let items = unsafe { items(header, item) };
            unsafe { join(out, ["(", if items.len() == 1 { ",)" } else { ")" }], items)? };
        }
        Part::Record(Sort::Dict, _, fields) => {
            out.push('{');
            for (index, (name, val)) in fields.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                string::repr(name, out)?;
                out.push_str(": ");
                unsafe { repr(val, out)? };
            }
            out.push('}');
        }
        Part::Record(_, name, fields) | Part::Object(_, Sort::Dataclass, name, fields) => {
            out.push_str(if name.is_empty() { "Row" } else { name });
            out.push('(');
            for (index, (field, val)) in fields.enumerate() {
                let _ = write!(out, "{}{field}=", if index > 0 { ", " } else { "" });
                unsafe { repr(val, out)? };
            }
            out.push(')');
        }
        Part::Object(_, _, name, _) => {
            let _ = write!(out, "<{name} object>");
        }
        Part::List(header, item) => unsafe { join(out, ["[", "]"], items(header, item))? },
        Part::Set(header, item, frozen) => {
            let table = unsafe { &*(header as *const Table) };
            let ends = match (table.len, frozen) {
                (0, false) => ["set(", ")"],
                (0, true) => ["frozenset(", ")"],
                (_, false) => ["{", "}"],
                (_, true) => ["frozenset({", "})"],
            };
            let entries = tables::live(table, 1 + item.width());
            unsafe { join(out, ends, entries.map(|entry| item.val(entry.add(1))))? };
        }
        Part::Dict(header, key, value) => {
            let table = unsafe { &*(header as *const Table) };
            let width = key.width();
            out.push('{');
            for (index, entry) in tables::live(table, 1 + width + value.width()).enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                unsafe { repr(key.val(entry.add(1)), out)? };
                out.push_str(": ");
                unsafe { repr(value.val(entry.add(1 + width)), out)? };
            }
            out.push('}');
        }
    }
    Ok(())
}

/// # Safety
/// The values live.
unsafe fn join<'a>(
    out: &mut String,
    [open, close]: [&str; 2],
    vals: impl Iterator<Item = Val<'a>>,
) -> Result<(), Raised> {
    out.push_str(open);
    for (index, val) in vals.enumerate() {
        out.push_str(if index > 0 { ", " } else { "" });
        // SAFETY: promised by the caller.
        unsafe { repr(val, out)? };
    }
    out.push_str(close);
    Ok(())
}

fn np_repr(elem: u8, slot: u64, out: &mut String) {
    let name = NP_NAMES.get(usize::from(elem)).copied().unwrap_or_default();
    let _ = write!(out, "np.{name}(");
    match elem {
        0 => out.push_str(if slot != 0 { "True" } else { "False" }),
        UINT64 => drop(write!(out, "{slot}")),
        elem if elem >= FIRST_FLOAT => float_to_str(f64::from_bits(slot), out),
        _ => int_to_str(slot as i64, out),
    }
    out.push(')');
}

/// `repr` of bytes.
pub fn bytes_repr(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            byte if char::from(*byte) == quote => out.extend(['\\', quote]),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push(quote);
}
