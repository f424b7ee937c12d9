//! The scheduler: Ballista's, with our codec, our own service beside it, and TLS where it is asked for. It loads neither
//! Python nor compiles anything: fragments are bytes to it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::utils::default_session_builder;
use ballista_scheduler::api::get_routes;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::create_scheduler;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tonic::codegen::{Service, http};
use tonic::service::{AxumBody, AxumRouter, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::codec::WireCodec;
use crate::config::{MESSAGE_BYTES_MAX, session_config};
use crate::placement::Placement;
use crate::service::{ClusterServer, Ledger};
use crate::tls::Tls;
use crate::watchdog::watch;

/// How a scheduler runs.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// The name under which executors reach it.
    pub host: String,
    pub tls: Option<Tls>,
    /// How long an executor may be silent before its work is given to others.
    pub executor_timeout_seconds: u64,
    /// Executors that the cluster is complete with.
    pub executors_expected: usize,
}

impl Default for SchedulerOptions {
    fn default() -> SchedulerOptions {
        SchedulerOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 50050)),
            host: "127.0.0.1".to_owned(),
            tls: None,
            executor_timeout_seconds: 20,
            executors_expected: 1,
        }
    }
}

/// A scheduler that takes connections.
pub struct Ready {
    pub address: SocketAddr,
    /// Whether all executors that were expected are there.
    pub complete: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// How long a finished job can be looked at. Its plan is kept as long, and with it the rows in memory that it reads.
const FORGET_SECONDS: u64 = 300;

/// Jobs of clients that went away without cleaning up leave their files this long.
const ABANDONED_SECONDS: u64 = 6 * 3600;

/// Runs until `stop` is ready. `ready` is called once connections are taken.
pub async fn run_scheduler(
    options: SchedulerOptions,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()>,
) -> engine::Result<()> {
    check_security(&options.address, options.tls.is_some())?;
    let listener = TcpListener::bind(options.address).await.map_err(|error| {
        engine::Error::engine(format!("the scheduler cannot listen at {}: {error}", options.address))
    })?;
    let address = listener.local_addr().map_err(|error| engine::Error::engine(error.to_string()))?;
    let scheduler = ballista(&options, address).await?;
    let ledger = Arc::new(Ledger::default());
    let watched = watch(scheduler.clone());
    let complete = {
        let scheduler = scheduler.clone();
        Arc::new(move || scheduler.is_ready())
    };
    let failed = |error: tonic::transport::Error| engine::Error::engine(format!("the scheduler failed: {error:?}"));

    let grpc = SchedulerGrpcServer::new(scheduler.clone())
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let api = get_routes(Arc::new(scheduler));
    let api = api.clone().route_service("/metrics", MetricsPage { api });
    let routes = Routes::from(api).add_service(grpc).add_service(ClusterServer { ledger });
    let mut server = Server::builder().accept_http1(true);
    if let Some(tls) = &options.tls {
        server = server.tls_config(tls.server()).map_err(failed)?;
    }
    ready(Ready { address, complete });
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = server.add_routes(routes).serve_with_incoming(incoming);
    // Connections that stay open must not keep a scheduler that was told to stop.
    tokio::select! {
        served = serving => served.map_err(failed),
        () = watched => Ok(()),
        () = stop => Ok(()),
    }
}

/// Ballista's page for Prometheus, under the name where Prometheus looks.
#[derive(Clone)]
struct MetricsPage {
    api: AxumRouter,
}

impl Service<http::Request<AxumBody>> for MetricsPage {
    type Response = http::Response<AxumBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<AxumBody>) -> Self::Future {
        *request.uri_mut() = http::Uri::from_static("/api/metrics");
        Box::pin(Service::call(&mut self.api, request))
    }
}

async fn ballista(
    options: &SchedulerOptions,
    address: SocketAddr,
) -> engine::Result<SchedulerServer<LogicalPlanNode, PhysicalPlanNode>> {
    let tls = options.tls.clone();
    let producer = {
        let tls = tls.clone();
        Arc::new(move || session_config(tls.as_ref()))
    };
    let config = SchedulerConfig {
        external_host: options.host.clone(),
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        scheduling_policy: policy(tls.is_some()),
        task_distribution: TaskDistributionPolicy::Custom(Arc::new(Placement)),
        finished_job_data_clean_up_interval_seconds: ABANDONED_SECONDS,
        finished_job_state_clean_up_interval_seconds: FORGET_SECONDS,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_client_max_message_size: MESSAGE_BYTES_MAX as u32,
        executor_timeout_seconds: options.executor_timeout_seconds,
        expire_dead_executor_interval_seconds: 1,
        no_executors_grace_period_seconds: options.executor_timeout_seconds + 10,
        min_ready_executors: options.executors_expected,
        override_config_producer: Some(producer.clone()),
        override_physical_codec: Some(Arc::new(WireCodec::default())),
        override_create_grpc_client_endpoint: tls.as_ref().map(Tls::endpoints),
        use_tls: tls.is_some(),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_memory(format!("{address}"), Arc::new(default_session_builder), producer);
    create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config))
        .await
        .map_err(|error| engine::Error::engine(format!("the scheduler cannot start: {error}")))
}

/// Ballista cannot encrypt what it pushes to executors, so with TLS they come and ask.
pub(crate) fn policy(tls: bool) -> TaskSchedulingPolicy {
    if tls { TaskSchedulingPolicy::PullStaged } else { TaskSchedulingPolicy::PushStaged }
}

/// Whoever reaches a cluster can run code in it, so beyond this machine it has to show a certificate.
pub(crate) fn check_security(address: &SocketAddr, tls: bool) -> engine::Result<()> {
    if tls || address.ip().is_loopback() {
        return Ok(());
    }
    Err(engine::Error::engine_hint(
        format!("without TLS a cluster only listens on this machine, not at {address}"),
        "make certificates with `fuseline certs FOLDER --host NAME` and start every process with `--tls FOLDER`",
    ))
}
