//! The columns of documents: given by the user, or found in a sample of the documents.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bson_arrow::{FieldReport, Inference, OnMismatch};

use crate::error::{Error, Result};

/// How documents become columns.
#[derive(Clone, Debug)]
pub struct DocumentOptions {
    /// The columns; without it they are found in a sample.
    pub schema: Option<SchemaRef>,
    /// Columns that have these types whatever the sample shows; without a schema.
    pub types: Option<SchemaRef>,
    /// How many documents the sample has.
    pub sample_documents: usize,
    /// What happens to a value that its column cannot hold.
    pub on_mismatch: OnMismatch,
}

impl Default for DocumentOptions {
    fn default() -> DocumentOptions {
        DocumentOptions { schema: None, types: None, sample_documents: 10_000, on_mismatch: OnMismatch::Raise }
    }
}

/// A schema and what is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub schema: SchemaRef,
    /// Every field of the sample; empty for a given schema.
    pub report: Vec<FieldReport>,
}

/// The schema given, or the one of the sample that `observe` shows to the inference.
pub(crate) fn given_or_found(
    options: &DocumentOptions,
    observe: impl FnOnce(&mut Inference) -> Result<()>,
) -> Result<Found> {
    if let Some(schema) = &options.schema {
        check(schema)?;
        return Ok(Found { schema: schema.clone(), report: Vec::new() });
    }
    let mut inference = Inference::default();
    observe(&mut inference)?;
    let schema = inference.schema();
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().map(plain_text).collect();
    if let Some(types) = &options.types {
        check(types)?;
        for given in types.fields() {
            match fields.iter_mut().find(|found| found.name() == given.name()) {
                Some(found) => found.clone_from(given),
                None => fields.push(given.clone()),
            }
        }
    }
    let mut report = inference.report();
    for field in &mut report {
        field.field = plain_text(&Arc::new(field.field.clone())).as_ref().clone();
    }
    Ok(Found { schema: Arc::new(Schema::new(fields)), report })
}

fn check(schema: &SchemaRef) -> Result<()> {
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    if let Some((_, twice)) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
        return Err(Error::plan(format!("the schema names `{twice}` twice")));
    }
    bson_arrow::Decoder::new(schema.clone(), bson_arrow::Options::default())
        .map(|_| ())
        .map_err(|error| Error::plan(format!("the schema cannot be read from documents: {error}")))
}

/// Text as `Utf8` all the way down: what users get is then what was decoded, without a conversion.
fn plain_text(field: &Arc<Field>) -> Arc<Field> {
    let data_type = match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        // The parts of extension types stay what their names promise.
        DataType::Struct(fields) if bson_arrow::schema::extension_name(field).is_empty() => {
            DataType::Struct(fields.iter().map(plain_text).collect())
        }
        DataType::List(item) => DataType::List(plain_text(item)),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}
