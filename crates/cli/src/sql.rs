//! `fuseline sql`: a query over files, with functions of Python files that are compiled for the types of their arguments.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cluster::ClientOptions;
use engine::arrow::array::{Array, AsArray};
use engine::arrow::datatypes::{DataType, Float32Type, Float64Type};
use engine::arrow::error::ArrowError;
use engine::arrow::record_batch::RecordBatch;
use engine::arrow::{csv, ipc, json, util};
use engine::{
    BatchStream, CompiledFunction, CsvOptions, Dataset, DocumentOptions, Error, RowError, Session, SessionOptions,
    SqlFunction, SqlNames,
};
use frontend::file_program::{FileProgram, file_program};
use frontend::render::{self, Severity};

use crate::args::{ResultFormat, SqlRequest};
use crate::failure::Failure;
use crate::output::{self, Temporary};
use crate::source;

/// Runs the query; false when the program has errors or a function raised, which is then on standard error.
pub fn run(request: &SqlRequest) -> Result<bool, Failure> {
    if request.format == ResultFormat::Arrow {
        output::check_binary(request.output.as_deref())?;
    }
    let session = match &request.connect {
        None => Session::new(SessionOptions::default())?,
        Some(address) => {
            let options = ClientOptions { tls: request.tls.clone(), ..ClientOptions::default() };
            cluster::connect(address, SessionOptions::default(), options)?
        }
    };
    let mut files = Vec::with_capacity(request.udf_paths.len());
    for path in &request.udf_paths {
        let file = file_program(source::read(path)?);
        if !file.diagnostics.is_empty() {
            complain(&file, &file.diagnostics);
            return Ok(false);
        }
        files.push(Arc::new(file));
    }
    let complaint = Arc::new(Mutex::new(None));
    let mut names = SqlNames::default();
    for (name, path) in &request.tables {
        names.tables.insert(name.clone(), table(&session, path)?);
    }
    for called in session.called_functions(&request.query)? {
        let found: Vec<(&Arc<FileProgram>, usize)> =
            files.iter().filter_map(|file| Some((file, function_named(file, &called.name)?))).collect();
        match found.as_slice() {
            [] => {}
            [(file, index)] => {
                let function = Function { file: (*file).clone(), index: *index, complaint: complaint.clone() };
                names.functions.insert(called.name, Arc::new(function));
            }
            [..] => return Err(Failure::new(format!("several files have a function `{}`", called.name))),
        }
    }
    let done = session.sql(&request.query, &names).and_then(|dataset| write(request, &dataset));
    match done {
        Ok(written) => written.map(|()| true),
        Err(Error::Row(error)) => {
            eprint!("{}", raised(&error));
            Ok(false)
        }
        Err(error) => match complaint.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(text) => {
                eprint!("{text}");
                Ok(false)
            }
            None => Err(error.into()),
        },
    }
}

/// The function that a call in SQL means, where case does not count.
fn function_named(file: &FileProgram, name: &str) -> Option<usize> {
    file.function_named(name).or_else(|| {
        let same = |function: &frontend::file_program::FileFunction| {
            function.callable && function.name.eq_ignore_ascii_case(name)
        };
        file.functions.iter().position(same)
    })
}

/// A function of a Python file.
struct Function {
    file: Arc<FileProgram>,
    index: usize,
    /// What is wrong with a function that cannot be compiled.
    complaint: Arc<Mutex<Option<String>>>,
}

impl SqlFunction for Function {
    fn compile(&self, arguments: &[ir::Type]) -> engine::Result<CompiledFunction> {
        let Some(function) = self.file.functions.get(self.index) else {
            return Err(Error::engine("a function that is not in its file"));
        };
        let params = arguments.iter().cloned().map(Some).collect();
        let asked = frontend::Request { params, row_result: true, ..frontend::Request::default() };
        let compiled = frontend::compile(&self.file.program, self.index, &asked);
        let diagnostics: Vec<_> = function.diagnostics.iter().chain(&compiled.diagnostics).cloned().collect();
        let Some(module) = compiled.module.filter(|_| diagnostics.is_empty()) else {
            *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(rendered(&self.file, &diagnostics));
            return Err(Error::plan(format!("`{}` cannot be compiled", function.name)));
        };
        let taken = module.entry_func().param_types().len();
        if taken != arguments.len() {
            return Err(Error::plan(format!(
                "`{}` takes {taken} arguments, but {} are given",
                function.name,
                arguments.len()
            )));
        }
        Ok(CompiledFunction::new(function.name.as_str(), Arc::new(module), engine::CaptureValues::none()))
    }
}

