//! Running something of the engine's: without the GIL, with a look at Python's signals and the progress bar every tick.

use engine::{Progress, Report, Watch};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::documents;
use crate::errors::dataset_error;

/// Runs `body`; `bar` has a method `update(rows, rows_total)` or is `None`.
pub fn run<T: Send>(
    py: Python<'_>,
    bar: &Bound<'_, PyAny>,
    body: impl FnOnce(Watch<'_>) -> engine::Result<T> + Send,
) -> PyResult<T> {
    let bar = (!bar.is_none()).then(|| bar.clone().unbind());
    let mut failure = None;
    let result = py.detach(|| {
        let mut watch = |progress: Progress| {
            Python::attach(|py| match look(py, bar.as_ref(), progress) {
                Ok(()) => true,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            })
        };
        body(&mut watch)
    });
    match failure {
        Some(error) => Err(error),
        None => result.map_err(|error| dataset_error(py, error)),
    }
}

fn look(py: Python<'_>, bar: Option<&Py<PyAny>>, progress: Progress) -> PyResult<()> {
    py.check_signals()?;
    if let Some(bar) = bar {
        bar.bind(py).call_method1(intern!(py, "update"), (progress.rows, progress.rows_total))?;
    }
    Ok(())
}

/// `{"rows_read": .., "row_errors": [{..}, ..]}`.
pub fn report_dict<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let errors = PyList::empty(py);
    for count in &report.row_errors {
        let entry = PyDict::new(py);
        entry.set_item("function", &count.function)?;
        entry.set_item("exception", count.class.name())?;
        entry.set_item("file", &count.file)?;
        entry.set_item("line", count.line)?;
        entry.set_item("rows", count.rows)?;
        errors.append(entry)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("rows_read", report.rows_read)?;
    dict.set_item("row_errors", errors)?;
    dict.set_item("mismatches", documents::reasons(py, &report.mismatches)?)?;
    dict.set_item("rejected", documents::rejected(py, &report.rejected)?)?;
    Ok(dict)
}
