//! Ctrl-C during a call of compiled code on this thread: a watchdog thread raises the cancel flag of calls that take
//! long, the compiled loop then asks [`poll`], and `poll` looks at Python's signals on the calling thread. A call that
//! is over within the first tick pays for two stores. Knows nothing of what is called.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

use pyo3::prelude::*;
use runtime::abi;

const TICK: Duration = Duration::from_millis(20);
/// Ticks without a call after which the watchdog sleeps until the next one.
const IDLE_TICKS_MAX: u32 = 50;

/// One thread's calls as the watchdog sees them.
#[derive(Default)]
pub struct Calls {
    /// Odd while a call runs.
    sequence: AtomicU64,
    /// What [`abi::Context::cancel`] points to.
    pub flag: AtomicU8,
}

struct Watchdog {
    threads: Mutex<Vec<Weak<Calls>>>,
    awake: AtomicBool,
    handle: OnceLock<Thread>,
}

static WATCHDOG: Watchdog =
    Watchdog { threads: Mutex::new(Vec::new()), awake: AtomicBool::new(false), handle: OnceLock::new() };

thread_local! {
    static CALLS: Arc<Calls> = register();
    /// What a signal handler raised during the call that runs on this thread.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

fn register() -> Arc<Calls> {
    let calls = Arc::new(Calls::default());
    WATCHDOG.threads.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&calls));
    WATCHDOG.handle.get_or_init(|| {
        let thread = std::thread::Builder::new().name("fuseline-watchdog".to_owned()).spawn(watch);
        // Without a watchdog everything works but Ctrl-C in a single long call.
        thread.map_or_else(|_| std::thread::current(), |handle| handle.thread().clone())
    });
    calls
}

/// This thread's entry.
pub fn calls() -> Arc<Calls> {
    CALLS.with(Arc::clone)
}

/// Marks a call as running until it is dropped.
pub struct Running<'a>(&'a Calls);

impl<'a> Running<'a> {
    pub fn new(calls: &'a Calls) -> Running<'a> {
        calls.flag.store(0, Ordering::Relaxed);
        // Sequentially consistent with the watchdog's going to sleep: one of the two sees the other.
        calls.sequence.fetch_add(1, Ordering::SeqCst);
        if !WATCHDOG.awake.load(Ordering::SeqCst)
            && let Some(thread) = WATCHDOG.handle.get()
        {
            thread.unpark();
        }
        Running(calls)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.sequence.fetch_add(1, Ordering::Release);
    }
}

fn watch() {
    let mut seen: Vec<(Weak<Calls>, u64)> = Vec::new();
    let mut idle_ticks = 0;
    WATCHDOG.awake.store(true, Ordering::SeqCst);
    loop {
        if idle_ticks > IDLE_TICKS_MAX {
            WATCHDOG.awake.store(false, Ordering::SeqCst);
            if !any_running() {
                std::thread::park();
            }
            WATCHDOG.awake.store(true, Ordering::SeqCst);
            idle_ticks = 0;
        }
        std::thread::sleep(TICK);
        idle_ticks += 1;
        let mut threads = WATCHDOG.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| thread.strong_count() > 0);
        let mut next = Vec::with_capacity(threads.len());
        for thread in threads.iter() {
            let Some(calls) = thread.upgrade() else { continue };
            let sequence = calls.sequence.load(Ordering::SeqCst);
            if sequence % 2 == 1 {
                idle_ticks = 0;
                if seen.iter().any(|(known, last)| known.ptr_eq(thread) && *last == sequence) {
                    calls.flag.store(1, Ordering::Relaxed);
                }
            }
            next.push((thread.clone(), sequence));
        }
        seen = next;
    }
}

fn any_running() -> bool {
    let threads = WATCHDOG.threads.lock().unwrap_or_else(PoisonError::into_inner);
    threads.iter().filter_map(Weak::upgrade).any(|calls| calls.sequence.load(Ordering::SeqCst) % 2 == 1)
}

/// [`abi::Context::poll`]: 1 when a signal handler raised.
///
/// # Safety
/// `context` is the context the calling kernel runs with; its flag is that of [`calls`].
pub unsafe extern "C" fn poll(context: *mut abi::Context) -> u8 {
    let look = || {
        // SAFETY: the caller's; the flag outlives the call.
        let flag = unsafe { (*context).cancel.as_ref() };
        if let Some(flag) = flag {
            flag.store(0, Ordering::Relaxed);
        }
        Python::attach(|py| match py.check_signals() {
            Ok(()) => 0,
            Err(error) => {
                RAISED.with(|raised| *raised.borrow_mut() = Some(error));
                1
            }
        })
    };
    // Nothing may unwind into compiled code.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(look)).unwrap_or(1)
}

/// What [`poll`] was told by a signal handler.
pub fn take_raised() -> Option<PyErr> {
    RAISED.with(|raised| raised.borrow_mut().take())
}
