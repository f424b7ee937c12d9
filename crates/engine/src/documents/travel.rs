//! A scan of documents that travels: each executor of a cluster opens the parts of its tasks itself. On the way it has the
//! form of a scan of files, one a part, because that is what a cluster divides among tasks.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bson_arrow::OnMismatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileOpenFuture, FileOpener, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::path::Path;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::account::Account;
use super::decode::{Decoding, decoded_columns};
use super::scan::{DocumentScan, batches};
use super::{Chain, DocumentPart};
use crate::error::{Error, Result};
use crate::failure;
use crate::run::RunState;
use crate::source::{Opens, ProjectedSource};
use crate::wire::bytes::{Reader, Writer, malformed};
use crate::wire::error_to_text;

/// What makes parts of documents, by its number on the wire.
const SOURCES: [&str; 3] = ["read_mongo", "read_bson", "read_json"];

/// The policies under which parts travel, by their number. What is collected is kept in the process that asked for it.
const POLICIES: [OnMismatch; 3] = [OnMismatch::Raise, OnMismatch::Null, OnMismatch::Drop];

/// The first byte of several parts in one; those of a single part are its source's.
const CHAIN: u8 = 0;

pub(super) fn write_chain(parts: &[Arc<dyn DocumentPart>]) -> Option<Vec<u8>> {
    let parts: Option<Vec<Vec<u8>>> = parts.iter().map(|part| part.travel()).collect();
    let mut writer = Writer::default();
    writer.byte(CHAIN);
    writer.list(parts?.iter(), |writer, part| writer.block(part));
    Some(writer.finish())
}

async fn read_part(bytes: &[u8]) -> Result<Arc<dyn DocumentPart>> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != CHAIN {
        return read_single(bytes).await;
    }
    let blocks: Vec<&[u8]> = reader.list(Reader::block)?;
    reader.end()?;
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        parts.push(read_single(block).await?);
    }
    Ok(Arc::new(Chain::new(parts)))
}

async fn read_single(bytes: &[u8]) -> Result<Arc<dyn DocumentPart>> {
    match crate::bson::read_part(bytes)? {
        Some(part) => Ok(part),
        None => crate::mongo::read_part(bytes).await,
    }
}

/// The plan with every scan of documents in the form in which it travels, where it can. Those that cannot stay, and the
/// cluster says which.
pub(crate) fn traveling(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.clone().transform_down(|node| match of_scan(&node)? {
        Some(scan) => Ok(Transformed::yes(scan)),
        None => Ok(Transformed::no(node)),
    });
    Ok(replaced.map_err(failure::from_datafusion)?.data)
}

fn of_scan(node: &Arc<dyn ExecutionPlan>) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
    let Some(scan) = node.downcast_ref::<DataSourceExec>() else { return Ok(None) };
    let Some(scan) = scan.data_source().as_ref().downcast_ref::<DocumentScan>() else { return Ok(None) };
    let parts: Option<Vec<Vec<u8>>> = scan.parts.iter().map(|part| part.travel()).collect();
    let Some(parts) = parts.filter(|_| POLICIES.contains(&scan.decoding.on_mismatch)) else { return Ok(None) };
    let Decoding { name, schema, columns, on_mismatch } = scan.decoding.as_ref();
    let parts = Parts { name, on_mismatch: *on_mismatch, parts: parts.into() };
    let source = TravelSource::new(parts, schema.clone(), None);
    let groups = (0..scan.parts.len()).map(|part| {
        let mut file = PartitionedFile::new(String::new(), 1);
        file.object_meta.location = Path::from(part.to_string());
        FileGroup::new(vec![file])
    });
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups.collect())
        .with_projection_indices(columns.clone())?
        .with_limit(scan.limit)
        .with_preserve_order(true)
        .build();
    Ok(Some(DataSourceExec::from_data_source(config)))
}

/// A scan on its way.
pub(crate) type TravelSource = ProjectedSource<Parts>;

/// Parts on their way.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The function users called.
    name: &'static str,
    on_mismatch: OnMismatch,
    /// Each part as its source wrote it. They may hold passwords: nothing shows them.
    parts: Arc<[Vec<u8>]>,
}

/// Writes what travels besides the columns that the source computes, which are returned.
pub(crate) fn write_source(source: &TravelSource, writer: &mut Writer) -> ProjectionExprs {
    let Parts { name, on_mismatch, parts } = source.opens();
    // Both were chosen from these lists.
    writer.byte(SOURCES.iter().position(|known| known == name).unwrap_or(SOURCES.len()) as u8);
    writer.byte(POLICIES.iter().position(|known| known == on_mismatch).unwrap_or(POLICIES.len()) as u8);
    writer.list(parts.iter(), |writer, part| writer.block(part));
    source.columns()
}

/// The source that [`write_source`] wrote.
pub(crate) fn read_source(
    reader: &mut Reader<'_>,
    schema: SchemaRef,
    projection: &ProjectionExprs,
) -> Result<TravelSource> {
    let name = SOURCES.get(usize::from(reader.byte()?)).copied().ok_or_else(malformed)?;
    let on_mismatch = POLICIES.get(usize::from(reader.byte()?)).copied().ok_or_else(malformed)?;
    let parts: Vec<Vec<u8>> = reader.list(|reader| reader.block().map(<[u8]>::to_vec))?;
    Ok(TravelSource::new(Parts { name, on_mismatch, parts: parts.into() }, schema, Some(projection)))
}

impl Opens for Parts {
    fn file_type(&self) -> &'static str {
        self.name
    }

    fn opener(
        &self,
        schema: &SchemaRef,
        columns: &[usize],
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let columns = columns.to_vec();
        let output = Arc::new(schema.project(&columns)?);
        let (schema, columns) = decoded_columns(schema, Some(&columns), self.on_mismatch).map_err(failure::wrap)?;
        let decoding = Decoding { name: self.name, schema, columns, on_mismatch: self.on_mismatch };
        Ok(Arc::new(PartOpener {
            parts: self.parts.clone(),
            decoding: Arc::new(decoding),
            output,
            metrics: metrics.clone(),
        }))
    }
}

/// Opens parts where they arrived.
struct PartOpener {
    parts: Arc<[Vec<u8>]>,
    decoding: Arc<Decoding>,
    /// The columns that are needed.
    output: SchemaRef,
    metrics: ExecutionPlanMetricsSet,
}

impl FileOpener for PartOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let number = file.object_meta.location.as_ref().parse::<usize>().unwrap_or(usize::MAX);
        let (parts, decoding, output) = (self.parts.clone(), self.decoding.clone(), self.output.clone());
        let mut account = Account::new(decoding.name, number, &self.metrics);
        Ok(Box::pin(async move {
            let part = parts.get(number).ok_or_else(|| on_its_way(&Error::engine("a scan has no such part")))?;
            let part = read_part(part).await.map_err(|error| on_its_way(&error))?;
            let run = RunState::new(1, false);
            let batches = batches(part.as_ref(), decoding, output, run.clone(), 1);
            // Once more behind the last batch: its documents may all have been left out.
            let batches = batches.map(Some).chain(futures::stream::once(async { None }));
            let counted = batches.filter_map(move |batch| {
                account.follow(&run);
                futures::future::ready(batch)
            });
            let counted: BoxStream<'static, DataFusionResult<_>> = counted.map_err(|error| on_its_way(&error)).boxed();
            Ok(counted)
        }))
    }
}

/// The error as text that the client finds again.
fn on_its_way(error: &Error) -> DataFusionError {
    DataFusionError::Execution(error_to_text(error))
}
