//! BSON for Python: documents to Arrow batches and to structured arrays, and back. Owns no rule about values: those are in
//! `bson_arrow`. The errors it raises are the classes of `fuseline._bson_errors`.

use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use bson_arrow::structured::{Kind, Layout, LayoutField, RecordError, encode_records};
use bson_arrow::{DecodeError, Decoder, Documents, EncodeError, EncodeOptions, Inference, Nulls, OnMismatch, Options};
use engine::{Reply, Unwritten};
use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::arrow_io::{ArrowBatches, ArrowSchema, import_schema, import_stream};
use crate::dataset::Session;
use crate::documents;
use crate::errors::{dataset_error, engine_error, guard};
use crate::query;

/// The memory of a `bytes` object, without a copy.
fn buffer_of(bytes: &Bound<'_, PyBytes>) -> Buffer {
    let data = bytes.as_bytes();
    let Some(start) = NonNull::new(data.as_ptr().cast_mut()) else { return Buffer::from(&[]) };
    let owner = Arc::new(AssertUnwindSafe(bytes.clone().unbind()));
    // SAFETY: a `bytes` object never changes, and the owner keeps it alive as long as the buffer.
    unsafe { Buffer::from_custom_allocation(start, data.len(), owner) }
}

/// Documents of one reply of a server, as it sent them.
#[pyclass(frozen, module = "fuseline._core")]
pub struct BsonItems(Buffer);

