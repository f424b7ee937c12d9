//! How a runtime function that takes long notices that its call shall stop, and one that calls itself that the stack is
//! used up: both look at the context they were called with. Knows nothing of what takes so long or goes so deep.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering;

use crate::abi::{Context, STATUS_CANCELLED, Status};
use crate::exc::{ExcClass, Raised, raised};

/// The text of a `RecursionError`.
const RECURSION: &str = "maximum recursion depth exceeded";

thread_local! {
    /// The context of the interruptible function that runs on this thread; null when none does.
    static CONTEXT: Cell<*mut Context> = const { Cell::new(ptr::null_mut()) };
    static STOPPED: Cell<bool> = const { Cell::new(false) };
    static TOO_DEEP: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function of the convention `Interruptible`.
///
/// # Safety
/// `context` is valid until the function returns.
pub(crate) unsafe fn watching(context: *mut Context, run: impl FnOnce() -> Status) -> Status {
    // A signal handler may call compiled code while this call polls, so there may be one around it.
    let around = CONTEXT.replace(context);
    let stopped_around = STOPPED.replace(false);
    let status = run();
    CONTEXT.set(around);
    if STOPPED.replace(stopped_around) { STATUS_CANCELLED } else { status }
}

/// Whether the stack is used up. Whoever asks then returns anything: [`unless_too_deep`] raises.
pub(crate) fn is_too_deep() -> bool {
    let here = 0u8;
    let context = CONTEXT.get();
    // SAFETY: `watching` vouches for the context as long as it is set.
    let found = unsafe { context.as_ref() };
    let is_so = found.is_some_and(|context| (&raw const here as usize) < context.stack_limit);
    if is_so {
        TOO_DEEP.set(true);
    }
    is_so
}

/// What `run` gives, or `RecursionError` when [`is_too_deep`] said so on the way.
pub(crate) fn unless_too_deep<T>(run: impl FnOnce() -> T) -> Result<T, Raised> {
    TOO_DEEP.set(false);
    let value = run();
    if TOO_DEEP.replace(false) { Err(raised(ExcClass::RecursionError, RECURSION)) } else { Ok(value) }
}

/// Whether the function that runs shall stop. It then returns any error: nobody sees it.
pub(crate) fn is_requested() -> bool {
    let context = CONTEXT.get();
    // SAFETY: `watching` vouches for the context as long as it is set.
    let Some(found) = (unsafe { context.as_ref() }) else { return false };
    // SAFETY: a context's flag outlives it.
    let flag = unsafe { found.cancel.as_ref() };
    if flag.is_none_or(|flag| flag.load(Ordering::Relaxed) == 0) {
        return false;
    }
    // SAFETY: the context that the calling kernel runs with, as `poll` wants it.
    let stops = found.poll.is_none_or(|poll| unsafe { poll(context) } != 0);
    STOPPED.set(stops);
    stops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{STATUS_OK, Str};
    use std::sync::atomic::AtomicU8;

    unsafe extern "C" fn go_on(context: *mut Context) -> u8 {
        // SAFETY: the context of the test.
        unsafe { (*(*context).cancel).store(0, Ordering::Relaxed) };
        0
    }

    #[test]
    fn the_flag_is_seen_and_poll_decides() {
        let flag = AtomicU8::new(0);
        let mut context = Context {
            arena: ptr::null_mut(),
            captures: ptr::null(),
            stack_limit: 0,
            cancel: &raw const flag,
            message: Str { data: ptr::null(), length: 0 },
            poll: None,
            object: ptr::null(),
        };
        let mut run = |poll: Option<crate::abi::Poll>| {
            context.poll = poll;
            flag.store(1, Ordering::Relaxed);
            // SAFETY: the context lives on.
            unsafe { watching(&raw mut context, || if is_requested() { 15 } else { STATUS_OK }) }
        };
        assert_eq!(run(None), STATUS_CANCELLED);
        assert_eq!(run(Some(go_on)), STATUS_OK);
        assert!(!is_requested(), "nothing runs any more");
    }
}
