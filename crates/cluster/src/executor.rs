//! The executor: Ballista's, with our codec and our engine, its work folder and its threads.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::config::LogRotationPolicy;
use ballista_core::utils::GrpcServerConfig;
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::execution_engine::DefaultExecutionEngine;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::shutdown::Shutdown;

use datafusion::execution::runtime_env::RuntimeEnvBuilder;

use crate::client::{channel, patient};
use crate::codec::WireCodec;
use crate::config::{MESSAGE_BYTES_MAX, session_config};
use crate::scheduler::{check_security, policy};
use crate::service::{ClusterClient, HelloError};
use crate::site::{Engine, Site};
use crate::supervisor::worker_name;
use crate::tls::Tls;

/// How an executor runs.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// `host:port`
    pub scheduler: String,
    /// Where it listens for the others.
    pub bind: IpAddr,
    /// The name under which the others reach it.
    pub host: String,
    /// Parts it works on at a time.
    pub threads: usize,
    /// Memory for sorts, joins and aggregations before they write to disk.
    pub memory_bytes_max: Option<u64>,
    /// Where it keeps what it made until somebody has read it.
    pub work_dir: PathBuf,
    pub tls: Option<Tls>,
    pub heartbeat_seconds: u64,
    /// How long compiling a function may take before it is an error.
    pub compile_seconds: u64,
    /// How long it waits for the scheduler at the start.
    pub connect_seconds: u16,
}

/// Tasks that the scheduler hands out for each thread: while one runs the next one is there already. [`Engine`] runs only
/// as many at a time as there are threads.
const TASKS_PER_THREAD: usize = 2;

/// The stack of every thread: compiled functions that recurse may use most of it. Ballista makes the threads, so it is
/// set for the process by [`stack_environment`].
const THREAD_STACK_BYTES: usize = 24 << 20;

/// The environment variable that an executor's process has to be started with.
pub(crate) fn stack_environment() -> (&'static str, String) {
    ("RUST_MIN_STACK", THREAD_STACK_BYTES.to_string())
}

/// Runs until the process is told to stop; tasks that run are finished first.
pub async fn run_executor(options: ExecutorOptions) -> engine::Result<()> {
    check_security(&SocketAddr::new(options.bind, 0), options.tls.is_some())?;
    let Some((scheduler_host, scheduler_port)) = options.scheduler.rsplit_once(':') else {
        return Err(engine::Error::plan(format!("`{}` is not `HOST:PORT`", options.scheduler)));
    };
    let scheduler_port = scheduler_port
        .parse()
        .map_err(|_| engine::Error::plan(format!("`{}` is not `HOST:PORT`", options.scheduler)))?;
    engine::kernel::set_compile_time_max(Duration::from_secs(options.compile_seconds));
    let shuffle_dir = make_folder(&options.work_dir, "shuffle")?;
    let spill_dir = make_folder(&options.work_dir, "spill")?;
    let (port, grpc_port) = (free_port(options.bind)?, free_port(options.bind)?);
    let executor_id = worker_name().unwrap_or_else(|| format!("{}-{}", options.host, std::process::id()));
    let scheduler = ClusterClient::new(channel(&options.scheduler, options.tls.as_ref())?);
    // A scheduler that is not there yet is waited for below.
    if let Err(HelloError::Version(error)) = scheduler.hello().await {
        return Err(error);
    }
    let site =
        Arc::new(Site::new(scheduler, executor_id.clone(), options.threads, shuffle_dir.clone(), options.tls.clone()));
    let producer_tls = options.tls.clone();
    let config = ExecutorProcessConfig {
        executor_id,
        bind_host: options.bind.to_string(),
        external_host: Some(options.host.clone()),
        port,
        grpc_port,
        scheduler_host: scheduler_host.to_owned(),
        scheduler_port,
        scheduler_connect_timeout_seconds: options.connect_seconds,
        vcores: options.threads.max(1) * TASKS_PER_THREAD,
        task_scheduling_policy: policy(options.tls.is_some()),
        log_rotation_policy: LogRotationPolicy::Never,
        work_dir: Some(shuffle_dir.to_string_lossy().into_owned()),
        job_data_clean_up_interval_seconds: 600,
        job_data_ttl_seconds: 24 * 3600,
        grpc_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        executor_heartbeat_interval_seconds: options.heartbeat_seconds,
        // Ballista gives each task its share of this; those that wait need none.
        memory_pool_size: Some(options.memory_bytes_max.unwrap_or(0).saturating_mul(TASKS_PER_THREAD as u64)),
        override_execution_engine: Some(Arc::new(Engine { site, ballista: DefaultExecutionEngine::new() })),
        override_config_producer: Some(Arc::new(move || session_config(producer_tls.as_ref()))),
        override_runtime_producer: Some(Arc::new(move |_| {
            RuntimeEnvBuilder::new().with_temp_file_path(spill_dir.clone()).build_arc()
        })),
        override_physical_codec: Some(Arc::new(WireCodec::default())),
        override_arrow_flight_service: options.tls.clone().map(flight_service),
        override_create_grpc_client_endpoint: Some(match &options.tls {
            Some(tls) => tls.endpoints(),
            None => Arc::new(|endpoint| Ok(patient(endpoint))),
        }),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(config))
        .await
        .map_err(|error| engine::Error::engine(format!("the executor stopped: {error}")))
}

fn make_folder(parent: &Path, name: &str) -> engine::Result<PathBuf> {
    let folder = parent.join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| engine::Error::engine(format!("cannot make the folder `{}`: {error}", folder.display())))?;
    Ok(folder)
}

/// A port that nobody listens at now.
fn free_port(address: IpAddr) -> engine::Result<u16> {
    let found = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
    found.map(|address| address.port()).map_err(|error| engine::Error::engine(format!("no free port: {error}")))
}

/// The service by which the others fetch what this executor made, with TLS.
fn flight_service(tls: Tls) -> Arc<ArrowFlightServerProvider> {
    Arc::new(move |work_dir: String, address: SocketAddr, mut shutdown: Shutdown, _config: GrpcServerConfig| {
        let tls = tls.server();
        tokio::spawn(async move {
            let service = FlightServiceServer::new(BallistaFlightService::new(work_dir))
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX);
            let mut server = tonic::transport::Server::builder().tls_config(tls)?.timeout(Duration::from_secs(600));
            server.add_service(service).serve_with_shutdown(address, shutdown.recv()).await?;
            Ok(())
        })
    })
}
