//! The elements of BSON: their type bytes, and the check that the bytes of a value are well formed. Knows nothing of
//! Arrow. Source: the BSON specification, version 1.1.

use std::fmt;

use crate::error::{Malformed, Reason};

/// The deepest nesting of documents and arrays that is read; MongoDB itself stops at 100 (200 for some drivers).
pub const DEPTH_MAX: usize = 200;

macro_rules! element_types {
    ($( $name:ident = $byte:literal, $text:literal; )*) => {
        /// The type of a BSON value.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum ElementType { $( #[doc = concat!("`", $text, "`")] $name = $byte, )* }

        impl ElementType {
            /// The type with this byte.
            #[inline]
            pub fn from_byte(byte: u8) -> Option<ElementType> {
                match byte { $( $byte => Some(ElementType::$name), )* _ => None }
            }

            /// The name that messages use: MongoDB's own alias of the type.
            pub fn name(self) -> &'static str {
                match self { $( ElementType::$name => $text, )* }
            }
        }
    };
}

element_types! {
    Double = 0x01, "double";
    String = 0x02, "string";
    Document = 0x03, "object";
    Array = 0x04, "array";
    Binary = 0x05, "binData";
    Undefined = 0x06, "undefined";
    ObjectId = 0x07, "objectId";
    Bool = 0x08, "bool";
    DateTime = 0x09, "date";
    Null = 0x0a, "null";
    Regex = 0x0b, "regex";
    DbPointer = 0x0c, "dbPointer";
    Code = 0x0d, "javascript";
    Symbol = 0x0e, "symbol";
    CodeWithScope = 0x0f, "javascriptWithScope";
    Int32 = 0x10, "int";
    Timestamp = 0x11, "timestamp";
    Int64 = 0x12, "long";
    Decimal128 = 0x13, "decimal";
    MaxKey = 0x7f, "maxKey";
    MinKey = 0xff, "minKey";
}

impl ElementType {
    /// Null, and `undefined`, which is read as null.
    #[inline]
    pub fn is_nothing(self) -> bool {
        matches!(self, ElementType::Null | ElementType::Undefined)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The `N` bytes at `at`.
#[inline]
pub fn fixed<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        Some(chunk) => Ok(*chunk),
        None => Err(Malformed::new(at, Reason::Truncated)),
    }
}

#[inline]
pub fn int32(bytes: &[u8], at: usize) -> Result<i32, Malformed> {
    fixed(bytes, at).map(i32::from_le_bytes)
}

#[inline]
pub fn int64(bytes: &[u8], at: usize) -> Result<i64, Malformed> {
    fixed(bytes, at).map(i64::from_le_bytes)
}

#[inline]
pub fn double(bytes: &[u8], at: usize) -> Result<f64, Malformed> {
    fixed(bytes, at).map(f64::from_le_bytes)
}

/// A boolean: one byte, 0 or 1.
#[inline]
pub fn boolean(bytes: &[u8], at: usize) -> Result<bool, Malformed> {
    match bytes.get(at) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(Malformed::new(at, Reason::Boolean)),
        None => Err(Malformed::new(at, Reason::Truncated)),
    }
}

/// The end of the document or array that starts at `at`, behind its terminator, checked against `bytes`.
#[inline]
pub fn frame(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let length = int32(bytes, at)?;
    if length < 5 {
        return Err(Malformed::new(at, Reason::Length));
    }
    let end = at + length as usize;
    match bytes.get(end - 1) {
        Some(0) => Ok(end),
        Some(_) => Err(Malformed::new(end - 1, Reason::Terminator)),
        None => Err(Malformed::new(at, Reason::Truncated)),
    }
}

/// The text of a string value (length, bytes, NUL), checked to be UTF-8, and the position behind it.
#[inline]
pub fn string(bytes: &[u8], at: usize) -> Result<(&str, usize), Malformed> {
    let length = int32(bytes, at)?;
    if length < 1 {
        return Err(Malformed::new(at, Reason::Length));
    }
    let start = at + 4;
    let end = start + length as usize;
    let Some(body) = bytes.get(start..end) else {
        return Err(Malformed::new(at, Reason::Truncated));
    };
    match body.split_last() {
        Some((0, text)) => Ok((utf8(text, start)?, end)),
        _ => Err(Malformed::new(end - 1, Reason::Terminator)),
    }
}

/// Bytes up to a NUL, checked to be UTF-8, and the position behind the NUL.
#[inline]
pub fn cstring(bytes: &[u8], at: usize) -> Result<(&str, usize), Malformed> {
    let rest = bytes.get(at..).unwrap_or(&[]);
    let Some(length) = memchr::memchr(0, rest) else {
        return Err(Malformed::new(at, Reason::Truncated));
    };
    Ok((utf8(&rest[..length], at)?, at + length + 1))
}

