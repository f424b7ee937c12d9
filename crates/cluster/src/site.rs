//! An executor's own surroundings: where fragments find what they refer to, and the hook by which Ballista's tasks become
//! ours.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::config::{BALLISTA_JOB_NAME, BallistaConfig};
use ballista_core::serde::protobuf::{RuntimeStatsReport, ShuffleWritePartition, TaskColumnStats, WindowStateReport};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine, QueryStageExecutor};
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{Count, Metric, MetricValue, MetricsSet};
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionConfig;
use engine::wire::{Hash, Inbox};
use tokio::sync::Semaphore;

use crate::fragment::FragmentExec;
use crate::newest::reader_of_newest;
use crate::news::{News, Task, job_key};
use crate::rehearsal;
use crate::service::ClusterClient;
use crate::stored;
use crate::tls::Tls;

/// Bytes of blobs that an executor keeps for tasks to come; all go when there are more, which costs fetching them again.
const KEPT_BYTES_MAX: usize = 512 << 20;

pub(crate) struct Site {
    scheduler: ClusterClient,
    executor: String,
    news: Arc<News>,
    threads: usize,
    shuffle_dir: PathBuf,
    tls: Option<Tls>,
    blobs: Mutex<HashMap<Hash, Arc<[u8]>>>,
    /// Blobs that were fetched from the scheduler.
    fetched: AtomicU64,
    /// One place for each task that runs.
    running: Arc<Semaphore>,
    /// Kernels that have finished a task.
    proven: Mutex<HashSet<Hash>>,
    /// Held while fetching, so that tasks which start together do not all fetch the same.
    fetching: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}

