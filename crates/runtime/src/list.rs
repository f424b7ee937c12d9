//! What `list` and `str` share: Python's rules for indices and slices. Knows nothing of memory.

use crate::exc::{Raised, value_error};

/// The position that `index` means in a sequence of this length; negative ones count from the end.
pub fn normalize_index(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let position = if index < 0 { index.checked_add(length)? } else { index };
    if (0..length).contains(&position) { usize::try_from(position).ok() } else { None }
}

/// The positions that a slice visits: `start`, `start + step`, ..., `count` of them, all inside the sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlicePositions {
    pub start: usize,
    pub count: usize,
    pub step: i64,
}

impl SlicePositions {
    /// The visited positions in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |n| (self.start as i64).wrapping_add((n as i64).wrapping_mul(self.step)) as usize)
    }
}

/// Python's `slice(start, stop, step).indices(length)`. A missing bound is `i64::MAX` or `i64::MIN`, whichever lies
/// beyond the end it stands for.
pub fn slice_positions(length: usize, start: i64, stop: i64, step: i64) -> Result<SlicePositions, Raised> {
    if step == 0 {
        return Err(value_error("slice step cannot be zero"));
    }
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    // The lowest and highest places a bound can mean: one before the first item when walking backwards.
    let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let clamp = |bound: i64| if bound < 0 { (bound.saturating_add(length)).max(low) } else { bound.min(high) };
    let (start, stop) = (clamp(start), clamp(stop));
    let distance = if step < 0 { start - stop } else { stop - start };
    let count = if distance <= 0 { 0 } else { (distance - 1) as u64 / step.unsigned_abs() + 1 };
    Ok(SlicePositions { start: start.max(0) as usize, count: count as usize, step })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(length: usize, start: i64, stop: i64, step: i64) -> Vec<usize> {
        slice_positions(length, start, stop, step).unwrap().iter().collect()
    }

    #[test]
    fn slices_visit_what_python_visits() {
        const MIN: i64 = i64::MIN;
        const MAX: i64 = i64::MAX;
        assert_eq!(positions(5, MIN, MAX, 1), [0, 1, 2, 3, 4]);
        assert_eq!(positions(5, MAX, MIN, -1), [4, 3, 2, 1, 0]);
        assert_eq!(positions(5, -2, MAX, 1), [3, 4]);
        assert_eq!(positions(5, 1, -1, 2), [1, 3]);
        assert_eq!(positions(5, 3, 0, -2), [3, 1]);
        assert_eq!(positions(5, MIN, MAX, MAX), [0]);
        assert_eq!(positions(5, MAX, MIN, MIN), [4]);
        assert_eq!(positions(0, MIN, MAX, 1), [0usize; 0]);
        assert_eq!(positions(5, 4, 1, 1), [0usize; 0]);
        assert!(slice_positions(5, 0, 1, 0).is_err());
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        assert_eq!(normalize_index(-1, 3), Some(2));
        assert_eq!(normalize_index(-4, 3), None);
        assert_eq!(normalize_index(3, 3), None);
        assert_eq!(normalize_index(i64::MIN, 3), None);
    }
}
