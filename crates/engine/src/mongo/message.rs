//! Rows as the commands that write them: `insert` and `update`, made byte by byte, so that a row's document is written once
//! and where it is sent from. Knows nothing of connections.

use arrow::array::Array;
use arrow::buffer::NullBuffer;
use arrow::record_batch::RecordBatch;
use bson_arrow::{EncodeError, EncodeOptions, Nulls, RowEncoder};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::{CString, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use mongodb::options::WriteConcern;

use super::direct;
use super::write::{FailedRow, MongoWrite, WriteMode};
use crate::bson::cannot_encode;
use crate::error::{Error, Result};

/// Bytes of a message beyond which the next row starts another. Small enough to stay in a core's cache on its way to the
/// server and through it: docs/decisions/0215-prepared-messages.md has the measurement.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Rows of a message at most; the server's own limit is 100,000.
const MESSAGE_ROWS: usize = 10_000;

const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const BOOL: u8 = 0x08;

/// What the bytes of a [`Message`] are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A command's document, with an array of rows: what the driver sends.
    Command,
    /// The same with a `txnNumber`, by which the server knows it again.
    NumberedCommand,
    /// A message of the wire protocol, with the rows behind the command.
    Sequence,
}

/// A command with its rows.
pub(super) struct Message {
    pub bytes: Vec<u8>,
    /// Where the eight bytes of `txnNumber` stand, if the command has it.
    pub transaction_number_at: Option<usize>,
    /// The row of each document or statement, in their order.
    pub rows: Vec<u64>,
}

/// Gathers rows into messages.
pub(super) struct Messages<'a> {
    write: &'a MongoWrite,
    options: EncodeOptions,
    form: Form,
    /// Everything before the first document or statement.
    head: Vec<u8>,
    /// Where the array or sequence of them has its length.
    length_at: usize,
    transaction_number_at: Option<usize>,
    /// Names of the fields by which documents are found.
    key: Vec<(CString, &'a str)>,
    message: Message,
}

/// What to do with the rows so far.
pub(super) enum Step {
    /// Send this, then go on.
    Send(Message),
    /// This row cannot be addressed; the ones before it are in messages, or in the one that is being made.
    Failed(FailedRow),
}

impl<'a> Messages<'a> {
    pub fn new(write: &'a MongoWrite, concern: Option<&WriteConcern>, form: Form) -> Result<Messages<'a>> {
        let (verb, array, key) = match &write.mode {
            WriteMode::Insert => (cstr!("insert"), "documents", &[] as &[String]),
            WriteMode::Replace { key } | WriteMode::Upsert { key } => (cstr!("update"), "updates", key.as_slice()),
        };
        let mut head = RawDocumentBuf::new();
        head.append(verb, write.collection.as_str());
        head.append(cstr!("ordered"), write.ordered);
        if let Some(concern) = concern {
            let concern = mongodb::bson::serialize_to_raw_document_buf(concern)
                .map_err(|error| Error::engine(format!("the write concern cannot be sent: {error}")))?;
            head.append(cstr!("writeConcern"), concern);
        }
        let mut transaction_number_at = None;
        let (head, length_at) = match form {
            Form::Sequence => {
                head.append(cstr!("$db"), write.database.as_str());
                direct::sequence_head(head.as_bytes(), array)
            }
            Form::Command | Form::NumberedCommand => {
                if form == Form::NumberedCommand {
                    head.append(cstr!("txnNumber"), 0_i64);
                    transaction_number_at = Some(head.as_bytes().len() - 1 - size_of::<i64>());
                }
                let mut head = head.into_bytes();
                head.pop();
                head.push(ARRAY);
                head.extend_from_slice(array.as_bytes());
                // The name's end, and room for the array's length.
                head.extend_from_slice(&[0; 5]);
                let length_at = head.len() - size_of::<u32>();
                (head, length_at)
            }
        };
        let named = |name: &'a String| match CString::try_from(name.as_str()) {
            Ok(named) => Ok((named, name.as_str())),
            Err(_) => Err(Error::plan(format!("the column name `{name}` has a NUL: no field can have it"))),
        };
        let key = key.iter().map(named).collect::<Result<_>>()?;
        let options = write.documents.encode_options();
        let message = Message { bytes: head.clone(), transaction_number_at, rows: Vec::new() };
        Ok(Messages { write, options, form, head, length_at, transaction_number_at, key, message })
    }