/// Whether the text is ASCII and of at most 16 bytes, as most are: two loads, which may overlap, see all of it.
#[inline]
fn is_short_ascii(text: &[u8]) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    if text.len() > 16 {
        return false;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH_BITS == 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH_BITS == 0;
    }
    text.iter().all(u8::is_ascii)
}

#[inline]
fn utf8(text: &[u8], at: usize) -> Result<&str, Malformed> {
    if is_short_ascii(text) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(text) });
    }
    std::str::from_utf8(text).map_err(|_| Malformed::new(at, Reason::Utf8))
}

/// The payload of a binary value without the inner length of the deprecated subtype 2: subtype, payload, position behind.
pub fn binary(bytes: &[u8], at: usize) -> Result<(u8, &[u8], usize), Malformed> {
    let length = int32(bytes, at)?;
    let start = at + 5;
    if length < 0 {
        return Err(Malformed::new(at, Reason::Length));
    }
    let end = start + length as usize;
    let Some(mut payload) = bytes.get(start..end) else {
        return Err(Malformed::new(at, Reason::Truncated));
    };
    let subtype = bytes[at + 4];
    if subtype == 2 {
        let inner = int32(payload, 0).map_err(|_| Malformed::new(start, Reason::Length))?;
        if inner as i64 != length as i64 - 4 {
            return Err(Malformed::new(start, Reason::Length));
        }
        payload = &payload[4..];
    }
    Ok((subtype, payload, end))
}

/// Checks the value of type `kind` at `at` and returns the position behind it. `depth` is the number of documents and
/// arrays around it.
#[inline]
pub fn skip(kind: ElementType, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
    let size = match kind {
        ElementType::Int32 => 4,
        ElementType::Double | ElementType::Int64 | ElementType::DateTime => 8,
        ElementType::ObjectId => 12,
        _ => return skip_rarer(kind, bytes, at, depth),
    };
    if at + size > bytes.len() { Err(Malformed::new(at, Reason::Truncated)) } else { Ok(at + size) }
}

fn skip_rarer(kind: ElementType, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
    let end = match kind {
        ElementType::Null | ElementType::Undefined | ElementType::MinKey | ElementType::MaxKey => at,
        ElementType::Bool => {
            boolean(bytes, at)?;
            at + 1
        }
        ElementType::Int32 => at + 4,
        ElementType::Double | ElementType::Int64 | ElementType::DateTime | ElementType::Timestamp => at + 8,
        ElementType::ObjectId => at + 12,
        ElementType::Decimal128 => at + 16,
        ElementType::String | ElementType::Code | ElementType::Symbol => string(bytes, at)?.1,
        ElementType::Binary => binary(bytes, at)?.2,
        ElementType::Regex => {
            let (_, options) = cstring(bytes, at)?;
            cstring(bytes, options)?.1
        }
        ElementType::DbPointer => string(bytes, at)?.1 + 12,
        ElementType::Document | ElementType::Array => skip_document(bytes, at, depth + 1)?,
        ElementType::CodeWithScope => {
            let length = int32(bytes, at)?;
            let (_, scope) = string(bytes, at + 4)?;
            let end = skip_document(bytes, scope, depth + 1)?;
            if length < 0 || end != at + length as usize {
                return Err(Malformed::new(at, Reason::Length));
            }
            end
        }
    };
    if end > bytes.len() { Err(Malformed::new(at, Reason::Truncated)) } else { Ok(end) }
}

/// Checks a whole document or array, the `depth`th of those around its fields, and returns the position behind it.
pub fn skip_document(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed::new(at, Reason::Depth));
    }
    let end = frame(bytes, at)?;
    let body = &bytes[..end];
    let mut position = at + 4;
    while let Some(element) = next_element(body, position)? {
        let (_, value) = cstring(body, position + 1)?;
        position = skip(element, body, value, depth)?;
    }
    Ok(end)
}

/// Where the document starts that is the array item at `at`: behind its type byte and its key.
#[inline]
pub fn item_document(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at) {
        Some(byte) if *byte == ElementType::Document as u8 => Ok(cstring(bytes, at + 1)?.1),
        Some(byte) => Err(Malformed::new(at, Reason::ElementType(*byte))),
        None => Err(Malformed::new(at, Reason::Truncated)),
    }
}

/// The type of the element at `position`, or `None` at the document's terminator. `body` ends behind the terminator.
#[inline]
pub fn next_element(body: &[u8], position: usize) -> Result<Option<ElementType>, Malformed> {
    match body.get(position) {
        Some(0) if position + 1 == body.len() => Ok(None),
        Some(0) => Err(Malformed::new(position, Reason::Length)),
        Some(byte) => match ElementType::from_byte(*byte) {
            Some(element) => Ok(Some(element)),
            None => Err(Malformed::new(position, Reason::ElementType(*byte))),
        },
        None => Err(Malformed::new(position, Reason::Truncated)),
    }
}
