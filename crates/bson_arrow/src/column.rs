//! One column under construction: takes BSON values one after the other and becomes an Arrow array. Which column a field
//! gets is decided once, from the schema; appending never looks at Arrow types again.

use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, GenericListArray, NullArray, PrimitiveArray, StructArray,
};
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, TimeUnit};

use crate::bytes::{BytesColumn, FixedColumn, TextColumn, TextLayout};
use crate::document::DocumentColumn;
use crate::element::{self, ElementType};
use crate::error::{Failure, Malformed, PathPart, Reason, SchemaError};
use crate::memory::{self, FinishedOffsets, Grown, Offsets};
use crate::numeric::Number;
use crate::policy::Forgiven;
use crate::schema;

/// The bytes being read, and what is to happen when a value does not fit.
pub(crate) struct Source<'a> {
    /// Everything up to the end of the innermost document; positions count from the buffer's start.
    pub bytes: &'a [u8],
    /// The number of this buffer among the decoder's.
    pub block: u32,
    pub depth: usize,
    /// Takes the values that do not fit and became null; without it they are failures.
    pub forgiven: Option<&'a Forgiven>,
}

impl<'a> Source<'a> {
    /// The document or array at `at`: its source, with the end behind its terminator.
    #[inline(always)]
    pub fn enter(&self, at: usize) -> Result<(Source<'a>, usize), Malformed> {
        if self.depth >= element::DEPTH_MAX {
            return Err(Malformed::new(at, Reason::Depth));
        }
        let end = element::frame(self.bytes, at)?;
        Ok((Source { bytes: &self.bytes[..end], depth: self.depth + 1, ..*self }, end))
    }

    /// What becomes of the value of type `kind` at `at`, the value number `row` of `column`, which failed: null, where
    /// that is wanted and the field can be null. Returns the position behind it.
    #[cold]
    pub fn settle(
        &self,
        failure: Box<Failure>,
        column: &mut Column,
        row: usize,
        (kind, at): (ElementType, usize),
        nullable: bool,
    ) -> Result<usize, Box<Failure>> {
        let Some(forgiven) = self.forgiven.filter(|_| nullable && failure.is_mismatch()) else {
            return Err(failure);
        };
        let end = element::skip(kind, self.bytes, at, self.depth)?;
        column.truncate(row);
        column.push_null();
        forgiven.note(at, failure);
        Ok(end)
    }
}

/// Values of one number type and their validity.
pub(crate) struct Numbers<T: Number> {
    values: Grown<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: Number> Numbers<T> {
    fn new() -> Numbers<T> {
        Numbers { values: Grown::default(), nulls: NullBufferBuilder::new(0) }
    }

    #[inline]
    fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    #[inline]
    fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let (value, end) = match kind {
            ElementType::Double => {
                let double = element::double(source.bytes, at)?;
                (T::from_double(double).ok_or_else(|| misfit::<T>(kind, double))?, at + 8)
            }
            ElementType::Int32 => {
                let int = element::int32(source.bytes, at)?;
                (T::from_int(i64::from(int)).ok_or_else(|| misfit::<T>(kind, int))?, at + 4)
            }
            ElementType::Int64 => {
                let int = element::int64(source.bytes, at)?;
                (T::from_int(int).ok_or_else(|| misfit::<T>(kind, int))?, at + 8)
            }
            other => return Err(Failure::wrong_type(T::DATA_TYPE.to_string(), other)),
        };
        self.push(value);
        Ok(end)
    }

    fn finish(&mut self) -> PrimitiveArray<T> {
        PrimitiveArray::new(memory::scalars(&mut self.values), self.nulls.finish())
    }
}

#[cold]
fn misfit<T: Number>(kind: ElementType, value: impl std::fmt::Display) -> Box<Failure> {
    Failure::mismatch(T::DATA_TYPE.to_string(), kind.name(), format!("{kind} {value}"))
}

pub(crate) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

