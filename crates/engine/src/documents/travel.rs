//! A scan of documents that travels: each executor of a cluster opens the parts of its tasks itself. On the way it has the
//! form of a scan of files, one a part, because that is what a cluster divides among tasks.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bson_arrow::OnMismatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::path::Path;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use futures::{StreamExt, TryStreamExt};

use super::decode::Decoding;
use super::scan::{DocumentScan, batches};
use super::{Chain, DocumentPart};
use crate::error::{Error, Result};
use crate::failure;
use crate::run::RunState;
use crate::wire::bytes::{Reader, Writer};
use crate::wire::error_to_text;

/// The only source whose parts travel.
const READ_MONGO: &str = "read_mongo";

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
        return crate::mongo::read_part(bytes).await;
    }
    let blocks: Vec<&[u8]> = reader.list(Reader::block)?;
    reader.end()?;
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        parts.push(crate::mongo::read_part(block).await?);
    }
    Ok(Arc::new(Chain::new(parts)))
}

/// The plan with every scan of documents in the form in which it travels, where it can. Those that cannot stay, and the
/// cluster says which.
pub(crate) fn traveling(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let replaced = plan.clone().transform_down(|node| match of_scan(&node) {
        Some(scan) => Ok(Transformed::yes(scan)),
        None => Ok(Transformed::no(node)),
    });
    Ok(replaced.map_err(failure::from_datafusion)?.data)
}

fn of_scan(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let scan: &DocumentScan = node.downcast_ref::<DataSourceExec>()?.data_source().as_ref().downcast_ref()?;
    // What does not fit is counted in the run of the client; under other policies there would be nothing to count.
    if scan.decoding.on_mismatch != OnMismatch::Raise || scan.decoding.columns.is_some() {
        return None;
    }
    let parts: Option<Vec<Vec<u8>>> = scan.parts.iter().map(|part| part.travel()).collect();
    let source = TravelSource::new(parts?, scan.output.clone(), None);
    let groups = (0..scan.parts.len()).map(|part| {
        let mut file = PartitionedFile::new(String::new(), 1);
        file.object_meta.location = Path::from(part.to_string());
        FileGroup::new(vec![file])
    });
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups.collect())
        .with_limit(scan.limit)
        .with_preserve_order(true)
        .build();
    Some(DataSourceExec::from_data_source(config))
}

/// Parts on their way.
#[derive(Clone)]
pub(crate) struct TravelSource {
    /// Each part as its source wrote it. They may hold passwords: nothing shows them.
    parts: Arc<[Vec<u8>]>,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl TravelSource {
    fn new(parts: Vec<Vec<u8>>, schema: SchemaRef, projection: Option<&ProjectionExprs>) -> TravelSource {
        let table_schema = TableSchema::from(schema);
        let projection = match projection {
            Some(projection) => SplitProjection::new(table_schema.file_schema(), projection),
            None => SplitProjection::unprojected(&table_schema),
        };
        TravelSource { parts: parts.into(), table_schema, projection, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// What travels besides the columns it computes, which are returned.
    pub fn write(&self, writer: &mut Writer) -> ProjectionExprs {
        writer.list(self.parts.iter(), |writer, part| writer.block(part));
        self.projection.source.clone()
    }

    pub fn read(reader: &mut Reader<'_>, schema: SchemaRef, projection: &ProjectionExprs) -> Result<TravelSource> {
        let parts = reader.list(|reader| reader.block().map(<[u8]>::to_vec))?;
        Ok(TravelSource::new(parts, schema, Some(projection)))
    }
}

impl fmt::Debug for TravelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{READ_MONGO} in {} parts", self.parts.len())
    }
}

impl FileSource for TravelSource {
    fn create_file_opener(
        &self,
        _object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let schema = self.table_schema.file_schema().project(&self.projection.file_indices)?;
        let opener = PartOpener { source: self.clone(), schema: Arc::new(schema) };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, _batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        READ_MONGO
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let mut source = self.clone();
        source.projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(source)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Opens parts where they arrived.
struct PartOpener {
    source: TravelSource,
    /// The columns that are needed.
    schema: SchemaRef,
}

impl FileOpener for PartOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let number = file.object_meta.location.as_ref().parse::<usize>().ok();
        let parts = self.source.parts.clone();
        let schema = self.schema.clone();
        Ok(Box::pin(async move {
            let part = number.and_then(|number| parts.get(number));
            let part = part.ok_or_else(|| on_its_way(&Error::engine("a scan has no such part")))?;
            let part = read_part(part).await.map_err(|error| on_its_way(&error))?;
            let decoding =
                Decoding { name: READ_MONGO, schema: schema.clone(), columns: None, on_mismatch: OnMismatch::Raise };
            let batches = batches(part.as_ref(), Arc::new(decoding), schema, RunState::new(1, false), 1);
            let batches = batches.map_err(|error| on_its_way(&error));
            let batches: futures::stream::BoxStream<'static, DataFusionResult<RecordBatch>> = batches.boxed();
            Ok(batches)
        }))
    }
}

/// The error as text that the client finds again.
fn on_its_way(error: &Error) -> DataFusionError {
    DataFusionError::Execution(error_to_text(error))
}
