//! Parquet files: their columns and row counts from the footers, scanned by DataFusion.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::physical_plan::{FileSource, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderMetadata;
use datafusion::parquet::file::metadata::ParquetMetaData;

use super::files::{self, FileTable, Format, SourceFile};
use crate::error::{Error, Result};
use crate::names;

/// The table over these Parquet files.
pub(crate) fn open(paths: &[String]) -> Result<FileTable> {
    let files = files::expand(paths)?;
    let mut fields: Vec<Field> = Vec::new();
    let mut rows = 0usize;
    for (index, file) in files.iter().enumerate() {
        let (schema, file_rows) = footer(file)?;
        rows += file_rows;
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
    let format = ParquetFormat { schema: schema.clone() };
    Ok(FileTable::new(schema, files, Box::new(format), Some(rows)))
}

/// Columns and number of rows of a file.
fn footer(file: &SourceFile) -> Result<(Schema, usize)> {
    if file.size_bytes == 0 {
        return Err(Error::engine(format!("`{}` is empty", file.shown)));
    }
    let damaged = |what: &str| {
        Error::engine_hint(
            format!("`{}` {what}", file.shown),
            "a Parquet file that was cut or is still being written has no footer; write or copy it again",
        )
    };
    if file.head(4)? != b"PAR1" {
        return Err(Error::engine(format!("`{}` is not a Parquet file", file.shown)));
    }
    let handle = file.open()?;
    let metadata = ArrowReaderMetadata::load(&handle, Default::default())
        .map_err(|_| damaged("is an incomplete or damaged Parquet file"))?;
    let names: Vec<&String> = metadata.schema().fields().iter().map(|field| field.name()).collect();
    if let Some((_, twice)) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        return Err(Error::engine(format!("`{}` has two columns named `{twice}`", file.shown)));
    }
    let parquet = metadata.metadata();
    let end = parquet.row_groups().iter().flat_map(|group| group.columns()).map(|column| {
        let (start, length) = column.byte_range();
        start + length
    });
    if end.max().unwrap_or(0) > file.size_bytes {
        return Err(damaged("is an incomplete Parquet file"));
    }
    let fields: Vec<Field> = metadata.schema().fields().iter().map(|field| column(field, parquet)).collect();
    let rows = usize::try_from(parquet.file_metadata().num_rows()).map_err(|_| damaged("has a damaged footer"))?;
    Ok((Schema::new(fields), rows))
}

/// A column as we read it: text as views, and not nullable where the statistics say that there is no null.
fn column(field: &Field, parquet: &ParquetMetaData) -> Field {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    };
    let nullable = field.is_nullable() && !(is_flat(field) && has_no_nulls(field.name(), parquet));
    Field::new(field.name(), data_type, nullable)
}

fn is_flat(field: &Field) -> bool {
    !field.data_type().is_nested()
}

fn has_no_nulls(name: &str, parquet: &ParquetMetaData) -> bool {
    parquet.row_groups().iter().all(|group| {
        let column = group.columns().iter().find(|column| column.column_path().parts() == [name.to_owned()]);
        column.and_then(|column| column.statistics()).and_then(|statistics| statistics.null_count_opt()) == Some(0)
    })
}

/// The columns of a file must be those of the first, of the same types.
pub(super) fn check_same_columns(
    first: &SourceFile,
    expected: &[Field],
    file: &SourceFile,
    found: &Schema,
) -> Result<()> {
    let expected_names: Vec<String> = expected.iter().map(|field| field.name().clone()).collect();
    let found_names: Vec<String> = found.fields().iter().map(|field| field.name().clone()).collect();
    if expected_names != found_names {
        return Err(Error::engine(format!(
            "`{}` has the columns {}, but `{}` has {}",
            file.shown,
            names::list(found_names),
            first.shown,
            names::list(expected_names)
        )));
    }
    let clash = expected.iter().zip(found.fields()).find(|(a, b)| a.data_type() != b.data_type());
    match clash {
        None => Ok(()),
        Some((expected, found)) => Err(Error::engine(format!(
            "column `{}` is of type `{}` in `{}`, but `{}` in `{}`",
            expected.name(),
            names::data_type(found.data_type()),
            file.shown,
            names::data_type(expected.data_type()),
            first.shown
        ))),
    }
}

#[derive(Debug)]
struct ParquetFormat {
    schema: SchemaRef,
}

impl Format for ParquetFormat {
    fn source(&self) -> Arc<dyn FileSource> {
        let table_schema = TableSchema::from(self.schema.clone());
        Arc::new(ParquetSource::new(table_schema).with_table_parquet_options(TableParquetOptions::default()))
    }

    fn cut(&self, _file: &SourceFile, near: &[u64]) -> Result<Option<Vec<u64>>> {
        // Any position will do: a row group belongs to the piece its middle lies in.
        Ok(Some(near.to_vec()))
    }
}
