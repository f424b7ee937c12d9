//! Joining the parts of a plan into one stream, in order: part 0, then part 1, and so on, while several run at a time.
//! DataFusion's own operator takes batches as they come, so the order of rows would depend on timing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::record_batch::RecordBatch;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::meter::MeterExec;
use super::node::one_input;
use crate::run::RunState;

/// Bytes of finished batches that may wait for the parts before theirs. The part whose turn it is never waits.
const WAITING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Gives the rows of all parts of its input as one part, in order.
#[derive(Debug)]
pub(crate) struct OrderedCoalesceExec {
    input: Arc<dyn ExecutionPlan>,
    /// Rows after which nothing more is needed.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// Parts that a worker of a cluster fetches at a time.
const WORKER_PARTS: usize = 4;

impl OrderedCoalesceExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, fetch: Option<usize>) -> OrderedCoalesceExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        OrderedCoalesceExec { input, fetch, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }

    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<OrderedCoalesceExec> {
        Ok(OrderedCoalesceExec::new(input, self.fetch))
    }
}

impl DisplayAs for OrderedCoalesceExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("OrderedCoalesceExec")?;
        if let Some(fetch) = self.fetch {
            write!(f, ": fetch={fetch}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for OrderedCoalesceExec {
    one_input!("OrderedCoalesceExec");

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let parts = self.input.output_partitioning().partition_count();
        let schema = self.schema();
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        let stream = if parts == 1 {
            self.input.execute(0, context)?.boxed()
        } else {
            // Without a run, this is the work of a cluster between two operators of ours.
            let threads = RunState::of(&context).map_or(WORKER_PARTS, |run| run.threads());
            start_parts(self.input.clone(), context, parts, threads).boxed()
        };
        let state = (stream, self.fetch.unwrap_or(usize::MAX), metrics);
        let stream = futures::stream::try_unfold(state, |(mut stream, wanted, metrics)| async move {
            if wanted == 0 {
                return Ok(None);
            }
            let Some(batch) = stream.next().await.transpose()? else { return Ok(None) };
            let rows = batch.num_rows().min(wanted);
            metrics.output_rows().add(rows);
            let batch = if rows < batch.num_rows() { batch.slice(0, rows) } else { batch };
            Ok(Some((batch, (stream, wanted - rows, metrics))))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }
}

/// What the running parts share.
#[derive(Debug)]
struct Waiting {
    bytes: AtomicUsize,
    /// The part whose batches are being given out.
    turn: AtomicUsize,
    changed: Notify,
}

impl Waiting {
    /// Returns when the part may produce another batch.
    async fn room(&self, part: usize) {
        loop {
            let changed = self.changed.notified();
            let turn = self.turn.load(Ordering::Acquire) == part;
            if turn || self.bytes.load(Ordering::Acquire) < WAITING_BYTES_MAX {
                return;
            }
            changed.await;
        }
    }
}

/// A batch and its bytes, or the end of the part: a channel that closes without it belongs to a thread that died.
type Message = DataFusionResult<Option<(RecordBatch, usize)>>;

/// Starts the parts in order, at most `threads` at a time, and gives their batches in order.
fn start_parts(
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    parts: usize,
    threads: usize,
) -> impl futures::Stream<Item = DataFusionResult<RecordBatch>> {
    let waiting = Arc::new(Waiting { bytes: AtomicUsize::new(0), turn: AtomicUsize::new(0), changed: Notify::new() });
    let (senders, receivers): (Vec<_>, Vec<mpsc::UnboundedReceiver<Message>>) =
        (0..parts).map(|_| mpsc::unbounded_channel()).unzip();
    let starter = SpawnedTask::spawn({
        let waiting = waiting.clone();
        async move {
            // A part starts only after all parts before it have, so the one whose turn it is always runs.
            let slots = Arc::new(Semaphore::new(threads.max(1)));
            let mut tasks = Vec::with_capacity(parts);
            for (part, sender) in senders.into_iter().enumerate() {
                let Ok(slot) = slots.clone().acquire_owned().await else { return };
                let (input, context, waiting) = (input.clone(), context.clone(), waiting.clone());
                tasks.push(SpawnedTask::spawn(async move {
                    let _slot = slot;
                    run_part(input, context, part, &waiting, &sender).await;
                }));
            }
            for task in tasks {
                // A panic of a part is seen by the reader, whose channel closes without an end mark.
                let _ = task.await;
            }
        }
    });
    let state =
        (receivers.into_iter().enumerate(), None::<(usize, mpsc::UnboundedReceiver<Message>)>, waiting, starter);
    futures::stream::try_unfold(state, |(mut rest, mut current, waiting, starter)| async move {
        loop {
            let Some((part, receiver)) = &mut current else {
                current = rest.next();
                match &current {
                    None => return Ok(None),
                    Some((part, _)) => {
                        waiting.turn.store(*part, Ordering::Release);
                        waiting.changed.notify_waiters();
                    }
                }
                continue;
            };
            match receiver.recv().await {
                Some(Ok(None)) => current = None,
                Some(Ok(Some((batch, bytes)))) => {
                    waiting.bytes.fetch_sub(bytes, Ordering::AcqRel);
                    waiting.changed.notify_waiters();
                    return Ok(Some((batch, (rest, current, waiting, starter))));
                }
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(DataFusionError::Execution(format!("a worker thread failed in part {part}")));
                }
            }
        }
    })
}

async fn run_part(
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    part: usize,
    waiting: &Waiting,
    sender: &mpsc::UnboundedSender<Message>,
) {
    let mut stream = match input.execute(part, context) {
        Ok(stream) => stream,
        Err(error) => {
            let _ = sender.send(Err(error));
            return;
        }
    };
    loop {
        waiting.room(part).await;
        match stream.next().await {
            Some(Ok(batch)) => {
                let bytes = batch_bytes(&batch);
                waiting.bytes.fetch_add(bytes, Ordering::AcqRel);
                if sender.send(Ok(Some((batch, bytes)))).is_err() {
                    return;
                }
            }
            Some(Err(error)) => {
                let _ = sender.send(Err(error));
                return;
            }
            None => {
                let _ = sender.send(Ok(None));
                return;
            }
        }
    }
}

/// What a batch holds in memory, counting of shared buffers only its own part.
fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// The last rule: puts [`OrderedCoalesceExec`] where DataFusion joins parts as they come, and meters the sources.
#[derive(Debug)]
pub(crate) struct KeepPartOrder;

impl PhysicalOptimizerRule for KeepPartOrder {
    fn name(&self) -> &str {
        "keep_part_order"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        // The one part in which rows are counted has those of all inputs of a union.
        let in_order = config.execution.target_partitions == 1;
        let replaced = plan.transform_up(|node| {
            let replaced: Arc<dyn ExecutionPlan> = if let Some(coalesce) = node.downcast_ref::<CoalescePartitionsExec>()
            {
                Arc::new(OrderedCoalesceExec::new(coalesce.input().clone(), coalesce.fetch()))
            } else if in_order && node.is::<UnionExec>() {
                Arc::new(OrderedCoalesceExec::new(node, None))
            } else if node.children().is_empty() {
                Arc::new(MeterExec::new(node))
            } else {
                return Ok(Transformed::no(node));
            };
            Ok(Transformed::yes(replaced))
        })?;
        Ok(replaced.data)
    }
}
