//! JSON files: one object a line, or one array of objects. Columns are inferred from every row, so that no field is lost.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session as DataFusionSession;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::json::JsonFormat as DataFusionJsonFormat;
use datafusion::datasource::physical_plan::{FileSource, JsonSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore, ObjectStoreExt};

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
        schemas.push(schema.as_ref().clone());
    }
    let merged = Schema::try_merge(schemas).map_err(|error| Error::engine(format!("the files differ: {error}")))?;
    let fields: Vec<Field> = merged.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Ok(Schema::new(fields))
}

#[derive(Debug)]
struct JsonFormat {
    schema: SchemaRef,
    lines: bool,
}

impl Format for JsonFormat {
    fn source(&self) -> Arc<dyn FileSource> {
        let table_schema = TableSchema::from(self.schema.clone());
        Arc::new(JsonSource::new(table_schema).with_newline_delimited(self.lines))
    }

    fn cut(&self, _file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
        // A line end inside a JSON text is escaped, so the reader can move any position to the next line itself.
        Ok(self.lines.then(|| near.to_vec()))
    }
}
