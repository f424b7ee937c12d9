//! A diagnostic as plain data. Rendering with source and carets is `render`; the faces choose the form.

/// Where a diagnostic points: byte offsets into a source file's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Index into [`crate::program::Program::files`].
    pub file: usize,
    pub start: u32,
    pub end: u32,
}

/// One problem in the user's program, with what a person needs to mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Stable code, such as `unsupported-statement`; documented in docs/errors.
    pub code: &'static str,
    /// One line, lowercase, no full stop.
    pub message: String,
    pub place: Place,
    /// Further places with a note each, such as "`x` is a `str` here".
    pub labels: Vec<(Place, String)>,
    /// What to write instead.
    pub help: Option<String>,
}

/// The code for a parameter whose type nothing tells: no annotation, no signature, no argument. Checking a file shows it
/// as a note, because the calls may tell it later.
pub const NEEDS_TYPE: &str = "needs-type";
