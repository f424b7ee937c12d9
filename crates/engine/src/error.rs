//! What can go wrong in a dataset: wrong use (`PlanError`), the data (`RowError`), us or the machine (`EngineError`).
//! The three are never mixed, and only the faces (Python, command line) render them.

use std::fmt;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Ours or the machine's: a file that cannot be read, memory that cannot be had, a defect of Fuseline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineError {
    pub message: String,
    pub hint: Option<String>,
}

/// A dataset operation that makes no sense for this data: found before anything runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    pub message: String,
    pub hint: Option<String>,
}

/// A Python exception that a compiled function raised for a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowError {
    pub class: ir::RaisedClass,
    /// `str(exception)`.
    pub message: String,
    /// The Python file and line that raised; `None` and 0 when not known.
    pub file: Option<String>,
    pub line: u32,
    /// The function's name.
    pub function: String,
    /// Position of the row in the operator's input, from 0; `None` when it is not one row that failed, but a merge of
    /// states or a sum.
    pub row: Option<u64>,
    /// The columns (or arguments) the function reads, with this row's values as Python prints them.
    pub inputs: Vec<(String, String)>,
}

/// Any failure of a dataset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    Engine(EngineError),
    Plan(PlanError),
    Row(Box<RowError>),
    /// The caller asked to stop ([`crate::Watch`]).
    Cancelled,
}

impl Error {
    pub fn engine(message: impl Into<String>) -> Error {
        Error::Engine(EngineError { message: message.into(), hint: None })
    }

    pub fn engine_hint(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Engine(EngineError { message: message.into(), hint: Some(hint.into()) })
    }

    pub fn plan(message: impl Into<String>) -> Error {
        Error::Plan(PlanError { message: message.into(), hint: None })
    }

    pub fn plan_hint(message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Plan(PlanError { message: message.into(), hint: Some(hint.into()) })
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.class.name())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(file) = &self.file {
            write!(f, ", {file}:{}", self.line)?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, hint) = match self {
            Error::Engine(error) => (&error.message, &error.hint),
            Error::Plan(error) => (&error.message, &error.hint),
            Error::Row(error) => return error.fmt(f),
            Error::Cancelled => return f.write_str("cancelled"),
        };
        f.write_str(message)?;
        if let Some(hint) = hint {
            write!(f, "\nhelp: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
