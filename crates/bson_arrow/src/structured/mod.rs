//! BSON to records of one fixed size and back: the memory of a NumPy structured array, and what bson-numpy made of it.
//! Knows offsets, sizes and byte orders, not NumPy; the messages are bson-numpy's own, with the place behind them.
//!
//! | BSON | kinds of field |
//! | --- | --- |
//! | int | signed and unsigned of 4 bytes or more; a negative one does not go into an unsigned field |
//! | long | signed and unsigned of 8 bytes |
//! | date | as long: milliseconds; and `datetime64[ms]` |
//! | double | float of 8 bytes |
//! | bool | bool, and signed and unsigned of every size |
//! | string | bytes (UTF-8), void (UTF-8), text (UCS-4): cut to the field's size, as NumPy does, or filled up with zeros |
//! | binData | bytes, void, cut and filled in the same way |
//! | objectId | bytes and void of 12 |
//! | object | record |
//! | array | array of that very shape, whose items are none of the two above |
//! | the rest, and null | error |

mod decode;
mod encode;
mod error;

pub use decode::RecordDecoder;
pub use encode::encode_records;
pub use error::{RecordError, RecordProblem};

/// Records and arrays around a field, at most.
pub const NESTING_MAX: usize = 32;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Two's complement.
    Signed,
    /// Without a sign.
    Unsigned,
    /// IEEE 754.
    Float,
    /// One byte, 0 or 1.
    Bool,
    /// Bytes, filled up with zeros.
    Bytes,
    /// UCS-4, filled up with zeros.
    Text,
    /// Bytes without meaning.
    Void,
    /// Milliseconds since 1970, 64 bits.
    Milliseconds,
    /// Fields at offsets.
    Record,
    /// Anything else, which takes no BSON value.
    Other,
}

/// How a field lies in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What the field, or each item of the array, holds.
    pub kind: Kind,
    /// The size of one item.
    pub bytes: usize,
    /// Whether the bytes of numbers and characters stand in the order that is not this machine's.
    pub swapped: bool,
    /// How messages call it: `dtype('int32')`.
    pub description: String,
    /// The lengths of an array, the outermost first; empty for a single value.
    pub shape: Vec<usize>,
    /// The fields of a record.
    pub fields: Vec<LayoutField>,
}

/// A field of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayoutField {
    /// The key in documents.
    pub name: String,
    /// Where it starts in its record.
    pub offset: usize,
    /// How it lies there.
    pub layout: Layout,
}

impl Layout {
    /// The whole size: of all items, where it is an array.
    fn total_bytes(&self) -> Option<usize> {
        self.shape.iter().try_fold(self.bytes, |bytes, length| bytes.checked_mul(*length))
    }

    /// Whether a record can be read and written by this layout: every field lies inside it, and nothing is nested too deep.
    fn check(&self, level: usize) -> Result<(), RecordProblem> {
        if level > NESTING_MAX || self.shape.len() > NESTING_MAX {
            return Err(RecordProblem::Nesting);
        }
        for field in &self.fields {
            let end = field.layout.total_bytes().and_then(|bytes| bytes.checked_add(field.offset));
            if end.is_none_or(|end| end > self.bytes) {
                return Err(RecordProblem::Outside(field.name.clone()));
            }
            field.layout.check(level + 1)?;
        }
        Ok(())
    }
}