/// How a column lays out its dates.
#[derive(Clone)]
pub(crate) enum DateLayout {
    /// Milliseconds since 1970, in UTC whatever the time zone says.
    Instants(Option<Arc<str>>),
    /// Whole days, counted in milliseconds.
    LongDays,
    /// Whole days.
    Days,
}

pub(crate) struct Dates {
    /// Milliseconds since 1970.
    values: Grown<i64>,
    nulls: NullBufferBuilder,
    layout: DateLayout,
}

pub(crate) struct Timestamps {
    seconds: Grown<u32>,
    increments: Grown<u32>,
    nulls: NullBufferBuilder,
}

pub(crate) struct Regexes {
    pattern: TextColumn,
    options: TextColumn,
    nulls: NullBufferBuilder,
}

/// How a list column lays out its lists.
pub(crate) enum ListLayout {
    Small,
    Large,
    Fixed(usize),
}

pub(crate) struct Lists {
    field: FieldRef,
    layout: ListLayout,
    items: Column,
    offsets: Offsets,
    nulls: NullBufferBuilder,
}

pub(crate) enum Column {
    Null(usize),
    Bool(Booleans),
    Int8(Numbers<Int8Type>),
    Int16(Numbers<Int16Type>),
    Int32(Numbers<Int32Type>),
    Int64(Numbers<Int64Type>),
    UInt8(Numbers<UInt8Type>),
    UInt16(Numbers<UInt16Type>),
    UInt32(Numbers<UInt32Type>),
    UInt64(Numbers<UInt64Type>),
    Float32(Numbers<Float32Type>),
    Float64(Numbers<Float64Type>),
    Date(Dates),
    Timestamp(Timestamps),
    Text(TextColumn),
    Bytes(BytesColumn),
    Fixed(FixedColumn),
    Regex(Box<Regexes>),
    Document(Box<DocumentColumn>),
    List(Box<Lists>),
}

/// Runs `$body` with `$numbers` bound to whichever number column this is, else `$rest`.
macro_rules! with_numbers {
    ($column:expr, $numbers:ident => $body:expr, { $($rest:tt)* }) => {
        match $column {
            Column::Int8($numbers) => $body,
            Column::Int16($numbers) => $body,
            Column::Int32($numbers) => $body,
            Column::Int64($numbers) => $body,
            Column::UInt8($numbers) => $body,
            Column::UInt16($numbers) => $body,
            Column::UInt32($numbers) => $body,
            Column::UInt64($numbers) => $body,
            Column::Float32($numbers) => $body,
            Column::Float64($numbers) => $body,
            $($rest)*
        }
    };
}

