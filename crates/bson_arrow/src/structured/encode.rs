//! Records to documents. Which BSON type a field becomes follows from its layout alone, but for `_id`: twelve bytes there
//! are an ObjectId.

use super::error::{Failure, RecordError, RecordProblem};
use super::{Kind, Layout};
use crate::element::ElementType;
use crate::encode::Documents;
use crate::error::PathPart;
use crate::values::{self, close, decimal, open};

/// Appends every record of `memory` to `out` as one document.
pub fn encode_records(layout: &Layout, memory: &[u8], out: &mut Documents) -> Result<(), RecordError> {
    layout.check(0)?;
    if layout.kind != Kind::Record || !layout.shape.is_empty() {
        return Err(RecordProblem::NoFields.into());
    }
    for (index, record) in memory.chunks_exact(layout.bytes.max(1)).enumerate() {
        out.push(|bytes| document(layout, record, bytes)).map_err(|failure| failure.into_error(index as u64))?;
    }
    Ok(())
}

type Written = Result<(), Box<Failure>>;

fn document(layout: &Layout, memory: &[u8], out: &mut Vec<u8>) -> Written {
    let start = open(out);
    for field in &layout.fields {
        let size = field.layout.total_bytes().unwrap_or(0);
        let place = memory.get(field.offset..field.offset + size).unwrap_or(&[]);
        let element = Element { id: field.name == "_id", key: field.name.as_bytes(), layout: &field.layout };
        element
            .write(&field.layout.shape, place, out)
            .map_err(|failure| failure.within(PathPart::Field(field.name.clone())))?;
    }
    close(start, out);
    Ok(())
}

struct Element<'a> {
    key: &'a [u8],
    /// Whether twelve bytes are an ObjectId.
    id: bool,
    layout: &'a Layout,
}

impl Element<'_> {
    fn write(&self, shape: &[usize], memory: &[u8], out: &mut Vec<u8>) -> Written {
        if self.key.contains(&0) {
            return Err(self.unwritable("a key cannot hold a NUL"));
        }
        let Some((length, inner)) = shape.split_first() else {
            let kind_at = out.len();
            out.push(0);
            out.extend_from_slice(self.key);
            out.push(0);
            let kind = self.value(memory, out)?;
            out[kind_at] = kind as u8;
            return Ok(());
        };
        out.push(ElementType::Array as u8);
        out.extend_from_slice(self.key);
        out.push(0);
        let start = open(out);
        let item_bytes = memory.len().checked_div(*length).unwrap_or(0);
        let mut key = Vec::new();
        for index in 0..*length {
            key.clear();
            decimal(index, &mut key);
            let item = Element { key: &key, ..*self };
            item.write(inner, &memory[index * item_bytes..(index + 1) * item_bytes], out)
                .map_err(|failure| failure.within(PathPart::Item(index)))?;
        }
        close(start, out);
        Ok(())
    }

    fn value(&self, memory: &[u8], out: &mut Vec<u8>) -> Result<ElementType, Box<Failure>> {
        let layout = self.layout;
        Ok(match (layout.kind, layout.bytes) {
            (Kind::Bool, _) => {
                out.push(u8::from(memory.iter().any(|byte| *byte != 0)));
                ElementType::Bool
            }
            (Kind::Signed, 1..=4) | (Kind::Unsigned, 1..=2) => {
                out.extend_from_slice(&(self.integer(memory) as i32).to_le_bytes());
                ElementType::Int32
            }
            (Kind::Signed, 8) | (Kind::Unsigned, 4 | 8) => {
                let value = i64::try_from(self.integer(memory))
                    .map_err(|_| self.unwritable("the value is larger than a long can be"))?;
                out.extend_from_slice(&value.to_le_bytes());
                ElementType::Int64
            }
            (Kind::Milliseconds, 8) => {
                let value = self.integer(memory) as i64;
                if value == i64::MIN {
                    // NumPy's "not a time".
                    return Ok(ElementType::Null);
                }
                out.extend_from_slice(&value.to_le_bytes());
                ElementType::DateTime
            }
            (Kind::Float, 4 | 8) => {
                let bits = self.integer(memory) as u64;
                let value =
                    if layout.bytes == 4 { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) };
                out.extend_from_slice(&value.to_le_bytes());
                ElementType::Double
            }
            (Kind::Void, 12) | (Kind::Bytes, 12) if self.id || layout.kind == Kind::Void => {
                out.extend_from_slice(memory);
                ElementType::ObjectId
            }
            (Kind::Void, _) => {
                out.extend_from_slice(&(memory.len() as u32).to_le_bytes());
                out.push(0);
                out.extend_from_slice(memory);
                ElementType::Binary
            }
            (Kind::Bytes, _) => {
                let text =
                    std::str::from_utf8(without_zeros(memory)).map_err(|_| self.unwritable("it is not UTF-8"))?;
                values::text(text, out);
                ElementType::String
            }
            (Kind::Text, _) => {
                let text = self.text(memory)?;
                values::text(text.trim_end_matches('\0'), out);
                ElementType::String
            }
            (Kind::Record, _) => {
                document(layout, memory, out)?;
                ElementType::Document
            }
            _ => return Err(self.unwritable("BSON has no such type")),
        })
    }

    /// The number in `memory`, of any size up to eight bytes, with its sign where it has one.
    fn integer(&self, memory: &[u8]) -> i128 {
        let mut bytes: Vec<u8> = memory.to_vec();
        if self.layout.swapped != cfg!(target_endian = "big") {
            bytes.reverse();
        }
        let signed = matches!(self.layout.kind, Kind::Signed | Kind::Milliseconds);
        let negative = signed && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        bytes.resize(16, if negative { 0xff } else { 0 });
        bytes.first_chunk().map_or(0, |bytes| i128::from_le_bytes(*bytes))
    }

    fn text(&self, memory: &[u8]) -> Result<String, Box<Failure>> {
        let characters = memory.chunks_exact(4).map(|place| char::from_u32(self.integer(place) as u32));
        characters.collect::<Option<String>>().ok_or_else(|| self.unwritable("it is not Unicode"))
    }

    #[cold]
    fn unwritable(&self, reason: &str) -> Box<Failure> {
        let description = self.layout.description.clone();
        Failure::new(RecordProblem::Unwritable { description, reason: reason.to_string() })
    }
}

/// The bytes without the zeros that fill a field up.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}
