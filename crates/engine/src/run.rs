//! Running a plan: progress, cancellation, and the report of what happened to the rows.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};

/// How far a running query is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Rows read from the sources so far.
    pub rows: u64,
    /// Rows the sources hold, where that is known beforehand.
    pub rows_total: Option<u64>,
}

/// Called on the calling thread about every 50 ms while a query runs; returning false cancels it.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// Failing rows that were made null or dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorCount {
    /// The function's name.
    pub function: String,
    pub class: ir::ExcKind,
    pub file: Option<String>,
    pub line: u32,
    pub rows: u64,
}

/// What happened besides the result.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Rows read from the sources.
    pub rows_read: u64,
    /// Counts of row errors that did not stop the query, by function, class and line.
    pub row_errors: Vec<ErrorCount>,
}

/// Batches of a running query, in order. Dropping it stops the query.
pub struct BatchStream {
    schema: SchemaRef,
}

impl BatchStream {
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` at the end.
    pub fn next(&mut self, _watch: Watch<'_>) -> Result<Option<RecordBatch>> {
        Err(Error::engine("not there yet"))
    }

    /// The report so far; complete after `next` gave `None`.
    pub fn report(&self) -> Report {
        Report::default()
    }
}
