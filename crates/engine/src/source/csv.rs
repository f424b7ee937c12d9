//! CSV files: inferring the columns, reading records with arrow's decoder, and saying in which line a file is broken.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format as ArrowFormat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileSource};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::StreamExt;
use regex::Regex;

use super::csv_split;
use super::files::{self, FileTable, Format, SourceFile};
use super::projected::{Opens, ProjectedSource};
use crate::error::{Error, Result};
use crate::failure;
use crate::names;
use crate::session::BATCH_ROWS;
use crate::wire;
use crate::wire::bytes::Writer;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

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

/// What the reader needs of the options.
#[derive(Clone, Debug)]
struct Dialect {
    delimiter: u8,
    header: bool,
    /// Matches the texts that mean "missing"; `None`: the empty one only.
    null: Option<Regex>,
    infer_rows: usize,
}

impl Dialect {
    fn new(options: &CsvOptions) -> Result<Dialect> {
        if !options.delimiter.is_ascii() || matches!(options.delimiter, b'"' | b'\n' | b'\r') {
            return Err(Error::plan("a CSV delimiter is one ASCII character other than a quote or a line end"));
        }
        let null = match options.null_values.as_slice() {
            [] => None,
            values => {
                let alternatives: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
                let pattern = format!("^(?:{})?$", alternatives.join("|"));
                Some(Regex::new(&pattern).map_err(|error| Error::plan(format!("unusable null values: {error}")))?)
            }
        };
        Ok(Dialect { delimiter: options.delimiter, header: options.header, null, infer_rows: options.infer_rows })
    }

    fn builder(&self, schema: SchemaRef) -> ReaderBuilder {
        let builder = ReaderBuilder::new(schema).with_delimiter(self.delimiter).with_batch_size(BATCH_ROWS);
        match &self.null {
            Some(null) => builder.with_null_regex(null.clone()),
            None => builder,
        }
    }
}

/// The table over these CSV files.
pub(crate) fn open(paths: &[String], options: &CsvOptions) -> Result<FileTable> {
    let dialect = Dialect::new(options)?;
    let files = files::expand(paths)?;
    let compression = compression_of(&files)?;
    let mut schema: Option<Schema> = None;
    for file in &files {
        let found = infer(file, &dialect, compression)?;
        match &schema {
            None => schema = Some(found),
            Some(first) => check_same_columns(&files[0], first, file, &found)?,
        }
    }
    let Some(schema) = schema else { return Err(Error::plan("no file is given")) };
    let schema = Arc::new(with_given_types(schema, &options.types)?);
    let format = CsvFormat { schema: schema.clone(), dialect, files: files.clone(), compression };
    Ok(FileTable::new(schema, files, Box::new(format), None))
}

fn compression_of(files: &[SourceFile]) -> Result<FileCompressionType> {
    let kind = |file: &SourceFile| match file.path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => FileCompressionType::GZIP,
        Some("bz2") => FileCompressionType::BZIP2,
        Some("xz") => FileCompressionType::XZ,
        Some("zst") => FileCompressionType::ZSTD,
        _ => FileCompressionType::UNCOMPRESSED,
    };
    let first = files.first().map_or(FileCompressionType::UNCOMPRESSED, kind);
    match files.iter().find(|file| kind(file) != first) {
        Some(other) => {
            Err(Error::plan(format!("`{}` and `{}` are not compressed the same way", files[0].shown, other.shown)))
        }
        None => Ok(first),
    }
}

fn reader(file: &SourceFile, compression: FileCompressionType) -> Result<Box<dyn Read + Send>> {
    compression.convert_read(BufReader::new(file.open()?)).map_err(failure::from_datafusion)
}