impl Site {
    /// Called inside the executor's runtime: it sends news from there.
    pub fn new(
        scheduler: ClusterClient,
        executor: String,
        threads: usize,
        shuffle_dir: PathBuf,
        tls: Option<Tls>,
    ) -> Site {
        let news = News::start(scheduler.clone(), executor.clone());
        Site {
            scheduler,
            executor,
            news,
            threads,
            shuffle_dir,
            tls,
            blobs: Mutex::default(),
            fetched: AtomicU64::new(0),
            running: Arc::new(Semaphore::new(threads.max(1))),
            proven: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What its tasks have to tell.
    pub fn news(&self) -> &News {
        &self.news
    }

    /// Sends what a job's functions printed and nobody has sent yet.
    pub async fn flush(&self, job: &Arc<str>) {
        if let Some((rows, lines)) = self.news.take_lines(job) {
            // What cannot be sent is lost: the job does not depend on it.
            let _ = self.scheduler.tell(job, &self.executor, rows, &lines).await;
        }
    }

    /// Where Ballista keeps what this executor made.
    pub fn shuffle_dir(&self) -> &Path {
        &self.shuffle_dir
    }

    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    fn has(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// How many blobs were fetched so far.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Brings here what is not here yet.
    pub async fn fetch(&self, hashes: &[Hash]) -> engine::Result<()> {
        if hashes.iter().all(|hash| self.has(hash).is_some()) {
            return Ok(());
        }
        let _alone = self.fetching.lock().await;
        for hash in hashes {
            if self.has(hash).is_some() {
                continue;
            }
            let blob = self.scheduler.get(hash).await.map_err(|status| {
                engine::Error::engine(format!("cannot fetch a part of the plan: {}", status.message()))
            })?;
            self.fetched.fetch_add(1, Ordering::Relaxed);
            let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
            let kept: usize = blobs.values().map(|blob| blob.len()).sum();
            if kept + blob.len() > KEPT_BYTES_MAX {
                blobs.retain(|kept, _| hashes.contains(kept));
            }
            blobs.insert(*hash, blob);
        }
        Ok(())
    }

    /// Refuses kernels that took executors down; those that have finished a task here need not be asked about again.
    pub async fn admit(&self, functions: &[(String, Hash)]) -> engine::Result<()> {
        let unproven: Vec<Hash> = {
            let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
            functions.iter().map(|(_, hash)| *hash).filter(|hash| !proven.contains(hash)).collect()
        };
        if unproven.is_empty() {
            return Ok(());
        }
        let refused = self.scheduler.quarantined(&unproven).await;
        let refused = refused.map_err(|status| {
            engine::Error::engine(format!("cannot ask the scheduler about a kernel: {}", status.message()))
        })?;
        if let Some(name) = refused.first() {
            return Err(quarantined(name));
        }
        rehearsal::crash(functions);
        Ok(())
    }

    /// These kernels have finished a task.
    pub fn prove(&self, functions: &[(String, Hash)]) {
        let mut proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.extend(functions.iter().map(|(_, hash)| *hash));
    }

    /// These blobs, once [`Site::fetch`] has brought them.
    pub fn inbox(&self, hashes: &[Hash]) -> Arc<dyn Inbox> {
        let found = hashes.iter().filter_map(|hash| Some((*hash, self.has(hash)?)));
        Arc::new(Fetched(found.collect()))
    }
}

/// The error for a kernel that nobody runs any more.
pub(crate) fn quarantined(name: &str) -> engine::Error {
    engine::Error::engine_hint(
        format!("the kernel of `{name}` took two executors down and is in quarantine"),
        "this is a defect of Fuseline; please report it with the program that shows it",
    )
}

struct Fetched(HashMap<Hash, Arc<[u8]>>);

impl Inbox for Fetched {
    fn blob(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.0.get(hash).cloned()
    }
}

/// Ballista's own engine, given plans whose fragments can run here and whose parts are put together in order.
pub(crate) struct Engine {
    pub site: Arc<Site>,
    pub ballista: DefaultExecutionEngine,
}

impl ExecutionEngine for Engine {
    fn create_query_stage_exec(
        &self,
        job_id: JobId,
        stage_id: usize,
        task_id: usize,
        global_output_partition_ids: Vec<usize>,
        plan: Arc<dyn ExecutionPlan>,
        work_dir: &str,
        config: &SessionConfig,
    ) -> Result<Arc<dyn QueryStageExecutor>> {
        let name = config.options().extensions.get::<BallistaConfig>();
        let name = name.and_then(|config| config.settings().get(BALLISTA_JOB_NAME)).map_or("", String::as_str);
        let task = Task { job: job_key(name, job_id.as_str()), stage: stage_id, task: task_id };
        let parts: Arc<[usize]> = global_output_partition_ids.as_slice().into();
        let ordered = engine::wire::keep_part_order(plan)?;
        let has_union = ordered.exists(|node| Ok(node.is::<UnionExec>()))?;
        let placed = ordered.transform_up(|node| {
            if let Some(scan) = stored::scan_at(&node, &self.site) {
                return Ok(Transformed::yes(scan));
            }
            if let Some(reader) = reader_of_newest(&node) {
                return Ok(Transformed::yes(reader?));
            }
            let Some(fragment) = node.downcast_ref::<FragmentExec>() else { return Ok(Transformed::no(node)) };
            // A task of a union has numbers beyond those of each of its inputs.
            if !has_union && parts.iter().any(|part| *part >= fragment.spec().parts) {
                return internal_err!("a source was cut into other parts than planned");
            }
            let placed: Arc<dyn ExecutionPlan> = Arc::new(fragment.at(&self.site, &parts, &task));
            Ok(Transformed::yes(placed))
        })?;
        let ids = global_output_partition_ids;
        let stage =
            self.ballista.create_query_stage_exec(job_id, stage_id, task_id, ids, placed.data, work_dir, config)?;
        Ok(Arc::new(Stage {
            ballista: stage,
            number: stage_id,
            running: self.site.running.clone(),
            done: OnceLock::new(),
        }))
    }
}

/// Ballista's execution of a task, when it is its turn, on an executor that leaves the cluster when its disk is full: it
/// would take task after task and fail each.
#[derive(Debug)]
struct Stage {
    ballista: Arc<dyn QueryStageExecutor>,
    number: usize,
    running: Arc<Semaphore>,
    /// What it wrote and how long it took.
    done: OnceLock<Done>,
}

#[derive(Debug)]
struct Done {
    bytes: u64,
    nanoseconds: u64,
}

/// The names of the counts of what a task wrote and how long it took, beside those of the operator that writes.
pub(crate) const TASK_BYTES: &str = "task_bytes";
pub(crate) const TASK_NANOSECONDS: &str = "task_nanoseconds";

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ballista.fmt(f)
    }
}

static LEAVES: AtomicBool = AtomicBool::new(false);

/// Whether this process's executor leaves the cluster for good.
pub(crate) fn leaves() -> bool {
    LEAVES.load(Ordering::Relaxed)
}

/// A count of this name.
pub(crate) fn count_metric(name: impl Into<Cow<'static, str>>, value: u64) -> Arc<Metric> {
    let count = Count::new();
    count.add(value as usize);
    Arc::new(Metric::new(MetricValue::Count { name: name.into(), count }, None))
}

/// How long the scheduler gets to learn that the executor leaves, before it learns that a task has failed.
const LEAVING: Duration = Duration::from_millis(700);

#[async_trait]
impl QueryStageExecutor for Stage {
    async fn execute_query_stage(
        &self,
        task_id: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<ShuffleWritePartition>> {
        // Closed it never is.
        let _turn = self.running.acquire().await;
        rehearsal::hold(self.number).await;
        let started = Instant::now();
        let result = self.ballista.execute_query_stage(task_id, context).await;
        let error = match &result {
            Ok(parts) => {
                let bytes = parts.iter().map(|part| part.num_bytes).sum();
                let _ = self.done.set(Done { bytes, nanoseconds: started.elapsed().as_nanos() as u64 });
                return result;
            }
            Err(error) => error,
        };
        if !format!("{error:?}").contains("StorageFull") {
            return result;
        }
        eprintln!("fuseline: the disk of the work folder is full; the executor leaves the cluster");
        LEAVES.store(true, Ordering::Relaxed);
        // SAFETY: a signal of this process to itself.
        unsafe { libc::raise(libc::SIGTERM) };
        tokio::time::sleep(LEAVING).await;
        // The task is tried again, elsewhere.
        Err(DataFusionError::IoError(std::io::ErrorKind::StorageFull.into()))
    }

    fn collect_plan_metrics(&self) -> Vec<MetricsSet> {
        let mut metrics = self.ballista.collect_plan_metrics();
        // The first operator is the one that writes.
        if let (Some(writer), Some(done)) = (metrics.first_mut(), self.done.get()) {
            for (name, value) in [(TASK_BYTES, done.bytes), (TASK_NANOSECONDS, done.nanoseconds)] {
                writer.push(count_metric(name, value));
            }
        }
        metrics
    }

    fn collect_runtime_stats_reports(&self) -> Vec<RuntimeStatsReport> {
        self.ballista.collect_runtime_stats_reports()
    }

    fn collect_window_state_reports(&self) -> Result<Vec<WindowStateReport>> {
        self.ballista.collect_window_state_reports()
    }

    fn collect_column_stats(&self) -> Vec<TaskColumnStats> {
        self.ballista.collect_column_stats()
    }
}
