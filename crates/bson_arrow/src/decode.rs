//! The decoder: concatenated BSON documents in, record batches out.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::column::Source;
use crate::document::DocumentColumn;
use crate::element;
use crate::error::{DecodeError, Failure, Malformed, Reason, SchemaError, path_text};
use crate::memory::Grown;
use crate::policy::{Forgiven, Mismatches, OnMismatch, path_to};

/// What a caller of [`Decoder`] chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What happens to a value that its column cannot hold.
    pub on_mismatch: OnMismatch,
}

/// A buffer smaller than this is never kept alive for its text: thousands of small ones would cost more than copies.
const KEPT_BYTES_MIN: usize = 64 * 1024;

/// Rows that are made room for before the mean size of documents is known.
const FIRST_STEP_ROWS: usize = 4096;

/// Copied text is gathered in blocks of at most this, which 32 bits address.
const COPIES_BYTES_MAX: usize = 1 << 30;

/// What stands before each document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    None,
    /// The type byte and the key of an item of an array.
    Items,
}

/// What views of text point into.
enum Block {
    /// A buffer that was handed in.
    Given(Buffer),
    /// Text copied from such buffers.
    Copied(Grown<u8>),
}

impl Block {
    fn into_buffer(self) -> Buffer {
        match self {
            Block::Given(buffer) => buffer,
            Block::Copied(copy) => copy.into_buffer(),
        }
    }
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
    blocks: Vec<Block>,
    /// The block of copied text that takes more.
    copies: Option<usize>,
    options: Options,
    /// Rows that the batch is known to get, for which there is room.
    expected: usize,
    /// Documents seen since the decoder was made.
    documents: u64,
    mismatches: Mismatches,
}

