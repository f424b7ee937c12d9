//! What can be wrong with documents: the bytes ([`Malformed`]), a value that does not fit its column ([`Mismatch`]), or
//! the schema itself.

use std::fmt;

use crate::element::{DEPTH_MAX, ElementType};

/// What is found where a field is missing.
pub(crate) const NOTHING: &str = "nothing";

/// Bytes that are not BSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Byte position in the buffer handed in.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The bytes end inside a value.
    Truncated,
    /// A length does not agree with what follows.
    Length,
    /// A document or text does not end in a zero byte.
    Terminator,
    /// Text or a key is not UTF-8.
    Utf8,
    /// A boolean is neither 0 nor 1.
    Boolean,
    /// Documents and arrays are nested too deep.
    Depth,
    /// A type byte that BSON does not have.
    ElementType(u8),
    /// Bytes follow the document.
    Trailing,
}

impl Malformed {
    /// The damage at a byte position.
    pub fn new(offset: usize, reason: Reason) -> Malformed {
        Malformed { offset, reason }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Truncated => f.write_str("the bytes end inside a value"),
            Reason::Length => f.write_str("a length does not agree with what follows"),
            Reason::Terminator => f.write_str("the terminating zero byte is missing"),
            Reason::Utf8 => f.write_str("text is not valid UTF-8"),
            Reason::Boolean => f.write_str("a boolean is neither 0 nor 1"),
            Reason::Depth => write!(f, "documents are nested deeper than {DEPTH_MAX}"),
            Reason::Trailing => f.write_str("bytes follow the document"),
            Reason::ElementType(byte) => write!(f, "there is no element type 0x{byte:02x}"),
        }
    }
}

/// A value that its column cannot hold without changing it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The number of the document, from 0, over the decoder's life.
    pub document: u64,
    /// Where in the document: `a.b[3]`.
    pub path: String,
    /// What the column holds, in Arrow's words.
    pub expected: String,
    /// The BSON type that came; "nothing" for a missing field.
    pub found_type: &'static str,
    /// The same with the value, where the value is what does not fit: `double 1.9`.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}, {}: expected {}, found {}", self.document, self.path, self.expected, self.found)
    }
}

/// The name of a type found, as [`Mismatch::found_type`] has it, if it is one.
pub fn found_type(name: &str) -> Option<&'static str> {
    let types = (0..=u8::MAX).filter_map(ElementType::from_byte).map(ElementType::name);
    types.chain([NOTHING]).find(|known| *known == name)
}

/// Why a document was not decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// Its bytes are not BSON.
    Malformed {
        /// The number of the document, from 0, over the decoder's life.
        document: u64,
        /// Where in the document, as far as it is known.
        path: String,
        /// What is wrong with the bytes.
        malformed: Malformed,
    },
    /// A value does not fit its column.
    Mismatch(Mismatch),
    /// A buffer beyond what one Arrow view can address; split it.
    TooLarge {
        /// The buffer's size.
        bytes: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Malformed { document, path, malformed } => {
                write!(f, "document {document}")?;
                if !path.is_empty() {
                    write!(f, ", {path}")?;
                }
                write!(f, ": not valid BSON at byte {}: {}", malformed.offset, malformed.reason)
            }
            DecodeError::Mismatch(mismatch) => mismatch.fmt(f),
            DecodeError::TooLarge { bytes } => write!(f, "a buffer of {bytes} bytes is too large to decode at once"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A schema with a type that BSON has no values for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchemaError {
    /// The field: `a.b`, the items of an array `a[]`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field `{}`: {}", self.path, self.message)
    }
}

impl std::error::Error for SchemaError {}

/// A failure on its way out of nested values: the path grows from the innermost field outwards.
pub(crate) struct Failure {
    pub what: What,
    pub path: Vec<PathPart>,
}

pub(crate) enum What {
    Malformed(Malformed),
    Mismatch { expected: String, found_type: &'static str, found: String },
}

#[derive(Clone)]
pub(crate) enum PathPart {
    Field(String),
    Item(usize),
}

impl From<Malformed> for Box<Failure> {
    #[cold]
    fn from(malformed: Malformed) -> Box<Failure> {
        Box::new(Failure { what: What::Malformed(malformed), path: Vec::new() })
    }
}

impl Failure {
    #[cold]
    pub fn mismatch(expected: String, found_type: &'static str, found: impl fmt::Display) -> Box<Failure> {
        Box::new(Failure { what: What::Mismatch { expected, found_type, found: found.to_string() }, path: Vec::new() })
    }

    /// A value of a type the column does not take.
    #[cold]
    pub fn wrong_type(expected: String, found: ElementType) -> Box<Failure> {
        Failure::mismatch(expected, found.name(), found)
    }

    #[cold]
    pub fn within(mut self: Box<Failure>, part: PathPart) -> Box<Failure> {
        self.path.push(part);
        self
    }

    pub fn into_error(self, document: u64) -> DecodeError {
        let path = path_text(self.path.iter().rev());
        match self.what {
            What::Malformed(malformed) => DecodeError::Malformed { document, path, malformed },
            What::Mismatch { expected, found_type, found } => {
                DecodeError::Mismatch(Mismatch { document, path, expected, found_type, found })
            }
        }
    }
}

/// A path in the form `a.b[3]` from its parts, the outermost first.
pub(crate) fn path_text<'a>(path: impl IntoIterator<Item = &'a PathPart>) -> String {
    let mut text = String::new();
    for part in path {
        match part {
            PathPart::Field(name) if text.is_empty() => text.push_str(name),
            PathPart::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            PathPart::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Why a batch was not encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// A column whose type BSON has no values for.
    Schema(SchemaError),
    /// A value that BSON cannot hold unchanged.
    Value {
        /// The row in the batch, from 0.
        row: usize,
        /// Where in the row: `a.b[3]`.
        path: String,
        /// What is wrong with the value.
        message: String,
    },
    /// A document of more bytes than allowed.
    TooLarge {
        /// The row in the batch, from 0.
        row: usize,
        /// The size of its document.
        bytes: usize,
        /// The size allowed.
        bytes_max: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Schema(error) => error.fmt(f),
            EncodeError::Value { row, path, message } => write!(f, "row {row}, {path}: {message}"),
            EncodeError::TooLarge { row, bytes, bytes_max } => {
                write!(f, "row {row}: a document of {bytes} bytes is larger than {bytes_max}")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// A value that could not be written, on its way out of nested values.
pub(crate) struct EncodeFailure {
    message: String,
    path: Vec<PathPart>,
}

impl EncodeFailure {
    #[cold]
    pub fn new(message: String) -> Box<EncodeFailure> {
        Box::new(EncodeFailure { message, path: Vec::new() })
    }

    #[cold]
    pub fn within(mut self: Box<EncodeFailure>, part: PathPart) -> Box<EncodeFailure> {
        self.path.push(part);
        self
    }

    pub fn into_error(self, row: usize) -> EncodeError {
        EncodeError::Value { row, path: path_text(self.path.iter().rev()), message: self.message }
    }
}
