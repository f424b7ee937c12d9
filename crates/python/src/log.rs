//! What compiled code prints goes to Python's logger `fuseline`: lines of `print` as information, those of `logging` with
//! their level. Knows nothing of who ran the code.

use pyo3::prelude::*;

/// The level of what was printed: `logging.INFO`.
const PRINTED: i64 = 20;

/// Takes the log over; called once, when the module is loaded.
pub fn take_over() {
    runtime::log::set_sink(|level, text| {
        // A failing handler must not end the kernel; Python shows its own errors of logging.
        let _ = Python::attach(|py| write(py, level, text));
    });
}

fn write(py: Python<'_>, level: i64, text: &str) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("fuseline",))?;
    let level = if level == 0 { PRINTED } else { level };
    let line = text.strip_suffix('\n').unwrap_or(text);
    logger.call_method1("log", (level, "%s", line))?;
    Ok(())
}
