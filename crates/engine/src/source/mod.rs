//! Where datasets begin: files and batches in memory, as DataFusion tables. Owns how a source is cut into parts: always
//! the same parts for the same data, in the data's order.

pub(crate) mod arrow;
pub(crate) mod csv;
pub(crate) mod csv_split;
pub(crate) mod files;
pub(crate) mod json;
pub(crate) mod memory;
pub(crate) mod parquet;
pub(crate) mod projected;

pub use csv::CsvOptions;
pub use projected::{Opens, ProjectedSource};
