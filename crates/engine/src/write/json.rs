//! One JSON object a line. What JSON cannot say is an error: arrow's writer would make null of NaN and infinity, and a text
//! that begins with `ERROR` of a date that the calendar does not reach.

use std::io::Write;
use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::array::types::{Float16Type, Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Target, cannot_write};
use crate::error::{Error, Result};
use crate::run::{BatchStream, Report, Watch};

/// Writes the stream as one JSON file.
pub(crate) fn json(mut stream: BatchStream, path: &Path, watch: Watch<'_>) -> Result<Report> {
    let target = Target::create(path)?;
    let shown = target.shown().to_owned();
    let failed = |error: arrow::error::ArrowError| Error::engine(format!("cannot write `{shown}`: {error}"));
    let mut output = target.output()?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut output);
    let mut first_row = 0;
    while let Some(batch) = stream.next(watch)? {
        check(&batch, first_row)?;
        writer.write(&batch).map_err(failed)?;
        first_row += batch.num_rows();
    }
    writer.finish().map_err(failed)?;
    drop(writer);
    output.flush().map_err(|error| cannot_write(&shown, &error))?;
    drop(output);
    target.finish(path)?;
    Ok(stream.report())
}

/// The first value that JSON cannot say is an error.
fn check(batch: &RecordBatch, first_row: usize) -> Result<()> {
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if !can_fail(field.data_type()) {
            continue;
        }
        let array = match field.data_type() {
            DataType::Dictionary(_, values) => {
                &cast(array, values).map_err(|error| Error::engine(error.to_string()))?
            }
            _ => array,
        };
        if let Some((row, value)) = (0..array.len()).find_map(|row| Some((row, fault(array.as_ref(), row)?))) {
            return Err(Error::engine_hint(
                format!("row {}, `{}`: {value} cannot be written as JSON", first_row + row, field.name()),
                "make it null with `with_columns`, or write Parquet or Arrow",
            ));
        }
    }
    Ok(())
}

/// Whether there are values of this type that JSON cannot say.
fn can_fail(data_type: &DataType) -> bool {
    let of = |field: &Field| can_fail(field.data_type());
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::Struct(fields) => fields.iter().any(|field| of(field)),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => of(item),
        DataType::Dictionary(_, values) => can_fail(values),
        other => other.is_temporal(),
    }
}

/// What JSON cannot say of the value at `row`.
fn fault(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let float = |value: f64| (!value.is_finite()).then(|| value.to_string());
    let items = |items: ArrayRef| (0..items.len()).find_map(|item| fault(items.as_ref(), item));
    match array.data_type() {
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Struct(_) => array.as_struct().columns().iter().find_map(|member| fault(member.as_ref(), row)),
        DataType::List(_) => items(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => items(array.as_list::<i64>().value(row)),
        DataType::ListView(_) => items(array.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => items(array.as_list_view::<i64>().value(row)),
        DataType::FixedSizeList(..) => items(array.as_fixed_size_list().value(row)),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            (0..entries.len()).find_map(|entry| fault(&entries, entry))
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys().get(row).copied()?;
            fault(dictionary.values().as_ref(), key)
        }
        other if other.is_temporal() => {
            let options = FormatOptions::new().with_display_error(false);
            let text =
                ArrayFormatter::try_new(array, &options).and_then(|formatter| formatter.value(row).try_to_string());
            text.err().map(|_| format!("a `{other}` that no calendar reaches"))
        }
        _ => None,
    }
}