#[pymethods]
impl BsonItems {
    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// Documents: one behind the other in a `bytes` object, or a reply.
#[derive(FromPyObject)]
pub enum Data<'py> {
    Bytes(Bound<'py, PyBytes>),
    Items(Bound<'py, BsonItems>),
}

impl Data<'_> {
    /// The bytes, and whether they are the items of an array.
    fn buffer(&self) -> (Buffer, bool) {
        match self {
            Data::Bytes(bytes) => (buffer_of(bytes), false),
            Data::Items(items) => (items.get().0.clone(), true),
        }
    }
}

/// How often a wait for the server looks whether the user wants to stop.
const WAIT: Duration = Duration::from_millis(40);

/// The replies to a query over a connection of our own: an iterator of [`BsonItems`].
#[pyclass(frozen, module = "fuseline._core")]
pub struct MongoReplies(Mutex<engine::Replies>);

#[pymethods]
impl MongoReplies {
    /// `spec` as `Session.read_mongo` takes it.
    #[new]
    fn new(py: Python<'_>, session: &Bound<'_, Session>, spec: &Bound<'_, PyDict>) -> PyResult<MongoReplies> {
        guard(py, || {
            let read = documents::mongo_read(spec)?;
            let session = session.get().engine();
            let replies = py.detach(|| session.mongo_replies(&read)).map_err(|error| dataset_error(py, error))?;
            Ok(MongoReplies(Mutex::new(replies)))
        })
    }

    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<BsonItems>> {
        guard(py, || {
            loop {
                let reply = py.detach(|| lock(&self.0).next(WAIT)).map_err(|error| dataset_error(py, error))?;
                match reply {
                    Reply::Items(buffer) => return Ok(Some(BsonItems(buffer))),
                    Reply::End => return Ok(None),
                    Reply::Waiting => py.check_signals()?,
                }
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An exception of a class in `fuseline._bson_errors`.
fn raise<'py>(py: Python<'py>, class: &str, arguments: impl pyo3::call::PyCallArgs<'py>) -> PyErr {
    let made =
        py.import(intern!(py, "fuseline._bson_errors")).and_then(|module| module.getattr(class)?.call1(arguments));
    made.map_or_else(|error| error, PyErr::from_value)
}

fn decode_error(py: Python<'_>, error: DecodeError) -> PyErr {
    let text = error.to_string();
    match error {
        DecodeError::Mismatch(mismatch) => raise(
            py,
            "BsonMismatchError",
            (text, mismatch.document, mismatch.path, mismatch.expected, mismatch.found_type, mismatch.found),
        ),
        DecodeError::Malformed { .. } | DecodeError::TooLarge { .. } => raise(py, "BsonFormatError", (text,)),
    }
}

fn policy(name: &str) -> PyResult<OnMismatch> {
    Ok(match name {
        "raise" => OnMismatch::Raise,
        "null" => OnMismatch::Null,
        "drop" => OnMismatch::Drop,
        other => return Err(PyValueError::new_err(format!("there is no policy `{other}`"))),
    })
}

/// Documents to Arrow batches of one schema.
#[pyclass(frozen, module = "fuseline._core")]
pub struct BsonDecoder {
    schema: SchemaRef,
    decoder: Mutex<Decoder>,
}

#[pymethods]
impl BsonDecoder {
    #[new]
    fn new(schema: &Bound<'_, PyAny>, on_mismatch: &str) -> PyResult<BsonDecoder> {
        let schema = Arc::new(import_schema(schema)?);
        let decoder = Decoder::new(schema.clone(), Options { on_mismatch: policy(on_mismatch)? })
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(BsonDecoder { schema, decoder: Mutex::new(decoder) })
    }

    /// Appends documents; returns how many.
    fn append(&self, py: Python<'_>, data: Data<'_>) -> PyResult<usize> {
        let (buffer, items) = data.buffer();
        let append = || {
            let mut decoder = lock(&self.decoder);
            if items { decoder.append_items(&buffer) } else { decoder.append(&buffer) }
        };
        guard(py, || py.detach(append).map_err(|error| decode_error(py, error)))
    }

    /// The batch of all documents since the last call.
    fn finish(&self, py: Python<'_>) -> PyResult<ArrowBatches> {
        guard(py, || {
            let batch = py.detach(|| lock(&self.decoder).finish());
            let batch = batch.map_err(|error| engine_error(py, &error.to_string()))?;
            Ok(ArrowBatches::new(self.schema.clone(), vec![batch]))
        })
    }

    /// What did not fit: field, type expected, type found, count, and the first such value.
    fn mismatches(&self) -> Vec<(String, String, &'static str, u64, String)> {
        let decoder = lock(&self.decoder);
        let reasons = decoder.mismatches().reasons().iter();
        reasons
            .map(|reason| {
                let first = reason.first.to_string();
                (reason.field.clone(), reason.expected.clone(), reason.found_type, reason.count, first)
            })
            .collect()
    }
}

/// A schema from documents.
#[pyclass(frozen, module = "fuseline._core")]
#[derive(Default)]
pub struct BsonInference(Mutex<Inference>);

#[pymethods]
impl BsonInference {
    #[new]
    fn new() -> BsonInference {
        BsonInference::default()
    }

    /// Adds documents.
    fn observe(&self, py: Python<'_>, data: Data<'_>) -> PyResult<()> {
        let (buffer, items) = data.buffer();
        let observe = || {
            let mut inference = lock(&self.0);
            if items { inference.observe_items(&buffer) } else { inference.observe(&buffer) }
        };
        guard(py, || py.detach(observe).map_err(|error| decode_error(py, error)))
    }

    /// The schema that holds every value seen.
    fn schema(&self) -> ArrowSchema {
        ArrowSchema(Arc::new(lock(&self.0).schema()))
    }

    /// Every field: path, number of documents, in how many it is missing, and the types seen with their counts.
    #[expect(clippy::type_complexity, reason = "what Python gets is a list of tuples")]
    fn report(&self) -> Vec<(String, u64, u64, Vec<(&'static str, u64)>)> {
        let report = lock(&self.0).report();
        let entry = |field: bson_arrow::FieldReport| {
            let types = field.types.iter().map(|(kind, count)| (kind.name(), *count)).collect();
            (field.path, field.documents, field.missing, types)
        };
        report.into_iter().map(entry).collect()
    }
}

/// Every row of Arrow batches as one document.
#[pyfunction]
pub fn bson_encode<'py>(
    py: Python<'py>,
    batches: &Bound<'py, PyAny>,
    leave_out_nulls: bool,
) -> PyResult<Bound<'py, PyList>> {
    guard(py, || {
        let (_, batches) = import_stream(batches)?;
        let nulls = if leave_out_nulls { Nulls::LeaveOut } else { Nulls::Write };
        let options = EncodeOptions { nulls, ..EncodeOptions::default() };
        let list = PyList::empty(py);
        let mut rows = 0;
        for batch in batches {
            let mut documents = Documents::default();
            py.detach(|| bson_arrow::encode(&batch, &options, &mut documents))
                .map_err(|error| encode_error(py, error, rows))?;
            rows += batch.num_rows();
            for document in documents.iter() {
                list.append(PyBytes::new(py, document))?;
            }
        }
        Ok(list)
    })
}

/// Inserts every row of Arrow batches into a collection over a connection of our own; none when one has no BSON form. `spec`
/// as `Dataset.write_mongo` takes it. Also gives why the rest was not written, if so.
#[pyfunction]
pub fn mongo_insert<'py>(
    py: Python<'py>,
    session: &Bound<'py, Session>,
    batches: &Bound<'py, PyAny>,
    spec: &Bound<'py, PyDict>,
) -> PyResult<(Bound<'py, PyDict>, Option<String>)> {
    guard(py, || {
        let (_, batches) = import_stream(batches)?;
        let write = documents::mongo_write(spec)?;
        let session = session.get().engine();
        let no_bar = py.None().into_bound(py);
        let written = query::run(py, &no_bar, |watch| match session.mongo_insert(&batches, &write, watch) {
            Ok(written) => Ok(Ok(written)),
            Err(Unwritten::Encode { error, first_row }) => Ok(Err((error, first_row))),
            Err(Unwritten::Other(error)) => Err(error),
        })?;
        let (report, stopped) = written.map_err(|(error, first_row)| encode_error(py, error, first_row as usize))?;
        Ok((documents::write_report(py, &report)?, stopped.map(|error| error.to_string())))
    })
}

/// The error, with its row counted over all batches.
fn encode_error(py: Python<'_>, mut error: EncodeError, rows_before: usize) -> PyErr {
    match &mut error {
        EncodeError::Value { row, .. } | EncodeError::TooLarge { row, .. } => *row += rows_before,
        EncodeError::Schema(_) => {}
    }
    raise(py, "BsonEncodeError", (error.to_string(),))
}

/// A layout as Python describes it: NumPy's letter for the kind, size, whether swapped, name, shape, fields with offsets.
#[derive(FromPyObject)]
pub struct Described(String, usize, bool, String, Vec<usize>, Vec<(String, usize, Described)>);

impl From<Described> for Layout {
    fn from(Described(kind, bytes, swapped, description, shape, fields): Described) -> Layout {
        let kind = match kind.as_str() {
            "i" => Kind::Signed,
            "u" => Kind::Unsigned,
            "f" => Kind::Float,
            "b" => Kind::Bool,
            "S" => Kind::Bytes,
            "U" => Kind::Text,
            "V" if fields.is_empty() => Kind::Void,
            "V" => Kind::Record,
            "M8[ms]" => Kind::Milliseconds,
            _ => Kind::Other,
        };
        let field =
            |(name, offset, layout): (String, usize, Described)| LayoutField { name, offset, layout: layout.into() };
        Layout { kind, bytes, swapped, description, shape, fields: fields.into_iter().map(field).collect() }
    }
}

fn record_error(py: Python<'_>, error: &RecordError) -> PyErr {
    raise(py, "BsonRecordError", (error.to_string(),))
}

/// Documents to the memory of a structured array.
#[pyclass(frozen, module = "fuseline._core")]
pub struct RecordDecoder(Mutex<bson_arrow::structured::RecordDecoder>);

#[pymethods]
impl RecordDecoder {
    #[new]
    fn new(py: Python<'_>, layout: Described) -> PyResult<RecordDecoder> {
        let decoder = bson_arrow::structured::RecordDecoder::new(&layout.into());
        Ok(RecordDecoder(Mutex::new(decoder.map_err(|error| record_error(py, &error))?)))
    }

    /// Reads documents into `memory` from the byte `start` on, until one of the two ends; returns the number of records.
    fn append(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyBytes>,
        mut memory: PyReadwriteArray1<'_, u8>,
        start: usize,
    ) -> PyResult<usize> {
        guard(py, || {
            let bytes = data.as_bytes();
            let memory = memory.as_slice_mut().map_err(|error| PyValueError::new_err(error.to_string()))?;
            let memory = memory.get_mut(start..).unwrap_or(&mut []);
            py.detach(|| lock(&self.0).append(bytes, memory)).map_err(|error| record_error(py, &error))
        })
    }
}

/// Every record of the memory of a structured array as one document.
#[pyfunction]
pub fn bson_encode_records<'py>(
    py: Python<'py>,
    layout: Described,
    memory: PyReadonlyArray1<'py, u8>,
) -> PyResult<Bound<'py, PyList>> {
    guard(py, || {
        let memory = memory.as_slice().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let layout = Layout::from(layout);
        let mut documents = Documents::default();
        py.detach(|| encode_records(&layout, memory, &mut documents)).map_err(|error| record_error(py, &error))?;
        PyList::new(py, documents.iter().map(|document| PyBytes::new(py, document)))
    })
}
