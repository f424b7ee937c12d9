//! JSON files: one object a line, or one array of objects. Columns are inferred from every row, so that no field is lost.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session as DataFusionSession;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::json::JsonFormat as DataFusionJsonFormat;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource, JsonSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use super::files::{self, FileTable, Format, SourceFile};
use crate::error::{Error, Result};
use crate::failure;
use crate::session::Session;

/// Bytes in which the first character that is not white space is looked for.
const HEAD_BYTES: u64 = 4096;

/// The table over these JSON files.
pub(crate) fn open(session: &Session, paths: &[String]) -> Result<FileTable> {
    let files = files::expand(paths)?;
    let mut lines: Option<bool> = None;
    for file in &files {
        let found = is_lines(file)?;
        if *lines.get_or_insert(found) != found {
            return Err(Error::plan(format!(
                "`{}` and `{}` are not of the same form: one has an object a line, the other one array",
                files[0].shown, file.shown
            )));
        }
    }
    let lines = lines.unwrap_or(true);
    let schema = Arc::new(infer(session, &files, lines)?);
    let format = JsonFormat { schema: schema.clone(), lines };
    Ok(FileTable::new(schema, files, Box::new(format), None))
}

fn is_lines(file: &SourceFile) -> Result<bool> {
    let head = file.head(HEAD_BYTES)?;
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Ok(true),
        Some(b'[') => Ok(false),
        Some(_) => Err(Error::engine_hint(
            format!("`{}` is not a JSON file of objects", file.shown),
            "a file has one object a line, or one array of objects",
        )),
        None => Err(Error::engine(format!("`{}` is empty", file.shown))),
    }
}

fn infer(session: &Session, files: &[SourceFile], lines: bool) -> Result<Schema> {
    let format = DataFusionJsonFormat::default().with_newline_delimited(lines).with_schema_infer_max_rec(usize::MAX);
    let context = session.context();
    let state = context.state();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let mut schemas = Vec::with_capacity(files.len());
    let mut inexact = Vec::new();
    for file in files {
        let damaged = |reason: &str| {
            Error::engine_hint(
                format!("cannot read `{}`: {reason}", file.shown),
                "a file has one object a line, or one array of objects",
            )
        };
        let path = Path::from_absolute_path(&file.path).map_err(|error| damaged(&error.to_string()))?;
        let inferred = session.runtime()?.block_on(async {
            let meta = store.head(&path).await?;
            format.infer_schema(&state as &dyn DataFusionSession, &store, &[meta]).await
        });
        let schema = inferred.map_err(|error| match failure::from_datafusion(error) {
            Error::Engine(error) => damaged(error.message.trim_start_matches("a JSON file cannot be read: ")),
            other => other,
        })?;
        inexact.extend(check_integers(file)?);
        schemas.push(schema.as_ref().clone());
    }
    let merged = Schema::try_merge(schemas).map_err(|error| Error::engine(format!("the files differ: {error}")))?;
    if let Some(found) = inexact.iter().find(|found| merged.fields().iter().any(|field| found.rounds(field, false))) {
        return Err(Error::engine_hint(
            format!("{}: the integer {} is rounded in a column of floats", found.place, found.text),
            "write it as a float (`1e20`) where rounding is meant, or the column's floats as strings",
        ));
    }
    let fields: Vec<Field> = merged.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Ok(Schema::new(fields))
}

/// An integer that no float is equal to.
struct Inexact {
    /// The field that holds it, as it is written.
    key: String,
    text: String,
    place: String,
}

impl Inexact {
    /// Whether the field, or one in it, is of floats and may hold the integer. What is written with escapes may be any field.
    fn rounds(&self, field: &Field, inside: bool) -> bool {
        let here = inside || field.name() == &self.key || self.key.contains('\\');
        match field.data_type() {
            DataType::Float64 => here,
            DataType::List(item) => self.rounds(item, here),
            DataType::Struct(fields) => fields.iter().any(|field| self.rounds(field, false)),
            _ => false,
        }
    }
}

/// An integer outside 64 bits is an error: the reader would make it a float, which is another number. Gives the first integer
/// of each field that would be rounded if the field were of floats.
fn check_integers(file: &SourceFile) -> Result<Vec<Inexact>> {
    let unreadable = |error: std::io::Error| failure::from_io(&format!("cannot read `{}`", file.shown), &error);
    let mut reader = BufReader::new(File::open(&file.path).map_err(unreadable)?);
    let mut integers = Integers::default();
    loop {
        let chunk = reader.fill_buf().map_err(unreadable)?;
        let count = chunk.len();
        if count == 0 {
            let found = integers.inexact.into_iter().map(|(key, (text, line))| Inexact {
                key,
                text,
                place: format!("`{}` line {}", file.shown, line + 1),
            });
            return Ok(found.collect());
        }
        if let Some(text) = chunk.iter().find_map(|byte| integers.next(*byte)) {
            return Err(Error::engine_hint(
                format!("`{}` line {}: the integer {text} does not fit into 64 bits", file.shown, integers.line + 1),
                "write it as a string, or as a float (`1e20`) where rounding is meant",
            ));
        }
        reader.consume(count);
    }
}

