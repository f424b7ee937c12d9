//! The processes of a cluster from their first line to their last: threads, log, signals. What the command line and the
//! Python package call.

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::executor::{ExecutorOptions, run_executor};
use crate::local::{LocalCluster, LocalOptions};
use crate::scheduler::{Ready, SchedulerOptions, run_scheduler};
use crate::site;
use crate::supervisor::{SCHEDULER_LOST, record_crashes, supervise, worker_name};

/// How the log is written to standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl LogFormat {
    /// As the option `--log` names it.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

/// `FUSELINE_LOG` says how much is written, as in `info` or `warn,ballista_scheduler=debug`.
fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("FUSELINE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that was started before stays as it is.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

fn run<T>(future: impl Future<Output = engine::Result<T>>) -> engine::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| engine::Error::engine(format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The thread that starts a worker lives as long as it: the worker dies with that thread.
fn run_on_this_thread<T>(future: impl Future<Output = engine::Result<T>>) -> engine::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| engine::Error::engine(format!("cannot start: {error}")))?;
    runtime.block_on(future)
}

/// Ready when the process is asked to end.
async fn stop_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Tells on standard output where the cluster is, for people and for whoever started it.
fn announce(address: SocketAddr) {
    println!("fuseline://{address}");
    let _ = std::io::stdout().flush();
}

/// `fuseline scheduler`.
pub fn scheduler(options: SchedulerOptions, log: LogFormat) -> engine::Result<()> {
    start_log(log);
    run(run_scheduler(options, |ready: Ready| announce(ready.address), stop_signal()))
}

/// `fuseline executor`.
pub fn executor(options: ExecutorOptions, log: LogFormat) -> engine::Result<()> {
    start_log(log);
    if worker_name().is_none() {
        return run_on_this_thread(supervise(&options));
    }
    record_crashes().map_err(|error| engine::Error::engine(format!("cannot write into the work folder: {error}")))?;
    run(run_executor(options))?;
    if !site::leaves() {
        // Asked to end, which the supervisor knows, or the scheduler could not be reached for a while.
        std::process::exit(SCHEDULER_LOST);
    }
    Ok(())
}

/// `fuseline cluster`: ready when all executors are.
pub fn local(options: LocalOptions, log: LogFormat) -> engine::Result<()> {
    start_log(log);
    run(async move {
        let ready = move |ready: Ready| {
            tokio::spawn(async move {
                while !(ready.complete)() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                announce(ready.address);
            });
        };
        LocalCluster::run(options, log, ready, stop_signal()).await
    })
}

/// `fuseline certs`.
pub fn certs(folder: &Path, hosts: &[String]) -> engine::Result<()> {
    crate::certs::create(folder, hosts)
}