    /// Adds the batch's rows, the first of which is `first_row`. `step` says whether to go on.
    pub fn add(
        &mut self,
        batch: &RecordBatch,
        first_row: u64,
        step: &mut dyn FnMut(Step) -> Result<bool>,
    ) -> Result<bool, Unwritten> {
        let batch = id_first(batch)?;
        let failed = |error| Unwritten::Encode { error, first_row };
        let encoder = RowEncoder::new(&batch, &self.options).map_err(|error| failed(EncodeError::Schema(error)))?;
        let ids = Ids::of(&batch, matches!(self.write.mode, WriteMode::Insert), self.options.nulls);
        for row in 0..batch.num_rows() {
            let start = self.message.bytes.len();
            self.open_item();
            let number = first_row + row as u64;
            match self.write.mode {
                WriteMode::Insert => {
                    encoder.append(row, ids.missing(row).as_slice(), &mut self.message.bytes).map_err(failed)?;
                }
                WriteMode::Replace { .. } | WriteMode::Upsert { .. } => {
                    if let Some(message) = self.statement(&encoder, row, first_row)? {
                        self.message.bytes.truncate(start);
                        if !step(Step::Failed(FailedRow { row: number, code: 0, message, details: Vec::new() }))? {
                            return Ok(false);
                        }
                        continue;
                    }
                }
            }
            if self.is_over() {
                let last = self.message.bytes.split_off(start);
                if !step(Step::Send(self.take()))? {
                    return Ok(false);
                }
                // An item has the number of its place in its name.
                self.open_item();
                let head = if self.form == Form::Sequence { 0 } else { item_head(&last) };
                self.message.bytes.extend_from_slice(&last[head..]);
            }
            self.message.rows.push(number);
        }
        Ok(true)
    }

    /// What has been gathered since the last message.
    pub fn rest(&mut self) -> Option<Message> {
        (!self.message.rows.is_empty()).then(|| self.take())
    }

    /// Whether the row that was added last is too much for this message.
    fn is_over(&self) -> bool {
        let rows = self.message.rows.len();
        rows >= MESSAGE_ROWS || (rows > 0 && self.message.bytes.len() > MESSAGE_BYTES)
    }

    fn take(&mut self) -> Message {
        let capacity = self.message.bytes.len() + self.message.bytes.len() / 8;
        let mut next = Vec::with_capacity(capacity);
        next.extend_from_slice(&self.head);
        let next = Message {
            bytes: next,
            transaction_number_at: self.transaction_number_at,
            rows: Vec::with_capacity(self.message.rows.len()),
        };
        let mut message = std::mem::replace(&mut self.message, next);
        if self.form == Form::Sequence {
            direct::close_sequence(self.length_at, &mut message.bytes);
        } else {
            close(self.length_at, &mut message.bytes);
            close(0, &mut message.bytes);
        }
        message
    }

