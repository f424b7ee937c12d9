//! Documents (BSON, extended JSON, MongoDB) across the border: options in, reports out.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema as ArrowSchemaRs;
use engine::bson_arrow::{FieldReport, OnMismatch, ReasonCount, Rejected};
use engine::{
    BsonWriteOptions, DocumentOptions, FindOrAggregate, MongoRead, MongoWrite, Resume, When, WriteMode, WriteReport,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::arrow_io::import_schema;

/// What a source of documents was asked for: an Arrow schema or `None`, the same of columns with a given type, the size of the
/// sample, the policy.
pub fn options(
    schema: &Bound<'_, PyAny>,
    types: &Bound<'_, PyAny>,
    sample: usize,
    on_error: &str,
) -> PyResult<DocumentOptions> {
    let optional = |schema: &Bound<'_, PyAny>| match schema.is_none() {
        true => Ok(None),
        false => import_schema(schema).map(|schema| Some(Arc::new(schema))),
    };
    let (schema, types) = (optional(schema)?, optional(types)?);
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
    Ok(DocumentOptions { schema, types, sample_documents: sample, on_mismatch })
}

/// What a MongoDB read was asked for, from the dict that `fuseline._mongo` makes.
pub fn mongo_read(spec: &Bound<'_, PyDict>) -> PyResult<MongoRead> {
    let value = |key: &str| spec.get_item(key).map(|value| value.filter(|value| !value.is_none()));
    let bytes = |key: &str| value(key)?.map(|value| value.extract::<Vec<u8>>()).transpose();
    let text = |key: &str| value(key)?.map(|value| value.extract::<String>()).transpose();
    let needed = |key: &str| text(key)?.ok_or_else(|| PyValueError::new_err(format!("`{key}` is missing")));
    let watch = value("watch")?.map(|value| value.is_truthy()).transpose()?.unwrap_or(false);
    let stages = match value("pipeline")? {
        Some(stages) => Some(stages.try_iter()?.map(|stage| stage?.extract()).collect::<PyResult<Vec<Vec<u8>>>>()?),
        None => None,
    };
    let query = match stages {
        stages if watch => {
            FindOrAggregate::Changes { pipeline: stages.unwrap_or_default(), after: text("resume_after")? }
        }
        Some(pipeline) => FindOrAggregate::Aggregate { pipeline },
        None => FindOrAggregate::Find { filter: bytes("filter")?, sort: bytes("sort")? },
    };
    let when = |key: &str| match text(key)?.as_deref() {
        None | Some("auto") => Ok(When::Auto),
        Some("always") => Ok(When::Always),
        Some("never") => Ok(When::Never),
        Some(other) => Err(PyValueError::new_err(format!("{key} is \"auto\", \"always\" or \"never\", not {other:?}"))),
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
        projection: when("projection")?,
        predicates: when("predicates")?,
        resume,
        timeout: timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}

/// What a MongoDB write was asked for, as `mongo_read`.
pub fn mongo_write(spec: &Bound<'_, PyDict>) -> PyResult<MongoWrite> {
    let needed = |key: &str| match spec.get_item(key)? {
        Some(value) => Ok(value),
        None => Err(PyValueError::new_err(format!("`{key}` is missing"))),
    };
    let key = || needed("key")?.extract::<Vec<String>>();
    let mode = match needed("mode")?.extract::<String>()?.as_str() {
        "insert" => WriteMode::Insert,
        "replace" => WriteMode::Replace { key: key()? },
        "upsert" => WriteMode::Upsert { key: key()? },
        other => {
            return Err(PyValueError::new_err(format!("mode is \"insert\", \"replace\" or \"upsert\", not {other:?}")));
        }
    };
    let timeout = needed("timeout")?.extract::<Option<f64>>()?;
    Ok(MongoWrite {
        uri: needed("uri")?.extract()?,
        database: needed("database")?.extract()?,
        collection: needed("collection")?.extract()?,
        mode,
        ordered: needed("ordered")?.extract()?,
        parallel: needed("parallel")?.extract()?,
        documents: BsonWriteOptions { leave_out_nulls: needed("leave_out_nulls")?.extract()? },
        timeout: timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}

/// `{"inserted": .., "matched": .., "modified": .., "failed": [(row, code, message, details), ..]}`; the details are BSON.
pub fn write_report<'py>(py: Python<'py>, report: &WriteReport) -> PyResult<Bound<'py, PyDict>> {
    let failed = PyList::empty(py);
    for row in &report.failed {
        failed.append((row.row, row.code, row.message.as_str(), PyBytes::new(py, &row.details)))?;
    }
    let dict = PyDict::new(py);
    dict.set_item("inserted", report.inserted)?;
    dict.set_item("matched", report.matched)?;
    dict.set_item("modified", report.modified)?;
    dict.set_item("failed", failed)?;
    Ok(dict)
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
