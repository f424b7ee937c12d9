//! The decoder: concatenated BSON documents in, record batches out.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::column::Source;
use crate::document::DocumentColumn;
use crate::element;
use crate::error::{DecodeError, Failure, Mismatch, SchemaError, What};

/// What happens to a document with a value that its column cannot hold. Bytes that are not BSON are always an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnMismatch {
    /// Decoding stops with the error.
    #[default]
    Raise,
    /// The document is left out and counted.
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    pub on_mismatch: OnMismatch,
}

/// Turns documents into record batches of one schema. Fields that the schema does not name are checked and passed over.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{cast::AsArray, types::Int64Type};
/// use arrow_buffer::Buffer;
/// use arrow_schema::{DataType, Field, Schema};
///
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let mut decoder = bson_arrow::Decoder::new(schema, bson_arrow::Options::default())?;
/// // {"a": 1} with a 32-bit int
/// decoder.append(&Buffer::from(b"\x0c\0\0\0\x10a\0\x01\0\0\0\0"))?;
/// let batch = decoder.finish()?;
/// assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder {
    schema: SchemaRef,
    root: DocumentColumn,
    blocks: Vec<Buffer>,
    options: Options,
    /// Documents seen since the decoder was made.
    documents: u64,
    dropped: u64,
    /// The first document that was dropped.
    first_dropped: Option<Mismatch>,
}

impl Decoder {
    /// A decoder for documents of this schema; an error names the field whose type BSON has no values for.
    pub fn new(schema: SchemaRef, options: Options) -> Result<Decoder, SchemaError> {
        let root = DocumentColumn::new(schema.fields(), "", 0)?;
        Ok(Decoder { schema, root, blocks: Vec::new(), options, documents: 0, dropped: 0, first_dropped: None })
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Rows in the batch under construction.
    pub fn rows(&self) -> usize {
        self.root.len()
    }

    /// How many documents were left out, and the first of them with the reason.
    pub fn dropped(&self) -> (u64, Option<&Mismatch>) {
        (self.dropped, self.first_dropped.as_ref())
    }

    /// Appends every document of `buffer`: whole documents, one behind the other. Returns how many there were. Text in
    /// the batch keeps the buffer alive. After an error the documents before the failing one are kept.
    pub fn append(&mut self, buffer: &Buffer) -> Result<usize, DecodeError> {
        if u32::try_from(buffer.len()).is_err() || self.blocks.len() >= u32::MAX as usize {
            return Err(DecodeError::TooLarge { bytes: buffer.len() });
        }
        let block = self.blocks.len() as u32;
        self.blocks.push(buffer.clone());
        let bytes = buffer.as_slice();
        let mut position = 0;
        let mut count = 0;
        while position < bytes.len() {
            let row = self.root.len();
            let source = Source { bytes, block, depth: 0 };
            position = match self.root.append(&source, position) {
                Ok(end) => end,
                Err(failure) => {
                    self.root.truncate(row);
                    self.settle(*failure, bytes, position)?
                }
            };
            self.documents += 1;
            count += 1;
        }
        Ok(count)
    }

    /// What a failing document leads to: an error, or the position behind it when it is left out.
    #[cold]
    fn settle(&mut self, failure: Failure, bytes: &[u8], start: usize) -> Result<usize, DecodeError> {
        let drop = self.options.on_mismatch == OnMismatch::Drop && matches!(failure.what, What::Mismatch { .. });
        let error = failure.into_error(self.documents);
        if !drop {
            return Err(error);
        }
        // The rest of the document is still to be checked: a document that is not BSON is never passed over.
        let end = element::skip_document(bytes, start, 0).map_err(|malformed| DecodeError::Malformed {
            document: self.documents,
            path: String::new(),
            malformed,
        })?;
        self.dropped += 1;
        if let DecodeError::Mismatch(mismatch) = error {
            self.first_dropped.get_or_insert(mismatch);
        }
        Ok(end)
    }

    /// The batch of all documents since the last call. The error means more text or items in one column than its Arrow
    /// type can count.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let blocks = std::mem::take(&mut self.blocks);
        let rows = self.root.finish(&blocks)?;
        let batch = RecordBatch::from(rows);
        batch.with_schema(self.schema.clone())
    }
}