fn rendered(file: &FileProgram, diagnostics: &[frontend::diagnostic::Diagnostic]) -> String {
    let shown: Vec<String> =
        diagnostics.iter().map(|diagnostic| render::full(&file.program.files, diagnostic, Severity::Error)).collect();
    shown.join("\n")
}

fn complain(file: &FileProgram, diagnostics: &[frontend::diagnostic::Diagnostic]) {
    eprint!("{}", rendered(file, diagnostics));
}

/// A row error as Python shows an exception, with the place and the row.
fn raised(error: &RowError) -> String {
    let mut text = error.class.name().to_owned();
    if !error.message.is_empty() {
        text.push_str(&format!(": {}", error.message));
    }
    let inputs: Vec<String> = error.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let row = error.row.map(|row| format!(", row {row}")).unwrap_or_default();
    let place = error.file.as_ref().map(|file| format!("{file}:{} in ", error.line)).unwrap_or_default();
    format!("{text}\n  {place}{}({}){row}\n", error.function, inputs.join(", "))
}

/// The dataset of the files, by the extension of their name.
fn table(session: &Session, path: &str) -> Result<Dataset, Failure> {
    let paths = [path.to_owned()];
    let plain = path.trim_end_matches(".gz").trim_end_matches(".zst");
    let extension = Path::new(plain).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(match extension.to_ascii_lowercase().as_str() {
        "parquet" => session.read_parquet(&paths)?,
        "csv" => session.read_csv(&paths, &CsvOptions::default())?,
        "tsv" => session.read_csv(&paths, &CsvOptions { delimiter: b'\t', ..CsvOptions::default() })?,
        "json" | "jsonl" | "ndjson" => session.read_json(&paths)?,
        "bson" => session.read_bson(&paths, None, &DocumentOptions::default())?.0,
        "arrow" | "ipc" | "feather" => arrow_table(session, path)?,
        _ => {
            return Err(Failure::with_help(
                format!("`{path}` is a file of an unknown kind"),
                "the kinds are .parquet, .csv, .tsv, .json, .jsonl, .bson and .arrow",
            ));
        }
    })
}

/// An Arrow file, or an Arrow stream.
fn arrow_table(session: &Session, path: &str) -> Result<Dataset, Failure> {
    let open = || File::open(path).map_err(|error| Failure::file("read", Path::new(path), &error));
    let broken = |error: ArrowError| Failure::new(format!("`{path}` is no Arrow file: {error}"));
    let (schema, batches) = match ipc::reader::FileReader::try_new_buffered(open()?, None) {
        Ok(reader) => (reader.schema(), reader.collect::<Result<Vec<_>, _>>()),
        Err(_) => {
            let reader = ipc::reader::StreamReader::try_new_buffered(open()?, None).map_err(broken)?;
            (reader.schema(), reader.collect())
        }
    };
    Ok(session.from_arrow(schema, batches.map_err(broken)?)?)
}

/// Runs the query and writes its rows. The outer result is the query's, the inner one the output's.
fn write(request: &SqlRequest, dataset: &Dataset) -> engine::Result<Result<(), Failure>> {
    let mut stream = dataset.stream()?;
    let mut watch = |_| true;
    let mut next = |stream: &mut BatchStream| stream.next(&mut watch);
    // Nothing is written before the first rows are there: most errors come before.
    let first = next(&mut stream)?;
    let mut rows = |stream: &mut BatchStream, written: &mut usize| match *written {
        0 => Ok(first.clone()),
        _ => next(stream),
    };
    let Some(path) = &request.output else {
        let mut sink = Sink::new(request.format, Box::new(std::io::stdout().lock()), &stream);
        return drain(&mut sink, &mut stream, &mut rows);
    };
    let temporary = match Temporary::beside(path) {
        Ok(temporary) => temporary,
        Err(failure) => return Ok(Err(failure)),
    };
    let file = match File::create(temporary.path()) {
        Ok(file) => file,
        Err(error) => return Ok(Err(Failure::file("write", path, &error))),
    };
    let mut sink = Sink::new(request.format, Box::new(BufWriter::new(file)), &stream);
    let done = drain(&mut sink, &mut stream, &mut rows)?;
    drop(sink);
    Ok(done.and_then(|()| temporary.rename_to(path)))
}

