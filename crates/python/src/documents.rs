//! Documents (BSON, extended JSON, MongoDB) across the border: options in, reports out.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema as ArrowSchemaRs;
use engine::bson_arrow::{FieldReport, OnMismatch, ReasonCount, Rejected};
use engine::{DocumentOptions, FindOrAggregate, MongoRead, Projection, Resume};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::arrow_io::import_schema;

/// What a source of documents was asked for: an Arrow schema or `None`, the size of the sample, the policy.
pub fn options(schema: &Bound<'_, PyAny>, sample: usize, on_error: &str) -> PyResult<DocumentOptions> {
    let schema = match schema.is_none() {
        true => None,
        false => Some(Arc::new(import_schema(schema)?)),
    };
    let on_mismatch = match on_error {
        "raise" => OnMismatch::Raise,
        "null" => OnMismatch::Null,
        "drop" => OnMismatch::Drop,
        "collect" => OnMismatch::Collect,
        _ => {
            return Err(PyValueError::new_err(format!(
                "on_error is \"raise\", \"null\", \"drop\" or \"collect\", not {on_error:?}"
            )));
        }
    };
    Ok(DocumentOptions { schema, sample_documents: sample, on_mismatch })
}

/// What a MongoDB read was asked for, from the dict that `fuseline._mongo` makes.
pub fn mongo_read(spec: &Bound<'_, PyDict>) -> PyResult<MongoRead> {
    let value = |key: &str| spec.get_item(key).map(|value| value.filter(|value| !value.is_none()));
    let bytes = |key: &str| value(key)?.map(|value| value.extract::<Vec<u8>>()).transpose();
    let text = |key: &str| value(key)?.map(|value| value.extract::<String>()).transpose();
    let needed = |key: &str| text(key)?.ok_or_else(|| PyValueError::new_err(format!("`{key}` is missing")));
    let query = match value("pipeline")? {
        Some(stages) => {
            let stages = stages.try_iter()?.map(|stage| stage?.extract::<Vec<u8>>()).collect::<PyResult<_>>()?;
            FindOrAggregate::Aggregate { pipeline: stages }
        }
        None => FindOrAggregate::Find { filter: bytes("filter")?, sort: bytes("sort")? },
    };
    let projection = match text("projection")?.as_deref() {
        None | Some("auto") => Projection::Auto,
        Some("always") => Projection::Always,
        Some("never") => Projection::Never,
        Some(other) => {
            return Err(PyValueError::new_err(format!(
                "projection is \"auto\", \"always\" or \"never\", not {other:?}"
            )));
        }
    };
    let resume = match text("resume")?.as_deref() {
        None | Some("whole") => Resume::Whole,
        Some("_id") => Resume::ById,
        Some("never") => Resume::Never,
        Some(other) => {
            return Err(PyValueError::new_err(format!("resume is \"whole\", \"_id\" or \"never\", not {other:?}")));
        }
    };
    let timeout = value("timeout")?.map(|value| value.extract::<f64>()).transpose()?;
    Ok(MongoRead {
        uri: needed("uri")?,
        database: needed("database")?,
        collection: needed("collection")?,
        query,
        extra: bytes("extra")?,
        read_preference: text("read_preference")?,
        batch_documents: value("batch_size")?.map(|value| value.extract::<u32>()).transpose()?,
        partitions: value("partitions")?.map(|value| value.extract::<usize>()).transpose()?.unwrap_or(1),
        projection,
        resume,
        timeout: timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}

/// `[{"field": "a.b", "types": {"int": 3}, "missing": 1, "documents": 4, "type": "int32"}, ..]`.
pub fn field_reports<'py>(py: Python<'py>, report: &[FieldReport]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for field in report {
        let types = PyDict::new(py);
        for (kind, count) in &field.types {
            types.set_item(kind.name(), count)?;
        }
        let entry = PyDict::new(py);
        entry.set_item("field", &field.path)?;
        entry.set_item("types", types)?;
        entry.set_item("missing", field.missing)?;
        entry.set_item("documents", field.documents)?;
        let schema = ArrowSchemaRs::new(vec![field.field.clone()]);
        entry.set_item("type", crate::arrow_io::ArrowSchema(Arc::new(schema)).into_pyobject(py)?)?;
        list.append(entry)?;
    }
    Ok(list)
}

/// `[{"field": .., "expected": .., "found": .., "count": .., "first_row": .., "first": ..}, ..]`.
pub fn reasons<'py>(py: Python<'py>, counts: &[ReasonCount]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for count in counts {
        let entry = PyDict::new(py);
        entry.set_item("field", &count.field)?;
        entry.set_item("expected", &count.expected)?;
        entry.set_item("found", count.found_type)?;
        entry.set_item("count", count.count)?;
        entry.set_item("first_row", count.first.document)?;
        entry.set_item("first", &count.first.found)?;
        list.append(entry)?;
    }
    Ok(list)
}

/// `[{"row": .., "reason": .., "document": bytes}, ..]`.
pub fn rejected<'py>(py: Python<'py>, documents: &[Rejected]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for document in documents {
        let entry = PyDict::new(py);
        let mismatch = &document.mismatch;
        entry.set_item("row", mismatch.document)?;
        let reason = format!("{}: expected {}, found {}", mismatch.path, mismatch.expected, mismatch.found);
        entry.set_item("reason", reason)?;
        entry.set_item("document", PyBytes::new(py, &document.bytes))?;
        list.append(entry)?;
    }
    Ok(list)
}
