//! Writing results: to a temporary file beside the target, renamed when it is complete.

mod json;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::failure;
use crate::run::{BatchStream, Report, Watch};

pub(crate) use json::json;

/// How batches lie in an Arrow file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArrowLayout {
    /// With a list of the batches at the end.
    File,
    Stream,
}

/// Rows of a Parquet row group: also the unit in which a reader can split the file.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// A file that appears under its name when it is finished, and not at all otherwise.
pub(crate) struct Target {
    file: NamedTempFile,
    shown: String,
}

impl Target {
    pub fn create(path: &Path) -> Result<Target> {
        let shown = path.display().to_string();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if path.is_dir() {
            return Err(Error::engine(format!("cannot write `{shown}`: it is a directory")));
        }
        let file = tempfile::Builder::new()
            .prefix(".fuseline-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|error| cannot_write(&shown, &error))?;
        Ok(Target { file, shown })
    }

    pub fn output(&self) -> Result<BufWriter<File>> {
        let file = self.file.reopen().map_err(|error| cannot_write(&self.shown, &error))?;
        Ok(BufWriter::with_capacity(1024 * 1024, file))
    }

    /// As users wrote the path.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub fn finish(self, path: &Path) -> Result<()> {
        let cannot = |error: std::io::Error| cannot_write(&self.shown, &error);
        self.file.as_file().sync_all().map_err(cannot)?;
        // A temporary file is private; a result has the permissions of any new file.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path).map_or(0o666 & !umask(), |found| found.permissions().mode());
            let permissions = std::fs::Permissions::from_mode(mode);
            self.file.as_file().set_permissions(permissions).map_err(cannot)?;
        }
        self.file.persist(path).map_err(|error| cannot_write(&self.shown, &error.error))?;
        Ok(())
    }
}

/// The process's file mode mask, read where the system shows it without changing it.
#[cfg(unix)]
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
}

pub(crate) fn cannot_write(shown: &str, error: &std::io::Error) -> Error {
    Error::engine(format!("cannot write `{shown}`: {}", failure::io_reason(error)))
}

/// Writes the stream as one Parquet file.
pub(crate) fn parquet(mut stream: BatchStream, path: &Path, watch: Watch<'_>) -> Result<Report> {
    let target = Target::create(path)?;
    let shown = target.shown.clone();
    let failed =
        |error: datafusion::parquet::errors::ParquetError| Error::engine(format!("cannot write `{shown}`: {error}"));
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer =
        ArrowWriter::try_new(target.output()?, stream.schema().clone(), Some(properties)).map_err(failed)?;
    while let Some(batch) = stream.next(watch)? {
        writer.write(&batch).map_err(failed)?;
    }
    let mut output = writer.into_inner().map_err(failed)?;
    output.flush().map_err(|error| cannot_write(&shown, &error))?;
    target.finish(path)?;
    Ok(stream.report())
}

/// Writes the stream as one Arrow file.
pub(crate) fn arrow(mut stream: BatchStream, path: &Path, layout: ArrowLayout, watch: Watch<'_>) -> Result<Report> {
    let target = Target::create(path)?;
    let failed = |error: ArrowError| Error::engine(format!("cannot write `{}`: {error}", target.shown));
    let schema = stream.schema().clone();
    let mut output = target.output()?;
    match layout {
        ArrowLayout::File => {
            let mut writer = FileWriter::try_new(&mut output, &schema).map_err(failed)?;
            while let Some(batch) = stream.next(watch)? {
                writer.write(&batch).map_err(failed)?;
            }
            writer.finish().map_err(failed)?;
        }
        ArrowLayout::Stream => {
            let mut writer = StreamWriter::try_new(&mut output, &schema).map_err(failed)?;
            while let Some(batch) = stream.next(watch)? {
                writer.write(&batch).map_err(failed)?;
            }
            writer.finish().map_err(failed)?;
        }
    }
    output.flush().map_err(|error| cannot_write(&target.shown, &error))?;
    drop(output);
    target.finish(path)?;
    Ok(stream.report())
}

/// Writes the stream as one CSV file.
pub(crate) fn csv(mut stream: BatchStream, path: &Path, watch: Watch<'_>) -> Result<Report> {
    check_flat(stream.schema())?;
    let target = Target::create(path)?;
    let shown = target.shown.clone();
    let failed = |error: arrow::error::ArrowError| Error::engine(format!("cannot write `{shown}`: {error}"));
    let mut output = target.output()?;
    let mut writer = WriterBuilder::new().with_header(true).build(&mut output);
    // Without a row the header is still written.
    writer.write(&RecordBatch::new_empty(stream.schema().clone())).map_err(failed)?;
    while let Some(batch) = stream.next(watch)? {
        writer.write(&batch).map_err(failed)?;
    }
    drop(writer);
    output.flush().map_err(|error| cannot_write(&shown, &error))?;
    drop(output);
    target.finish(path)?;
    Ok(stream.report())
}

fn check_flat(schema: &SchemaRef) -> Result<()> {
    match schema.fields().iter().find(|field| field.data_type().is_nested()) {
        Some(field) => Err(Error::plan_hint(
            format!("column `{}` of type `{}` cannot be written as CSV", field.name(), field.data_type()),
            "leave it out with `select`, or write Parquet",
        )),
        None => Ok(()),
    }
}
