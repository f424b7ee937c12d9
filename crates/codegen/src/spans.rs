//! Turning the status a kernel returns back into an exception: class, place in the Python source, message. Owns the
//! table of places of one kernel; knows nothing of how an error is shown.

use ir::{ExcClass, ExceptionTable, RaisedClass, Span};
use runtime::abi;

/// One place where an exception can start.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SpanEntry {
    pub span: Span,
    /// The message when it is known at compile time; `None`: [`abi::Context::message`] holds it.
    pub message: Option<String>,
}

/// The places of a kernel, by the number in the upper bits of a status.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpanTable {
    entries: Vec<SpanEntry>,
    /// The module's own classes of exceptions.
    exceptions: ExceptionTable,
}

/// An exception that left the entry function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    pub class: RaisedClass,
    pub span: Span,
    /// `str(e)`.
    pub message: String,
}

impl SpanTable {
    pub(crate) fn new(entries: Vec<SpanEntry>, exceptions: ExceptionTable) -> SpanTable {
        SpanTable { entries, exceptions }
    }

    /// The entry for where the exception started.
    pub fn entry(&self, status: abi::Status) -> Option<&SpanEntry> {
        let number = status >> abi::STATUS_START_BIT & ((1 << abi::STATUS_START_BITS) - 1);
        self.entries.get(number as usize)
    }

    /// The place that the user is shown: the one the exception was given, else where it started.
    fn place(&self, status: abi::Status) -> Option<Span> {
        let given = (status & !abi::STATUS_PLACELESS) >> abi::STATUS_GIVEN_BIT;
        match given.checked_sub(1) {
            Some(number) => self.entries.get(number as usize).map(|entry| entry.span),
            None => self.entry(status).map(|entry| entry.span),
        }
    }

    /// Class and place of the exception; `None` for `STATUS_OK` and `STATUS_CANCELLED`.
    pub fn class_and_span(&self, status: abi::Status) -> Option<(RaisedClass, Span)> {
        if status == abi::STATUS_OK || status == abi::STATUS_CANCELLED {
            return None;
        }
        let class = ExcClass::from_code((status & 0xff) as u8)?;
        Some((self.exceptions.raised(class), self.place(status)?))
    }

    /// The whole exception, with the dynamic message read from `ctx`: call it before the arena is reset and before the
    /// next row runs.
    ///
    /// # Safety
    /// `ctx` is the context the kernel just ran with, and its message, when set, is alive.
    pub unsafe fn raised(&self, status: abi::Status, ctx: &abi::Context) -> Option<Raised> {
        let (class, span) = self.class_and_span(status)?;
        let message = match &self.entry(status)?.message {
            Some(text) => text.clone(),
            // SAFETY: the caller vouches for the message.
            None => unsafe { text_of(&ctx.message) },
        };
        Some(Raised { class, span, message })
    }
}

/// The text of a string, empty when its address is null.
///
/// # Safety
/// The string's bytes are alive.
pub(crate) unsafe fn text_of(text: &abi::Str) -> String {
    if text.data.is_null() {
        return String::new();
    }
    let length_bytes = (text.length & !ir::layout::STR_ASCII_BIT) as usize;
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.data, length_bytes) };
    String::from_utf8_lossy(bytes).into_owned()
}