type Rows<'a> = &'a mut dyn FnMut(&mut BatchStream, &mut usize) -> engine::Result<Option<RecordBatch>>;

fn drain(sink: &mut Sink<'_>, stream: &mut BatchStream, rows: Rows<'_>) -> engine::Result<Result<(), Failure>> {
    let mut batches = 0;
    while let Some(batch) = rows(stream, &mut batches)? {
        batches += 1;
        if let Err(failure) = sink.write(&batch) {
            return Ok(Err(failure));
        }
    }
    Ok(sink.finish())
}

/// Where rows go, in one of the forms.
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Sink<'a> {
    /// All rows, because the widths of the columns depend on them.
    Table(Box<dyn Write + 'a>, Vec<RecordBatch>),
    Csv(csv::Writer<Box<dyn Write + 'a>>),
    Json(json::LineDelimitedWriter<Box<dyn Write + 'a>>),
    Arrow(Result<ipc::writer::StreamWriter<Box<dyn Write + 'a>>, ArrowError>),
}

impl<'a> Sink<'a> {
    fn new(format: ResultFormat, output: Box<dyn Write + 'a>, stream: &BatchStream) -> Sink<'a> {
        let empty = RecordBatch::new_empty(stream.schema().clone());
        match format {
            ResultFormat::Table => Sink::Table(output, vec![empty]),
            ResultFormat::Csv => Sink::Csv(csv::WriterBuilder::new().with_header(true).build(output)),
            ResultFormat::Json => Sink::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(output)),
            ResultFormat::Arrow => Sink::Arrow(ipc::writer::StreamWriter::try_new(output, stream.schema())),
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match self {
            Sink::Table(_, batches) => {
                batches.push(batch.clone());
                Ok(())
            }
            Sink::Csv(writer) => writer.write(batch).map_err(unwritten),
            Sink::Json(writer) => {
                check_finite(batch)?;
                writer.write(batch).map_err(unwritten)
            }
            Sink::Arrow(Ok(writer)) => writer.write(batch).map_err(unwritten),
            Sink::Arrow(Err(error)) => Err(Failure::new(format!("the result cannot be written: {error}"))),
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Sink::Table(output, batches) => {
                let shown = util::pretty::pretty_format_batches(batches).map_err(unwritten)?;
                let written = writeln!(output, "{shown}").and_then(|()| output.flush());
                written.map_err(|error| unwritten(ArrowError::from(error)))
            }
            Sink::Csv(_) => Ok(()),
            Sink::Json(writer) => writer.finish().map_err(unwritten),
            Sink::Arrow(Ok(writer)) => writer.finish().map_err(unwritten),
            Sink::Arrow(Err(error)) => Err(Failure::new(format!("the result cannot be written: {error}"))),
        }
    }
}

fn unwritten(error: ArrowError) -> Failure {
    match error {
        ArrowError::IoError(_, error) if error.kind() == std::io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        other => Failure::new(format!("the result cannot be written: {other}")),
    }
}

/// JSON has no infinities and no NaN.
fn check_finite(batch: &RecordBatch) -> Result<(), Failure> {
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let finite = match column.data_type() {
            DataType::Float64 => column.as_primitive::<Float64Type>().iter().flatten().all(f64::is_finite),
            DataType::Float32 => column.as_primitive::<Float32Type>().iter().flatten().all(f32::is_finite),
            _ => true,
        };
        if !finite {
            return Err(Failure::with_help(
                format!("column `{}` has infinities or NaN, which JSON cannot hold", field.name()),
                "write `--format csv` or `--format arrow`",
            ));
        }
    }
    Ok(())
}
