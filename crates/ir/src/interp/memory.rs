//! Lists, arrays and NumPy scalars.

use super::compare::{Order, compare};
use super::scalar::{Outcome, Raise, position, slice_positions};
use super::value::{Array, Value};
use super::{Host, invalid};
use crate::exc::ExcKind;
use crate::messages;
use crate::module::Op;
use crate::types::{Elem, Type};

/// A longer list or array raises `MemoryError`: the interpreter must survive any program.
pub const ITEMS_MAX: usize = 1 << 24;

fn raise(op: &Op, class: ExcKind) -> Outcome {
    Err((class, messages::of_op(op, class).to_string()))
}

/// Operations of lists.
pub fn list(op: &Op, args: &[Value], host: &mut dyn Host) -> Outcome {
    if let Op::ListNew = op {
        return Ok(Value::list(args.to_vec()));
    }
    let Some(Value::List(list)) = args.first() else { return invalid(op) };
    match (op, &args[1..]) {
        (Op::ListLen, []) => Ok(Value::Int(list.borrow().len() as i64)),
        (Op::ListGet, [Value::Int(index)]) => {
            let items = list.borrow();
            match position(*index, items.len()) {
                Some(position) => Ok(items[position].clone()),
                None => raise(op, ExcKind::IndexError),
            }
        }
        (Op::ListSet, [Value::Int(index), value]) => {
            let mut items = list.borrow_mut();
            match position(*index, items.len()) {
                Some(position) => {
                    items[position] = value.clone();
                    Ok(Value::None)
                }
                None => raise(op, ExcKind::IndexError),
            }
        }
        (Op::ListAppend, [value]) => {
            if list.borrow().len() >= ITEMS_MAX {
                return raise(op, ExcKind::MemoryError);
            }
            list.borrow_mut().push(value.clone());
            Ok(Value::None)
        }
        (Op::ListSlice, [_, _, Value::Int(0)]) => raise(op, ExcKind::ValueError),
        (Op::ListSlice, [Value::Int(start), Value::Int(stop), Value::Int(step)]) => {
            let items = list.borrow();
            let positions = slice_positions(*start, *stop, *step, items.len());
            Ok(Value::list(positions.into_iter().map(|position| items[position].clone()).collect()))
        }
        (Op::ListConcat, [Value::List(other)]) => {
            let both: Vec<Value> = list.borrow().iter().chain(other.borrow().iter()).cloned().collect();
            if both.len() > ITEMS_MAX { raise(op, ExcKind::MemoryError) } else { Ok(Value::list(both)) }
        }
        (Op::ListArgsort, [Value::Bool(reverse)]) => {
            let order = host.argsort(&list.borrow(), *reverse)?;
            Ok(Value::list(order.into_iter().map(|position| Value::Int(position as i64)).collect()))
        }
        _ => invalid(op),
    }
}

/// A stable merge sort. Without NaN every stable sort gives what CPython's does; with NaN the result depends on the
/// algorithm, which is the host's to know.
pub fn argsort(keys: &[Value], reverse: bool) -> Result<Vec<usize>, Raise> {
    let before = |a: usize, b: usize| if reverse { less(&keys[b], &keys[a]) } else { less(&keys[a], &keys[b]) };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let mut width = 1;
    while width < order.len() {
        let mut merged = Vec::with_capacity(order.len());
        for run in order.chunks(2 * width) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let ([l, left_rest @ ..], [r, right_rest @ ..]) = (left, right) {
                if before(*r, *l)? {
                    merged.push(*r);
                    right = right_rest;
                } else {
                    merged.push(*l);
                    left = left_rest;
                }
            }
            merged.extend(left.iter().chain(right));
        }
        order = merged;
        width *= 2;
    }
    Ok(order)
}

/// Python's `a < b`.
pub fn less(a: &Value, b: &Value) -> Result<bool, Raise> {
    compare(Order::Lt, a, b)
}

