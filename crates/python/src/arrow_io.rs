//! Arrow data in and out of Python without a copy, through the Arrow C interface in capsules. Knows no library by name:
//! whatever offers `__arrow_c_array__` or `__arrow_c_stream__` will do.

use std::ffi::CStr;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{
    ArrayData, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::errors::engine_error;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

fn failed(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("this Arrow data cannot be taken: {error}"))
}

/// Set when the interpreter is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);
/// Threads that are giving memory back to its library.
static RELEASING: AtomicUsize = AtomicUsize::new(0);

/// Memory of another library. Giving it back may take the GIL (memory of NumPy's in a pyarrow array does), which ends the
/// process on a thread of ours that is still at work while the interpreter ends: from then on it is left to the system.
struct Foreign(ManuallyDrop<Buffer>);

impl Drop for Foreign {
    fn drop(&mut self) {
        RELEASING.fetch_add(1, Ordering::SeqCst);
        if !ENDING.load(Ordering::SeqCst) {
            // SAFETY: nothing reads the field after this.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
        RELEASING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// To be called before the interpreter ends: waits for the threads that are giving memory back, and lets none begin.
#[pyfunction]
pub fn end_releases(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        while RELEASING.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// The same array; its memory is [`Foreign`].
fn foreign(data: ArrayData) -> ArrayData {
    let wrap = |buffer: &Buffer| match NonNull::new(buffer.as_ptr().cast_mut()) {
        Some(start) if !buffer.is_empty() => {
            let owner = Arc::new(Foreign(ManuallyDrop::new(buffer.clone())));
            // SAFETY: the owner keeps these bytes alive.
            unsafe { Buffer::from_custom_allocation(start, buffer.len(), owner) }
        }
        _ => buffer.clone(),
    };
    let buffers = data.buffers().iter().map(wrap).collect();
    let nulls = data
        .nulls()
        .map(|nulls| NullBuffer::new(BooleanBuffer::new(wrap(nulls.buffer()), nulls.offset(), nulls.len())));
    let children = data.child_data().iter().cloned().map(foreign).collect();
    // SAFETY: the same bytes as those of `data`.
    unsafe { data.into_builder().buffers(buffers).nulls(nulls).child_data(children).build_unchecked() }
}

/// The array that `object` offers.
pub fn import_array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let pair = object.call_method0(intern!(object.py(), "__arrow_c_array__"))?;
    let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = pair.cast::<PyTuple>()?.extract()?;
    let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names hold these structures (the Arrow PyCapsule interface); `from_raw` moves the
    // contents out and leaves an empty structure for the capsule's destructor.
    let data = unsafe {
        let array = FFI_ArrowArray::from_raw(array.as_ptr());
        let schema = FFI_ArrowSchema::from_raw(schema.as_ptr());
        from_ffi(array, &schema)
    };
    let array = make_array(foreign(data.map_err(failed)?));
    check_text(&array)?;
    Ok(array)
}

/// Refuses text that is not UTF-8: other libraries make such columns from raw buffers, and compiled code relies on it.
fn check_text(array: &ArrayRef) -> PyResult<()> {
    fn holds_text(ty: &DataType) -> bool {
        match ty {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
            DataType::Dictionary(_, values) => holds_text(values),
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                holds_text(item.data_type())
            }
            DataType::Struct(fields) => fields.iter().any(|field| holds_text(field.data_type())),
            _ => false,
        }
    }
    if holds_text(array.data_type()) { array.to_data().validate_full().map_err(failed) } else { Ok(()) }
}

/// The batches that `object` offers.
pub fn import_stream(object: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_stream__"))?;
    let stream = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: as in `import_array`.
    let reader = unsafe { ArrowArrayStreamReader::from_raw(stream.as_ptr()) }.map_err(failed)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    batches.iter().flat_map(RecordBatch::columns).try_for_each(check_text)?;
    let batches = batches.into_iter().map(|batch| {
        let (schema, columns, rows) = batch.into_parts();
        let columns = columns.iter().map(|column| make_array(foreign(column.to_data()))).collect();
        RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
    });
    Ok((schema, batches.collect::<Result<_, _>>().map_err(failed)?))
}

/// The type that an object such as `pyarrow.DataType` stands for.
pub fn import_type(object: &Bound<'_, PyAny>) -> PyResult<DataType> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_schema__"))?;
    let schema = capsule.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: as in `import_array`; here the structure stays where it is.
    DataType::try_from(unsafe { schema.as_ref() }).map_err(failed)
}

/// The schema that an object such as `pyarrow.Schema` stands for.
pub fn import_schema(object: &Bound<'_, PyAny>) -> PyResult<Schema> {
    let capsule = object.call_method0(intern!(object.py(), "__arrow_c_schema__"))?;
    let schema = capsule.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: as in `import_array`; here the structure stays where it is.
    Schema::try_from(unsafe { schema.as_ref() }).map_err(failed)
}

/// An array for Python to take.
#[pyclass(frozen, module = "fuseline._core")]
pub struct ArrowArray(pub ArrayRef);

#[pymethods]
impl ArrowArray {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        let _ = requested_schema;
        let (array, schema) = to_ffi(&self.0.to_data()).map_err(|error| engine_error(py, &error.to_string()))?;
        Ok((PyCapsule::new_with_value(py, schema, SCHEMA)?, PyCapsule::new_with_value(py, array, ARRAY)?))
    }
}

/// A schema for Python to take.
#[pyclass(frozen, module = "fuseline._core")]
pub struct ArrowSchema(pub SchemaRef);

#[pymethods]
impl ArrowSchema {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema =
            FFI_ArrowSchema::try_from(self.0.as_ref()).map_err(|error| engine_error(py, &error.to_string()))?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }
}

/// Batches for Python to take, once.
#[pyclass(frozen, module = "fuseline._core")]
pub struct ArrowBatches {
    schema: SchemaRef,
    batches: Mutex<Vec<RecordBatch>>,
}

impl ArrowBatches {
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> ArrowBatches {
        ArrowBatches { schema, batches: Mutex::new(batches) }
    }
}

#[pymethods]
impl ArrowBatches {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner));
        let batches = batches.into_iter().map(Ok);
        let reader: Box<dyn RecordBatchReader + Send> =
            Box::new(RecordBatchIterator::new(batches, self.schema.clone()));
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), STREAM)
    }
}