impl Decoder {
    /// A decoder for documents of this schema; an error names the field whose type BSON has no values for.
    pub fn new(schema: SchemaRef, options: Options) -> Result<Decoder, SchemaError> {
        let root = DocumentColumn::new(schema.fields(), "", 0)?;
        Ok(Decoder {
            schema,
            root,
            blocks: Vec::new(),
            copies: None,
            options,
            expected: 0,
            documents: 0,
            mismatches: Mismatches::default(),
        })
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Rows in the batch under construction.
    pub fn rows(&self) -> usize {
        self.root.len()
    }

    /// The account of the values that did not fit, over the decoder's life.
    pub fn mismatches(&self) -> &Mismatches {
        &self.mismatches
    }

    /// The same, to take the rejected documents out of it.
    pub fn mismatches_mut(&mut self) -> &mut Mismatches {
        &mut self.mismatches
    }

    /// Makes room for exactly this many more rows: a caller who knows what comes spares the batch to grow and to shrink.
    pub fn expect(&mut self, rows: usize) {
        self.expected = self.root.len() + rows;
        self.root.reserve(rows);
    }

    /// Appends every document of `buffer`: whole documents, one behind the other. Returns how many there were. Where
    /// nearly all of the buffer is text of the batch, the batch keeps the buffer alive; else it copies its text. After an
    /// error the documents before the failing one are kept.
    pub fn append(&mut self, buffer: &Buffer) -> Result<usize, DecodeError> {
        self.append_framed(buffer, Framing::None)
    }

    /// As [`Decoder::append`] for the documents of a BSON array, as a server sends them: each behind the type byte and the
    /// key of an array item. `buffer` holds whole items, without the array's own length and terminator.
    pub fn append_items(&mut self, buffer: &Buffer) -> Result<usize, DecodeError> {
        self.append_framed(buffer, Framing::Items)
    }

    fn append_framed(&mut self, buffer: &Buffer, framing: Framing) -> Result<usize, DecodeError> {
        if u32::try_from(buffer.len()).is_err() || self.blocks.len() >= u32::MAX as usize {
            return Err(DecodeError::TooLarge { bytes: buffer.len() });
        }
        let row = self.root.len();
        self.blocks.push(Block::Given(buffer.clone()));
        let outcome = self.append_documents(buffer.as_slice(), self.blocks.len() as u32 - 1, framing);
        self.release(buffer, row);
        outcome
    }

    fn append_documents(&mut self, bytes: &[u8], block: u32, framing: Framing) -> Result<usize, DecodeError> {
        let forgiven = Forgiven::default();
        let forgives = self.options.on_mismatch == OnMismatch::Null;
        let source = Source { bytes, block, depth: 0, forgiven: forgives.then_some(&forgiven) };
        let mut position = 0;
        let mut count = 0;
        let mut room_until = self.expected.saturating_sub(self.root.len()).min(FIRST_STEP_ROWS);
        while position < bytes.len() {
            if framing == Framing::Items {
                position = element::item_document(bytes, position).map_err(|malformed| DecodeError::Malformed {
                    document: self.documents,
                    path: String::new(),
                    malformed,
                })?;
            }
            if count >= room_until {
                room_until = count + self.make_room(bytes, position, count);
            }
            let row = self.root.len();
            let end = match self.root.append(&source, position) {
                Ok(end) => end,
                Err(failure) => {
                    self.root.truncate(row);
                    forgiven.clear();
                    self.settle(*failure, bytes, position)?
                }
            };
            if forgives && !forgiven.is_empty() {
                for mismatch in forgiven.take(bytes, position, self.documents) {
                    self.mismatches.null_value(&mismatch);
                }
            }
            position = end;
            self.documents += 1;
            count += 1;
        }
        Ok(count)
    }

    /// Reserves memory for the documents from `position` on, by the mean size of the `count` before them; returns for
    /// how many. The first step is small: a mean of few documents says little.
    #[cold]
    fn make_room(&mut self, bytes: &[u8], position: usize, count: usize) -> usize {
        let mean = match count {
            0 => element::int32(bytes, position).map_or(0, |length| length.max(0) as usize),
            _ => position / count,
        };
        // The smallest document has five bytes.
        let rows = (bytes.len() - position) / mean.max(5);
        let rows = match self.expected.checked_sub(self.root.len()) {
            // Only text and lists still need a guess.
            Some(left @ 1..) => left,
            Some(0) | None if count < FIRST_STEP_ROWS => rows.min(FIRST_STEP_ROWS) + 1,
            Some(0) | None => rows + rows / 64 + 1,
        };
        self.root.reserve(rows);
        rows
    }

    /// Decides about the last block, whose documents start at `row`: kept where the views need nearly all of it, else
    /// their text is copied and the block let go.
    fn release(&mut self, buffer: &Buffer, row: usize) {
        let block = self.blocks.len() as u32 - 1;
        let mut viewed = 0;
        self.root.each_text(row, &mut |text, from| text.count_viewed(from, block, &mut viewed));
        let held = buffer.len().max(buffer.capacity());
        if viewed >= KEPT_BYTES_MIN && held <= viewed + viewed / 5 {
            return;
        }
        self.blocks.pop();
        if viewed == 0 {
            return;
        }
        let open = |index: &usize| match &self.blocks[*index] {
            Block::Copied(copy) => copy.len() + viewed <= COPIES_BYTES_MAX,
            Block::Given(_) => false,
        };
        let index = self.copies.filter(open).unwrap_or(self.blocks.len());
        if index == self.blocks.len() {
            self.blocks.push(Block::Copied(Grown::default()));
            self.copies = Some(index);
        }
        if let Block::Copied(copy) = &mut self.blocks[index] {
            copy.reserve(viewed);
            let bytes = buffer.as_slice();
            self.root.each_text(row, &mut |text, from| {
                text.copy_viewed(from, (block, bytes), (index as u32, &mut *copy));
            });
        }
    }

    /// What a failing document leads to: an error, or the position behind it when it is left out.
    #[cold]
    fn settle(&mut self, failure: Failure, bytes: &[u8], start: usize) -> Result<usize, DecodeError> {
        let error = failure.into_error(self.documents);
        let leaves_out = matches!(self.options.on_mismatch, OnMismatch::Drop | OnMismatch::Collect);
        let DecodeError::Mismatch(mismatch) = error else {
            return Err(error);
        };
        if !leaves_out {
            return Err(DecodeError::Mismatch(mismatch));
        }
        // The rest of the document is still to be checked: a document that is not BSON is never passed over.
        let end = element::skip_document(bytes, start, 1).map_err(|malformed| DecodeError::Malformed {
            document: self.documents,
            path: path_text(&path_to(bytes, start, malformed.offset)),
            malformed,
        })?;
        let kept = (self.options.on_mismatch == OnMismatch::Collect).then(|| &bytes[start..end]);
        self.mismatches.drop_document(mismatch, kept);
        Ok(end)
    }

    /// The batch of all documents since the last call. The error means more text or items in one column than its Arrow
    /// type can count.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.copies = None;
        self.expected = 0;
        let blocks = std::mem::take(&mut self.blocks).into_iter().map(Block::into_buffer).collect::<Vec<_>>();
        let rows = self.root.finish(&blocks)?;
        let batch = RecordBatch::from(rows);
        batch.with_schema(self.schema.clone())
    }
}

/// Checks that `bytes` are one whole document and nothing else: lengths, terminators, types, booleans, UTF-8 and depth, of
/// every field at every level. The error has the path of the damage as far as it can be told. What this accepts, a
/// decoder accepts but for values that do not fit its schema.
///
/// ```
/// assert!(bson_arrow::validate(b"\x0c\0\0\0\x10a\0\x01\0\0\0\0").is_ok());
/// let error = bson_arrow::validate(b"\x09\0\0\0\x08a\0\x07\0").unwrap_err();
/// assert_eq!(error.to_string(), "document 0, a: not valid BSON at byte 7: a boolean is neither 0 nor 1");
/// ```
pub fn validate(bytes: &[u8]) -> Result<(), DecodeError> {
    let malformed = match element::skip_document(bytes, 0, 1) {
        Ok(end) if end == bytes.len() => return Ok(()),
        Ok(end) => Malformed::new(end, Reason::Trailing),
        Err(malformed) => malformed,
    };
    let path = path_text(&path_to(bytes, 0, malformed.offset));
    Err(DecodeError::Malformed { document: 0, path, malformed })
}
