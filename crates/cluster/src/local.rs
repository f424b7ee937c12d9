//! A whole cluster on this machine: a scheduler in this process, executors in processes of their own.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::LogFormat;
use crate::scheduler::{Ready, SchedulerOptions, run_scheduler};
use crate::supervisor::{die_with_parent, send_terminate};

/// How a local cluster runs.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    pub executors: usize,
    /// Threads of each executor.
    pub threads: usize,
    pub memory_bytes_max: Option<u64>,
    /// Where the executors keep their files, each in a folder of its own.
    pub work_dir: PathBuf,
    pub heartbeat_seconds: u64,
    pub scheduler: SchedulerOptions,
    /// The program that runs an executor when called with the arguments of `fuseline executor`.
    pub program: PathBuf,
}

/// Executors that were started; they end with it.
pub struct LocalCluster {
    executors: Vec<Child>,
}

impl LocalCluster {
    /// Starts executors for the scheduler at this address.
    pub fn start(options: &LocalOptions, log: LogFormat, scheduler: SocketAddr) -> engine::Result<LocalCluster> {
        let mut cluster = LocalCluster { executors: Vec::new() };
        for index in 0..options.executors {
            let folder = options.work_dir.join(format!("executor-{index}"));
            let mut command = Command::new(&options.program);
            command
                .arg("executor")
                .args(["--scheduler", &scheduler.to_string()])
                .args(["--threads", &options.threads.to_string()])
                .arg("--work-dir")
                .arg(&folder)
                .args(["--heartbeat", &options.heartbeat_seconds.to_string()])
                .args(["--log", log.name()])
                .stdin(Stdio::null());
            if let Some(bytes) = options.memory_bytes_max {
                command.args(["--memory", &bytes.to_string()]);
            }
            die_with_parent(&mut command);
            let child = command.spawn().map_err(|error| {
                engine::Error::engine(format!("cannot start `{}`: {error}", options.program.display()))
            })?;
            cluster.executors.push(child);
        }
        Ok(cluster)
    }

    /// Runs a scheduler and its executors until `stop` is ready.
    pub async fn run(
        options: LocalOptions,
        log: LogFormat,
        ready: impl FnOnce(Ready),
        stop: impl Future<Output = ()>,
    ) -> engine::Result<()> {
        let mut cluster = None;
        let mut failed = None;
        let started = |started: Ready| {
            match LocalCluster::start(&options, log, started.address) {
                Ok(started) => cluster = Some(started),
                Err(error) => failed = Some(error),
            }
            ready(started);
        };
        let served = run_scheduler(options.scheduler.clone(), started, stop).await;
        drop(cluster);
        served.and(failed.map_or(Ok(()), Err))
    }
}

/// How long executors get to finish.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

impl Drop for LocalCluster {
    fn drop(&mut self) {
        for executor in &self.executors {
            send_terminate(executor);
        }
        let started = Instant::now();
        for executor in &mut self.executors {
            while started.elapsed() < STOP_PATIENCE && matches!(executor.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = executor.kill();
            let _ = executor.wait();
        }
    }
}