/// Operations of arrays.
pub fn array(op: &Op, args: &[Value], result: &Type) -> Outcome {
    if let Op::ArrayZeros = op {
        return zeros(op, args, result);
    }
    let Some(Value::Array(array)) = args.first() else { return invalid(op) };
    match (op, &args[1..]) {
        (Op::ArrayShape(dimension), []) => match array.shape.get(usize::from(*dimension)) {
            Some(length) => Ok(Value::Int(*length as i64)),
            None => invalid(op),
        },
        (Op::ArrayGet, indices) => {
            let at = element(op, array, indices)?;
            match array.buffer.borrow().get(at) {
                Some(bits) => Ok(Value::Np(array.elem, *bits)),
                None => invalid(op),
            }
        }
        (Op::ArraySet, [indices @ .., Value::Np(_, bits)]) => {
            let at = element(op, array, indices)?;
            match array.buffer.borrow_mut().get_mut(at) {
                Some(slot) => *slot = *bits,
                None => return invalid(op),
            }
            Ok(Value::None)
        }
        (Op::ArrayRow, indices) => {
            let offset = element(op, array, indices)?;
            let (shape, strides) = (array.shape[1..].to_vec(), array.strides[1..].to_vec());
            Ok(Value::Array(Array { offset, shape, strides, ..array.clone() }))
        }
        _ => invalid(op),
    }
}

/// The position in the buffer that the indices lead to; fewer indices than dimensions lead to the start of a row.
fn element(op: &Op, array: &Array, indices: &[Value]) -> Result<usize, (ExcKind, String)> {
    let mut at = array.offset;
    for (axis, index) in indices.iter().enumerate() {
        let (Value::Int(index), Some(length)) = (index, array.shape.get(axis)) else { return invalid(op) };
        let Some(position) = position(*index, *length) else {
            let message = format!("index {index} is out of bounds for axis {axis} with size {length}");
            return Err((ExcKind::IndexError, message));
        };
        at = at.wrapping_add_signed(position as isize * array.strides[axis]);
    }
    Ok(at)
}

fn zeros(op: &Op, lengths: &[Value], result: &Type) -> Outcome {
    let Type::Array { elem, .. } = result else { return invalid(op) };
    let mut shape = Vec::new();
    for length in lengths {
        let Value::Int(length) = length else { return invalid(op) };
        match usize::try_from(*length) {
            Ok(length) => shape.push(length),
            Err(_) => return raise(op, ExcKind::ValueError),
        }
    }
    let count = shape.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
    match count {
        Some(count) if count <= ITEMS_MAX => Ok(Value::Array(Array::new(*elem, shape, Vec::new()))),
        _ => raise(op, ExcKind::MemoryError),
    }
}

/// What a NumPy scalar's slot holds when a Python number is converted to it.
pub fn to_np(value: &Value, elem: Elem) -> Option<u64> {
    let wrap = |int: i64| match elem {
        Elem::Bool => u64::from(int != 0),
        Elem::I8 => int as i8 as u64,
        Elem::I16 => int as i16 as u64,
        Elem::I32 => int as i32 as u64,
        Elem::U8 => u64::from(int as u8),
        Elem::U16 => u64::from(int as u16),
        Elem::U32 => u64::from(int as u32),
        Elem::I64 | Elem::U64 => int as u64,
        Elem::F32 => f64::from(int as f32).to_bits(),
        Elem::F64 => (int as f64).to_bits(),
    };
    Some(match (value, elem) {
        (Value::Bool(value), _) => wrap(i64::from(*value)),
        (Value::Int(value), _) => wrap(*value),
        (Value::Float(value), Elem::F64) => value.to_bits(),
        (Value::Float(value), Elem::F32) => f64::from(*value as f32).to_bits(),
        (Value::Float(value), Elem::Bool) => u64::from(*value != 0.0),
        (Value::Float(value), elem) => wrap(float_to_elem(*value, elem)),
        _ => return None,
    })
}

/// The conversion as x86-64 does it: what does not fit in the 32- or 64-bit integer that the machine converts to becomes
/// the least of it.
fn float_to_elem(value: f64, elem: Elem) -> i64 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    let value = value.trunc();
    let to_64 = |value: f64| if (-TWO_63..TWO_63).contains(&value) { value as i64 } else { i64::MIN };
    match elem {
        Elem::U32 | Elem::I64 => to_64(value),
        Elem::U64 if value >= TWO_63 => to_64(value - TWO_63) ^ i64::MIN,
        Elem::U64 => to_64(value),
        _ if (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value) => value as i64,
        _ => i64::from(i32::MIN),
    }
}

/// The Python number that a NumPy scalar holds.
pub fn from_np(op: &Op, elem: Elem, bits: u64) -> Outcome {
    match elem {
        Elem::Bool => Ok(Value::Bool(bits != 0)),
        Elem::F32 | Elem::F64 => Ok(Value::Float(f64::from_bits(bits))),
        Elem::U64 if bits > i64::MAX as u64 => raise(op, ExcKind::IntTooLarge),
        _ => Ok(Value::Int(bits as i64)),
    }
}
