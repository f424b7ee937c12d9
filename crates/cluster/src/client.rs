//! The client: brings plans to the scheduler, waits, and fetches the rows part after part. A scheduler that was started
//! again, or an executor that went away with rows it had made, costs time only: the job is handed in anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ballista_core::client::BallistaClient;
use ballista_core::config::BALLISTA_JOB_NAME;
use ballista_core::error::BallistaError;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobMetricsParams, JobStageMetrics, KeyValuePair,
    PartitionLocation, job_status, operator_metric,
};
use ballista_core::version::insert_version_header;
use datafusion::catalog::TableProvider;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use engine::wire::{Hash, MISMATCH_RUNS, MISMATCHES, Outbox, own_error};
use engine::{Remote, Run, Session, SessionOptions};
use futures::TryStreamExt;
use futures::future::BoxFuture;
use tokio::time::MissedTickBehavior;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::config::{MESSAGE_BYTES_MAX, settings, settings_of_kept};
use crate::fragment::{Counts, read_error_count};
use crate::newest::newest;
use crate::service::{ClusterClient, HelloError};
use crate::site::quarantined;
use crate::stored::{self, Stored, StoredTable};
use crate::tls::Tls;
use crate::watchdog::STALLED;
use crate::{codec, cut, subquery};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub tls: Option<Tls>,
    /// How long a job is handed in anew when the scheduler cannot be reached.
    pub retry_seconds: u64,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions { tls: None, retry_seconds: 60 }
    }
}

/// A session whose plans run on the cluster with this scheduler: `fuseline://host:port` or `host:port`.
pub fn connect(address: &str, session: SessionOptions, options: ClientOptions) -> engine::Result<Session> {
    let client = Client::new(address, options)?;
    let session = Session::new(session)?;
    session.wait(client.check())??;
    Ok(session.on(Arc::new(client)))
}

/// A cluster as a session sees it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    address: String,
    options: ClientOptions,
    /// Ballista keeps the settings of a session under this name.
    session_id: String,
    /// Made when it is first needed; it connects anew by itself.
    channel: OnceLock<Channel>,
    /// How many datasets were persisted, and jobs handed in.
    stored: AtomicU64,
    jobs: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.address)
    }
}

/// Answers within seconds or is taken for dead, also when the other side hangs.
pub(crate) fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}

/// A connection to the process at this address, made when it is needed.
pub(crate) fn channel(address: &str, tls: Option<&Tls>) -> engine::Result<Channel> {
    let wrong = |error: tonic::transport::Error| engine::Error::plan(format!("`{address}` is no address: {error:?}"));
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut endpoint = patient(Endpoint::from_shared(format!("{scheme}://{address}")).map_err(wrong)?);
    if let Some(tls) = tls {
        endpoint = endpoint.tls_config(tls.client()).map_err(wrong)?;
    }
    Ok(endpoint.connect_lazy())
}

/// Why a job did not end well.
enum Failure {
    /// The same job may succeed: the scheduler or an executor went away.
    Passing(String),
    Final(DataFusionError),
}

/// A job that has succeeded: where its rows are.
struct Finished {
    id: String,
    parts: Vec<PartitionLocation>,
}

/// A plan ready to be handed in, several times if need be.
pub(crate) struct Job {
    plan: Arc<dyn ExecutionPlan>,
    sequential: bool,
    /// Its rows stay where they were made.
    kept: bool,
    encoded: Mutex<Vec<u8>>,
    outbox: Outbox,
    /// Rows that the jobs of its subqueries have read.
    read_before: u64,
    pub schema: datafusion::arrow::datatypes::SchemaRef,
}

impl Client {
    pub fn new(address: &str, options: ClientOptions) -> engine::Result<Client> {
        let address = address.strip_prefix("fuseline://").unwrap_or(address).trim_end_matches('/').to_owned();
        if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
            return Err(engine::Error::plan_hint(
                format!("`{address}` is no address of a cluster"),
                "it is `fuseline://HOST:PORT` of the scheduler",
            ));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let session_id = format!("fuseline-{}-{}", std::process::id(), now.as_nanos());
        Ok(Client {
            inner: Arc::new(Inner {
                address,
                options,
                session_id,
                channel: OnceLock::new(),
                stored: AtomicU64::new(0),
                jobs: AtomicU64::new(0),
            }),
        })
    }

