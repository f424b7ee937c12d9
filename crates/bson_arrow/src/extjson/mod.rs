//! MongoDB's extended JSON, canonical and relaxed, to BSON: type wrappers such as `{"$oid": "..."}` become the values they
//! stand for. A number without a point is an int, a long, or an error: it is never rounded.

mod decimal;
mod parse;
mod write;

use std::fmt;

pub use parse::object_end;

/// Why a text is not extended JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// The number of the object, from 0.
    pub document: u64,
    /// What is wrong, and where.
    pub message: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}: {}", self.document, self.message)
    }
}

impl std::error::Error for JsonError {}

/// Appends each object of `text` as a document: objects one behind the other, or in an array.
///
/// ```
/// let mut documents = Vec::new();
/// bson_arrow::extjson::to_bson(br#"{"a": {"$numberInt": "1"}}"#, &mut documents)?;
/// assert_eq!(documents, b"\x0c\0\0\0\x10a\0\x01\0\0\0\0");
/// # Ok::<(), bson_arrow::extjson::JsonError>(())
/// ```
pub fn to_bson(text: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut document = 0;
    let failed = |document, message: String| JsonError { document, message };
    let text = std::str::from_utf8(text).map_err(|_| failed(0, "the text is not UTF-8".to_owned()))?;
    let mut parser = parse::Parser::new(text);
    loop {
        match parser.next_object() {
            Ok(None) => return Ok(()),
            Ok(Some(object)) => {
                let start = out.len();
                if let Err(message) = write::document(&object, out) {
                    out.truncate(start);
                    return Err(failed(document, message));
                }
                document += 1;
            }
            Err(message) => return Err(failed(document, message)),
        }
    }
}
