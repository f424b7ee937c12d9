//! A document's fields, each appended to its column; which column a key names is `keys`' business.

use arrow_array::StructArray;
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_schema::{ArrowError, Field, Fields};

use crate::bytes::TextColumn;
use crate::column::{Column, Source};
use crate::element::{self, ElementType};
use crate::error::{Failure, PathPart, SchemaError};
use crate::keys::Keys;

pub(crate) struct DocumentColumn {
    fields: Fields,
    columns: Vec<Column>,
    keys: Keys,
    nulls: NullBufferBuilder,
}

impl DocumentColumn {
    pub fn new(fields: &Fields, path: &str, depth: usize) -> Result<DocumentColumn, SchemaError> {
        let mut columns = Vec::with_capacity(fields.len());
        let mut keys = Keys::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let path = if path.is_empty() { field.name().clone() } else { format!("{path}.{}", field.name()) };
            columns.push(Column::new(field, &path, depth + 1)?);
            if !keys.insert(field.name(), index) {
                return Err(SchemaError { path, message: "the field stands twice in the schema".to_string() });
            }
        }
        let nulls = NullBufferBuilder::new(0);
        Ok(DocumentColumn { fields: fields.clone(), columns, keys, nulls })
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

    /// Appends the document at `at` as one row; returns the position behind it. After an error some columns are a row
    /// ahead: [`DocumentColumn::truncate`] takes that back.
    pub fn append(&mut self, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let row = self.len();
        let (body, end) = source.enter(at)?;
        let mut filled = 0;
        let mut at = at + 4;
        let mut position = 0;
        while let Some(kind) = element::next_element(body.bytes, at)? {
            let (column, value) = self.keys.field_at(position, body.bytes, at + 1)?;
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