    /// Whether somebody is there.
    async fn check(&self) -> engine::Result<()> {
        let channel = self.channel()?;
        ClusterClient::new(channel).hello().await.map_err(|error| match error {
            HelloError::Call(status) => self.unreachable(&status),
            HelloError::Version(error) => error,
        })
    }

    fn unreachable(&self, status: &Status) -> engine::Error {
        let reason = match status.code() {
            Code::Unimplemented => "no Fuseline scheduler answers there".to_owned(),
            _ => status.message().to_owned(),
        };
        engine::Error::engine_hint(
            format!("cannot reach the cluster at `{}`: {reason}", self.inner.address),
            "check that `fuseline scheduler` runs there, and that both sides use `--tls` or neither",
        )
    }

    fn channel(&self) -> engine::Result<Channel> {
        if let Some(channel) = self.inner.channel.get() {
            return Ok(channel.clone());
        }
        let made = channel(&self.inner.address, self.inner.options.tls.as_ref())?;
        Ok(self.inner.channel.get_or_init(|| made).clone())
    }

    fn scheduler(&self, channel: Channel) -> SchedulerGrpcClient<Channel> {
        SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The job of a plan; those of its subqueries are done then.
    pub(crate) async fn job(&self, plan: &Arc<dyn ExecutionPlan>, run: &Run, kept: bool) -> Result<Job> {
        let schema = plan.schema();
        let plan = subquery::answered(self, plan, run).await?;
        let (encoded, outbox) = self.encode(&plan, run.sequential())?;
        let (encoded, read_before) = (Mutex::new(encoded), run.rows_read());
        Ok(Job { plan, sequential: run.sequential(), kept, encoded, outbox, read_before, schema })
    }

    fn encode(&self, plan: &Arc<dyn ExecutionPlan>, sequential: bool) -> Result<(Vec<u8>, Outbox)> {
        let mut outbox = Outbox::default();
        let cut = cut::cut(plan, sequential, &mut outbox)?;
        let plan_bytes = codec::encode(cut)?;
        if plan_bytes.len() > MESSAGE_BYTES_MAX {
            return Err(codec::wrap(engine::Error::plan_hint(
                format!("the plan has {} MiB: the rows in memory travel inside it", plan_bytes.len() >> 20),
                "write them to a file that the executors can read, and read that",
            )));
        }
        Ok((plan_bytes, outbox))
    }

    /// Hands the job in, anew while the scheduler cannot be reached, and waits for its end.
    async fn finish(&self, job: &Job, run: &Run) -> Result<Finished> {
        let started = Instant::now();
        let patience = Duration::from_secs(self.inner.options.retry_seconds);
        loop {
            let reason = match self.attempt(job, run).await {
                Ok(finished) => return Ok(finished),
                Err(Failure::Final(error)) => {
                    let lost = own_error(&error).and_then(|ours| stored::lost_table(&ours));
                    let Some(number) = lost else { return Err(error) };
                    self.restore(job, number).await?;
                    format!("an executor with persisted rows went away ({number})")
                }
                Err(Failure::Passing(reason)) => reason,
            };
            if started.elapsed() > patience || run.cancelled() {
                return Err(codec::wrap(engine::Error::engine_hint(
                    format!("the cluster at `{}` did not finish the job: {reason}", self.inner.address),
                    "see the log of the scheduler",
                )));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Makes the rows of a persisted dataset anew and tells the job where they are now.
    async fn restore(&self, job: &Job, number: u64) -> Result<()> {
        for table in stored::tables(&job.plan).into_iter().filter(|table| table.number == number) {
            let run = Run::new(1, table.job.sequential);
            let finished = Box::pin(self.finish(&table.job, &run)).await?;
            table.place(finished.id, finished.parts);
        }
        let (encoded, _) = self.encode(&job.plan, job.sequential)?;
        *job.encoded.lock().unwrap_or_else(PoisonError::into_inner) = encoded;
        Ok(())
    }

    async fn attempt(&self, job: &Job, run: &Run) -> Result<Finished, Failure> {
        let channel = self.channel().map_err(|error| Failure::Final(codec::wrap(error)))?;
        let cluster = ClusterClient::new(channel.clone());
        let hashes: Vec<Hash> = job.outbox.functions.iter().map(|(_, hash)| *hash).collect();
        check_quarantine(&cluster, &hashes).await?;
        cluster.put(job.outbox.blobs.iter()).await.map_err(status_failure)?;
        let mut scheduler = self.scheduler(channel);
        let pair = |(key, value): (&str, String)| KeyValuePair { key: key.to_owned(), value: Some(value) };
        let mut settings = settings(self.inner.options.tls.is_some());
        let number = self.inner.jobs.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", self.inner.session_id);
        settings.push((BALLISTA_JOB_NAME, name.clone()));
        // The settings are those of a session.
        let mut session_id = self.inner.session_id.clone();
        if job.kept {
            settings.push(settings_of_kept());
            session_id.push_str("-kept");
        }
        let mut request = Request::new(ExecuteQueryParams {
            query: Some(Query::PhysicalPlan(job.bytes())),
            settings: settings.into_iter().map(pair).collect(),
            session_id,
            operation_id: String::new(),
        });
        insert_version_header(request.metadata_mut());
        let mut updates = scheduler.execute_query_push(request).await.map_err(status_failure)?.into_inner();
        let mut guard = CancelJob { client: Some(self.clone()), id: None };
        let mut listener =
            Listener { cluster: cluster.clone(), name, run: run.clone(), before: job.read_before, lines: 0 };
        // Of the whole wait, not of the wait for one update: those may come more often.
        let mut news = tokio::time::interval(NEWS_INTERVAL);
        news.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let update = tokio::select! {
                update = updates.message() => update.map_err(status_failure)?,
                _ = news.tick() => {
                    let id = listener.listen().await;
                    guard.id = guard.id.take().or(id);
                    continue;
                }
            };
            let Some(update) = update else {
                return Err(Failure::Passing("the scheduler hung up".to_owned()));
            };
            let Some(status) = update.status else { continue };
            guard.id = Some(status.job_id.clone());
            match status.status {
                Some(job_status::Status::Failed(failed)) => {
                    guard.client = None;
                    self.clean(status.job_id).await;
                    listener.listen().await;
                    check_quarantine(&cluster, &hashes).await?;
                    return Err(job_failure(&failed.error));
                }
                Some(job_status::Status::Successful(done)) => {
                    guard.client = None;
                    // The counts are those of the whole job: they have the last word.
                    let (_, stages) = tokio::join!(listener.listen(), metrics(&mut scheduler, &status.job_id));
                    count(stages, run, job.read_before);
                    let part = |place: &PartitionLocation| place.partition_id.as_ref().map(|id| id.partition_id);
                    let mut parts = newest(done.partition_location, part);
                    parts.sort_by_key(|part| {
                        (part.partition_id.as_ref().map(|id| id.partition_id), part.map_partition_id, part.file_id)
                    });
                    return Ok(Finished { id: status.job_id, parts });
                }
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) | None => {}
            }
        }
    }

    /// Runs the job and gives its rows. When an executor is lost with rows that nobody has fetched yet, the job runs
    /// again; the same job gives the same rows, so those already given are skipped.
    pub(crate) async fn rows(self, job: Job, run: Run) -> Result<SendableRecordBatchStream> {
        let finished = self.finish(&job, &run).await?;
        let schema = job.schema.clone();
        let state =
            Rows { client: self, job, run, finished: Some(finished), part: 0, batches: None, given: 0, skip: 0 };
        let rows = futures::stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    async fn metrics(&self, id: &str) -> Result<Vec<JobStageMetrics>, Status> {
        let channel = self.channel().map_err(|error| Status::internal(error.to_string()))?;
        metrics(&mut self.scheduler(channel), id).await
    }

    /// Tells the scheduler over a connection of its own to stop the job.
    fn cancel(&self, job_id: String) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let ask = async {
            let Ok(channel) = channel(&self.inner.address, self.inner.options.tls.as_ref()) else { return };
            let _ = self.scheduler(channel).cancel_job(CancelJobParams { job_id }).await;
        };
        // A scheduler that does not answer has no job to stop. The timer is made inside the runtime, which it needs.
        let _ = runtime.block_on(async { tokio::time::timeout(CANCEL_PATIENCE, ask).await });
    }

    /// Lets the executors forget what the job made.
    pub(crate) async fn clean(&self, id: String) {
        if let Ok(channel) = self.channel() {
            let _ = self
                .scheduler(channel)
                .clean_job_data(CleanJobDataParams { job_id: id, remove_stage_ids: Vec::new() })
                .await;
        }
    }
}

impl Job {
    fn bytes(&self) -> Vec<u8> {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The rows of one part, from the executor that made them.
pub(crate) async fn fetch(
    part: PartitionLocation,
    tls: Option<&Tls>,
) -> Result<SendableRecordBatchStream, BallistaError> {
    let layout = part.layout();
    let missing = || BallistaError::Internal("a part of the result is nowhere".to_owned());
    let executor = part.executor_meta.ok_or_else(missing)?;
    let id = part.partition_id.ok_or_else(missing)?;
    let endpoint = tls.map(|tls| Arc::new(BallistaConfigGrpcEndpoint::new(tls.endpoints())));
    let (host, port) = (executor.host.as_str(), executor.port as u16);
    let mut client =
        BallistaClient::try_new(host, port, MESSAGE_BYTES_MAX, tls.is_some(), endpoint, 2, 100, 0, 0).await?;
    client.fetch_partition_proxied(&executor.id, &id.into(), part.file_id, layout, host, port, true).await
}

/// Fetching the rows of a job.
struct Rows {
    client: Client,
    job: Job,
    run: Run,
    finished: Option<Finished>,
    /// The part that comes next.
    part: usize,
    batches: Option<SendableRecordBatchStream>,
    /// Rows given to the reader.
    given: usize,
    /// Rows that the reader has had before the job was run again.
    skip: usize,
}

/// How often a job is run again because rows were lost before they were fetched.
const LOSSES_MAX: usize = 4;

impl Rows {
    async fn next(&mut self) -> Result<Option<datafusion::arrow::record_batch::RecordBatch>> {
        let mut losses = 0;
        loop {
            let batch = match self.step().await {
                Ok(batch) => batch,
                Err(reason) if losses < LOSSES_MAX => {
                    losses += 1;
                    self.again(&reason).await?;
                    continue;
                }
                Err(reason) => return Err(codec::wrap(engine::Error::engine(format!("rows were lost: {reason}")))),
            };
            let Some(batch) = batch else {
                if let Some(finished) = self.finished.take() {
                    self.client.clean(finished.id).await;
                }
                return Ok(None);
            };
            let rows = batch.num_rows();
            if rows <= self.skip {
                self.skip -= rows;
                continue;
            }
            let batch = batch.slice(self.skip, rows - self.skip);
            self.skip = 0;
            self.given += batch.num_rows();
            return Ok(Some(batch));
        }
    }

    /// The next batch of any part; an error means that the rows are gone.
    async fn step(&mut self) -> Result<Option<datafusion::arrow::record_batch::RecordBatch>, String> {
        loop {
            if let Some(batches) = &mut self.batches {
                match batches.try_next().await.map_err(|error| error.to_string())? {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.batches = None,
                }
            }
            let Some(part) = self.finished.as_ref().and_then(|finished| finished.parts.get(self.part)) else {
                return Ok(None);
            };
            let tls = self.client.inner.options.tls.clone();
            let batches = fetch(part.clone(), tls.as_ref()).await.map_err(|error| error.to_string())?;
            self.part += 1;
            self.batches = Some(batches);
        }
    }

    async fn again(&mut self, _reason: &str) -> Result<()> {
        if let Some(finished) = self.finished.take() {
            self.client.clean(finished.id).await;
        }
        // The report of the first run stands: it counted the same rows.
        let uncounted = Run::new(1, self.run.sequential());
        self.finished = Some(self.client.finish(&self.job, &uncounted).await?);
        (self.part, self.batches, self.skip) = (0, None, self.given);
        Ok(())
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // A reader that went away early leaves rows behind.
        if let (Some(finished), Ok(runtime)) = (self.finished.take(), tokio::runtime::Handle::try_current()) {
            let client = self.client.clone();
            runtime.spawn(async move { client.clean(finished.id).await });
        }
    }
}

/// How long a scheduler gets to take the order to stop a job.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// How often a waiting client asks how far the job is.
const NEWS_INTERVAL: Duration = Duration::from_millis(200);

/// Follows what a job's tasks tell: rows for the progress, lines for the log.
struct Listener {
    cluster: ClusterClient,
    /// The name that this client gave the job.
    name: String,
    run: Run,
    /// Rows read before this job.
    before: u64,
    /// Lines that were shown.
    lines: usize,
}

impl Listener {
    /// Takes what is new; gives Ballista's name of the job once a task of it runs.
    async fn listen(&mut self) -> Option<String> {
        // News are for people; a job without them is as good.
        let Ok((job, rows, lines)) = self.cluster.ask(&self.name, self.lines).await else { return None };
        self.run.set_read(self.before + rows);
        self.lines += lines.len();
        for line in lines {
            let text = format!("[stage {} task {}] {}", line.stage, line.task, line.text);
            engine::runtime::log::write(line.level, &text);
        }
        Some(job).filter(|job| !job.is_empty())
    }
}

/// Stops a job whose waiting client went away.
struct CancelJob {
    client: Option<Client>,
    id: Option<String>,
}

impl Drop for CancelJob {
    fn drop(&mut self) {
        let (Some(client), Some(job_id)) = (self.client.take(), self.id.take()) else { return };
        // The session may end with the query that was interrupted, and its threads and connections with it.
        let _ = std::thread::Builder::new().name("cancel".to_owned()).spawn(move || client.cancel(job_id));
    }
}

fn status_failure(status: Status) -> Failure {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded => {
            Failure::Passing(status.message().to_owned())
        }
        _ => match engine::wire::error_from_text(status.message()) {
            Some(error) => Failure::Final(codec::wrap(error)),
            None => Failure::Final(codec::wrap(engine::Error::engine(status.message().to_owned()))),
        },
    }
}

/// What Ballista says of jobs that may go well when they are handed in again. It runs parts anew whose input cannot be
/// fetched, but not when an executor dies after it has begun to send them.
const PASSING: [&str; 8] = [
    STALLED,
    "heartbeat timed out",
    "No executors",
    "no executors",
    "h2 protocol error",
    "error reading a body from connection",
    "transport error",
    "tcp connect error",
];

/// What Ballista says of a failed job, in our words where it is ours.
fn job_failure(text: &str) -> Failure {
    if let Some(error) = engine::wire::error_from_text(text) {
        return Failure::Final(codec::wrap(error));
    }
    if PASSING.iter().any(|words| text.contains(words)) {
        return Failure::Passing(first_sentence(text));
    }
    let error = DataFusionError::Execution(text.to_owned());
    Failure::Final(codec::wrap(own_error(&error).unwrap_or_else(|| engine::Error::engine(first_sentence(text)))))
}

fn first_sentence(text: &str) -> String {
    let text = text.split("\nbacktrace").next().unwrap_or(text).trim();
    text.chars().take(600).collect()
}

async fn check_quarantine(cluster: &ClusterClient, hashes: &[Hash]) -> Result<(), Failure> {
    let names = cluster.quarantined(hashes).await.map_err(status_failure)?;
    match names.first() {
        None => Ok(()),
        Some(name) => Err(Failure::Final(codec::wrap(quarantined(name)))),
    }
}

async fn metrics(scheduler: &mut SchedulerGrpcClient<Channel>, id: &str) -> Result<Vec<JobStageMetrics>, Status> {
    let request = GetJobMetricsParams { job_id: id.to_owned() };
    Ok(scheduler.get_job_metrics(request).await?.into_inner().stages)
}

/// Adds what the fragments of the job counted. A report that cannot be had is no reason to lose the result.
fn count(stages: Result<Vec<JobStageMetrics>, Status>, run: &Run, read_before: u64) {
    let Ok(stages) = stages else { return };
    let mut rows_read = None;
    // By what did not fit: the sum of the counts, and how many readings of the part it is of.
    let mut mismatches: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for operator in stages.iter().flat_map(|stage| &stage.operators) {
        let mut counts = Counts::default();
        for metric in &operator.metrics {
            let Some(operator_metric::Metric::Count(count)) = &metric.metric else { continue };
            counts.add(&count.name, count.value);
            if let Some(reason) = count.name.strip_prefix(MISMATCHES) {
                mismatches.entry(reason).or_default().0 += count.value;
            } else if let Some(reason) = count.name.strip_prefix(MISMATCH_RUNS) {
                mismatches.entry(reason).or_default().1 += count.value;
            }
        }
        for (name, value) in counts.once() {
            match read_error_count(&name, value) {
                Some(count) => run.count_error(&count),
                None => rows_read = Some(rows_read.unwrap_or(0) + value),
            }
        }
    }
    for (reason, (sum, runs)) in mismatches {
        run.count_mismatches(reason, sum / runs.max(1));
    }
    if let Some(rows) = rows_read {
        run.set_read(read_before + rows);
    }
}

impl Remote for Client {
    fn start(&self, plan: Arc<dyn ExecutionPlan>, run: Run) -> BoxFuture<'static, Result<SendableRecordBatchStream>> {
        let client = self.clone();
        Box::pin(async move {
            let job = client.job(&plan, &run, false).await?;
            client.rows(job, run).await
        })
    }

    fn persist(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        run: Run,
    ) -> BoxFuture<'static, engine::Result<Arc<dyn TableProvider>>> {
        let client = self.clone();
        Box::pin(async move {
            let job = client.job(&plan, &run, true).await.map_err(engine::wire::to_error)?;
            let finished = client.finish(&job, &run).await.map_err(engine::wire::to_error)?;
            let number = client.inner.stored.fetch_add(1, Ordering::Relaxed);
            let stored = Stored::new(number, job, client.clone(), tokio::runtime::Handle::current());
            stored.place(finished.id, finished.parts);
            let table: Arc<dyn TableProvider> = Arc::new(StoredTable(Arc::new(stored)));
            Ok(table)
        })
    }

    fn analyze(&self, plan: Arc<dyn ExecutionPlan>, run: Run) -> BoxFuture<'static, engine::Result<String>> {
        let client = self.clone();
        Box::pin(async move {
            let job = client.job(&plan, &run, false).await.map_err(engine::wire::to_error)?;
            let finished = client.finish(&job, &run).await.map_err(engine::wire::to_error)?;
            let stages = client.metrics(&finished.id).await.map_err(|status| client.unreachable(&status))?;
            client.clean(finished.id).await;
            Ok(format!("plan: {} bytes\n{}", job.bytes().len(), crate::explain::stages(&stages)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_handed_in_again_when_its_input_was_cut_off() {
        let cut_off = "Task failed due to runtime execution error: ArrowError(IpcError(\"Ipc error: code: 'Unknown error', \
                       message: \\\"h2 protocol error: error reading a body from connection\\\"\"))";
        assert!(matches!(job_failure(cut_off), Failure::Passing(_)));
        assert!(matches!(job_failure("Task failed due to runtime execution error: NotImplemented"), Failure::Final(_)));
        // What a function says is its own.
        let raised = engine::wire::error_to_text(&engine::Error::engine("transport error"));
        assert!(matches!(job_failure(&raised), Failure::Final(_)));
    }
}