/// Finds integers outside 64 bits in the bytes of a JSON text.
#[derive(Default)]
struct Integers {
    in_string: bool,
    escaped: bool,
    /// The number being read.
    number: String,
    /// The string being read, or the last one.
    string: Vec<u8>,
    /// The innermost field.
    key: String,
    /// By field the first integer that no float is equal to, and its line.
    inexact: BTreeMap<String, (String, u64)>,
    /// Line ends passed.
    line: u64,
}

impl Integers {
    /// The text of an integer that ended just before `byte` and does not fit.
    fn next(&mut self, byte: u8) -> Option<String> {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            if self.in_string {
                self.string.push(byte);
            }
            self.escaped = byte == b'\\' && !self.escaped;
            return None;
        }
        if matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
            self.number.push(char::from(byte));
            return None;
        }
        // The letters of `true` and `false` collect an `e`; what is no number does not fail.
        if self.number.len() > 15 && !self.number.contains(['.', 'e', 'E']) {
            match self.number.parse::<i64>() {
                Err(_) if self.number.len() > 18 => return Some(std::mem::take(&mut self.number)),
                Ok(number) if number as f64 as i128 != i128::from(number) && !self.inexact.contains_key(&self.key) => {
                    self.inexact.insert(self.key.clone(), (self.number.clone(), self.line));
                }
                _ => {}
            }
        }
        self.number.clear();
        self.in_string = byte == b'"';
        if self.in_string {
            self.string.clear();
        }
        if byte == b':' {
            self.key = String::from_utf8_lossy(&self.string).into_owned();
        }
        self.line += u64::from(byte == b'\n');
        None
    }
}

#[derive(Debug)]
struct JsonFormat {
    schema: SchemaRef,
    lines: bool,
}

impl Format for JsonFormat {
    fn source(&self) -> Arc<dyn FileSource> {
        let table_schema = TableSchema::from(self.schema.clone());
        let source = JsonSource::new(table_schema).with_newline_delimited(self.lines);
        if self.lines { Arc::new(source) } else { Arc::new(ArraySource { inner: Arc::new(source) }) }
    }

    fn cut(&self, _file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
        // A line end inside a JSON text is escaped, so the reader can move any position to the next line itself.
        Ok(self.lines.then(|| near.to_vec()))
    }
}

/// DataFusion's source for files of one array, under a name of our own: DataFusion forgets on the wire that it is none of
/// lines.
#[derive(Clone)]
struct ArraySource {
    inner: Arc<dyn FileSource>,
}

/// The columns of a source for arrays; `None` for any other source.
pub(crate) fn array_columns(source: &dyn FileSource) -> Option<ProjectionExprs> {
    source.downcast_ref::<ArraySource>()?.inner.projection().cloned()
}

/// The source for arrays with these columns.
pub(crate) fn array_source(schema: SchemaRef, projection: &ProjectionExprs) -> Result<Arc<dyn FileSource>> {
    let source = JsonSource::new(TableSchema::from(schema)).with_newline_delimited(false);
    let source = ArraySource { inner: Arc::new(source) };
    let projected = source.try_pushdown_projection(projection).map_err(failure::from_datafusion)?;
    Ok(projected.unwrap_or_else(|| Arc::new(source)))
}

impl FileSource for ArraySource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(object_store, base_config, partition)
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(ArraySource { inner: self.inner.with_batch_size(batch_size) })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| Arc::new(ArraySource { inner }) as Arc<dyn FileSource>))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let mut integers = Integers::default();
        text.bytes().find_map(|byte| integers.next(byte))
    }

    #[test]
    fn integers_that_no_float_is_equal_to_are_found_with_their_field() {
        let mut integers = Integers::default();
        let text = "{\"a\": 9007199254740992,\n\"b\": {\"c\": [1, 9007199254740993]}, \"d\": \"9007199254740993\"}";
        assert!(text.bytes().all(|byte| integers.next(byte).is_none()));
        let found: Vec<_> = integers.inexact.into_iter().collect();
        assert_eq!(found, [("c".to_owned(), ("9007199254740993".to_owned(), 1))]);
    }

    #[test]
    fn only_integers_outside_64_bits_are_found() {
        assert_eq!(found("{\"x\": 9223372036854775807, \"y\": -9223372036854775808}"), None);
        assert_eq!(found("{\"x\": 9223372036854775808}").as_deref(), Some("9223372036854775808"));
        assert_eq!(found("{\"x\": -9223372036854775809}").as_deref(), Some("-9223372036854775809"));
        assert_eq!(found("{\"x\": 123456789012345678901.0, \"y\": 1e30, \"z\": [true, false]}"), None);
        assert_eq!(found("{\"99999999999999999999\\\"\": \"99999999999999999999\"}"), None);
    }
}