impl Column {
    /// The column for a field of the schema; the error is a message about the field's type.
    pub fn new(field: &Field, path: &str, depth: usize) -> Result<Column, SchemaError> {
        let unsupported = |message: String| SchemaError { path: path.to_string(), message };
        if depth > element::DEPTH_MAX {
            return Err(unsupported(format!("nested deeper than {}", element::DEPTH_MAX)));
        }
        let nulls = NullBufferBuilder::new(0);
        let extension = schema::extension_name(field);
        Ok(match field.data_type() {
            DataType::Null => Column::Null(0),
            DataType::Boolean => Column::Bool(Booleans { values: BooleanBufferBuilder::new(0), nulls }),
            DataType::Int8 => Column::Int8(Numbers::new()),
            DataType::Int16 => Column::Int16(Numbers::new()),
            DataType::Int32 => Column::Int32(Numbers::new()),
            DataType::Int64 => Column::Int64(Numbers::new()),
            DataType::UInt8 => Column::UInt8(Numbers::new()),
            DataType::UInt16 => Column::UInt16(Numbers::new()),
            DataType::UInt32 => Column::UInt32(Numbers::new()),
            DataType::UInt64 => Column::UInt64(Numbers::new()),
            DataType::Float32 => Column::Float32(Numbers::new()),
            DataType::Float64 => Column::Float64(Numbers::new()),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => Column::dates(DateLayout::Instants(zone.clone())),
            DataType::Date64 => Column::dates(DateLayout::LongDays),
            DataType::Date32 => Column::dates(DateLayout::Days),
            DataType::Utf8View => Column::Text(TextColumn::new(TextLayout::View, extension == schema::CODE)),
            DataType::Utf8 => Column::Text(TextColumn::new(TextLayout::Small, extension == schema::CODE)),
            DataType::LargeUtf8 => Column::Text(TextColumn::new(TextLayout::Large, extension == schema::CODE)),
            DataType::Binary | DataType::LargeBinary => Column::Bytes(BytesColumn::new(field)),
            DataType::FixedSizeBinary(width) => {
                Column::Fixed(FixedColumn::new(extension, *width).ok_or_else(|| {
                    unsupported(format!("no BSON type is `FixedSizeBinary({width})` named `{extension}`"))
                })?)
            }
            DataType::Struct(fields) if extension == schema::TIMESTAMP && *fields == schema::timestamp_fields() => {
                Column::Timestamp(Timestamps { seconds: Grown::default(), increments: Grown::default(), nulls })
            }
            DataType::Struct(fields) if extension == schema::REGEX && *fields == schema::regex_fields() => {
                let text = || TextColumn::new(TextLayout::View, false);
                Column::Regex(Box::new(Regexes { pattern: text(), options: text(), nulls }))
            }
            DataType::Struct(fields) => Column::Document(Box::new(DocumentColumn::new(fields, path, depth)?)),
            DataType::List(item) => Column::list(item, ListLayout::Small, path, depth)?,
            DataType::LargeList(item) => Column::list(item, ListLayout::Large, path, depth)?,
            DataType::FixedSizeList(item, length) => {
                let length = usize::try_from(*length).map_err(|_| unsupported("a negative length".to_string()))?;
                Column::list(item, ListLayout::Fixed(length), path, depth)?
            }
            other => return Err(unsupported(format!("no BSON type is read as `{other}`"))),
        })
    }

    fn dates(layout: DateLayout) -> Column {
        Column::Date(Dates { values: Grown::default(), nulls: NullBufferBuilder::new(0), layout })
    }

    fn list(item: &FieldRef, layout: ListLayout, path: &str, depth: usize) -> Result<Column, SchemaError> {
        let items = Column::new(item, &format!("{path}[]"), depth + 1)?;
        let nulls = NullBufferBuilder::new(0);
        let offsets = Offsets::new(!matches!(layout, ListLayout::Small));
        Ok(Column::List(Box::new(Lists { field: item.clone(), layout, items, offsets, nulls })))
    }

    /// The number of values so far.
    #[inline]
    pub fn len(&self) -> usize {
        with_numbers!(self, numbers => numbers.values.len(), {
            Column::Null(len) => *len,
            Column::Bool(column) => column.values.len(),
            Column::Date(column) => column.values.len(),
            Column::Timestamp(column) => column.seconds.len(),
            Column::Text(column) => column.len(),
            Column::Bytes(column) => column.len(),
            Column::Fixed(column) => column.len(),
            Column::Regex(column) => column.pattern.len(),
            Column::Document(column) => column.len(),
            Column::List(column) => column.nulls.len(),
        })
    }

    pub fn push_null(&mut self) {
        with_numbers!(self, numbers => numbers.push_null(), {
            Column::Null(len) => *len += 1,
            Column::Bool(column) => {
                column.values.append(false);
                column.nulls.append_null();
            }
            Column::Date(column) => {
                column.values.push(0);
                column.nulls.append_null();
            }
            Column::Timestamp(column) => {
                column.seconds.push(0);
                column.increments.push(0);
                column.nulls.append_null();
            }
            Column::Text(column) => column.push_null(),
            Column::Bytes(column) => column.push_null(),
            Column::Fixed(column) => column.push_null(),
            Column::Regex(column) => {
                column.pattern.push("", 0, 0);
                column.options.push("", 0, 0);
                column.nulls.append_null();
            }
            Column::Document(column) => column.push_null(),
            Column::List(column) => column.push_null(),
        })
    }

