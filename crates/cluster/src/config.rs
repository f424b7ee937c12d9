//! Settings of Ballista that all parts of a cluster share, each with its reason.

use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, BALLISTA_CLIENT_IO_RETRIES_TIMES,
    BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, BALLISTA_CLIENT_USE_TLS, BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK,
    BALLISTA_SHUFFLE_COMPRESSION_CODEC,
};
use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;

use crate::tls::Tls;

/// The largest message between the processes: batches in memory travel inside the plan.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Settings that differ from Ballista's own.
pub(crate) fn settings(tls: bool) -> Vec<(&'static str, String)> {
    let off = || "false".to_owned();
    vec![
        // It drops operators it does not know, and does not recover a lost executor.
        (BALLISTA_ADAPTIVE_PLANNER_ENABLED, off()),
        // How a source is cut into parts is decided by the client: other parts would be other bits, and other row numbers.
        ("datafusion.optimizer.repartition_file_scans", off()),
        ("datafusion.optimizer.enable_round_robin_repartition", off()),
        ("datafusion.optimizer.repartition_aggregations", off()),
        ("datafusion.optimizer.repartition_joins", off()),
        ("datafusion.optimizer.repartition_sorts", off()),
        ("datafusion.optimizer.repartition_windows", off()),
        // A part is the unit of recovery and of balance.
        (BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, "1".to_owned()),
        (BALLISTA_CLIENT_GRPC_MAX_MESSAGE_SIZE, MESSAGE_BYTES_MAX.to_string()),
        // A lost executor is noticed by the scheduler; waiting long for its files only delays that.
        (BALLISTA_CLIENT_IO_RETRIES_TIMES, "3".to_owned()),
        (BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, "200".to_owned()),
        (BALLISTA_CLIENT_USE_TLS, tls.to_string()),
    ]
}

/// Settings of jobs whose rows stay where they were made: read again and again, they are kept as they are in memory.
pub(crate) fn settings_of_kept() -> (&'static str, String) {
    (BALLISTA_SHUFFLE_COMPRESSION_CODEC, "none".to_owned())
}

/// The configuration of a task or a scheduler's session.
pub(crate) fn session_config(tls: Option<&Tls>) -> SessionConfig {
    let mut config = SessionConfig::new_with_ballista();
    for (key, value) in settings(tls.is_some()) {
        // The keys are constants of Ballista's; one that it does not know would fail every test.
        if let Err(error) = config.options_mut().set(key, &value) {
            log_setting(key, &error);
        }
    }
    match tls {
        Some(tls) => {
            config.with_ballista_override_create_grpc_client_endpoint(tls.endpoints()).with_ballista_use_tls(true)
        }
        None => config,
    }
}

fn log_setting(key: &str, error: &datafusion::error::DataFusionError) {
    eprintln!("fuseline: the setting `{key}` is not taken: {error}");
}
