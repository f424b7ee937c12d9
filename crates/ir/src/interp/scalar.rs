//! Primitives by the types of their arguments. What is not here is heavy (formatting, Unicode tables, special
//! functions) and belongs to the host.

use super::value::Value;
use super::{float, int, math, text};
use crate::exc::ExcKind;
use crate::messages;
use crate::prim::Prim;

/// An exception about to be raised: its class and `str(e)`.
pub type Raise = (ExcKind, String);
/// What a primitive gives.
pub type Outcome = Result<Value, Raise>;

/// The exception `class` of this primitive with its fixed text.
pub(super) fn raise(prim: Prim, class: ExcKind) -> Raise {
    (class, messages::of_prim(prim, class).to_string())
}

/// Executes the primitive; `None` when it is the host's.
pub fn eval(prim: Prim, args: &[Value]) -> Option<Outcome> {
    match args {
        [Value::Int(a)] => int::unary(prim, *a),
        [Value::Int(a), Value::Int(b)] => int::binary(prim, *a, *b),
        [Value::Int(a), Value::Float(b)] => int::against_float(prim, *a, *b),
        [Value::Float(a)] => float::unary(prim, *a).or_else(|| math::unary(prim, *a)),
        [Value::Float(a), Value::Float(b)] => float::binary(prim, *a, *b).or_else(|| math::binary(prim, *a, *b)),
        [Value::Float(a), Value::Float(b), Value::Float(c)] => float::ternary(prim, *a, *b, *c),
        [Value::Float(a), Value::Float(b), Value::Float(relative), Value::Float(absolute)] => {
            math::isclose(prim, *a, *b, *relative, *absolute)
        }
        [Value::Bool(a)] => match prim {
            Prim::BoolNot => Some(Ok(Value::Bool(!a))),
            Prim::BoolToInt => Some(Ok(Value::Int(i64::from(*a)))),
            _ => None,
        },
        [Value::Int(start), Value::Int(stop), Value::Int(step)] if prim == Prim::RangeNew => {
            let (start, stop, step) = (*start, *stop, *step);
            let range = Value::Range { start, stop, step };
            Some(if step == 0 { Err(raise(prim, ExcKind::ValueError)) } else { Ok(range) })
        }
        [Value::Range { start, stop, step }] => range(prim, *start, *stop, *step),
        [Value::Range { start, stop, step }, Value::Int(index)] if prim == Prim::RangeIndex => {
            Some(range_index(prim, *start, *stop, *step, *index))
        }
        args => text::eval(prim, args),
    }
}

/// How many ints a range has; up to 2**64 - 1.
fn range_len(start: i64, stop: i64, step: i64) -> u64 {
    if step > 0 && start < stop {
        (stop.abs_diff(start) - 1) / step.unsigned_abs() + 1
    } else if step < 0 && start > stop {
        (start.abs_diff(stop) - 1) / step.unsigned_abs() + 1
    } else {
        0
    }
}

fn range(prim: Prim, start: i64, stop: i64, step: i64) -> Option<Outcome> {
    Some(match prim {
        Prim::RangeStart => Ok(Value::Int(start)),
        Prim::RangeStop => Ok(Value::Int(stop)),
        Prim::RangeStep => Ok(Value::Int(step)),
        Prim::RangeLen => match i64::try_from(range_len(start, stop, step)) {
            Ok(len) => Ok(Value::Int(len)),
            Err(_) => Err(raise(prim, ExcKind::OverflowError)),
        },
        _ => return None,
    })
}

fn range_index(prim: Prim, start: i64, stop: i64, step: i64, index: i64) -> Outcome {
    let len = i128::from(range_len(start, stop, step));
    let index = i128::from(index);
    let position = if index < 0 { index + len } else { index };
    if !(0..len).contains(&position) {
        return Err(raise(prim, ExcKind::IndexError));
    }
    let item = i128::from(start) + position * i128::from(step);
    i64::try_from(item).map(Value::Int).map_err(|_| raise(prim, ExcKind::IndexError))
}

/// `seq[index]`: the position that a Python index means, if there is one.
pub fn position(index: i64, len: usize) -> Option<usize> {
    let len = len as i128;
    let position = i128::from(index) + if index < 0 { len } else { 0 };
    (0..len).contains(&position).then_some(position as usize)
}

/// `seq[start:stop:step]`: the positions it takes, in order. The step is not 0.
pub fn slice_positions(start: i64, stop: i64, step: i64, len: usize) -> Vec<usize> {
    let len = len as i128;
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let bound = |bound: i64| {
        let bound = i128::from(bound);
        (if bound < 0 { bound + len } else { bound }).clamp(low, high)
    };
    let (mut at, stop, step) = (bound(start), bound(stop), i128::from(step));
    let mut positions = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        positions.push(at as usize);
        at += step;
    }
    positions
}
