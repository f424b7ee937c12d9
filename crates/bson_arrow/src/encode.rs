//! The encoder: record batches in, concatenated BSON documents out. The counterpart of the decoder: what it wrote reads
//! back as the same batch. Which BSON type a column is written as is decided by its Arrow type and extension name alone,
//! never by its values. Knows nothing of servers or files.
//!
//! A value that BSON cannot hold unchanged is an error with its row and path, never rounded: a `uint64` beyond 63 bits, a
//! microsecond that is no whole millisecond, a NUL inside a regular expression.

use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::{OffsetSizeTrait, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use crate::error::{EncodeError, SchemaError};
use crate::schema;
use crate::values::{Members, Writer};

/// The largest document that MongoDB stores: 16 MiB.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How null fields are written. Null items of arrays are always written: the items behind them keep their places.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nulls {
    /// As BSON null.
    #[default]
    Write,
    /// Not at all: the document lacks the field.
    LeaveOut,
}

/// What a caller of [`encode`] chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodeOptions {
    /// How null fields are written.
    pub nulls: Nulls,
    /// A document of more bytes is an error; `None` allows what BSON's 32-bit lengths can say.
    pub document_bytes_max: Option<usize>,
}

impl Default for EncodeOptions {
    fn default() -> EncodeOptions {
        EncodeOptions { nulls: Nulls::Write, document_bytes_max: Some(DOCUMENT_BYTES_MAX) }
    }
}

/// Documents one behind the other in one buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct Documents {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Default for Documents {
    fn default() -> Documents {
        Documents { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Documents({} in {} bytes)", self.len(), self.bytes.len())
    }
}

impl Documents {
    /// The number of documents.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All documents: what a `.bson` file holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each document starts in [`Documents::bytes`], and the end of the last one.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The documents one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.offsets.windows(2).map(|pair| &self.bytes[pair[0]..pair[1]])
    }

    /// Appends the document that `write` writes; after an error there is none.
    pub(crate) fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        let written = write(&mut self.bytes);
        match written {
            Ok(()) => self.offsets.push(self.bytes.len()),
            Err(_) => self.bytes.truncate(start),
        }
        written
    }

    /// Empties the buffer and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.offsets.truncate(1);
    }

    /// The bytes and offsets themselves.
    pub fn into_parts(self) -> (Vec<u8>, Vec<usize>) {
        (self.bytes, self.offsets)
    }
}

/// Appends every row of `batch` to `out` as one document. After an error the documents of the rows before are kept, so
/// that a caller may go on behind the row that the error names.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{Int32Array, RecordBatch};
/// use bson_arrow::{Documents, EncodeOptions, encode};
///
/// let batch = RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![1])) as _)])?;
/// let mut documents = Documents::default();
/// encode(&batch, &EncodeOptions::default(), &mut documents)?;
/// assert_eq!(documents.bytes(), b"\x0c\0\0\0\x10a\0\x01\0\0\0\0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(batch: &RecordBatch, options: &EncodeOptions, out: &mut Documents) -> Result<(), EncodeError> {
    let rows = RowEncoder::new(batch, options).map_err(EncodeError::Schema)?;
    out.offsets.reserve(batch.num_rows());
    for row in 0..batch.num_rows() {
        rows.append(row, &[], &mut out.bytes)?;
        out.offsets.push(out.bytes.len());
    }
    Ok(())
}

/// The rows of a batch as documents, one at a time, for a caller who writes more than documents.
pub struct RowEncoder<'a> {
    members: Members<'a>,
    writer: Writer,
    bytes_max: usize,
}

impl<'a> RowEncoder<'a> {
    /// The error names the field whose type has no BSON counterpart.
    pub fn new(batch: &'a RecordBatch, options: &EncodeOptions) -> Result<RowEncoder<'a>, SchemaError> {
        let members = Members::new(batch.schema_ref().fields(), batch.columns(), "", 0)?;
        let writer = Writer { leave_out_nulls: options.nulls == Nulls::LeaveOut };
        let bytes_max = options.document_bytes_max.unwrap_or(usize::MAX).min(i32::MAX as usize);
        Ok(RowEncoder { members, writer, bytes_max })
    }

    /// Appends the row's document to `out`; `elements`, in BSON's form, come before its own. After an error `out` is as
    /// it was.
    pub fn append(&self, row: usize, elements: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let written = self.writer.document(&self.members, row, 1, elements, out);
        let bytes = out.len() - start;
        let outcome = match written {
            Err(failure) => Err(failure.into_error(row)),
            Ok(()) if bytes > self.bytes_max => Err(EncodeError::TooLarge { row, bytes, bytes_max: self.bytes_max }),
            Ok(()) => return Ok(()),
        };
        out.truncate(start);
        outcome
    }
}

/// Whether every row of the batch certainly has a BSON form, as far as that can be told without writing it.
pub fn cannot_fail(batch: &RecordBatch) -> bool {
    let mut bytes = 0;
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let all = columns.fold(true, |all, (field, column)| {
        bytes += field.name().len() + FIELD_BYTES_MAX;
        // No row has more text than all of them.
        let text = match column.data_type() {
            DataType::Utf8 => spanned(column.as_string::<i32>().value_offsets()),
            DataType::LargeUtf8 => spanned(column.as_string::<i64>().value_offsets()),
            _ => None,
        };
        bytes += text.unwrap_or(0);
        all && (text.is_some() || is_always_written(field))
    });
    all && bytes < DOCUMENT_BYTES_MAX && check_schema(batch.schema_ref()).is_ok()
}

/// A field's bytes besides its name and text: type, end of the name, length, number or end of the text.
const FIELD_BYTES_MAX: usize = 32;

/// The bytes between the first offset and the last.
fn spanned<O: OffsetSizeTrait>(offsets: &[O]) -> Option<usize> {
    Some(offsets.last()?.as_usize() - offsets.first()?.as_usize())
}

fn is_always_written(field: &Field) -> bool {
    match field.data_type() {
        // It may hold no value at all.
        _ if schema::extension_name(field) == schema::RAW => false,
        DataType::Null | DataType::Boolean | DataType::Date32 | DataType::Date64 => true,
        DataType::Timestamp(TimeUnit::Millisecond, _) => true,
        DataType::FixedSizeBinary(width) => *width <= 16,
        // A `uint64` may be more than a BSON long.
        other => other.is_floating() || (other.is_integer() && *other != DataType::UInt64),
    }
}

/// Whether batches of this schema can be written; the error names the field whose type has no BSON counterpart.
pub fn check_schema(schema: &Schema) -> Result<(), SchemaError> {
    let batch = RecordBatch::new_empty(std::sync::Arc::new(schema.clone()));
    Members::new(schema.fields(), batch.columns(), "", 0).map(|_| ())
}
