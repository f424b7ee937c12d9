//! Errors on their way through DataFusion: ours go in wrapped and come out whole, DataFusion's own become sentences a
//! person can use.

use std::error::Error as StdError;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use crate::error::Error;

/// Wraps an error of ours for its way up through DataFusion's operators.
pub(crate) fn wrap(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Our error inside, or what DataFusion says in our words.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    if let Some(ours) = find_ours(&error) {
        return ours.clone();
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Error::engine_hint(
            "the query needs more memory than the session's limit allows",
            "raise the limit with `fl.session(memory_bytes_max=...)`, or aggregate or filter earlier",
        ),
        DataFusionError::IoError(error) => from_io("cannot read or write", error),
        DataFusionError::ParquetError(error) => from_parquet(error),
        DataFusionError::ObjectStore(error) => Error::engine(format!("cannot read: {error}")),
        DataFusionError::ArrowError(error, _) => from_arrow(error),
        DataFusionError::ExecutionJoin(error) => Error::engine(format!("a worker thread failed: {error}")),
        DataFusionError::Plan(message) => Error::plan(message.clone()),
        other => Error::engine(first_line(&other.strip_backtrace())),
    }
}

pub(crate) fn find_ours<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return Some(ours);
    }
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        // Not every variant reports what it wraps as its source.
        match error {
            DataFusionError::External(inner) => return find_ours(inner.as_ref()),
            DataFusionError::Context(_, inner) => return find_ours(inner.as_ref()),
            DataFusionError::Diagnostic(_, inner) => return find_ours(inner.as_ref()),
            DataFusionError::Shared(inner) => return find_ours(inner.as_ref()),
            DataFusionError::Collection(errors) => return errors.iter().find_map(|error| find_ours(error)),
            DataFusionError::ArrowError(inner, _) => return find_ours(inner.as_ref()),
            _ => {}
        }
    }
    if let Some(ArrowError::ExternalError(inner)) = error.downcast_ref::<ArrowError>() {
        return find_ours(inner.as_ref());
    }
    error.source().and_then(find_ours)
}

/// An error about the data or the plan, in our words; `None` for one of the machine's that may pass.
pub(crate) fn lasting(error: &DataFusionError) -> Option<Error> {
    if let Some(error) = find_arrow(error) {
        return match error {
            ArrowError::IoError(..) | ArrowError::ExternalError(_) | ArrowError::IpcError(_) => None,
            other => Some(from_arrow(other)),
        };
    }
    match error.find_root() {
        DataFusionError::ParquetError(error) => Some(from_parquet(error)),
        root @ (DataFusionError::ResourcesExhausted(_)
        | DataFusionError::Plan(_)
        | DataFusionError::Execution(_)
        | DataFusionError::Internal(_)
        | DataFusionError::NotImplemented(_)) => Some(match root {
            DataFusionError::ResourcesExhausted(_) => Error::engine_hint(
                "the query needs more memory than an executor's limit allows",
                "start the executors with more `--memory`, or aggregate or filter earlier",
            ),
            other => Error::engine(first_line(&other.strip_backtrace())),
        }),
        _ => None,
    }
}

fn find_arrow<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a ArrowError> {
    if let Some(found) = error.downcast_ref::<ArrowError>() {
        return Some(found);
    }
    match error.downcast_ref::<DataFusionError>() {
        Some(DataFusionError::ArrowError(inner, _)) => Some(inner.as_ref()),
        Some(DataFusionError::External(inner)) => find_arrow(inner.as_ref()),
        Some(DataFusionError::Context(_, inner)) => find_arrow(inner.as_ref()),
        Some(DataFusionError::Shared(inner)) => find_arrow(inner.as_ref()),
        _ => None,
    }
}

pub(crate) fn from_io(what: &str, error: &std::io::Error) -> Error {
    Error::engine(format!("{what}: {}", io_reason(error)))
}

/// The operating system's reason in lower case, without its number.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown reason".to_owned(),
    }
}

pub(crate) fn from_parquet(error: &ParquetError) -> Error {
    Error::engine_hint(
        format!("a Parquet file cannot be decoded: {}", first_line(&error.to_string())),
        "the file is damaged or incomplete; write or copy it again",
    )
}

fn from_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::ParquetError(message) => Error::engine_hint(
            format!("a Parquet file cannot be decoded: {}", first_line(message)),
            "the file is damaged or incomplete; write or copy it again",
        ),
        ArrowError::IoError(_, error) => from_io("cannot read or write", error),
        ArrowError::JsonError(message) => Error::engine(format!("a JSON file cannot be read: {}", first_line(message))),
        ArrowError::CsvError(message) => Error::engine(format!("a CSV file cannot be read: {}", first_line(message))),
        other => Error::engine(first_line(&other.to_string())),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}
