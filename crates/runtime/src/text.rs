//! Borrowed text with what is known about it. Owns the translation from and to the `str` of the ABI.

use std::ops::Deref;

use crate::abi::{STR_ASCII_BIT, Str};

/// A string slice and whether all of it is known to be ASCII; then positions are byte offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<'a> {
    text: &'a str,
    ascii: bool,
}

impl<'a> Text<'a> {
    /// Text about which nothing is known yet.
    pub fn new(text: &'a str) -> Self {
        Text { text, ascii: text.is_ascii() }
    }

    /// A part of this text, or anything else made only of its characters.
    pub fn part(self, text: &'a str) -> Self {
        // Looking again lets the ASCII parts of a mixed string be fast from here on.
        Text { text, ascii: self.ascii || text.is_ascii() }
    }

    /// The text itself, with its own lifetime.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// True when every character is known to be ASCII; false when not known.
    pub fn is_known_ascii(self) -> bool {
        self.ascii
    }

    /// Text that came through the ABI.
    ///
    /// # Safety
    /// `length` bytes at `data` are UTF-8 and live for `'a`; `data` may be anything when there are none.
    pub unsafe fn from_abi(data: *const u8, length: u64) -> Self {
        let bytes = (length & !STR_ASCII_BIT) as usize;
        if bytes == 0 || data.is_null() {
            return Text { text: "", ascii: true };
        }
        // SAFETY: promised by the caller; data is not null.
        let text = unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(data, bytes)) };
        Text { text, ascii: length & STR_ASCII_BIT != 0 }
    }

    /// The same text for the ABI. It must not outlive the memory behind it.
    pub fn to_abi(self) -> Str {
        Str { data: self.text.as_ptr(), length: self.text.len() as u64 | if self.ascii { STR_ASCII_BIT } else { 0 } }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::new(text)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}