    /// The type and the name, which is its number, of the array's next item. A sequence has documents alone.
    fn open_item(&mut self) {
        if self.form == Form::Sequence {
            return;
        }
        let command = &mut self.message.bytes;
        command.push(DOCUMENT);
        let digits = command.len();
        let mut rest = self.message.rows.len();
        loop {
            command.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        command[digits..].reverse();
        command.push(0);
    }

    /// `{u: document, q: {key: {$eq: value}}, upsert: ..}`; a text says why the row cannot be addressed.
    fn statement(&mut self, encoder: &RowEncoder<'_>, row: usize, first_row: u64) -> Result<Option<String>, Unwritten> {
        let command = &mut self.message.bytes;
        let start = command.len();
        command.extend_from_slice(&[0, 0, 0, 0, DOCUMENT, b'u', 0]);
        let document_at = command.len();
        encoder.append(row, &[], command).map_err(|error| Unwritten::Encode { error, first_row })?;
        let document = RawDocument::from_bytes(&command[document_at..]).map_err(|error| damaged(&error))?;
        let mut filter = RawDocumentBuf::new();
        for (field, name) in &self.key {
            match document.get(*name).map_err(|error| damaged(&error))? {
                None | Some(RawBsonRef::Null) => return Ok(Some(format!("the key `{name}` is null"))),
                Some(value) => {
                    // `$eq` takes a value as it is, whatever operators a document in it might look like.
                    let mut equal = RawDocumentBuf::new();
                    equal.append(cstr!("$eq"), value);
                    filter.append(field, equal);
                }
            }
        }
        command.extend_from_slice(&[DOCUMENT, b'q', 0]);
        command.extend_from_slice(filter.as_bytes());
        command.push(BOOL);
        command.extend_from_slice(b"upsert\0");
        command.push(u8::from(matches!(self.write.mode, WriteMode::Upsert { .. })));
        close(start, command);
        Ok(None)
    }
}

/// Why rows did not become a message.
#[derive(Debug)]
pub enum Unwritten {
    /// A value has no BSON form; its row is counted from the batch's first.
    Encode {
        error: EncodeError,
        first_row: u64,
    },
    Other(Error),
}

impl From<Error> for Unwritten {
    fn from(error: Error) -> Unwritten {
        Unwritten::Other(error)
    }
}

impl Unwritten {
    pub(super) fn into_error(self) -> Error {
        match self {
            Unwritten::Encode { error, first_row } => cannot_encode(error, first_row as usize),
            Unwritten::Other(error) => error,
        }
    }
}

fn damaged(error: &dyn std::fmt::Display) -> Unwritten {
    Unwritten::Other(Error::engine(format!("an encoded document is damaged: {error}")))
}

/// Ends the document or array whose length stands at `start`.
fn close(start: usize, out: &mut Vec<u8>) {
    out.push(0);
    let length = (out.len() - start) as u32;
    out[start..start + size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
}

/// Bytes of an array's item before its document: the type, the digits, their end.
fn item_head(item: &[u8]) -> usize {
    item.iter().position(|byte| *byte == 0).map_or(item.len(), |end| end + 1)
}

/// The batch with `_id` as its first column: the server has it there, and would have to move it.
fn id_first(batch: &RecordBatch) -> Result<RecordBatch> {
    match batch.schema_ref().index_of("_id") {
        Ok(place) if place > 0 => {
            let others = (0..batch.num_columns()).filter(|other| *other != place);
            let order: Vec<usize> = std::iter::once(place).chain(others).collect();
            batch.project(&order).map_err(|error| Error::engine(format!("a batch cannot be reordered: {error}")))
        }
        Ok(_) | Err(_) => Ok(batch.clone()),
    }
}

/// Which documents lack an `_id`. They get one here, as every driver does it: the server knows by it what it has already.
enum Ids {
    All,
    None,
    WhereNull(NullBuffer),
}

impl Ids {
    fn of(batch: &RecordBatch, insert: bool, nulls: Nulls) -> Ids {
        match batch.column_by_name("_id") {
            _ if !insert => Ids::None,
            None => Ids::All,
            Some(ids) if nulls == Nulls::LeaveOut => ids.logical_nulls().map_or(Ids::None, Ids::WhereNull),
            Some(_) => Ids::None,
        }
    }

    /// The element `_id` of a row that has none.
    fn missing(&self, row: usize) -> Element {
        let missing = match self {
            Ids::All => true,
            Ids::None => false,
            Ids::WhereNull(nulls) => nulls.is_null(row),
        };
        Element(missing.then(|| {
            let mut element = *b"\x07_id\0............";
            element[5..].copy_from_slice(&ObjectId::new().bytes());
            element
        }))
    }
}

struct Element(Option<[u8; 17]>);

impl Element {
    fn as_slice(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |element| element.as_slice())
    }
}
