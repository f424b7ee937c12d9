//! A document's fields, each appended to its column; which column a key names is `keys`' business.

use arrow_array::StructArray;
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_schema::{ArrowError, Field, Fields};

use crate::bytes::TextColumn;
use crate::column::{Column, Source};
use crate::element::{self, ElementType};
use crate::error::{Failure, NOTHING, PathPart, SchemaError};
use crate::keys::{Found, Keys};

pub(crate) struct DocumentColumn {
    fields: Fields,
    columns: Vec<Column>,
    keys: Keys,
    /// For each column the number of the last document that filled it, counted in `current`.
    seen: Vec<u64>,
    current: u64,
    rows: usize,
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
        let seen = vec![0; fields.len()];
        Ok(DocumentColumn { fields: fields.clone(), columns, keys, seen, current: 0, rows: 0, nulls })
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn push_null(&mut self) {
        self.columns.iter_mut().for_each(Column::push_null);
        self.nulls.append_null();
        self.rows += 1;
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
        self.rows = self.rows.min(len);
    }

    /// Appends the document at `at` as one row; returns the position behind it. After an error some columns are a row
    /// ahead: [`DocumentColumn::truncate`] takes that back.
    pub fn append(&mut self, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let row = self.rows;
        let (body, end) = source.enter(at)?;
        self.current += 1;
        let mut filled = 0;
        let mut at = at + 4;
        let mut position = 0;
        while let Some(Found { kind, field, value }) = self.keys.element_at(position, body.bytes, at)? {
            position += 1;
            at = match field {
                None => element::skip(kind, body.bytes, value, body.depth)?,
                Some(index) => {
                    let first = self.seen[index] != self.current;
                    self.seen[index] = self.current;
                    filled += usize::from(first);
                    if !first {
                        // A key that stands twice: the last one counts, as in a Python dictionary.
                        self.columns[index].truncate(row);
                    }
                    self.append_field(index, row, kind, &body, value)?
                }
            };
        }
        if filled != self.columns.len() {
            self.fill_missing()?;
        }
        self.nulls.append_non_null();
        self.rows += 1;
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
        if kind.is_nothing() && !self.fields[index].is_nullable() && !column.keeps_null() {
            return Err(missing(&self.fields[index], kind.name()));
        }
        match column.append(kind, body, at) {
            Ok(end) => Ok(end),
            Err(failure) => {
                let field = &self.fields[index];
                body.settle(failure, column, row, (kind, at), field.is_nullable())
                    .map_err(|failure| failure.within(PathPart::Field(field.name().clone())))
            }
        }
    }

    /// Null for every column that the document did not fill.
    fn fill_missing(&mut self) -> Result<(), Box<Failure>> {
        for ((column, field), seen) in self.columns.iter_mut().zip(&self.fields).zip(&self.seen) {
            if *seen != self.current {
                if !field.is_nullable() {
                    return Err(missing(field, NOTHING));
                }
                column.push_null();
            }
        }
        Ok(())
    }

    pub fn finish(&mut self, blocks: &[Buffer]) -> Result<StructArray, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let columns = self.columns.iter_mut().map(|column| column.finish(blocks)).collect::<Result<_, _>>()?;
        StructArray::try_new_with_length(self.fields.clone(), columns, self.nulls.finish(), rows)
    }
}

#[cold]
fn missing(field: &Field, found: &'static str) -> Box<Failure> {
    Failure::mismatch(field.data_type().to_string(), found, found).within(PathPart::Field(field.name().clone()))
}
