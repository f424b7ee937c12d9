//! Writing and reading the small values that payloads are made of. Reading never panics and allocates in proportion to
//! the input, whatever the bytes are.

use crate::error::{Error, Result};

/// Bytes in the making.
#[derive(Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// Seven bits a byte, low ones first.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// Eight bytes, little-endian.
    pub fn word(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn block(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.block(text.as_bytes());
    }

    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Writer, T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }
}

/// What is left of the bytes.
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(malformed()) }
    }

    pub fn raw(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8> {
        self.raw(1)?.first().copied().ok_or_else(malformed)
    }

    pub fn flag(&mut self) -> Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed()),
        }
    }

    pub fn number(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(malformed());
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    /// A number of things of at least one byte each, so that it cannot be larger than what is left.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.number()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.bytes.len() => Ok(count),
            _ => Err(malformed()),
        }
    }

    pub fn word(&mut self) -> Result<u64> {
        let bytes = self.raw(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| malformed())?))
    }

    pub fn hash(&mut self) -> Result<[u8; 32]> {
        self.raw(32)?.try_into().map_err(|_| malformed())
    }

    pub fn block(&mut self) -> Result<&'a [u8]> {
        let count = self.count()?;
        self.raw(count)
    }

    pub fn text(&mut self) -> Result<String> {
        let bytes = self.block()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| malformed())
    }

    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Reader<'a>) -> Result<T>) -> Result<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }
}

/// Bytes as hexadecimal digits.
pub fn to_digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that [`to_digits`] wrote.
pub fn from_digits(digits: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

pub(crate) fn malformed() -> Error {
    Error::engine("a plan was damaged on its way, or comes from another version of Fuseline")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        for value in [0, 127, 128, 1 << 40, u64::MAX] {
            writer.number(value);
        }
        writer.text("naïve");
        writer.optional(Some(7), |writer, value| writer.word(value));
        writer.list([1u8, 2].into_iter(), Writer::byte);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        for value in [0, 127, 128, 1 << 40, u64::MAX] {
            assert_eq!(reader.number().unwrap(), value);
        }
        assert_eq!(reader.text().unwrap(), "naïve");
        assert_eq!(reader.optional(Reader::word).unwrap(), Some(7));
        assert_eq!(reader.list(Reader::byte).unwrap(), [1, 2]);
        reader.end().unwrap();
    }

    #[test]
    fn lengths_beyond_the_end_are_errors() {
        for bytes in [&[0xff; 12][..], &[5, b'a'], &[2, 0xff, 0xff], &[]] {
            assert!(Reader::new(bytes).text().is_err(), "{bytes:?}");
        }
    }
}
