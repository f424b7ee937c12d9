//! Sessions: threads, memory, DataFusion's configuration, and the sources datasets begin with.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;

use bson_arrow::FieldReport;

use crate::bson::Content;
use crate::dataset::Dataset;
use crate::documents::DocumentOptions;
use crate::error::{Error, Result};
use crate::failure;
use crate::mongo::{Clients, MongoRead, MongoWrite, Replies, Unwritten, WriteReport};
use crate::plan;
use crate::remote::Remote;
use crate::run::{RunState, Watch};
use crate::source::{self, CsvOptions};
use crate::sql::{self, CalledFunction, SqlNames};

/// Plans are cut into this many parts whatever the number of threads: parts are folded in order and merged in order, so
/// the answer does not depend on the machine. More than most machines have cores, few enough that tiny data is quick.
pub(crate) const PARTITIONS: usize = 16;

/// Rows a batch: small enough that a batch's columns stay in cache between two operators.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Stack of a worker thread; compiled functions that recurse may use [`crate::kernel::KERNEL_STACK_BYTES`] of it.
const THREAD_STACK_BYTES: usize = 24 * 1024 * 1024;

/// How a session uses the machine.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// Worker threads; otherwise `FUSELINE_THREADS`, otherwise the number of cores.
    pub threads: Option<usize>,
    /// Memory for sorts, joins and aggregations before they write to disk; otherwise no limit.
    pub memory_bytes_max: Option<usize>,
}

/// Threads, memory and configuration that datasets share. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    inner: Arc<SessionInner>,
    /// Where its plans run, when it is not this process.
    remote: Option<Arc<dyn Remote>>,
}

struct SessionInner {
    /// Taken out only when the session is dropped.
    runtime: Option<tokio::runtime::Runtime>,
    base_state: SessionState,
    threads: usize,
    clients: Clients,
}

