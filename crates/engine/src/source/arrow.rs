//! Arrow IPC files ("Feather" version 2) and streams in files, scanned by DataFusion. A file has a list of its batches at its
//! end and is cut between them; a stream is read from its beginning.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader, read_footer_length};
use datafusion::datasource::physical_plan::{ArrowSource, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::projection::ProjectionExprs;

use super::files::{self, FileTable, Format, SourceFile, cannot_read};
use super::parquet::check_same_columns;
use crate::error::{Error, Result};
use crate::failure;

/// What a file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";
/// What a message of a stream begins with; a stream that was closed ends with it and a length of nothing.
const CONTINUATION: [u8; 4] = [0xff; 4];
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// The footer's length and the magic, at the end of a file.
const TRAILER_BYTES: usize = 10;

/// How batches lie in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    File,
    Stream,
}

/// The table over these Arrow files.
pub(crate) fn open(paths: &[String]) -> Result<FileTable> {
    let files = files::expand(paths)?;
    let mut fields: Vec<Field> = Vec::new();
    let mut layout: Option<Layout> = None;
    for (index, file) in files.iter().enumerate() {
        let found = layout_of(file)?;
        if *layout.get_or_insert(found) != found {
            return Err(Error::plan(format!(
                "`{}` and `{}` are not of the same form: one is an Arrow file, the other one an Arrow stream",
                files[0].shown, file.shown
            )));
        }
        let schema = schema_of(file, found)?;
        if index == 0 {
            fields = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
            continue;
        }
        check_same_columns(&files[0], &fields, file, &schema)?;
        for (field, found) in fields.iter_mut().zip(schema.fields()) {
            field.set_nullable(field.is_nullable() || found.is_nullable());
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let format = ArrowFormat { schema: schema.clone(), layout: layout.unwrap_or(Layout::File) };
    Ok(FileTable::new(schema, files, Box::new(format), None))
}

fn layout_of(file: &SourceFile) -> Result<Layout> {
    let head = file.head(MAGIC.len() as u64)?;
    if head.is_empty() {
        return Err(Error::engine(format!("`{}` is empty", file.shown)));
    }
    if head == MAGIC {
        return Ok(Layout::File);
    }
    if head.starts_with(&CONTINUATION) {
        return Ok(Layout::Stream);
    }
    let what = format!("`{}` is not an Arrow file", file.shown);
    Err(match head.starts_with(b"FEA1") {
        true => Error::engine_hint(what, "it is of the first version of Feather; write it again as version 2"),
        false => Error::engine_hint(what, "an Arrow file begins with `ARROW1`, an Arrow stream with four bytes `ff`"),
    })
}

fn damaged(file: &SourceFile, reason: &str) -> Error {
    Error::engine_hint(
        format!("`{}` is an incomplete or damaged Arrow file: {reason}", file.shown),
        "write or copy it again",
    )
}

fn schema_of(file: &SourceFile, layout: Layout) -> Result<SchemaRef> {
    let reader = BufReader::new(file.open()?);
    let broken = |error: ArrowError| damaged(file, &error.to_string());
    let schema = match layout {
        Layout::File => FileReader::try_new(reader, None).map_err(broken)?.schema(),
        Layout::Stream => {
            check_end(file)?;
            StreamReader::try_new(reader, None).map_err(broken)?.schema()
        }
    };
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    match names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        Some((_, twice)) => Err(Error::engine(format!("`{}` has two columns named `{twice}`", file.shown))),
        None => Ok(schema),
    }
}

/// A stream without its end may lack batches, and nothing else would tell.
fn check_end(file: &SourceFile) -> Result<()> {
    let end = tail(file, END_OF_STREAM.len())?;
    if end != END_OF_STREAM {
        return Err(damaged(file, "the stream has no end"));
    }
    Ok(())
}

/// The last bytes of a file, all of a shorter one.
fn tail(file: &SourceFile, count: usize) -> Result<Vec<u8>> {
    let unreadable = |error: std::io::Error| cannot_read(std::path::Path::new(&file.shown), &error);
    let mut handle: File = file.open()?;
    let start = file.size_bytes.saturating_sub(count as u64);
    handle.seek(SeekFrom::Start(start)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    handle.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Whether the footer lists the batches in the order in which they lie in the file: then it can be cut anywhere.
fn in_order(file: &SourceFile) -> Result<bool> {
    let broken = |reason: &dyn std::fmt::Display| damaged(file, &reason.to_string());
    let trailer: Option<[u8; TRAILER_BYTES]> = tail(file, TRAILER_BYTES)?.try_into().ok();
    let trailer = trailer.ok_or_else(|| broken(&"it is too short"))?;
    let length = read_footer_length(trailer).map_err(|error| broken(&error))?;
    let bytes = tail(file, length + TRAILER_BYTES)?;
    let footer = arrow::ipc::root_as_footer(bytes.get(..length).unwrap_or_default()).map_err(|error| broken(&error))?;
    let offsets: Vec<i64> = footer.recordBatches().iter().flatten().map(|block| block.offset()).collect();
    Ok(offsets.is_sorted())
}

#[derive(Debug)]
struct ArrowFormat {
    schema: SchemaRef,
    layout: Layout,
}

impl Format for ArrowFormat {
    fn source(&self) -> Arc<dyn FileSource> {
        Arc::new(plain_source(self.schema.clone(), self.layout))
    }

    fn cut(&self, file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
        Ok(match self.layout {
            // Any position will do: a batch belongs to the piece it begins in.
            Layout::File => in_order(file)?.then(|| near.to_vec()),
            Layout::Stream => None,
        })
    }
}

fn plain_source(schema: SchemaRef, layout: Layout) -> ArrowSource {
    let table_schema = TableSchema::from(schema);
    match layout {
        Layout::File => ArrowSource::new_file_source(table_schema),
        Layout::Stream => ArrowSource::new_stream_file_source(table_schema),
    }
}

/// The layout and the columns of a source over Arrow files; `None` for any other source. DataFusion forgets on the wire that
/// one reads streams.
pub(crate) fn layout_and_columns(source: &dyn FileSource) -> Option<(Layout, ProjectionExprs)> {
    let source = source.downcast_ref::<ArrowSource>()?;
    let layout = if source.file_type() == "arrow_stream" { Layout::Stream } else { Layout::File };
    Some((layout, source.projection()?.clone()))
}

/// The source over Arrow files with these columns.
pub(crate) fn source(schema: SchemaRef, layout: Layout, projection: &ProjectionExprs) -> Result<Arc<dyn FileSource>> {
    let source = plain_source(schema, layout);
    let projected = source.try_pushdown_projection(projection).map_err(failure::from_datafusion)?;
    Ok(projected.unwrap_or_else(|| Arc::new(source)))
}