    /// Takes back everything behind the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        with_numbers!(self, numbers => numbers.truncate(len), {
            Column::Null(old) => *old = (*old).min(len),
            Column::Bool(column) => {
                column.values.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Date(column) => {
                column.values.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Timestamp(column) => {
                column.seconds.truncate(len);
                column.increments.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Text(column) => column.truncate(len),
            Column::Bytes(column) => column.truncate(len),
            Column::Fixed(column) => column.truncate(len),
            Column::Regex(column) => {
                column.pattern.truncate(len);
                column.options.truncate(len);
                column.nulls.truncate(len);
            }
            Column::Document(column) => column.truncate(len),
            Column::List(column) => column.truncate(len),
        })
    }

    /// Makes room for `rows` more values.
    pub fn reserve(&mut self, rows: usize) {
        with_numbers!(self, numbers => numbers.values.reserve(rows), {
            // A bit or two for a row.
            Column::Null(_) | Column::Bool(_) => {}
            Column::Date(column) => column.values.reserve(rows),
            Column::Timestamp(column) => {
                column.seconds.reserve(rows);
                column.increments.reserve(rows);
            }
            Column::Text(column) => column.reserve(rows),
            Column::Bytes(column) => column.reserve(rows),
            Column::Fixed(column) => column.reserve(rows),
            Column::Regex(column) => {
                column.pattern.reserve(rows);
                column.options.reserve(rows);
            }
            Column::Document(column) => column.reserve(rows),
            Column::List(column) => column.reserve(rows),
        })
    }

    /// Calls `visit` with every column of text and the number of its first row behind the first `from` rows of this one.
    pub fn each_text(&mut self, from: usize, visit: &mut impl FnMut(&mut TextColumn, usize)) {
        with_numbers!(self, _numbers => {}, {
            Column::Text(column) => visit(column, from),
            Column::Regex(column) => {
                visit(&mut column.pattern, from);
                visit(&mut column.options, from);
            }
            Column::Document(column) => column.each_text(from, visit),
            Column::List(column) => {
                let from = column.items_before(from);
                column.items.each_text(from, visit);
            }
            Column::Null(_) | Column::Bool(_) | Column::Date(_) | Column::Timestamp(_) | Column::Bytes(_) => {}
            Column::Fixed(_) => {}
        })
    }

    /// Appends the value of type `kind` at `at`; returns the position behind it. After an error the column may hold a
    /// part of the value: [`Column::truncate`] takes it back.
    #[inline]
    pub fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind.is_nothing() && !self.keeps_null() {
            self.push_null();
            return Ok(at);
        }
        with_numbers!(self, numbers => numbers.append(kind, source, at), {
            Column::Null(_) => Err(Failure::wrong_type("Null".to_string(), kind)),
            Column::Bool(column) => {
                if kind != ElementType::Bool {
                    return Err(Failure::wrong_type("Boolean".to_string(), kind));
                }
                column.values.append(element::boolean(source.bytes, at)?);
                column.nulls.append_non_null();
                Ok(at + 1)
            }
            Column::Date(column) => column.append(kind, source, at),
            Column::Timestamp(column) => column.append(kind, source, at),
            Column::Text(column) => column.append(kind, source, at),
            Column::Bytes(column) => column.append(kind, source, at),
            Column::Fixed(column) => column.append(kind, source, at),
            Column::Regex(column) => column.append(kind, source, at),
            Column::Document(column) => {
                if kind != ElementType::Document {
                    return Err(Failure::wrong_type("Struct".to_string(), kind));
                }
                column.append(source, at)
            }
            Column::List(column) => column.append(kind, source, at),
        })
    }

    /// A raw column keeps BSON's null as a value of its own: only a missing field is null in it.
    #[inline]
    pub fn keeps_null(&self) -> bool {
        matches!(self, Column::Bytes(column) if column.is_raw())
    }

    /// The array of all values; the column is empty again. `blocks` are the buffers that text points into. An error means
    /// more values than the Arrow type can count.
    pub fn finish(&mut self, blocks: &[Buffer]) -> Result<ArrayRef, ArrowError> {
        Ok(with_numbers!(self, numbers => Arc::new(numbers.finish()), {
            Column::Null(len) => Arc::new(NullArray::new(std::mem::take(len))),
            Column::Bool(column) => Arc::new(BooleanArray::new(column.values.finish(), column.nulls.finish())),
            Column::Date(column) => column.finish(),
            Column::Timestamp(column) => column.finish()?,
            Column::Text(column) => column.finish(blocks)?,
            Column::Bytes(column) => column.finish()?,
            Column::Fixed(column) => column.finish()?,
            Column::Regex(column) => {
                let children = vec![column.pattern.finish(blocks)?, column.options.finish(blocks)?];
                Arc::new(StructArray::try_new(schema::regex_fields(), children, column.nulls.finish())?)
            }
            Column::Document(column) => Arc::new(column.finish(blocks)?),
            Column::List(column) => column.finish(blocks)?,
        }))
    }
}

