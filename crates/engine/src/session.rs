//! Sessions: threads, memory, and the sources datasets begin with.

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// How a session uses the machine.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// Worker threads; otherwise `FUSELINE_THREADS`, otherwise the number of cores.
    pub threads: Option<usize>,
    /// Memory for sorts, joins and aggregations before they write to disk; otherwise no limit.
    pub memory_bytes_max: Option<usize>,
}

/// How a CSV file is read.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    pub delimiter: u8,
    /// The first line names the columns; otherwise they are `column_1`, `column_2` and so on.
    pub header: bool,
    /// Texts that mean "missing"; an empty field always does.
    pub null_values: Vec<String>,
    /// Types of columns by name, instead of inferred ones.
    pub types: Vec<(String, DataType)>,
    /// Rows that types are inferred from.
    pub infer_rows: usize,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions { delimiter: b',', header: true, null_values: Vec::new(), types: Vec::new(), infer_rows: 10_000 }
    }
}

/// Threads, memory and configuration that datasets share. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    threads: usize,
}

impl Session {
    pub fn new(options: SessionOptions) -> Result<Session> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        Ok(Session { threads: options.threads.unwrap_or(cores).max(1) })
    }

    /// The session used where none is named: made on first use from the environment.
    pub fn global() -> Result<Session> {
        Session::new(SessionOptions::default())
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Reads CSV files; a path may hold `*`, `?` and `[..]`.
    pub fn read_csv(&self, _paths: &[String], _options: &CsvOptions) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// Reads Parquet files; a path may hold `*`, `?` and `[..]`.
    pub fn read_parquet(&self, _paths: &[String]) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// Reads JSON files: one object a line, or one array of objects.
    pub fn read_json(&self, _paths: &[String]) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }

    /// Batches in memory, without a copy.
    pub fn from_arrow(&self, _schema: SchemaRef, _batches: Vec<RecordBatch>) -> Result<Dataset> {
        Err(Error::engine("not there yet"))
    }
}
