//! A document's fields, each appended to its column. Documents of one collection mostly have the same keys in the same
//! order, so the next key is predicted from its position: one comparison of a few bytes finds the column. Only where the
//! prediction fails is the key looked up by name.

use std::collections::HashMap;

use arrow_array::StructArray;
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_schema::{ArrowError, Field, Fields};

use crate::bytes::TextColumn;
use crate::column::{Column, Source};
use crate::element::{self, ElementType};
use crate::error::{Failure, Malformed, PathPart, SchemaError};

/// Positions that are predicted; a document with more keys than this is unlikely to repeat.
const POSITIONS_MAX: usize = 4096;

/// A key that was seen at some position, with its column.
struct Predicted {
    /// The first eight bytes of the key and its NUL, little-endian, and which of them count.
    word: u64,
    mask: u64,
    /// The key with its NUL.
    key: Box<[u8]>,
    column: Option<usize>,
}

impl Predicted {
    fn new(key: &str, column: Option<usize>) -> Predicted {
        let key: Box<[u8]> = key.bytes().chain([0]).collect();
        let mut word = [0; 8];
        let count = key.len().min(8);
        word[..count].copy_from_slice(&key[..count]);
        let mask = if count == 8 { u64::MAX } else { (1 << (8 * count)) - 1 };
        Predicted { word: u64::from_le_bytes(word), mask, key, column }
    }

    /// Whether `rest` starts with this key and its NUL.
    #[inline]
    fn starts(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<8>() {
            Some(chunk) if u64::from_le_bytes(*chunk) & self.mask != self.word => false,
            Some(_) if self.key.len() <= 8 => true,
            _ => rest.starts_with(&self.key),
        }
    }
}

pub(crate) struct DocumentColumn {
    fields: Fields,
    columns: Vec<Column>,
    by_name: HashMap<String, usize>,
    /// By position in the document: what stood there last.
    predicted: Vec<Predicted>,
    nulls: NullBufferBuilder,
}

impl DocumentColumn {
    pub fn new(fields: &Fields, path: &str, depth: usize) -> Result<DocumentColumn, SchemaError> {
        let mut columns = Vec::with_capacity(fields.len());
        let mut by_name = HashMap::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let path = if path.is_empty() { field.name().clone() } else { format!("{path}.{}", field.name()) };
            columns.push(Column::new(field, &path, depth + 1)?);
            if by_name.insert(field.name().clone(), index).is_some() {
                return Err(SchemaError { path, message: "the field stands twice in the schema".to_string() });
            }
        }
        let nulls = NullBufferBuilder::new(0);
        Ok(DocumentColumn { fields: fields.clone(), columns, by_name, predicted: Vec::new(), nulls })
    }

    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    pub fn push_null(&mut self) {
        self.columns.iter_mut().for_each(Column::push_null);
        self.nulls.append_null();
    }

    /// Makes room for `rows` more documents.
    pub fn reserve(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Calls `visit` with every column of text and its first row behind the first `from` documents.
    pub fn each_text(&mut self, from: usize, visit: &mut impl FnMut(&mut TextColumn, usize)) {
        self.columns.iter_mut().for_each(|column| column.each_text(from, &mut *visit));
    }

    pub fn truncate(&mut self, len: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(len));
        self.nulls.truncate(len);
    }

    /// The column of the key at `at`, and the position behind the key.
    #[inline]
    fn column_at(&mut self, position: usize, bytes: &[u8], at: usize) -> Result<(Option<usize>, usize), Malformed> {
        if let Some(predicted) = self.predicted.get(position)
            && predicted.starts(bytes.get(at..).unwrap_or(&[]))
        {
            return Ok((predicted.column, at + predicted.key.len()));
        }
        self.look_up(position, bytes, at)
    }

    #[cold]
    fn look_up(&mut self, position: usize, bytes: &[u8], at: usize) -> Result<(Option<usize>, usize), Malformed> {
        let (key, end) = element::cstring(bytes, at)?;
        let column = self.by_name.get(key).copied();
        let predicted = Predicted::new(key, column);
        if let Some(old) = self.predicted.get_mut(position) {
            *old = predicted;
        } else if position == self.predicted.len() && position < POSITIONS_MAX {
            self.predicted.push(predicted);
        }
        Ok((column, end))
    }

    /// Appends the document at `at` as one row; returns the position behind it. After an error some columns are a row
    /// ahead: [`DocumentColumn::truncate`] takes that back.
    pub fn append(&mut self, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let row = self.len();
        let (body, end) = source.enter(at)?;
        let mut filled = 0;
        let mut at = at + 4;
        let mut position = 0;
        while let Some(kind) = element::next_element(body.bytes, at)? {
            let (column, value) = self.column_at(position, body.bytes, at + 1)?;
            position += 1;
            at = match column {
                None => element::skip(kind, body.bytes, value, body.depth)?,
                Some(index) => {
                    filled += usize::from(self.columns[index].len() == row);
                    self.append_field(index, row, kind, &body, value)?
                }
            };
        }
        if filled != self.columns.len() {
            self.fill_missing(row)?;
        }
        self.nulls.append_non_null();
        Ok(end)
    }

    #[inline]
    fn append_field(
        &mut self,
        index: usize,
        row: usize,
        kind: ElementType,
        body: &Source<'_>,
        at: usize,
    ) -> Result<usize, Box<Failure>> {
        let column = &mut self.columns[index];
        if column.len() != row {
            // A key that stands twice: the last one counts, as in a Python dictionary.
            column.truncate(row);
        }
        let field = &self.fields[index];
        if kind.is_nothing() && !field.is_nullable() && !column.keeps_null() {
            return Err(missing(field, kind.name()));
        }
        match column.append(kind, body, at) {
            Ok(end) => Ok(end),
            Err(failure) => body
                .settle(failure, column, row, (kind, at), field.is_nullable())
                .map_err(|failure| failure.within(PathPart::Field(field.name().clone()))),
        }
    }

    /// Null for every column that the document at `row` did not fill.
    fn fill_missing(&mut self, row: usize) -> Result<(), Box<Failure>> {
        for (column, field) in self.columns.iter_mut().zip(&self.fields) {
            if column.len() == row {
                if !field.is_nullable() {
                    return Err(missing(field, "nothing"));
                }
                column.push_null();
            }
        }
        Ok(())
    }

    pub fn finish(&mut self, blocks: &[Buffer]) -> Result<StructArray, ArrowError> {
        let rows = self.len();
        let columns = self.columns.iter_mut().map(|column| column.finish(blocks)).collect::<Result<_, _>>()?;
        StructArray::try_new_with_length(self.fields.clone(), columns, self.nulls.finish(), rows)
    }
}

#[cold]
fn missing(field: &Field, found: &'static str) -> Box<Failure> {
    Failure::mismatch(field.data_type().to_string(), found, found).within(PathPart::Field(field.name().clone()))
}
