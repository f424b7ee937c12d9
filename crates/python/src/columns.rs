//! Whole columns as NumPy arrays, which keep the engine's memory.

use std::sync::Arc;

use engine::arrow::array::RecordBatch;
use engine::arrow::datatypes::Schema;
use engine::{Numbers, WholeColumn};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrow_io::ArrowBatches;
use crate::errors::engine_error;

/// The memory of an array: NumPy asks it where that is, and keeps it alive.
#[pyclass(frozen, module = "fuseline._core")]
pub struct Memory(Numbers);

#[pymethods]
impl Memory {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("version", 3)?;
        dict.set_item("typestr", self.0.type_name)?;
        dict.set_item("shape", (self.0.len(),))?;
        // Nobody else has it, so the array may be written to.
        dict.set_item("data", (self.0.address() as usize, false))?;
        Ok(dict)
    }
}

/// A tuple of an array and its mask (`None` where nothing is missing), or the Arrow batches of a column that is not of
/// numbers.
pub fn column<'py>(py: Python<'py>, column: WholeColumn) -> PyResult<Bound<'py, PyAny>> {
    match column {
        WholeColumn::Numbers { values, missing } => {
            let mask = missing.map(|missing| array(py, missing)).transpose()?;
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

fn array(py: Python<'_>, numbers: Numbers) -> PyResult<Bound<'_, PyAny>> {
    let memory = Bound::new(py, Memory(numbers))?;
    py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "asarray"), (memory,))
}
