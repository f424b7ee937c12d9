//! Running a plan: the state of one run, progress, cancellation, and the report of what happened to the rows.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use tokio::sync::Semaphore;

use bson_arrow::{ReasonCount, Rejected};

use crate::error::{Error, Result};
use crate::failure;
use crate::plan::MeterExec;
use crate::session::Session;

/// How often the caller's [`Watch`] is called.
const WATCH_INTERVAL: Duration = Duration::from_millis(40);

/// Batches that may wait for a slow reader of a [`BatchStream`].
const STREAM_BATCHES_MAX: usize = 4;

/// How far a running query is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Rows read from the sources so far.
    pub rows: u64,
    /// Rows the sources hold, where that is known beforehand.
    pub rows_total: Option<u64>,
}

/// Called on the calling thread about every 40 ms while a query runs; returning false cancels it.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// Failing rows that were made null or dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorCount {
    /// The function's name.
    pub function: String,
    pub class: ir::RaisedClass,
    pub file: Option<String>,
    pub line: u32,
    pub rows: u64,
}

/// What happened besides the result.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Rows read from the sources.
    pub rows_read: u64,
    /// Counts of row errors that did not stop the query, by function, class and line.
    pub row_errors: Vec<ErrorCount>,
    /// Values of documents that did not fit their columns: each reason with its count.
    pub mismatches: Vec<ReasonCount>,
    /// Documents that were left out and kept for the caller, in the order of the rows.
    pub rejected: Vec<Rejected>,
}

/// What the operators of one running plan share.
#[derive(Debug)]
pub(crate) struct RunState {
    sequential: bool,
    threads: usize,
    cancel: AtomicU8,
    rows_read: AtomicU64,
    errors: Mutex<BTreeMap<ErrorKey, u64>>,
    documents: Mutex<DocumentAccount>,
}

/// What happened to values of documents that did not fit.
#[derive(Debug, Default)]
struct DocumentAccount {
    /// By field, type expected and type found.
    reasons: BTreeMap<(String, String, &'static str), ReasonCount>,
    rejected: Vec<Rejected>,
}

/// Function, class number, file and line.
type ErrorKey = (String, ir::RaisedClass, Option<String>, u32);

impl RunState {
    /// `sequential`: every operator has one part and sees the rows in order, so that row numbers can be counted.
    pub fn new(threads: usize, sequential: bool) -> Arc<RunState> {
        Arc::new(RunState {
            sequential,
            threads,
            cancel: AtomicU8::new(0),
            rows_read: AtomicU64::new(0),
            errors: Mutex::default(),
            documents: Mutex::default(),
        })
    }

    pub fn sequential(&self) -> bool {
        self.sequential
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The flag that kernels poll.
    pub fn cancel_flag(&self) -> &AtomicU8 {
        &self.cancel
    }

    pub fn cancel(&self) {
        self.cancel.store(1, Ordering::Relaxed);
    }

    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) != 0
    }

    /// The rows that were read so far, as somebody else has counted them.
    pub fn set_read(&self, rows: u64) {
        self.rows_read.store(rows, Ordering::Relaxed);
    }

    pub fn count_read(&self, rows: usize) {
        self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
    }

    fn progress(&self, rows_total: Option<u64>) -> Progress {
        Progress { rows: self.rows_read.load(Ordering::Relaxed), rows_total }
    }

    pub fn count_error(&self, function: &str, class: ir::RaisedClass, file: Option<&str>, line: u32, rows: u64) {
        let key = (function.to_owned(), class, file.map(str::to_owned), line);
        *lock(&self.errors).entry(key).or_insert(0) += rows;
    }

    /// Adds what a decoder found, the first of whose documents is row `first_row`.
    pub fn count_mismatches(&self, reasons: &[ReasonCount], first_row: u64, rejected: Vec<Rejected>) {
        let mut account = lock(&self.documents);
        for reason in reasons {
            let mut reason = reason.clone();
            reason.first.document += first_row;
            let key = (reason.field.clone(), reason.expected.clone(), reason.found_type);
            match account.reasons.get_mut(&key) {
                None => drop(account.reasons.insert(key, reason)),
                Some(known) => {
                    known.count += reason.count;
                    if reason.first.document < known.first.document {
                        known.first = reason.first;
                    }
                }
            }
        }
        account.rejected.extend(rejected);
    }

    /// What did not fit, so far.
    pub fn mismatches(&self) -> Vec<ReasonCount> {
        lock(&self.documents).reasons.values().cloned().collect()
    }

