//! Helpers of the engine's tests: sessions, small tables, results as text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "every test file uses some of them")]

use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use engine::{Dataset, Error, Progress, Session, SessionOptions};

pub fn session(threads: usize) -> Session {
    Session::new(SessionOptions { threads: Some(threads), memory_bytes_max: None }).unwrap()
}

/// Never cancels.
pub fn patient(_progress: Progress) -> bool {
    true
}

pub fn collect(dataset: &Dataset) -> Vec<RecordBatch> {
    dataset.collect(&mut patient).unwrap_or_else(|error| panic!("{error}")).0
}

/// The rows as CSV text, without a header: what a person can compare.
pub fn rows(dataset: &Dataset) -> String {
    text(&collect(dataset))
}

pub fn text(batches: &[RecordBatch]) -> String {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(false).with_null("-".to_owned()).build(&mut out);
    for batch in batches {
        writer.write(batch).unwrap();
    }
    drop(writer);
    String::from_utf8(out).unwrap()
}

/// `name: type` of each column, `?` for those that can be null.
pub fn schema(dataset: &Dataset) -> String {
    let field = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        let mark = if field.is_nullable() { "?" } else { "" };
        format!("{}: {}{mark}", field.name(), field.data_type())
    };
    dataset.schema().fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

pub fn floats(batches: &[RecordBatch], column: usize) -> Vec<f64> {
    batches.iter().flat_map(|batch| batch.column(column).as_primitive::<Float64Type>().values().to_vec()).collect()
}

pub fn ints(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    batches.iter().flat_map(|batch| batch.column(column).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// A dataset of these columns.
pub fn table(session: &Session, columns: Vec<(&str, ArrayRef)>) -> Dataset {
    let columns = columns.into_iter().map(|(name, column)| {
        let nullable = column.null_count() > 0;
        (name, column, nullable)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    session.from_arrow(batch.schema(), vec![batch]).unwrap()
}

/// A file with this text in the folder.
pub fn file(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.to_string(),
    }
}

/// A function from the text form of the IR. In the text, `ROW` stands for the dataset's row type.
pub fn function(dataset: &Dataset, name: &str, text: &str) -> engine::CompiledFunction {
    captured(dataset, name, text, Vec::new())
}

/// A function with captured numbers.
pub fn captured(dataset: &Dataset, name: &str, text: &str, captures: Vec<u64>) -> engine::CompiledFunction {
    let text = text.replace("ROW", &dataset.row_type().record.to_string());
    let module = ir::text::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    ir::verify(&module).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let values = match captures.is_empty() {
        true => engine::CaptureValues::none(),
        false => engine::CaptureValues::new(captures, std::sync::Arc::new(())),
    };
    engine::CompiledFunction::new(name, std::sync::Arc::new(module), values)
}
