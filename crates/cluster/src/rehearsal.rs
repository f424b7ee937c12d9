//! Faults on demand, for the tests: a kernel that crashes, a stage that waits, another version. Does nothing unless the environment says so.

use std::path::PathBuf;
use std::time::Duration;

use engine::wire::Hash;

/// Names a function whose kernel crashes this process.
const CRASH_IN: &str = "FUSELINE_TEST_CRASH_IN";

/// Names a folder; while it holds a file `stage-N`, no task of a stage with that number begins.
const HOLD: &str = "FUSELINE_TEST_HOLD";

/// The version of the plans that this process pretends to know.
const VERSION: &str = "FUSELINE_TEST_VERSION";

/// The version that the environment names, or else this one.
pub(crate) fn version(real: u64) -> u64 {
    std::env::var(VERSION).ok().and_then(|text| text.parse().ok()).unwrap_or(real)
}

/// Crashes in the kernel of the function that the environment names.
pub(crate) fn crash(functions: &[(String, Hash)]) {
    let Ok(name) = std::env::var(CRASH_IN) else { return };
    if let Some((name, hash)) = functions.iter().find(|(found, _)| *found == name) {
        engine::kernel::current::enter(name, hash);
        std::process::abort();
    }
}

/// Returns when a task of the stage may begin.
pub(crate) async fn hold(stage: usize) {
    let Some(folder) = std::env::var_os(HOLD).map(PathBuf::from) else { return };
    let file = folder.join(format!("stage-{stage}"));
    while file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