    fn error_counts(&self) -> Vec<ErrorCount> {
        let errors = lock(&self.errors);
        let count = |((function, class, file, line), rows): (&ErrorKey, &u64)| {
            let (function, class, file) = (function.clone(), class.clone(), file.clone());
            ErrorCount { function, class, file, line: *line, rows: *rows }
        };
        errors.iter().map(count).collect()
    }

    /// The state of the run that this context belongs to.
    pub fn of(context: &TaskContext) -> Result<Arc<RunState>> {
        context
            .session_config()
            .get_extension::<RunState>()
            .ok_or_else(|| Error::engine("the plan was not started by a session"))
    }
}

/// The data behind a mutex; what a panicking thread left is as good as what any other left.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Rows the plan's sources hold together, if all know it.
pub(crate) fn rows_total(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    let statistics = StatisticsContext::new();
    let mut total = 0;
    let mut pending = vec![plan];
    while let Some(node) = pending.pop() {
        let Some(meter) = node.downcast_ref::<MeterExec>() else {
            pending.extend(node.children());
            continue;
        };
        match statistics.compute(meter.source().as_ref(), &StatisticsArgs::new()).ok()?.num_rows {
            Precision::Exact(rows) => total += rows as u64,
            Precision::Inexact(_) | Precision::Absent => return None,
        }
    }
    Some(total)
}

/// Waits for the future on the session's threads, calling `watch` in between on this one.
pub(crate) fn drive<T: Send + 'static>(
    session: &Session,
    run: &Arc<RunState>,
    plan: Option<&Arc<dyn ExecutionPlan>>,
    watch: Watch<'_>,
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let total = plan.and_then(rows_total);
    let (sender, receiver) = std::sync::mpsc::channel();
    let task = {
        let _inside = session.runtime()?.enter();
        SpawnedTask::spawn(async move {
            // Nobody waits for the result of a cancelled query.
            let _ = sender.send(future.await);
        })
    };
    loop {
        // A timer of the runtime would only run when a worker thread has time for it.
        match receiver.recv_timeout(WATCH_INTERVAL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => return Err(task_failed("it stopped without a result")),
            Err(RecvTimeoutError::Timeout) => {
                if !watch(run.progress(total)) {
                    // The task and all below it are aborted when it is dropped; kernels see the flag.
                    run.cancel();
                    drop(task);
                    return Err(Error::Cancelled);
                }
            }
        }
    }
}

fn task_failed(error: impl std::fmt::Display) -> Error {
    Error::engine_hint(
        format!("a worker thread failed: {error}"),
        "this is a defect of Fuseline; please report it with the program that shows it",
    )
}

/// The report of a run that has ended.
pub(crate) fn report_of(run: &RunState) -> Report {
    let account = lock(&run.documents);
    let mut rejected = account.rejected.clone();
    rejected.sort_by_key(|document| document.mismatch.document);
    Report {
        rows_read: run.progress(None).rows,
        row_errors: run.error_counts(),
        mismatches: account.reasons.values().cloned().collect(),
        rejected,
    }
}

/// What the batches of one part become.
pub(crate) trait Gather: Send + 'static {
    fn add(&mut self, batch: RecordBatch) -> Result<()>;
}

impl Gather for Vec<RecordBatch> {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.push(batch);
        Ok(())
    }
}

/// Runs every part of the plan, several at a time, and gives the batches of all in order.
pub(crate) async fn gather(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    threads: usize,
) -> Result<Vec<RecordBatch>> {
    let parts: Vec<Vec<RecordBatch>> = gather_into(plan, context, threads, Vec::new).await?;
    Ok(parts.into_iter().flatten().collect())
}

/// Runs every part of the plan, several at a time, and gives what `make` makes of each, in order.
pub(crate) async fn gather_into<G: Gather>(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    threads: usize,
    make: impl Fn() -> G,
) -> Result<Vec<G>> {
    let parts = plan.output_partitioning().partition_count();
    let start = |part: usize| {
        let (plan, context) = (plan.clone(), context.clone());
        let mut gathered = make();
        SpawnedTask::spawn(async move {
            let mut stream = plan.execute(part, context).map_err(failure::from_datafusion)?;
            while let Some(batch) = stream.next().await {
                gathered.add(batch.map_err(failure::from_datafusion)?)?;
            }
            Ok::<G, Error>(gathered)
        })
    };
    let mut tasks = futures::stream::iter(0..parts).map(start).buffered(threads.max(1));
    let mut gathered = Vec::with_capacity(parts);
    while let Some(part) = tasks.next().await {
        gathered.push(part.map_err(task_failed)??);
    }
    Ok(gathered)
}