impl Drop for SessionInner {
    fn drop(&mut self) {
        // A session may be dropped by one of its own worker threads, where waiting for them is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Session {
    pub fn new(options: SessionOptions) -> Result<Session> {
        let threads = match options.threads {
            Some(threads) => threads.max(1),
            None => threads_from_environment()?,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(threads.max(8) * 4)
            .thread_name("fuseline")
            .thread_stack_size(THREAD_STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| Error::engine(format!("cannot start worker threads: {error}")))?;
        let mut environment = RuntimeEnvBuilder::new();
        if let Some(bytes) = options.memory_bytes_max {
            environment = environment.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        }
        let environment = environment.build_arc().map_err(failure::from_datafusion)?;
        let base_state = SessionStateBuilder::new()
            .with_config(config(PARTITIONS, environment.memory_pool.as_ref()))
            .with_runtime_env(environment)
            .with_default_features()
            .with_optimizer_rules(plan::logical_rules())
            .with_physical_optimizer_rules(plan::physical_rules())
            .with_query_planner(Arc::new(plan::Planner))
            .build();
        Ok(Session {
            inner: Arc::new(SessionInner { runtime: Some(runtime), base_state, threads, clients: Clients::default() }),
            remote: None,
        })
    }

    /// The session used where none is named: made on first use, from the environment.
    pub fn global() -> Result<Session> {
        static GLOBAL: OnceLock<Session> = OnceLock::new();
        if let Some(session) = GLOBAL.get() {
            return Ok(session.clone());
        }
        let session = Session::new(SessionOptions::default())?;
        Ok(GLOBAL.get_or_init(|| session).clone())
    }

    /// The same session with its plans running elsewhere. Plans are still made here, so the files they read have to be
    /// found here under the same names as there.
    pub fn on(&self, remote: Arc<dyn Remote>) -> Session {
        Session { inner: self.inner.clone(), remote: Some(remote) }
    }

    pub(crate) fn remote(&self) -> Option<&Arc<dyn Remote>> {
        self.remote.as_ref()
    }

    pub fn threads(&self) -> usize {
        self.inner.threads
    }

    /// Reads CSV files as one table; a path may hold `*`, `?` and `[..]`.
    pub fn read_csv(&self, paths: &[String], options: &CsvOptions) -> Result<Dataset> {
        Dataset::from_table(self, source::csv::open(paths, options)?)
    }

    /// Reads Parquet files as one table; a path may hold `*`, `?` and `[..]`.
    pub fn read_parquet(&self, paths: &[String]) -> Result<Dataset> {
        Dataset::from_table(self, source::parquet::open(paths)?)
    }

    /// Reads Arrow IPC files, or files of Arrow IPC streams, as one table.
    pub fn read_arrow(&self, paths: &[String]) -> Result<Dataset> {
        Dataset::from_table(self, source::arrow::open(paths)?)
    }

    /// Reads JSON files as one table: one object a line, or one array of objects a file.
    pub fn read_json(&self, paths: &[String]) -> Result<Dataset> {
        Dataset::from_table(self, source::json::open(self, paths)?)
    }

    /// Reads `.bson` files and archives, plain or compressed, as one table; of an archive this `database.collection`. Also
    /// gives what the sample showed of every field.
    pub fn read_bson(
        &self,
        paths: &[String],
        collection: Option<String>,
        options: &DocumentOptions,
    ) -> Result<(Dataset, Vec<FieldReport>)> {
        self.read_documents(paths, &Content::Bson { collection }, options)
    }

    /// Reads files of MongoDB's extended JSON as one table: objects one behind the other, or in one array a file.
    pub fn read_extended_json(
        &self,
        paths: &[String],
        options: &DocumentOptions,
    ) -> Result<(Dataset, Vec<FieldReport>)> {
        self.read_documents(paths, &Content::Json, options)
    }

    /// Reads a collection or a query of MongoDB as a table. Connects at once where the schema is not given, for a sample.
    pub fn read_mongo(&self, read: &MongoRead, options: &DocumentOptions) -> Result<(Dataset, Vec<FieldReport>)> {
        let opened = crate::mongo::open(&self.inner.clients, read, options);
        let (table, found) = self.runtime()?.block_on(opened)?;
        Ok((Dataset::from_table(self, table)?, found.report))
    }

    /// Sends a query to MongoDB whose replies the caller decodes.
    pub fn mongo_replies(&self, read: &MongoRead) -> Result<Replies> {
        self.runtime()?.block_on(Replies::open(self.clone(), &self.inner.clients, read))
    }

    /// Inserts the batches' rows into a collection of MongoDB, or none of them when one has a value without a BSON form.
    /// Also gives why the rest was not written, if so.
    pub fn mongo_insert(
        &self,
        batches: &[RecordBatch],
        write: &MongoWrite,
        watch: Watch<'_>,
    ) -> Result<(WriteReport, Option<Error>), Unwritten> {
        crate::mongo::insert(self, &self.inner.clients, batches, write, watch)
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.inner.clients
    }

    fn read_documents(
        &self,
        paths: &[String],
        content: &Content,
        options: &DocumentOptions,
    ) -> Result<(Dataset, Vec<FieldReport>)> {
        let (table, found) = crate::bson::open(paths, content, options)?;
        Ok((Dataset::from_table(self, table)?, found.report))
    }

    /// Batches in memory, without a copy. All must have this schema.
    pub fn from_arrow(&self, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Dataset> {
        Dataset::from_table(self, source::memory::open(schema, batches)?)
    }

    /// The dataset of a query in SQL over datasets of this session.
    pub fn sql(&self, query: &str, names: &SqlNames) -> Result<Dataset> {
        sql::plan(self, query, names)
    }

    /// The functions that a query calls, each once, in no particular order.
    pub fn called_functions(&self, query: &str) -> Result<Vec<CalledFunction>> {
        sql::called(self, query)
    }

    /// Whether both are one session.
    pub fn is_same(&self, other: &Session) -> bool {
        let place = |session: &Session| session.remote.as_ref().map(|remote| Arc::as_ptr(remote).cast::<()>());
        Arc::ptr_eq(&self.inner, &other.inner) && place(self) == place(other)
    }

    /// Runs the future on the session's threads and waits for it.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        Ok(self.runtime()?.block_on(future))
    }

    pub(crate) fn runtime(&self) -> Result<&tokio::runtime::Runtime> {
        self.inner.runtime.as_ref().ok_or_else(|| Error::engine("the session is closed"))
    }

    /// DataFusion's state for one run of a plan.
    pub(crate) fn state_for(&self, run: &Arc<RunState>) -> SessionState {
        let partitions = if run.sequential() { 1 } else { PARTITIONS };
        let pool = &self.inner.base_state.runtime_env().memory_pool;
        let config = config(partitions, pool.as_ref()).with_extension(run.clone());
        SessionStateBuilder::new_from_existing(self.inner.base_state.clone()).with_config(config).build()
    }

    /// A context for planning and optimising only.
    pub(crate) fn context(&self) -> SessionContext {
        SessionContext::new_with_state(self.inner.base_state.clone())
    }
}

fn threads_from_environment() -> Result<usize> {
    match std::env::var("FUSELINE_THREADS") {
        Ok(text) => match text.trim().parse::<usize>() {
            Ok(threads) if threads > 0 => Ok(threads),
            _ => Err(Error::plan_hint(
                format!("`FUSELINE_THREADS` is `{text}`, which is not a number of threads"),
                "set it to 1 or more, or unset it to use every core",
            )),
        },
        Err(_) => Ok(std::thread::available_parallelism().map_or(1, |cores| cores.get())),
    }
}

/// What is switched off here is off for one of two reasons: it would make the answer depend on timing or on the number of
/// threads, or it would move rows past each other. docs/decisions/0041-determinism.md has the list with reasons.
pub(crate) fn config(partitions: usize, pool: &dyn MemoryPool) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_round_robin_repartition(false)
        .with_repartition_aggregations(false)
        .with_repartition_joins(false)
        .with_repartition_sorts(true)
        .with_repartition_windows(false)
        .with_repartition_file_scans(false)
        .with_enable_sort_pushdown(false);
    let options = config.options_mut();
    options.execution.enable_file_stream_work_stealing = false;
    options.execution.collect_statistics = false;
    if let MemoryLimit::Finite(bytes) = pool.memory_limit() {
        // Every part of a sort keeps so much to merge what it has sorted; DataFusion's 10 MiB for each would be all there is.
        let reserved = &mut options.execution.sort_spill_reservation_bytes;
        *reserved = (*reserved).min(bytes / (4 * PARTITIONS));
    }
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_aggregation = false;
    options.optimizer.enable_topk_repartition = false;
    options.optimizer.enable_distinct_aggregation_soft_limit = false;
    options.optimizer.join_reordering = false;
    options.optimizer.skip_failed_rules = false;
    config
}
