//! What can go wrong with records, in bson-numpy's words.

use std::fmt;

use crate::element::ElementType;
use crate::error::{Malformed, PathPart, path_text};

/// Why a record could not be read or written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordError {
    /// What is wrong.
    pub problem: RecordProblem,
    /// The number of the document or record, from 0; `None` when the layout itself is wrong.
    pub document: Option<u64>,
    /// Where in the document: `a.b[3]`.
    pub path: String,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordProblem {
    /// Records or arrays nested deeper than [`NESTING_MAX`](super::NESTING_MAX).
    Nesting,
    /// A field that does not lie inside its record.
    Outside(String),
    /// The layout is not a record.
    NoFields,
    /// Two fields of one name.
    Twice(String),
    /// The document lacks this field.
    MissingKey(String),
    /// A type of BSON that no field takes.
    Unsupported(ElementType),
    /// A value that its field does not take.
    Unfit {
        /// The value's type.
        found: ElementType,
        /// The field's type, as its layout calls it.
        expected: String,
        /// What to use instead, or what is wrong with the value.
        hint: String,
    },
    /// Something else in place of a document.
    NotDocument,
    /// Something else in place of an array.
    NotArray,
    /// An array of another length than the field's.
    ArrayLength,
    /// The bytes are not documents one behind the other.
    Framing(&'static str),
    /// The bytes are not BSON.
    Malformed(Malformed),
    /// A field whose value BSON cannot hold.
    Unwritable {
        /// The field's type, as its layout calls it.
        description: String,
        /// What is wrong with the value or type.
        reason: String,
    },
}

impl fmt::Display for RecordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordProblem::Nesting => write!(f, "dtype exceeds {} levels of nesting", super::NESTING_MAX),
            RecordProblem::Outside(name) => write!(f, "dtype field \"{name}\" does not lie inside its record"),
            RecordProblem::NoFields => {
                f.write_str("dtype must include field names, like dtype([('fieldname', numpy.int)])")
            }
            RecordProblem::Twice(name) => write!(f, "dtype has the field \"{name}\" twice"),
            RecordProblem::MissingKey(name) => write!(f, "document does not match dtype, missing key \"{name}\""),
            RecordProblem::Unsupported(found) => write!(f, "unsupported BSON type: {}", type_name(*found)),
            RecordProblem::Unfit { found, expected, hint } => {
                write!(f, "cannot convert {} to {expected}: {hint}", type_name(*found))
            }
            RecordProblem::NotDocument => f.write_str("invalid document: expected subdoc from dtype, got other type"),
            RecordProblem::NotArray => f.write_str("invalid document: expected list from dtype, got other type"),
            RecordProblem::ArrayLength => f.write_str("invalid document: array is of incorrect length"),
            RecordProblem::Framing(reason) => write!(f, "document from sequence failed validation: {reason}"),
            RecordProblem::Malformed(malformed) => {
                write!(f, "document from sequence failed validation: {} at byte {}", malformed.reason, malformed.offset)
            }
            RecordProblem::Unwritable { description, reason } => {
                write!(f, "cannot convert {description} to BSON: {reason}")
            }
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)?;
        match (self.document, self.path.as_str()) {
            (None, _) => Ok(()),
            (Some(document), "") => write!(f, " (document {document})"),
            (Some(document), path) => write!(f, " (document {document}, {path})"),
        }
    }
}

impl std::error::Error for RecordError {}

/// How bson-numpy's messages call a type. It has no name for arrays.
fn type_name(kind: ElementType) -> &'static str {
    match kind {
        ElementType::Double => "Double",
        ElementType::String => "UTF-8 string",
        ElementType::Document => "Sub-document",
        ElementType::Array => "unknown",
        ElementType::Binary => "Binary",
        ElementType::Undefined => "Undefined",
        ElementType::ObjectId => "ObjectId",
        ElementType::Bool => "Bool",
        ElementType::DateTime => "Datetime",
        ElementType::Null => "Null",
        ElementType::Regex => "Regular Expression",
        ElementType::DbPointer => "DBPointer",
        ElementType::Code => "Code",
        ElementType::Symbol => "Symbol",
        ElementType::CodeWithScope => "Code with Scope",
        ElementType::Int32 => "Int32",
        ElementType::Timestamp => "Timestamp",
        ElementType::Int64 => "Int64",
        ElementType::Decimal128 => "Decimal128",
        ElementType::MaxKey => "MaxKey",
        ElementType::MinKey => "MinKey",
    }
}

/// A problem on its way out of nested values: the path grows from the innermost field outwards.
pub(super) struct Failure {
    problem: RecordProblem,
    path: Vec<PathPart>,
}

impl Failure {
    #[cold]
    pub fn new(problem: RecordProblem) -> Box<Failure> {
        Box::new(Failure { problem, path: Vec::new() })
    }

    #[cold]
    pub fn within(mut self: Box<Failure>, part: PathPart) -> Box<Failure> {
        self.path.push(part);
        self
    }

    pub fn into_error(self, document: u64) -> RecordError {
        let path = path_text(self.path.iter().rev());
        RecordError { problem: self.problem, document: Some(document), path }
    }
}

impl From<Malformed> for Box<Failure> {
    #[cold]
    fn from(malformed: Malformed) -> Box<Failure> {
        Failure::new(RecordProblem::Malformed(malformed))
    }
}

impl From<RecordProblem> for RecordError {
    fn from(problem: RecordProblem) -> RecordError {
        RecordError { problem, document: None, path: String::new() }
    }
}
