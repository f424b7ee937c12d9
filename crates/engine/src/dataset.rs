//! Datasets: lazy, immutable plans.

use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::aggregate::{Aggregate, Fold, FoldResult};
use crate::error::{Error, Result};
use crate::function::CompiledFunction;
use crate::run::{BatchStream, Report, Watch};
use crate::types::RowType;

/// What happens to a row for which a function raises.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OnError {
    /// The query stops with the first failing row.
    #[default]
    Raise,
    /// The function's result is null.
    Null,
    /// The row is left out.
    Drop,
}

/// A column of the input, or computed from each row.
#[derive(Clone, PartialEq, Debug)]
pub enum Column {
    Name(String),
    /// A function of one parameter: the row ([`Dataset::row_type`]).
    Function(CompiledFunction),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinKind {
    Inner,
    Left,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortKey {
    pub column: String,
    pub descending: bool,
}

/// A lazy table. Operations give new datasets and check names and types at once; nothing is read before a method that
/// takes a [`Watch`] is called.
#[derive(Clone)]
pub struct Dataset {
    schema: SchemaRef,
}

impl Dataset {
    /// Names, types and nullability of the columns. Text is `Utf8` here, whatever it is inside.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The type of the row that functions over this dataset take.
    pub fn row_type(&self) -> RowType {
        crate::types::row_type(&self.schema)
    }

    /// These columns, in this order.
    pub fn select(&self, _columns: &[String]) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// All columns, with these added or replaced.
    pub fn with_columns(&self, _columns: &[(String, Column)], _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// One new row for each row: the fields of a record become columns, any other value the column `value`.
    pub fn map(&self, _function: &CompiledFunction, _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// The rows for which the function returns true.
    pub fn filter(&self, _predicate: &CompiledFunction, _on_error: OnError) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// One row per distinct combination of `keys`, in the order of first appearance: the keys, then the aggregates.
    /// Without keys one row for the whole dataset.
    pub fn aggregate(
        &self,
        _keys: &[(String, Column)],
        _aggregates: &[(String, Aggregate)],
        _on_error: OnError,
    ) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// Folds all rows into one value.
    pub fn reduce(&self, _fold: &Fold, _on_error: OnError, _watch: Watch<'_>) -> Result<FoldResult> {
        Err(Error::engine("not there yet"))
    }

    /// Rows of both where the columns `on` (this side's name, the other's) are equal; this dataset's order is kept. Columns
    /// of the other side whose names are taken get `suffix`.
    pub fn join(&self, _other: &Dataset, _on: &[(String, String)], _kind: JoinKind, _suffix: &str) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// A stable sort; nulls come last, NaN after all other numbers.
    pub fn sort(&self, _keys: &[SortKey]) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// At most `rows` rows from position `offset`, in the data's order.
    pub fn limit(&self, _rows: usize, _offset: usize) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// The plan as text; with `analyze` it is run and shown with rows and times.
    pub fn explain(&self, _analyze: bool, _watch: Watch<'_>) -> Result<String> {
        Err(Error::engine("not there yet"))
    }

    /// The number of rows.
    pub fn count(&self, _watch: Watch<'_>) -> Result<(u64, Report)> {
        Err(Error::engine("not there yet"))
    }

    /// All rows, in order.
    pub fn collect(&self, _watch: Watch<'_>) -> Result<(Vec<RecordBatch>, Report)> {
        Err(Error::engine("not there yet"))
    }

    /// Starts the query and gives its batches one after the other.
    pub fn stream(&self) -> Result<BatchStream> {
        Err(Error::engine("not there yet"))
    }

    /// Writes one Parquet file; it appears when it is complete, or not at all.
    pub fn write_parquet(&self, _path: &Path, _watch: Watch<'_>) -> Result<Report> {
        Err(Error::engine("not there yet"))
    }

    /// Writes one CSV file with a header; it appears when it is complete, or not at all.
    pub fn write_csv(&self, _path: &Path, _watch: Watch<'_>) -> Result<Report> {
        Err(Error::engine("not there yet"))
    }
}