/// The columns of a file: names from the header, types from its first rows. Everything may be null.
fn infer(file: &SourceFile, dialect: &Dialect, compression: FileCompressionType) -> Result<Schema> {
    if file.size_bytes == 0 {
        return Err(Error::engine(format!("`{}` is empty", file.shown)));
    }
    let mut format = ArrowFormat::default().with_header(dialect.header).with_delimiter(dialect.delimiter);
    if let Some(null) = &dialect.null {
        format = format.with_null_regex(null.clone());
    }
    let (schema, _) = format.infer_schema(reader(file, compression)?, Some(dialect.infer_rows)).map_err(|_| {
        // The inferring reader names no usable place: find it with the real one, all columns as text.
        ragged_place(file, dialect, compression).unwrap_or_else(|error| error)
    })?;
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut seen = HashSet::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let name = if index == 0 { field.name().trim_start_matches('\u{feff}') } else { field.name() };
        if !seen.insert(name.to_owned()) {
            return Err(Error::engine(format!("`{}` has two columns named `{name}`", file.shown)));
        }
        // Dates stay text, as they are in Python's csv module: a function can take them apart.
        let data_type = match field.data_type() {
            plain @ (DataType::Int64 | DataType::Float64 | DataType::Boolean) => plain.clone(),
            _ => DataType::Utf8View,
        };
        fields.push(Field::new(name, data_type, true));
    }
    if fields.is_empty() {
        return Err(Error::engine(format!("`{}` has no columns", file.shown)));
    }
    Ok(Schema::new(fields))
}

fn ragged_place(file: &SourceFile, dialect: &Dialect, compression: FileCompressionType) -> Result<Error> {
    let mut first_line = String::new();
    let mut input = BufReader::new(reader(file, compression)?);
    input.read_line(&mut first_line).map_err(|error| not_text(file, &error))?;
    let format = ArrowFormat::default().with_header(true).with_delimiter(dialect.delimiter);
    let (header, _) =
        format.infer_schema(first_line.as_bytes(), Some(0)).map_err(|error| Error::engine(error.to_string()))?;
    let fields: Vec<Field> =
        header.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let builder = dialect.builder(schema.clone()).with_header(dialect.header);
    let mut rows = builder.build(reader(file, compression)?).map_err(|error| Error::engine(error.to_string()))?;
    match rows.find_map(|batch| batch.err()) {
        Some(error) => Ok(explain(&error.to_string(), file, dialect, &schema, 0, compression)),
        None => Ok(Error::engine(format!("`{}` is not a CSV file", file.shown))),
    }
}

fn not_text(file: &SourceFile, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidData => Error::engine(format!("`{}` is not UTF-8 text", file.shown)),
        _ => files::cannot_read(&file.path, error),
    }
}

fn check_same_columns(first: &SourceFile, expected: &Schema, file: &SourceFile, found: &Schema) -> Result<()> {
    let names = |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    if names(expected) == names(found) {
        return Ok(());
    }
    Err(Error::engine(format!(
        "`{}` has the columns {}, but `{}` has {}",
        file.shown,
        names::list(names(found)),
        first.shown,
        names::list(names(expected))
    )))
}

fn with_given_types(schema: Schema, types: &[(String, DataType)]) -> Result<Schema> {
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    for (name, data_type) in types {
        let known: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let Some(index) = known.iter().position(|known| known == name) else {
            return Err(names::unknown_column(name, &known));
        };
        let data_type = match data_type {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            other => other.clone(),
        };
        fields[index] = Field::new(name, data_type, true);
    }
    Ok(Schema::new(fields))
}

#[derive(Debug)]
struct CsvFormat {
    schema: SchemaRef,
    dialect: Dialect,
    files: Vec<SourceFile>,
    compression: FileCompressionType,
}

impl Format for CsvFormat {
    fn source(&self) -> Arc<dyn FileSource> {
        let reader = CsvReader {
            schema: self.schema.clone(),
            dialect: self.dialect.clone(),
            files: self.files.clone(),
            compression: self.compression,
        };
        Arc::new(CsvSource::new(Arc::new(reader), self.schema.clone(), None))
    }

    fn cut(&self, file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
        if near.is_empty() || self.compression.is_compressed() {
            return Ok(None);
        }
        let mut text = Vec::with_capacity(file.size_bytes as usize);
        file.open()?.read_to_end(&mut text).map_err(|error| files::cannot_read(&file.path, &error))?;
        Ok(csv_split::record_starts(&text, self.dialect.delimiter, near))
    }
}

/// The file source DataFusion scans: arrow's decoder with our null values, pieces at exact record starts and our errors.
type CsvSource = ProjectedSource<Arc<CsvReader>>;

