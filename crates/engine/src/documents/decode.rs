//! One slice of documents to one batch, and the account of what did not fit.

use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bson_arrow::{DecodeError, Decoder, Mismatch, OnMismatch, Options};

use super::slice::Slice;
use super::{Form, Origin};
use crate::error::{Error, Result, RowError};
use crate::run::RunState;

/// What is needed to decode any slice of a scan.
#[derive(Debug)]
pub(crate) struct Decoding {
    /// The function users called.
    pub name: &'static str,
    /// What the decoder fills.
    pub schema: SchemaRef,
    /// Which of its columns are given on; all when `None`.
    pub columns: Option<Vec<usize>>,
    pub on_mismatch: OnMismatch,
}

impl Decoding {
    /// Decodes the slice; what did not fit is counted in `run`.
    pub fn decode(&self, slice: &Slice, origin: &Origin, run: &RunState) -> Result<RecordBatch> {
        let options = Options { on_mismatch: self.on_mismatch };
        let mut decoder = Decoder::new(self.schema.clone(), options)
            .map_err(|error| Error::plan(format!("the schema cannot be read from documents: {error}")))?;
        if let Some(documents) = slice.chunk.documents {
            decoder.expect(documents);
        }
        let bytes = &slice.chunk.bytes;
        let appended = match slice.chunk.form {
            Form::Documents => decoder.append(bytes),
            Form::Items => decoder.append_items(bytes),
            Form::Json => decoder.append(&self.to_bson(slice, origin)?),
        };
        appended.map_err(|error| self.explain(error, slice, origin))?;
        self.count(&mut decoder, slice, origin, run);
        let batch = decoder.finish().map_err(|error| Error::engine(format!("{}: {error}", origin.shown)))?;
        match &self.columns {
            Some(columns) => batch.project(columns).map_err(|error| Error::engine(error.to_string())),
            None => Ok(batch),
        }
    }

    fn to_bson(&self, slice: &Slice, origin: &Origin) -> Result<Buffer> {
        let mut documents = Vec::with_capacity(slice.chunk.bytes.len());
        bson_arrow::extjson::to_bson(slice.chunk.bytes.as_slice(), &mut documents).map_err(|error| {
            let document = origin.first_document + slice.first_document + error.document;
            Error::engine_hint(
                format!("`{}` object {document}: {}", origin.shown, error.message),
                "a file has objects of MongoDB's extended JSON, one a line or in one array",
            )
        })?;
        Ok(Buffer::from_vec(documents))
    }

    fn explain(&self, error: DecodeError, slice: &Slice, origin: &Origin) -> Error {
        match error {
            DecodeError::Mismatch(mismatch) => self.row_error(&mismatch, slice, origin),
            DecodeError::Malformed { document, path, malformed } => {
                let document = origin.first_document + slice.first_document + document;
                let path = if path.is_empty() { String::new() } else { format!(", {path}") };
                Error::engine_hint(
                    format!(
                        "`{}` document {document}{path}: this is not valid BSON: {}",
                        origin.shown, malformed.reason
                    ),
                    "the data is damaged or incomplete; write or copy it again",
                )
            }
            DecodeError::TooLarge { .. } => Error::engine(format!("`{}`: {error}", origin.shown)),
        }
    }

    fn row_error(&self, mismatch: &Mismatch, slice: &Slice, origin: &Origin) -> Error {
        Error::Row(Box::new(RowError {
            class: ir::ExcKind::TypeError.into(),
            message: format!("{}: expected {}, found {}", mismatch.path, mismatch.expected, mismatch.found),
            file: None,
            line: 0,
            function: self.name.to_owned(),
            row: Some(origin.first_row + slice.first_document + mismatch.document),
            inputs: vec![(mismatch.path.clone(), mismatch.found.clone())],
        }))
    }

    fn count(&self, decoder: &mut Decoder, slice: &Slice, origin: &Origin, run: &RunState) {
        let mismatches = decoder.mismatches_mut();
        let failed = mismatches.dropped() + mismatches.nulled();
        if failed == 0 {
            return;
        }
        run.count_error(self.name, ir::ExcKind::TypeError.into(), None, 0, failed);
        let first_row = origin.first_row + slice.first_document;
        let mut rejected = mismatches.take_rejected();
        for document in &mut rejected {
            document.mismatch.document += first_row;
        }
        run.count_mismatches(mismatches.reasons(), first_row, rejected);
    }
}

/// The end of the JSON object at or behind `at`, and of the commas and white space after it.
pub(crate) fn json_object_end(bytes: &[u8], at: usize) -> Option<usize> {
    bson_arrow::extjson::object_end(bytes, at)
}

/// The columns of `schema` that a scan decodes and those that it gives on. Where rows are left out for what is in them,
/// every column has a say, read or not.
pub(crate) fn decoded_columns(
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    on_mismatch: OnMismatch,
) -> Result<(SchemaRef, Option<Vec<usize>>)> {
    let Some(columns) = projection else { return Ok((schema.clone(), None)) };
    match on_mismatch {
        OnMismatch::Drop | OnMismatch::Collect => Ok((schema.clone(), Some(columns.clone()))),
        OnMismatch::Raise | OnMismatch::Null => {
            let projected = schema.project(columns).map_err(|error| Error::engine(error.to_string()))?;
            Ok((Arc::new(projected), None))
        }
    }
}
