//! Where `print` and `logging` of compiled code go: to whoever took the log, else to standard error. One log a process, for
//! kernels run on many threads and know nothing of who started them.

use std::io::Write;
use std::sync::RwLock;

/// Takes a line and its level, as `logging` numbers them; 0 for what was printed.
pub type Sink = fn(level: i64, text: &str);

static SINK: RwLock<Option<Sink>> = RwLock::new(None);

/// Sends what compiled code prints from now on to this function.
pub fn set_sink(sink: Sink) {
    if let Ok(mut known) = SINK.write() {
        *known = Some(sink);
    }
}

/// Writes a text to the log.
pub fn write(level: i64, text: &str) {
    let sink = SINK.read().ok().and_then(|sink| *sink);
    match sink {
        Some(sink) => sink(level, text),
        // Best effort: a closed standard error must not end the program.
        None => drop(std::io::stderr().lock().write_all(text.as_bytes())),
    }
}