/// What users see of a column: text as `Utf8`, whatever it is inside.
pub(crate) fn shown_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(shown_field(item)),
        DataType::LargeList(item) => DataType::LargeList(shown_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(shown_field).collect()),
        other => other.clone(),
    }
}

/// What users see of a field; what its metadata says, such as an extension type, stays.
fn shown_field(field: &Arc<Field>) -> Arc<Field> {
    Arc::new(field.as_ref().clone().with_data_type(shown_type(field.data_type())))
}

/// What users see of a schema.
pub(crate) fn shown_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(shown_field).collect::<Vec<_>>()))
}

/// A batch with the types of `schema`.
pub(crate) fn shown_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let convert = |(column, field): (&ArrayRef, &Arc<Field>)| match (column.data_type(), field.data_type()) {
        (found, wanted) if found == wanted => Ok(column.clone()),
        (DataType::Utf8View, DataType::Utf8) => {
            // Built from the views directly: arrow's cast goes through a builder that grows.
            let views = arrow::array::AsArray::as_string_view(column);
            Ok(Arc::new(StringArray::from_iter(views.iter())) as ArrayRef)
        }
        (_, wanted) => cast(column, wanted),
    };
    let columns: std::result::Result<Vec<ArrayRef>, _> =
        batch.columns().iter().zip(schema.fields()).map(convert).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &options))
        .map_err(|error| Error::engine(format!("a result column cannot be converted: {error}")))
}

/// Batches of a running query, in order. Dropping it stops the query.
pub struct BatchStream {
    schema: SchemaRef,
    run: Arc<RunState>,
    rows_total: Option<u64>,
    /// Ends with `None`; a channel that closes without it belongs to a thread that died.
    batches: Receiver<Result<Option<RecordBatch>>>,
    /// Batches that may still be sent before one is taken.
    room: Arc<Semaphore>,
    _task: SpawnedTask<()>,
    /// Finds the first failing row when a batch failed.
    locate: Box<dyn Fn(Error, Watch<'_>) -> Error + Send>,
    finished: bool,
}

impl BatchStream {
    pub(crate) fn start(
        session: &Session,
        run: Arc<RunState>,
        plan: &Arc<dyn ExecutionPlan>,
        mut stream: SendableRecordBatchStream,
        locate: Box<dyn Fn(Error, Watch<'_>) -> Error + Send>,
    ) -> Result<BatchStream> {
        let schema = shown_schema(&stream.schema());
        let (sender, batches) = std::sync::mpsc::channel();
        let room = Arc::new(Semaphore::new(STREAM_BATCHES_MAX));
        let task = {
            let room = room.clone();
            let _inside = session.runtime()?.enter();
            SpawnedTask::spawn(async move {
                while let Some(batch) = stream.next().await {
                    let Ok(permit) = room.acquire().await else { return };
                    permit.forget();
                    let failed = batch.is_err();
                    if sender.send(batch.map(Some).map_err(failure::from_datafusion)).is_err() || failed {
                        return;
                    }
                }
                let _ = sender.send(Ok(None));
            })
        };
        let rows_total = rows_total(plan);
        Ok(BatchStream { schema, run, rows_total, batches, room, _task: task, locate, finished: false })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` at the end, and after an error.
    pub fn next(&mut self, watch: Watch<'_>) -> Result<Option<RecordBatch>> {
        if self.finished {
            return Ok(None);
        }
        let received = loop {
            match self.batches.recv_timeout(WATCH_INTERVAL) {
                Ok(batch) => break batch,
                Err(RecvTimeoutError::Disconnected) => break Err(task_failed("it stopped without a result")),
                Err(RecvTimeoutError::Timeout) => {
                    if !watch(self.run.progress(self.rows_total)) {
                        self.run.cancel();
                        break Err(Error::Cancelled);
                    }
                }
            }
        };
        self.room.add_permits(1);
        match received {
            Ok(Some(batch)) => shown_batch(&batch, &self.schema).map(Some),
            Ok(None) => {
                self.finished = true;
                Ok(None)
            }
            Err(error) => {
                self.finished = true;
                Err((self.locate)(error, watch))
            }
        }
    }

    /// The report so far; complete after [`BatchStream::next`] gave `None`.
    pub fn report(&self) -> Report {
        report_of(&self.run)
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        self.run.cancel();
    }
}
