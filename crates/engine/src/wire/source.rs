//! File sources of ours on the wire. What a file is cut into travels with DataFusion's description of the scan.

use std::sync::Arc;

use ::arrow::datatypes::SchemaRef;
use datafusion::datasource::physical_plan::FileSource;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;

use super::bytes::{Reader, Writer, malformed};
use crate::documents::{self, TravelSource};
use crate::error::Result;
use crate::source::{arrow, csv, json};

mod tag {
    pub const CSV: u8 = 1;
    pub const JSON_ARRAY: u8 = 2;
    pub const DOCUMENTS: u8 = 3;
    pub const ARROW_FILE: u8 = 4;
    pub const ARROW_STREAM: u8 = 5;
}

/// The plan in the form in which its sources travel.
pub fn traveling(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    documents::traveling(plan)
}

/// The source and the columns it computes; `None` when it is not one of ours.
pub fn encode_source(source: &dyn FileSource) -> Option<(Vec<u8>, ProjectionExprs)> {
    let mut writer = Writer::default();
    if let Some(projection) = json::array_columns(source) {
        writer.byte(tag::JSON_ARRAY);
        return Some((writer.finish(), projection));
    }
    if let Some(documents) = source.downcast_ref::<TravelSource>() {
        writer.byte(tag::DOCUMENTS);
        let projection = documents::write_source(documents, &mut writer);
        return Some((writer.finish(), projection));
    }
    if let Some((layout, projection)) = arrow::layout_and_columns(source) {
        writer.byte(match layout {
            arrow::Layout::File => tag::ARROW_FILE,
            arrow::Layout::Stream => tag::ARROW_STREAM,
        });
        return Some((writer.finish(), projection));
    }
    let projection = csv::write_source(source, |writer: &mut Writer| writer.byte(tag::CSV), &mut writer)?;
    Some((writer.finish(), projection))
}

/// The source that gives these columns. `schema` is that of the files.
pub fn decode_source(bytes: &[u8], schema: SchemaRef, projection: ProjectionExprs) -> Result<Arc<dyn FileSource>> {
    let mut reader = Reader::new(bytes);
    let source = match reader.byte()? {
        tag::CSV => csv::read_source(&mut reader, schema, projection)?,
        tag::JSON_ARRAY => json::array_source(schema, &projection)?,
        tag::DOCUMENTS => Arc::new(documents::read_source(&mut reader, schema, &projection)?),
        tag::ARROW_FILE => arrow::source(schema, arrow::Layout::File, &projection)?,
        tag::ARROW_STREAM => arrow::source(schema, arrow::Layout::Stream, &projection)?,
        _ => return Err(malformed()),
    };
    reader.end()?;
    Ok(source)
}
