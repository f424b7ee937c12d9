//! Writing a result as a `.bson` file, which `mongorestore` reads.

use std::io::Write;
use std::path::Path;

use bson_arrow::{Documents, EncodeOptions, Nulls};

use crate::error::{Error, Result};
use crate::run::{BatchStream, Report, Watch};
use crate::write::{Target, cannot_write};

/// What a caller chooses of a `.bson` file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BsonWriteOptions {
    /// A null is written as no field at all.
    pub leave_out_nulls: bool,
}

impl BsonWriteOptions {
    pub(crate) fn encode_options(self) -> EncodeOptions {
        let nulls = if self.leave_out_nulls { Nulls::LeaveOut } else { Nulls::Write };
        EncodeOptions { nulls, ..EncodeOptions::default() }
    }
}

/// Writes the stream as one `.bson` file.
pub(crate) fn write(
    mut stream: BatchStream,
    path: &Path,
    options: BsonWriteOptions,
    watch: Watch<'_>,
) -> Result<Report> {
    bson_arrow::encode::check_schema(stream.schema()).map_err(|error| {
        Error::plan_hint(
            format!("this cannot be written as BSON: {error}"),
            "convert the column with `with_columns`, or leave it out with `select`",
        )
    })?;
    let target = Target::create(path)?;
    let mut output = target.output()?;
    let mut documents = Documents::default();
    let mut first_row = 0;
    while let Some(batch) = stream.next(watch)? {
        documents.clear();
        bson_arrow::encode(&batch, &options.encode_options(), &mut documents)
            .map_err(|error| cannot_encode(error, first_row))?;
        output.write_all(documents.bytes()).map_err(|error| cannot_write(target.shown(), &error))?;
        first_row += batch.num_rows();
    }
    output.flush().map_err(|error| cannot_write(target.shown(), &error))?;
    drop(output);
    target.finish(path)?;
    Ok(stream.report())
}

/// Says which row of the result could not be written.
pub(crate) fn cannot_encode(error: bson_arrow::EncodeError, first_row: usize) -> Error {
    match error {
        bson_arrow::EncodeError::Schema(error) => Error::plan(format!("this cannot be written as BSON: {error}")),
        bson_arrow::EncodeError::Value { row, path, message } => {
            Error::engine(format!("row {}, `{path}`: {message}", first_row + row))
        }
        bson_arrow::EncodeError::TooLarge { row, bytes, bytes_max } => Error::engine(format!(
            "row {}: a document of {bytes} bytes is larger than the {bytes_max} that MongoDB allows",
            first_row + row
        )),
    }
}
