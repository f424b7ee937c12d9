//! Python's `range` as start, stop and step.

use crate::exc::{ExcClass, Raised, overflow_error, raised, value_error};

/// `range(start, stop, step)`: the same three, or `ValueError`.
pub fn new(start: i64, stop: i64, step: i64) -> Result<(i64, (i64, i64)), Raised> {
    if step == 0 { Err(value_error("range() arg 3 must not be zero")) } else { Ok((start, (stop, step))) }
}

/// The number of items, which may be more than 63 bits hold.
fn count(start: i64, stop: i64, step: i64) -> u64 {
    let distance = if step > 0 { i128::from(stop) - i128::from(start) } else { i128::from(start) - i128::from(stop) };
    match u64::try_from(distance) {
        Ok(distance) if distance > 0 && step != 0 => (distance - 1) / step.unsigned_abs() + 1,
        _ => 0,
    }
}

/// `len(range(start, stop, step))`.
pub fn len(start: i64, stop: i64, step: i64) -> Result<i64, Raised> {
    i64::try_from(count(start, stop, step)).map_err(|_| overflow_error("Python int too large to convert to C ssize_t"))
}

/// `range(start, stop, step)[index]`.
pub fn index(start: i64, stop: i64, step: i64, index: i64) -> Result<i64, Raised> {
    let count = i128::from(count(start, stop, step));
    let position = if index < 0 { i128::from(index) + count } else { i128::from(index) };
    let item = i128::from(start) + position * i128::from(step);
    match i64::try_from(item) {
        Ok(item) if (0..count).contains(&position) => Ok(item),
        _ => Err(raised(ExcClass::IndexError, "range object index out of range")),
    }
}