/// Writes what a worker needs to make the source anew, after a mark of the caller's, and gives the columns it computes;
/// `None` when it is not of this kind.
pub(crate) fn write_source(
    source: &dyn FileSource,
    mark: impl FnOnce(&mut Writer),
    writer: &mut Writer,
) -> Option<ProjectionExprs> {
    let source = source.downcast_ref::<CsvSource>()?;
    mark(writer);
    let CsvReader { dialect, files, compression, .. } = source.opens().as_ref();
    writer.byte(dialect.delimiter);
    writer.flag(dialect.header);
    writer.optional(dialect.null.as_ref(), |writer, null| writer.text(null.as_str()));
    writer.number(dialect.infer_rows as u64);
    let number = COMPRESSIONS.iter().position(|known| known == compression)?;
    writer.byte(number as u8);
    writer.list(files.iter(), files::write);
    Some(source.columns())
}

/// The source that [`write_source`] wrote.
pub(crate) fn read_source(
    input: &mut wire::bytes::Reader<'_>,
    schema: SchemaRef,
    projection: ProjectionExprs,
) -> Result<Arc<dyn FileSource>> {
    let delimiter = input.byte()?;
    let header = input.flag()?;
    let null = input.optional(wire::bytes::Reader::text)?.map(|pattern| Regex::new(&pattern)).transpose();
    let null = null.map_err(|error| Error::engine(format!("unusable null values: {error}")))?;
    let infer_rows = input.number()? as usize;
    let compression = COMPRESSIONS.get(usize::from(input.byte()?)).copied().ok_or_else(wire::bytes::malformed)?;
    let files = input.list(files::read)?;
    let dialect = Dialect { delimiter, header, null, infer_rows };
    let reader = CsvReader { schema: schema.clone(), dialect, files, compression };
    Ok(Arc::new(CsvSource::new(Arc::new(reader), schema, Some(&projection))))
}

/// By the number they have on the wire.
const COMPRESSIONS: [FileCompressionType; 5] = [
    FileCompressionType::UNCOMPRESSED,
    FileCompressionType::GZIP,
    FileCompressionType::BZIP2,
    FileCompressionType::XZ,
    FileCompressionType::ZSTD,
];

impl Opens for Arc<CsvReader> {
    fn file_type(&self) -> &'static str {
        "csv"
    }

    fn opener(
        &self,
        _schema: &SchemaRef,
        columns: &[usize],
        _metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        Ok(Arc::new(CsvOpener { reader: self.clone(), columns: columns.to_vec() }))
    }
}

#[derive(Debug)]
struct CsvReader {
    schema: SchemaRef,
    dialect: Dialect,
    files: Vec<SourceFile>,
    compression: FileCompressionType,
}

struct CsvOpener {
    reader: Arc<CsvReader>,
    columns: Vec<usize>,
}

impl FileOpener for CsvOpener {
    fn open(&self, piece: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let reader = self.reader.clone();
        let columns = self.columns.clone();
        Ok(Box::pin(async move {
            let path = format!("/{}", piece.object_meta.location);
            let range = piece.range.as_ref().map(|range| (range.start as u64, range.end as u64));
            let file = reader
                .files
                .iter()
                .find(|file| location(file).is_some_and(|location| location == piece.object_meta.location))
                .cloned()
                .unwrap_or(SourceFile { shown: path.clone(), path: path.into(), size_bytes: 0 });
            let start = range.map_or(0, |(start, _)| start);
            let input = reader.input(&file, range).map_err(failure::wrap)?;
            let builder = reader.dialect.builder(reader.schema.clone());
            let batches = builder
                .with_header(reader.dialect.header && start == 0)
                .with_projection(columns)
                .build_buffered(BufReader::with_capacity(BUFFER_BYTES, input))?;
            let batches = batches.map(move |batch| {
                batch.map_err(|error| {
                    let text = error.to_string();
                    let schema = &reader.schema;
                    failure::wrap(explain(&text, &file, &reader.dialect, schema, start, reader.compression))
                })
            });
            Ok(futures::stream::iter(batches).boxed())
        }))
    }
}

