//! Keeps an executor going: starts the process that does the work, starts it again when it dies, tells the scheduler at once,
//! and says which kernel it died in. The worker writes that into a file as its last act.

use std::fs::File;
use std::os::fd::IntoRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::ExecutorStoppedParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::channel;
use crate::executor::{ExecutorOptions, stack_environment};
use crate::service::ClusterClient;

/// The name of a worker, given to it by its supervisor.
const WORKER: &str = "FUSELINE_WORKER";

/// Where a worker writes which kernel it dies in.
const CRASH_FILE: &str = "FUSELINE_CRASH_FILE";

/// Workers that die this soon after their start, one after the other, are not started again.
const SHORT_LIFE: Duration = Duration::from_secs(2);
const SHORT_LIVES_MAX: usize = 10;

/// How a worker ends that was asked to, or that has lost its scheduler: then another one is started, and waits for the
/// scheduler to come back.
pub(crate) const SCHEDULER_LOST: i32 = 75;

/// The name that the supervisor gave to this process, if it is a worker.
pub(crate) fn worker_name() -> Option<String> {
    std::env::var(WORKER).ok()
}

/// Runs workers until one ends as it was asked to, or cannot begin.
pub(crate) async fn supervise(options: &ExecutorOptions) -> engine::Result<()> {
    let failed = |error: std::io::Error| engine::Error::engine(format!("cannot run a worker: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    std::fs::create_dir_all(&options.work_dir).map_err(|error| {
        engine::Error::engine(format!("cannot make the folder `{}`: {error}", options.work_dir.display()))
    })?;
    let crash_file = options.work_dir.join("crash");
    let mut short_lives = 0;
    let (mut has_served, mut asked) = (false, false);
    for number in 0.. {
        let name = format!("{}-{}-{number}", options.host, std::process::id());
        let _ = std::fs::remove_file(&crash_file);
        let started = Instant::now();
        let mut worker = start_worker(&name, &crash_file).map_err(failed)?;
        let status = loop {
            if let Some(status) = worker.try_wait().map_err(failed)? {
                break status;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(20)) => continue,
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            asked = true;
            send_terminate(&worker);
        };
        if asked {
            return Ok(());
        }
        let Some(signal) = status.signal() else {
            has_served |= status.code() == Some(SCHEDULER_LOST);
            if status.success() || !has_served {
                return ended(status);
            }
            eprintln!("fuseline: the scheduler cannot be reached; a new worker waits for it");
            continue;
        };
        tell(options, &name, signal, &crash_file).await;
        short_lives = if started.elapsed() < SHORT_LIFE { short_lives + 1 } else { 0 };
        if short_lives > SHORT_LIVES_MAX {
            return Err(engine::Error::engine(format!(
                "workers die as soon as they start, the last of signal {signal}"
            )));
        }
    }
    Ok(())
}

fn ended(status: ExitStatus) -> engine::Result<()> {
    if status.success() {
        return Ok(());
    }
    // It has said why itself.
    Err(engine::Error::engine("the worker ended with an error"))
}

/// This program again, as a worker.
fn start_worker(name: &str, crash_file: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    let (stack, bytes) = stack_environment();
    command.args(std::env::args_os().skip(1)).env(stack, bytes).env(WORKER, name).env(CRASH_FILE, crash_file);
    die_with_parent(&mut command);
    command.spawn()
}

/// Has the process die with the thread that starts it.
pub(crate) fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only this one system call is made.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

pub(crate) fn send_terminate(child: &Child) {
    // SAFETY: a signal to a child that has not been waited for goes to that child.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
}

/// Tells the scheduler that the worker is gone, and what it died in. A scheduler that cannot be reached notices the first
/// by itself.
async fn tell(options: &ExecutorOptions, name: &str, signal: i32, crash_file: &Path) {
    let reason = format!("the worker died of signal {signal}");
    eprintln!("fuseline: {reason} and is started again");
    let Ok(channel) = channel(&options.scheduler, options.tls.as_ref()) else { return };
    if let Some((hash, function)) = std::fs::read(crash_file).ok().and_then(|bytes| read_record(&bytes)) {
        eprintln!("fuseline: it died in the kernel of `{function}`");
        let _ = ClusterClient::new(channel.clone()).crashed(name, &hash, &function).await;
    }
    let stopped = ExecutorStoppedParams { executor_id: name.to_owned(), reason };
    let _ = SchedulerGrpcClient::new(channel).executor_stopped(stopped).await;
}

fn read_record(bytes: &[u8]) -> Option<([u8; 32], String)> {
    let (hash, name) = bytes.split_at_checked(32)?;
    Some((hash.try_into().ok()?, String::from_utf8_lossy(name).into_owned()))
}

static CRASH: AtomicI32 = AtomicI32::new(-1);

/// Has this process write which kernel it dies in, if it does.
pub(crate) fn record_crashes() -> std::io::Result<()> {
    let Some(path) = std::env::var_os(CRASH_FILE).map(PathBuf::from) else { return Ok(()) };
    CRASH.store(File::create(path)?.into_raw_fd(), Ordering::Relaxed);
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
        // SAFETY: the handler only makes system calls; the old disposition comes back before it returns, so that the
        // process dies of the signal. The alternative stack is that of Rust's own handler.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_crash as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
    Ok(())
}

extern "C" fn on_crash(_signal: libc::c_int) {
    let Some(current) = engine::kernel::current::current() else { return };
    let file = CRASH.load(Ordering::Relaxed);
    for bytes in [&current.hash[..], current.name_bytes()] {
        // SAFETY: the bytes are alive; a file that cannot be written is no worse than none.
        unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
    }
}
