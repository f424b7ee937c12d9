//! How columns take memory: in steps that are known to be needed, so that a column under construction is never much larger
//! than its array, and is handed over without spare room. A plain vector doubles, which would hold twice the result.

use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

/// Makes room for `additional` more values, and for an eighth of those there, so that many small steps cost no more than
/// one large one.
pub(crate) fn grow<T>(values: &mut Vec<T>, additional: usize) {
    if values.capacity() - values.len() < additional {
        values.reserve_exact(additional.max(values.len() / 8));
    }
}

/// How many parts `rows` more rows may bring when `rows_before` brought `parts`.
pub(crate) fn expected(parts: usize, rows_before: usize, rows: usize) -> usize {
    if rows_before == 0 { 0 } else { (parts as f64 / rows_before as f64 * rows as f64 * 1.02) as usize + 8 }
}

/// The values as a buffer of their very size.
pub(crate) fn packed<T: ArrowNativeType>(mut values: Vec<T>) -> Buffer {
    values.shrink_to_fit();
    Buffer::from_vec(values)
}

/// The same with its type.
pub(crate) fn scalars<T: ArrowNativeType>(mut values: Vec<T>) -> ScalarBuffer<T> {
    values.shrink_to_fit();
    ScalarBuffer::from(values)
}

/// Arrow's offsets under construction, in the width of the array's type from the start.
pub(crate) enum Offsets {
    /// The flag is set when a value did not fit.
    Small(Vec<i32>, bool),
    Large(Vec<i64>),
}

/// Offsets as an array takes them.
pub(crate) enum FinishedOffsets {
    Small(OffsetBuffer<i32>),
    Large(OffsetBuffer<i64>),
}

impl Offsets {
    pub fn new(large: bool) -> Offsets {
        if large { Offsets::Large(vec![0]) } else { Offsets::Small(vec![0], false) }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Offsets::Small(offsets, _) => offsets.len() - 1,
            Offsets::Large(offsets) => offsets.len() - 1,
        }
    }

    /// Adds a value that ends at `end`.
    #[inline]
    pub fn push(&mut self, end: usize) {
        match self {
            Offsets::Small(offsets, overflow) => {
                *overflow |= end > i32::MAX as usize;
                offsets.push(end as i32);
            }
            Offsets::Large(offsets) => offsets.push(end as i64),
        }
    }

    /// Where the value number `index` starts, or the end of the last where there is none.
    pub fn start(&self, index: usize) -> usize {
        match self {
            // After an overflow the batch is lost; nothing is cut off then.
            Offsets::Small(_, true) => usize::MAX,
            Offsets::Small(offsets, false) => offsets.get(index).map_or(self.last(), |start| *start as usize),
            Offsets::Large(offsets) => offsets.get(index).map_or(self.last(), |start| *start as usize),
        }
    }

    /// The end of the last value.
    pub fn last(&self) -> usize {
        match self {
            Offsets::Small(_, true) => usize::MAX,
            Offsets::Small(offsets, false) => offsets.last().map_or(0, |end| *end as usize),
            Offsets::Large(offsets) => offsets.last().map_or(0, |end| *end as usize),
        }
    }

    pub fn truncate(&mut self, len: usize) {
        match self {
            Offsets::Small(offsets, _) => offsets.truncate(len + 1),
            Offsets::Large(offsets) => offsets.truncate(len + 1),
        }
    }

    pub fn reserve(&mut self, additional: usize) {
        match self {
            Offsets::Small(offsets, _) => grow(offsets, additional),
            Offsets::Large(offsets) => grow(offsets, additional),
        }
    }

    /// The offsets; this is empty again. An error if they are too large for the type.
    pub fn finish(&mut self) -> Result<FinishedOffsets, ArrowError> {
        let large = matches!(self, Offsets::Large(_));
        match std::mem::replace(self, Offsets::new(large)) {
            Offsets::Small(_, true) => Err(ArrowError::OffsetOverflowError(i32::MAX as usize)),
            Offsets::Small(offsets, false) => Ok(FinishedOffsets::Small(OffsetBuffer::new(scalars(offsets)))),
            Offsets::Large(offsets) => Ok(FinishedOffsets::Large(OffsetBuffer::new(scalars(offsets)))),
        }
    }
}
