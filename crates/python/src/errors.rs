//! Errors as Python exceptions: the program (`CompileError`), the data (CPython's own classes), the machine
//! (`EngineError`). The only file that builds them; panics end here as well.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use frontend::diagnostic::Diagnostic;
use frontend::program::SourceFile;
use frontend::render::{self, Severity};
use ir::{ExcKind, RaisedClass};
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

/// A Python exception that compiled code raised.
pub struct RowError<'py> {
    pub class: RaisedClass,
    pub message: String,
    pub file: Option<String>,
    pub line: u32,
    pub function: String,
    /// The row's number; `None` for a call with single values.
    pub row: Option<u64>,
    /// Names and values of what the function was given.
    pub inputs: Bound<'py, PyDict>,
}

impl RowError<'_> {
    /// The exception of CPython's class, with `row`, `inputs`, `line` and a note that says the place.
    pub fn into_exception(self, py: Python<'_>) -> PyErr {
        self.build(py).unwrap_or_else(|error| error)
    }

    fn build(&self, py: Python<'_>) -> PyResult<PyErr> {
        let class = self.python_class(py)?;
        let made = match self.message.as_str() {
            "" => class.call0(),
            // `str(e)` of this class shows the key as it is.
            text if self.class.kind == ExcKind::KeyError => class.call1((literal(py, text)?,)),
            text => class.call1((text,)),
        };
        // The Unicode errors take more than a message; the class above them does not.
        let exception = match made {
            Ok(exception) => exception,
            Err(_) => py.import(intern!(py, "builtins"))?.getattr("ValueError")?.call1((self.message.as_str(),))?,
        };
        exception.setattr(intern!(py, "row"), self.row)?;
        exception.setattr(intern!(py, "inputs"), &self.inputs)?;
        exception.setattr(intern!(py, "line"), self.line)?;
        if let Ok(add_note) = exception.getattr(intern!(py, "add_note")) {
            add_note.call1((self.note()?,))?;
        }
        Ok(PyErr::from_value(exception))
    }

    /// The user's own class where it is known, else the one of Python's that it derives from.
    fn python_class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(name) = &self.class.own {
            let own = py.import(intern!(py, "fuseline._errors"))?.call_method1("own_exception", (&**name,))?;
            if !own.is_none() {
                return Ok(own);
            }
        }
        py.import(intern!(py, "builtins"))?.getattr(self.class.kind.name())
    }

    /// `trips.py:12 in speed(distance=3.0, minutes=0.0), row 17`.
    fn note(&self) -> PyResult<String> {
        let mut inputs = Vec::new();
        for (name, value) in self.inputs.iter() {
            let mut shown = value.repr()?.to_string();
            if shown.chars().count() > 80 {
                shown = shown.chars().take(77).chain("...".chars()).collect();
            }
            inputs.push(format!("{name}={shown}"));
        }
        let place = match &self.file {
            Some(file) => format!("{file}:{} in ", self.line),
            None => String::new(),
        };
        let row = self.row.map(|row| format!(", row {row}")).unwrap_or_default();
        Ok(format!("{place}{}({}){row}", self.function, inputs.join(", ")))
    }
}

/// `fuseline.CompileError` of the diagnostics.
pub fn compile_error(py: Python<'_>, files: &[SourceFile], diagnostics: &[Diagnostic]) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let module = py.import(intern!(py, "fuseline._errors"))?;
        let class = module.getattr(intern!(py, "Diagnostic"))?;
        let list = PyList::empty(py);
        for diagnostic in diagnostics {
            let file = files.get(diagnostic.place.file);
            let position = file.map(|file| render::position(file, diagnostic.place.start));
            list.append(class.call1((
                diagnostic.code,
                diagnostic.message.as_str(),
                file.map_or("", |file| file.name.as_str()),
                position.map_or(0, |position| position.line),
                position.map_or(0, |position| position.column),
                diagnostic.help.as_deref(),
                render::full(files, diagnostic, Severity::Error).trim_end(),
            ))?)?;
        }
        Ok(PyErr::from_value(module.getattr(intern!(py, "CompileError"))?.call1((list,))?))
    };
    build().unwrap_or_else(|error| error)
}

/// Whether `error` is a `fuseline.CompileError` all of whose diagnostics have this code.
pub fn has_only_code(py: Python<'_>, error: &PyErr, code: &str) -> PyResult<bool> {
    let Ok(diagnostics) = error.value(py).getattr(intern!(py, "diagnostics")) else { return Ok(false) };
    let mut found = false;
    for diagnostic in diagnostics.try_iter()? {
        if diagnostic?.getattr(intern!(py, "code"))?.extract::<String>()? != code {
            return Ok(false);
        }
        found = true;
    }
    Ok(found)
}

/// `fuseline.CompileError` without a place in a source: a signature or a column name that makes no sense.
pub fn usage_error(py: Python<'_>, code: &str, message: &str, help: Option<&str>) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let make = py.import(intern!(py, "fuseline._errors"))?.getattr(intern!(py, "usage_error"))?;
        Ok(PyErr::from_value(make.call1((code, message, help))?))
    };
    build().unwrap_or_else(|error| error)
}

/// `fuseline.EngineError`.
pub fn engine_error(py: Python<'_>, message: &str) -> PyErr {
    let class =
        py.import(intern!(py, "fuseline._errors")).and_then(|module| module.getattr(intern!(py, "EngineError")));
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, message.to_owned()),
        Err(_) => PyRuntimeError::new_err(message.to_owned()),
    }
}

/// What a dataset operation that failed raises.
pub fn dataset_error(py: Python<'_>, error: engine::Error) -> PyErr {
    match error {
        engine::Error::Engine(error) => engine_error(py, &with_hint(&error.message, error.hint.as_deref())),
        engine::Error::Plan(error) => usage_error(py, "plan", &error.message, error.hint.as_deref()),
        engine::Error::Cancelled => PyErr::take(py).unwrap_or_else(|| PyKeyboardInterrupt::new_err(())),
        engine::Error::Row(error) => row_error(py, *error),
    }
}

fn row_error(py: Python<'_>, error: engine::RowError) -> PyErr {
    let inputs = PyDict::new(py);
    for (name, text) in &error.inputs {
        if let Err(failure) = literal(py, text).and_then(|value| inputs.set_item(name, value)) {
            return failure;
        }
    }
    let engine::RowError { class, message, file, line, function, row, .. } = error;
    RowError { class, message, file, line, function, row, inputs }.into_exception(py)
}

/// The value that `text` shows, as `repr` wrote it; the text itself where it is no literal (`nan`, an array).
fn literal<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "fuseline._errors"))?.getattr(intern!(py, "literal"))?.call1((text,))
}

fn with_hint(message: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{message}\nhelp: {hint}"),
        None => message.to_owned(),
    }
}

/// Runs `body`; a panic in it becomes an `EngineError`.
pub fn guard<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(payload) => Err(engine_error(py, &panic_text(payload.as_ref()))),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    format!(
        "internal error: {text}\nhelp: this is a defect of Fuseline; please report it with the program that shows it"
    )
}
