//! Documents (BSON, extended JSON, MongoDB) across the border: options in, reports out.

use std::sync::Arc;

use arrow::datatypes::Schema as ArrowSchemaRs;
use engine::DocumentOptions;
use engine::bson_arrow::{FieldReport, OnMismatch, ReasonCount, Rejected};
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