const DAY_MILLISECONDS: i64 = 86_400_000;

impl Dates {
    #[inline]
    fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != ElementType::DateTime {
            return Err(Failure::wrong_type(self.expected().to_string(), kind));
        }
        let value = element::int64(source.bytes, at)?;
        if !self.fits(value) {
            return Err(Failure::mismatch(self.expected().to_string(), kind.name(), format!("{kind} {value}")));
        }
        self.values.push(value);
        self.nulls.append_non_null();
        Ok(at + 8)
    }

    #[inline]
    fn fits(&self, value: i64) -> bool {
        match self.layout {
            DateLayout::Instants(_) => true,
            DateLayout::LongDays => value % DAY_MILLISECONDS == 0,
            DateLayout::Days => value % DAY_MILLISECONDS == 0 && i32::try_from(value / DAY_MILLISECONDS).is_ok(),
        }
    }

    fn expected(&self) -> &'static str {
        match self.layout {
            DateLayout::Instants(_) => "Timestamp(ms)",
            DateLayout::LongDays => "Date64",
            DateLayout::Days => "Date32",
        }
    }

    fn finish(&mut self) -> ArrayRef {
        let nulls = self.nulls.finish();
        match &self.layout {
            DateLayout::Instants(zone) => {
                let array = PrimitiveArray::<TimestampMillisecondType>::new(memory::scalars(&mut self.values), nulls);
                Arc::new(array.with_timezone_opt(zone.clone()))
            }
            DateLayout::LongDays => {
                Arc::new(PrimitiveArray::<Date64Type>::new(memory::scalars(&mut self.values), nulls))
            }
            DateLayout::Days => {
                // `fits` has seen that every number of days is one of 32 bits.
                let milliseconds = std::mem::take(&mut self.values);
                let days: Vec<i32> = milliseconds.iter().map(|value| (value / DAY_MILLISECONDS) as i32).collect();
                Arc::new(PrimitiveArray::<Date32Type>::new(days.into(), nulls))
            }
        }
    }
}

impl Timestamps {
    fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != ElementType::Timestamp {
            return Err(Failure::wrong_type(schema::TIMESTAMP.to_string(), kind));
        }
        // The increment is the low half of a little-endian 64-bit number.
        self.increments.push(u32::from_le_bytes(element::fixed(source.bytes, at)?));
        self.seconds.push(u32::from_le_bytes(element::fixed(source.bytes, at + 4)?));
        self.nulls.append_non_null();
        Ok(at + 8)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let part = |values: &mut Grown<u32>| -> ArrayRef {
            Arc::new(PrimitiveArray::<UInt32Type>::new(memory::scalars(values), None))
        };
        let children = vec![part(&mut self.seconds), part(&mut self.increments)];
        Ok(Arc::new(StructArray::try_new(schema::timestamp_fields(), children, self.nulls.finish())?))
    }
}

