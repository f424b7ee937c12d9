//! Whole columns as NumPy arrays, which take over their memory.

use std::sync::Arc;

use engine::arrow::array::RecordBatch;
use engine::arrow::datatypes::Schema;
use engine::bson_arrow::Grown;
use engine::{Numbers, WholeColumn};
use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1};
use pyo3::prelude::*;

use crate::arrow_io::ArrowBatches;
use crate::errors::engine_error;

/// A tuple of an array and its mask (`None` where nothing is missing), or the Arrow batches of a column that is not of
/// numbers.
pub fn column<'py>(py: Python<'py>, column: WholeColumn) -> PyResult<Bound<'py, PyAny>> {
    match column {
        WholeColumn::Numbers { values, missing } => {
            let mask = missing.map(|missing| owned(py, missing)).transpose()?;
            Ok((array(py, values)?, mask).into_pyobject(py)?.into_any())
        }
        WholeColumn::Other { field, chunks } => {
            let schema = Arc::new(Schema::new(vec![field]));
            let batches = chunks.into_iter().map(|chunk| RecordBatch::try_new(schema.clone(), vec![chunk]));
            let batches = batches.collect::<Result<_, _>>().map_err(|error| engine_error(py, &error.to_string()))?;
            Ok(Bound::new(py, ArrowBatches::new(schema, batches))?.into_any())
        }
    }
}

/// Keeps the memory of an array.
#[pyclass(frozen, module = "fuseline._core")]
struct ColumnMemory(#[expect(dead_code, reason = "it is only kept")] Box<dyn std::any::Any + Send + Sync>);

/// The values as an array that owns them.
fn owned<T: Element + Copy + Send + Sync + 'static>(
    py: Python<'_>,
    mut values: Grown<T>,
) -> PyResult<Bound<'_, PyAny>> {
    let (start, len) = (values.as_mut_ptr(), values.len());
    let owner = Bound::new(py, ColumnMemory(Box::new(values)))?.into_any();
    // SAFETY: the memory stays where it is as long as the owner lives, which alone has it and never looks at it.
    let array = unsafe { PyArray1::borrow_from_array(&ArrayView1::from_shape_ptr(len, start), owner) };
    Ok(array.into_any())
}

fn array(py: Python<'_>, values: Numbers) -> PyResult<Bound<'_, PyAny>> {
    match values {
        Numbers::Bool(values) => owned(py, values),
        Numbers::Int8(values) => owned(py, values),
        Numbers::Int16(values) => owned(py, values),
        Numbers::Int32(values) => owned(py, values),
        Numbers::Int64(values) => owned(py, values),
        Numbers::UInt8(values) => owned(py, values),
        Numbers::UInt16(values) => owned(py, values),
        Numbers::UInt32(values) => owned(py, values),
        Numbers::UInt64(values) => owned(py, values),
        Numbers::Float32(values) => owned(py, values),
        Numbers::Float64(values) => owned(py, values),
    }
}
