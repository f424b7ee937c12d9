//! Documents as a table of DataFusion: the scan, its parts, and their batches in order.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use bson_arrow::OnMismatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, Statistics};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, Partitioning};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::decode::{Decoding, decoded_columns};
use super::slice::{Slice, Slicer};
use super::{DocumentPart, DocumentSource, Piece, Request};
use crate::error::{Error, Result};
use crate::failure;
use crate::run::RunState;

/// Rows of a batch that only counts.
const COUNTED_ROWS: u64 = 1 << 20;

/// A table of documents.
#[derive(Debug)]
pub(crate) struct DocumentTable {
    pub schema: SchemaRef,
    pub source: Arc<dyn DocumentSource>,
    pub on_mismatch: OnMismatch,
}

#[async_trait]
impl TableProvider for DocumentTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (schema, columns) = decoded_columns(&self.schema, projection, self.on_mismatch).map_err(failure::wrap)?;
        let leaves_out = matches!(self.on_mismatch, OnMismatch::Drop | OnMismatch::Collect);
        let request = Request {
            partitions: state.config().target_partitions(),
            columns: Some(schema.fields().iter().map(|field| field.name().clone()).collect()),
            limit: limit.filter(|_| !leaves_out),
        };
        let plan = self.source.plan(&request).await.map_err(failure::wrap)?;
        let output = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let decoding = Decoding { name: self.source.name(), schema, columns, on_mismatch: self.on_mismatch };
        let scan = DocumentScan { parts: plan.parts, shown: plan.shown, output, decoding: Arc::new(decoding), limit };
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// A planned scan.
#[derive(Debug)]
pub(super) struct DocumentScan {
    pub parts: Vec<Arc<dyn DocumentPart>>,
    shown: String,
    pub output: SchemaRef,
    pub decoding: Arc<Decoding>,
    pub limit: Option<usize>,
}

impl DataSource for DocumentScan {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let run = RunState::of(&context).map_err(failure::wrap)?;
        let Some(part) = self.parts.get(partition) else {
            return Err(failure::wrap(Error::engine("a scan has no such part")));
        };
        // Parts already run side by side; where there are fewer than threads, the batches of one part do.
        let at_once = run.threads().div_ceil(self.parts.len().max(1));
        let batches = batches(part.as_ref(), self.decoding.clone(), self.output.clone(), run, at_once);
        let batches = limited(batches, self.limit);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.output.clone(), batches.map_err(failure::wrap))))
    }

    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let columns: Vec<&str> = self.output.fields().iter().map(|field| field.name().as_str()).collect();
        write!(
            f,
            "{}: {}, columns=[{}], parts={}",
            self.decoding.name,
            self.shown,
            columns.join(", "),
            self.parts.len()
        )
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.parts.len())
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(self.output.clone())
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> DataFusionResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.output)))
    }

    fn with_fetch(&self, _limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        None
    }

    fn fetch(&self) -> Option<usize> {
        None
    }

    fn try_swapping_with_projection(
        &self,
        _projection: &ProjectionExprs,
    ) -> DataFusionResult<Option<Arc<dyn DataSource>>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}

/// One step of a part on its way to a batch.
enum Step {
    Decode(Slice),
    Rows(u64),
}

/// The batches of a part, in order, up to `at_once` of them decoded at the same time.
pub(super) fn batches(
    part: &dyn DocumentPart,
    decoding: Arc<Decoding>,
    output: SchemaRef,
    run: Arc<RunState>,
    at_once: usize,
) -> BoxStream<'static, Result<RecordBatch>> {
    let origin = Arc::new(part.origin());
    let mut slicer = Slicer::default();
    let steps = part.open().map_ok(move |piece| {
        let steps: Vec<Result<Step>> = match piece {
            Piece::Documents(chunk) => slicer.cut(chunk).into_iter().map(|slice| Ok(Step::Decode(slice))).collect(),
            Piece::Rows(rows) => counted(rows).map(|rows| Ok(Step::Rows(rows))).collect(),
        };
        futures::stream::iter(steps)
    });
    let decoded = steps.try_flatten().map(move |step| {
        let (decoding, origin, run, output) = (decoding.clone(), origin.clone(), run.clone(), output.clone());
        async move {
            match step? {
                Step::Rows(rows) => empty_rows(output, rows),
                Step::Decode(slice) if at_once <= 1 => decoding.decode(&slice, &origin, &run),
                Step::Decode(slice) => SpawnedTask::spawn(async move { decoding.decode(&slice, &origin, &run) })
                    .await
                    .map_err(|error| Error::engine(format!("a worker thread failed: {error}")))?,
            }
        }
    });
    let whole = decoded.buffered(at_once.max(1));
    // After an error nothing more is read.
    let mut failed = false;
    let until_error = whole.take_while(move |batch| {
        let go_on = !failed;
        failed = batch.is_err();
        futures::future::ready(go_on)
    });
    until_error.try_filter(|batch| futures::future::ready(batch.num_rows() > 0)).boxed()
}

/// `rows` as numbers of rows that a batch may have.
fn counted(rows: u64) -> impl Iterator<Item = u64> {
    let full = rows / COUNTED_ROWS;
    std::iter::repeat_n(COUNTED_ROWS, full as usize).chain([rows % COUNTED_ROWS])
}

fn empty_rows(schema: SchemaRef, rows: u64) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
    RecordBatch::try_new_with_options(schema, Vec::new(), &options).map_err(|error| Error::engine(error.to_string()))
}

/// Stops after `limit` rows.
fn limited(
    batches: BoxStream<'static, Result<RecordBatch>>,
    limit: Option<usize>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let Some(limit) = limit else { return batches };
    let state = (batches, limit);
    futures::stream::try_unfold(state, |(mut batches, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let Some(batch) = batches.next().await.transpose()? else { return Ok(None) };
        let batch = if batch.num_rows() > left { batch.slice(0, left) } else { batch };
        let left = left - batch.num_rows();
        Ok(Some((batch, (batches, left))))
    })
    .boxed()
}