fn location(file: &SourceFile) -> Option<datafusion::object_store::path::Path> {
    datafusion::object_store::path::Path::from_absolute_path(&file.path).ok()
}

impl CsvReader {
    fn input(&self, file: &SourceFile, range: Option<(u64, u64)>) -> Result<Box<dyn Read + Send>> {
        let Some((start, end)) = range else { return reader(file, self.compression) };
        let mut input = file.open()?;
        input.seek(SeekFrom::Start(start)).map_err(|error| files::cannot_read(&file.path, &error))?;
        Ok(Box::new(input.take(end - start)))
    }
}

/// Says what is wrong in which line of the file. arrow counts records of the piece that began at `start`; people count
/// lines of the file.
fn explain(
    message: &str,
    file: &SourceFile,
    dialect: &Dialect,
    schema: &Schema,
    start: u64,
    compression: FileCompressionType,
) -> Error {
    let place = |record: usize| match line_of_record(file, start, record, compression) {
        Ok(line) => format!("`{}` line {line}", file.shown),
        Err(_) => format!("`{}`", file.shown),
    };
    let number_after = |word: &str| {
        let rest = &message[message.find(word)? + word.len()..];
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    };
    if message.contains("incorrect number of fields") {
        let (Some(record), Some(expected)) = (number_after("for line "), number_after("expected ")) else {
            return Error::engine(format!("`{}` has rows of different lengths", file.shown));
        };
        let found = match (number_after("got more than "), number_after("got ")) {
            (Some(_), _) => format!("more than {expected}"),
            (None, Some(found)) => found.to_string(),
            (None, None) => "another number".to_owned(),
        };
        return Error::engine_hint(
            format!("{}: expected {expected} fields, found {found}", place(record)),
            format!("check the quotes and the delimiter (`{}`) of that line", char::from(dialect.delimiter)),
        );
    }
    if message.contains("invalid UTF-8") {
        return Error::engine_hint(
            format!("{}: the text is not UTF-8", place(number_after("for line ").unwrap_or(1))),
            "convert the file to UTF-8 first",
        );
    }
    if message.contains("Error while parsing value") {
        let value = message.split("value '").nth(1).and_then(|rest| rest.split("' as type").next()).unwrap_or_default();
        let column = number_after("for column ").unwrap_or(0);
        let (name, kind) = match schema.fields().get(column) {
            Some(field) => (field.name().as_str(), names::data_type(field.data_type())),
            None => ("?", "value".to_owned()),
        };
        // Here arrow counts from 0, without the header of the file's first piece.
        let record = number_after("at line ").unwrap_or(0) + 1;
        return Error::engine_hint(
            format!("{}: `{value}` in column `{name}` is not of type `{kind}`", place(record)),
            format!(
                "types are inferred from the first {} rows; give it yourself with `types={{\"{name}\": ...}}`, or name \
                 the texts that mean \"missing\" with `null_values=[...]`",
                dialect.infer_rows
            ),
        );
    }
    Error::engine(format!("cannot read `{}`: {message}", file.shown))
}

/// The line (from 1) at which a record (from 1) of the piece that begins at byte `start` begins.
fn line_of_record(file: &SourceFile, start: u64, record: usize, compression: FileCompressionType) -> Result<u64> {
    let cannot = |error: std::io::Error| files::cannot_read(&file.path, &error);
    let mut input = BufReader::with_capacity(BUFFER_BYTES, reader(file, compression)?);
    let (mut position, mut line, mut records) = (0u64, 1u64, 0usize);
    let (mut in_quotes, mut in_record) = (false, false);
    loop {
        let buffer = input.fill_buf().map_err(cannot)?;
        if buffer.is_empty() {
            return Ok(line);
        }
        let length = buffer.len();
        for byte in buffer {
            if position >= start {
                if !in_record && !matches!(byte, b'\n' | b'\r') {
                    in_record = true;
                    records += 1;
                    if records == record {
                        return Ok(line);
                    }
                }
                match byte {
                    b'"' => in_quotes = !in_quotes,
                    b'\n' if !in_quotes => in_record = false,
                    _ => {}
                }
            }
            line += u64::from(*byte == b'\n');
            position += 1;
        }
        input.consume(length);
    }
}
