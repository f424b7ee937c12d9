//! Views of arrays: the same buffer, looked at in another way.

use std::rc::Rc;

use super::invalid;
use super::scalar::{Outcome, position};
use super::value::{Array, Value};
use crate::exc::ExcKind;
use crate::messages;
use crate::module::{Op, View};

/// The view of an array with these further arguments.
pub fn view(view: View, array: &Array, args: &[Value]) -> Outcome {
    let mut ints = Vec::new();
    for arg in args {
        let Value::Int(int) = arg else { return invalid(&Op::ArrayView(view)) };
        ints.push(*int);
    }
    let wrong = || Err((ExcKind::ValueError, messages::of_op(&Op::ArrayView(view), ExcKind::ValueError).to_string()));
    let made = match (view, ints.as_slice()) {
        (View::Slice(_), [_, _, 0]) => return wrong(),
        (View::Slice(dimension), [start, stop, step]) => slice(array, usize::from(dimension), (*start, *stop, *step)),
        (View::Column, [index]) => match (array.shape.as_slice(), array.strides.as_slice()) {
            ([rows, columns], [row, column]) => match position(*index, *columns) {
                Some(at) => Some(with(array, step_by(array.offset, at, *column), &[*rows], &[*row])),
                None => {
                    let message = format!("index {index} is out of bounds for axis 1 with size {columns}");
                    return Err((ExcKind::IndexError, message));
                }
            },
            _ => None,
        },
        (View::Transpose, []) => {
            let reversed = |items: &[isize]| items.iter().rev().copied().collect::<Vec<isize>>();
            let shape: Vec<usize> = array.shape.iter().rev().copied().collect();
            Some(with(array, array.offset, &shape, &reversed(&array.strides)))
        }
        (View::Broadcast, lengths) => match broadcast(array, lengths) {
            Some(made) => Some(made),
            None => return wrong(),
        },
        (View::Flat, [length]) => {
            let count: usize = array.shape.iter().product();
            match usize::try_from(*length) {
                Ok(length) if length == count && is_flat(array) => Some(with(array, array.offset, &[count], &[1])),
                _ => return wrong(),
            }
        }
        (View::Fold, [rows, columns]) => match fold(array, *rows, *columns) {
            Some(made) => Some(made),
            None => return wrong(),
        },
        _ => None,
    };
    made.map_or_else(|| invalid(&Op::ArrayView(view)), |array| Ok(Value::Array(array)))
}

fn with(array: &Array, offset: usize, shape: &[usize], strides: &[isize]) -> Array {
    Array { offset, shape: shape.to_vec(), strides: strides.to_vec(), ..array.clone() }
}

fn step_by(offset: usize, count: usize, stride: isize) -> usize {
    offset.wrapping_add_signed(stride.wrapping_mul(count as isize))
}

fn slice(array: &Array, dimension: usize, (start, stop, step): (i64, i64, i64)) -> Option<Array> {
    let (length, stride) = (*array.shape.get(dimension)?, *array.strides.get(dimension)?);
    let (len, step) = (length as i128, i128::from(step));
    let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let bound = |bound: i64| {
        let bound = i128::from(bound);
        (if bound < 0 { bound + len } else { bound }).clamp(low, high)
    };
    let (first, end) = (bound(start), bound(stop));
    let count = if step > 0 { (end - first + step - 1) / step } else { (first - end - step - 1) / -step };
    let count = count.max(0) as usize;
    let (mut shape, mut strides) = (array.shape.clone(), array.strides.clone());
    shape[dimension] = count;
    // With one element or none there is no next one to step to.
    strides[dimension] = if count > 1 { stride.wrapping_mul(step as isize) } else { stride };
    let offset = if count > 0 { step_by(array.offset, first as usize, stride) } else { array.offset };
    Some(with(array, offset, &shape, &strides))
}

fn broadcast(array: &Array, lengths: &[i64]) -> Option<Array> {
    let new = lengths.len().checked_sub(array.shape.len())?;
    let (mut shape, mut strides) = (Vec::new(), Vec::new());
    for (axis, length) in lengths.iter().enumerate() {
        let length = usize::try_from(*length).ok()?;
        let own = axis.checked_sub(new).map(|axis| (array.shape[axis], array.strides[axis]));
        strides.push(match own {
            Some((own, stride)) if own == length => stride,
            Some((1, _)) | None => 0,
            Some(_) => return None,
        });
        shape.push(length);
    }
    Some(with(array, array.offset, &shape, &strides))
}

fn fold(array: &Array, rows: i64, columns: i64) -> Option<Array> {
    let (length, stride) = (*array.shape.first()?, *array.strides.first()?);
    let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
    (rows.checked_mul(columns) == Some(length))
        .then(|| with(array, array.offset, &[rows, columns], &[stride.wrapping_mul(columns as isize), stride]))
}

/// Whether the elements lie one behind the other in row order.
pub fn is_flat(array: &Array) -> bool {
    let mut expected = 1;
    let axes = array.shape.iter().zip(&array.strides).rev();
    let flat = axes.fold(true, |flat, (length, stride)| {
        let fits = *length == 1 || *stride == expected;
        expected *= *length as isize;
        flat && fits
    });
    flat || array.shape.contains(&0)
}

/// Whether a store to one may be seen in the other, unless they are the same view.
pub fn overlap(a: &Array, b: &Array) -> bool {
    let place = |array: &Array| (array.offset, array.shape.clone(), array.strides.clone());
    if !Rc::ptr_eq(&a.buffer, &b.buffer) || place(a) == place(b) {
        return false;
    }
    let extent = |array: &Array| {
        let (mut low, mut high) = (array.offset as isize, array.offset as isize);
        for (length, stride) in array.shape.iter().zip(&array.strides) {
            let reach = stride * (*length as isize - 1);
            low += reach.min(0);
            high += reach.max(0);
        }
        (!array.shape.contains(&0)).then_some((low, high))
    };
    match (extent(a), extent(b)) {
        (Some((a_low, a_high)), Some((b_low, b_high))) => a_low <= b_high && b_low <= a_high,
        _ => false,
    }
}
