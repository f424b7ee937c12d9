//! The rows that `on_error="collect"` left out, as a table: the columns of the operator's input, then what was raised and
//! where. Owns the form of that table; which rows are in it is found by the function operator.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};
use crate::kernel::runner::Failure;

/// Name, type and whether there may be none.
const COLUMNS: [(&str, DataType, bool); 5] = [
    ("exception", DataType::Utf8, false),
    ("message", DataType::Utf8, false),
    ("function", DataType::Utf8, false),
    ("file", DataType::Utf8, true),
    ("line", DataType::Int64, false),
];

/// The columns after those of the input; a name that the input has already gets `_` behind it.
pub(super) fn fields(input: &Schema) -> Vec<Field> {
    let free = |name: &str| {
        let mut free = name.to_owned();
        while input.field_with_name(&free).is_ok() {
            free.push('_');
        }
        free
    };
    COLUMNS.into_iter().map(|(name, data_type, nullable)| Field::new(free(name), data_type, nullable)).collect()
}

/// The failing rows of a batch.
pub(super) fn batch(input: &RecordBatch, found: &[Failure], schema: &SchemaRef) -> Result<RecordBatch> {
    let malformed = |error: arrow::error::ArrowError| Error::engine(format!("failing rows: {error}"));
    let rows = UInt32Array::from_iter_values(found.iter().map(|failure| failure.row as u32));
    let taken = input.columns().iter().map(|column| take(column, &rows, None).map_err(malformed));
    let mut columns = taken.collect::<Result<Vec<ArrayRef>>>()?;
    let errors = || found.iter().map(|failure| &failure.error);
    let line = |failure: &Failure| i64::from(failure.error.line);
    columns.push(Arc::new(StringArray::from_iter_values(errors().map(|error| error.class.name()))));
    columns.push(Arc::new(StringArray::from_iter_values(errors().map(|error| &error.message))));
    columns.push(Arc::new(StringArray::from_iter_values(errors().map(|error| &error.function))));
    columns.push(Arc::new(StringArray::from_iter(errors().map(|error| error.file.as_ref()))));
    columns.push(Arc::new(Int64Array::from_iter_values(found.iter().map(line))));
    RecordBatch::try_new(schema.clone(), columns).map_err(malformed)
}
