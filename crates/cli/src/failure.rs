//! What stops a command other than the program's own diagnostics: wrong usage, a file, the machine.

use std::path::Path;

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The reader of the output has closed it.
    OutputClosed,
    Message {
        text: String,
        help: Option<String>,
    },
}

impl Failure {
    pub fn new(text: impl Into<String>) -> Failure {
        Failure::Message { text: text.into(), help: None }
    }

    pub fn with_help(text: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::Message { text: text.into(), help: Some(help.into()) }
    }

    /// A file operation that failed: `cannot read `a.py`: no such file or directory`.
    pub fn file(action: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot {action} `{}`: {}", path.display(), reason(error)))
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Failure {
        let (text, help) = match error {
            engine::Error::Engine(error) => (error.message, error.hint),
            engine::Error::Plan(error) => (error.message, error.hint),
            other => (other.to_string(), None),
        };
        Failure::Message { text, help }
    }
}

/// The system's message without Rust's `(os error 2)`, lowercase as all messages are.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = plain.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