impl Regexes {
    fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != ElementType::Regex {
            return Err(Failure::wrong_type(schema::REGEX.to_string(), kind));
        }
        let (pattern, options_at) = element::cstring(source.bytes, at)?;
        let (options, end) = element::cstring(source.bytes, options_at)?;
        self.pattern.push(pattern, source.block, at);
        self.options.push(options, source.block, options_at);
        self.nulls.append_non_null();
        Ok(end)
    }
}

impl Lists {
    fn fixed_length(&self) -> usize {
        match self.layout {
            ListLayout::Fixed(length) => length,
            ListLayout::Small | ListLayout::Large => 0,
        }
    }

    fn push_null(&mut self) {
        // The slots of a fixed-size list exist even where the list is null.
        for _ in 0..self.fixed_length() {
            self.items.push_null();
        }
        self.close_list();
        self.nulls.append_null();
    }

    /// Ends a list behind the items there are. A list of fixed length needs no offsets.
    fn close_list(&mut self) {
        if !matches!(self.layout, ListLayout::Fixed(_)) {
            self.offsets.push(self.items.len());
        }
    }

    /// The number of items in the first `len` lists.
    fn items_before(&self, len: usize) -> usize {
        match self.layout {
            ListLayout::Fixed(length) => len * length,
            ListLayout::Small | ListLayout::Large => self.offsets.start(len),
        }
    }

    /// Makes room for `rows` more lists, guessing their items from those there are.
    fn reserve(&mut self, rows: usize) {
        self.items.reserve(memory::expected(self.items.len(), self.nulls.len(), rows));
        if !matches!(self.layout, ListLayout::Fixed(_)) {
            self.offsets.reserve(rows);
        }
    }

    fn truncate(&mut self, len: usize) {
        self.items.truncate(self.items_before(len));
        self.offsets.truncate(len);
        self.nulls.truncate(len);
    }

    fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != ElementType::Array {
            return Err(Failure::wrong_type(format!("List({})", self.field.data_type()), kind));
        }
        let (body, end) = source.enter(at)?;
        let before = self.items.len();
        let mut index = 0;
        let mut position = at + 4;
        while let Some(item) = element::next_element(body.bytes, position)? {
            // The keys of an array are its indices; drivers write them, readers go by position.
            let (_, value) = element::cstring(body.bytes, position + 1)?;
            position = match self.append_item(item, &body, value) {
                Ok(end) => end,
                Err(failure) => {
                    let row = before + index;
                    let nullable = self.field.is_nullable();
                    body.settle(failure, &mut self.items, row, (item, value), nullable)
                        .map_err(|failure| failure.within(PathPart::Item(index)))?
                }
            };
            index += 1;
        }
        let count = self.items.len() - before;
        if let ListLayout::Fixed(length) = self.layout
            && count != length
        {
            let found = format!("an array of {count}");
            return Err(Failure::mismatch(format!("an array of {length}"), kind.name(), found));
        }
        self.close_list();
        self.nulls.append_non_null();
        Ok(end)
    }

    #[inline]
    fn append_item(&mut self, kind: ElementType, body: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind.is_nothing() && !self.field.is_nullable() && !self.items.keeps_null() {
            return Err(Failure::wrong_type(self.field.data_type().to_string(), kind));
        }
        self.items.append(kind, body, at)
    }

    fn finish(&mut self, blocks: &[Buffer]) -> Result<ArrayRef, ArrowError> {
        let items = self.items.finish(blocks)?;
        let rows = self.nulls.len();
        let nulls = self.nulls.finish();
        let field = self.field.clone();
        Ok(match (self.offsets.finish()?, &self.layout) {
            (_, ListLayout::Fixed(length)) => {
                let length = i32::try_from(*length).map_err(|_| ArrowError::OffsetOverflowError(*length))?;
                Arc::new(FixedSizeListArray::try_new_with_length(field, length, items, nulls, rows)?)
            }
            (FinishedOffsets::Small(offsets), _) => Arc::new(GenericListArray::try_new(field, offsets, items, nulls)?),
            (FinishedOffsets::Large(offsets), _) => Arc::new(GenericListArray::try_new(field, offsets, items, nulls)?),
        })
    }
}
