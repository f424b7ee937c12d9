//! Documents to records: each value straight to its place in the caller's memory.

use super::error::{Failure, RecordError, RecordProblem};
use super::{Kind, Layout};
use crate::element::{self, DEPTH_MAX, ElementType};
use crate::error::{Malformed, PathPart, Reason};
use crate::keys::{Found, Keys};

/// Reads documents into records of one layout. Keys that the layout does not name are checked and passed over.
///
/// ```
/// use bson_arrow::structured::{Kind, Layout, LayoutField, RecordDecoder};
///
/// let int = Layout {
///     kind: Kind::Signed, bytes: 4, swapped: false, description: "dtype('int32')".into(), shape: vec![], fields: vec![],
/// };
/// let fields = vec![LayoutField { name: "a".into(), offset: 0, layout: int.clone() }];
/// let record = Layout { kind: Kind::Record, fields, ..int };
/// let mut memory = [0; 4];
/// let rows = RecordDecoder::new(&record)?.append(b"\x0c\0\0\0\x10a\0\x01\0\0\0\0", &mut memory)?;
/// assert_eq!((rows, i32::from_ne_bytes(memory)), (1, 1));
/// # Ok::<(), bson_arrow::structured::RecordError>(())
/// ```
pub struct RecordDecoder {
    root: Record,
    bytes: usize,
    /// Documents seen since the decoder was made.
    documents: u64,
}

impl RecordDecoder {
    /// A decoder for records of this layout.
    pub fn new(layout: &Layout) -> Result<RecordDecoder, RecordError> {
        layout.check(0)?;
        if layout.kind != Kind::Record || !layout.shape.is_empty() {
            return Err(RecordProblem::NoFields.into());
        }
        Ok(RecordDecoder { root: Record::new(layout)?, bytes: layout.bytes, documents: 0 })
    }

    /// Reads the documents of `bytes`, which stand one behind the other, into the records of `memory` until one of the two
    /// ends. Returns the number of records written. After an error the memory of its record holds anything.
    pub fn append(&mut self, bytes: &[u8], memory: &mut [u8]) -> Result<usize, RecordError> {
        let framing =
            |document, reason| RecordError { document: Some(document), ..RecordProblem::Framing(reason).into() };
        if bytes.len() < 5 {
            return Err(framing(self.documents, "must be at least 5 bytes"));
        }
        let mut position = 0;
        let mut count = 0;
        // A record without bytes has no number that fits the memory.
        for record in memory.chunks_exact_mut(self.bytes.max(1)) {
            if position >= bytes.len() {
                break;
            }
            let length = element::int32(bytes, position).map_err(|_| framing(self.documents, "incorrect length"))?;
            let length = usize::try_from(length).map_err(|_| framing(self.documents, "incorrect length"))?;
            if length > bytes.len() - position {
                return Err(framing(self.documents, "incomplete batch"));
            }
            position = match self.root.read(bytes, position, 0, record) {
                Ok(end) => end,
                Err(failure) => return Err(failure.into_error(self.documents)),
            };
            self.documents += 1;
            count += 1;
        }
        Ok(count)
    }
}

struct Record {
    keys: Keys,
    members: Vec<Member>,
    /// The number of the last document that had each member.
    seen: Vec<u64>,
    current: u64,
}

struct Member {
    name: String,
    offset: usize,
    end: usize,
    node: Node,
}

enum Node {
    Scalar(Scalar),
    Array { shape: Vec<usize>, item: Scalar },
    Record(Box<Record>),
}

struct Scalar {
    kind: Kind,
    bytes: usize,
    swapped: bool,
    description: String,
}

impl Node {
    fn new(layout: &Layout) -> Result<Node, RecordProblem> {
        let scalar = Scalar {
            kind: layout.kind,
            bytes: layout.bytes,
            swapped: layout.swapped,
            description: layout.description.clone(),
        };
        Ok(match layout.kind {
            _ if !layout.shape.is_empty() => Node::Array { shape: layout.shape.clone(), item: scalar },
            Kind::Record => Node::Record(Box::new(Record::new(layout)?)),
            _ => Node::Scalar(scalar),
        })
    }
}

impl Record {
    fn new(layout: &Layout) -> Result<Record, RecordProblem> {
        let mut keys = Keys::with_capacity(layout.fields.len());
        let mut members = Vec::with_capacity(layout.fields.len());
        for (index, field) in layout.fields.iter().enumerate() {
            if !keys.insert(&field.name, index) {
                return Err(RecordProblem::Twice(field.name.clone()));
            }
            let bytes = field.layout.total_bytes().unwrap_or(usize::MAX);
            let node = Node::new(&field.layout)?;
            let (name, offset) = (field.name.clone(), field.offset);
            members.push(Member { name, offset, end: offset.saturating_add(bytes), node });
        }
        Ok(Record { keys, seen: vec![0; members.len()], members, current: 0 })
    }

    /// Reads the document at `at`, with `depth` documents around it; returns the position behind it.
    fn read(&mut self, bytes: &[u8], at: usize, depth: usize, memory: &mut [u8]) -> Result<usize, Box<Failure>> {
        if depth >= DEPTH_MAX {
            return Err(Malformed::new(at, Reason::Depth).into());
        }
        let end = element::frame(bytes, at)?;
        let body = &bytes[..end];
        self.current += 1;
        let mut filled = 0;
        let mut position = 0;
        let mut at = at + 4;
        while let Some(Found { kind, field, value }) = self.keys.element_at(position, body, at)? {
            position += 1;
            at = match field {
                None => element::skip(kind, body, value, depth + 1)?,
                Some(index) => {
                    filled += usize::from(self.seen[index] != self.current);
                    self.seen[index] = self.current;
                    let member = &mut self.members[index];
                    let place = &mut memory[member.offset..member.end];
                    match member.node.read(kind, body, value, depth + 1, place) {
                        Ok(end) => end,
                        Err(failure) => return Err(failure.within(PathPart::Field(member.name.clone()))),
                    }
                }
            };
        }
        if filled == self.members.len() { Ok(end) } else { Err(self.missing()) }
    }

    #[cold]
    fn missing(&self) -> Box<Failure> {
        let missing = self.members.iter().zip(&self.seen).find(|(_, seen)| **seen != self.current);
        let name = missing.map(|(member, _)| member.name.clone()).unwrap_or_default();
        Failure::new(RecordProblem::MissingKey(name))
    }
}

impl Node {
    #[inline]
    fn read(
        &mut self,
        kind: ElementType,
        bytes: &[u8],
        at: usize,
        depth: usize,
        memory: &mut [u8],
    ) -> Result<usize, Box<Failure>> {
        match self {
            Node::Scalar(scalar) => scalar.read(kind, bytes, at, memory),
            Node::Array { shape, item } => item.read_array(kind, bytes, at, depth, shape, memory),
            Node::Record(record) if kind == ElementType::Document => record.read(bytes, at, depth, memory),
            Node::Record(_) => Err(Failure::new(RecordProblem::NotDocument)),
        }
    }
}

impl Scalar {
    /// Writes the value of type `kind` at `at` to `memory`, which has the size of one item.
    #[inline]
    fn read(&self, kind: ElementType, bytes: &[u8], at: usize, memory: &mut [u8]) -> Result<usize, Box<Failure>> {
        match kind {
            ElementType::Double => {
                if self.kind != Kind::Float || self.bytes != 8 {
                    return Err(self.unfit_double());
                }
                self.put(element::fixed::<8>(bytes, at)?, memory);
                Ok(at + 8)
            }
            ElementType::Int32 => {
                let value = element::int32(bytes, at)?;
                self.put_int32(value, memory)?;
                Ok(at + 4)
            }
            ElementType::Int64 | ElementType::DateTime => {
                let value = element::int64(bytes, at)?;
                self.put_int64(kind, value, memory)?;
                Ok(at + 8)
            }
            ElementType::Bool => {
                let value = element::boolean(bytes, at)?;
                if !matches!(self.kind, Kind::Bool | Kind::Signed | Kind::Unsigned) {
                    return Err(self.unfit(kind, "use 'b' or an integer type"));
                }
                memory.fill(0);
                let low = if self.swapped { memory.last_mut() } else { memory.first_mut() };
                if let Some(low) = low {
                    *low = u8::from(value);
                }
                Ok(at + 1)
            }
            ElementType::ObjectId => {
                if !matches!(self.kind, Kind::Bytes | Kind::Void) || self.bytes != 12 {
                    return Err(self.unfit(kind, "use 'S12' or 'V12'"));
                }
                memory.copy_from_slice(&element::fixed::<12>(bytes, at)?);
                Ok(at + 12)
            }
            ElementType::String => {
                let (text, end) = element::string(bytes, at)?;
                match self.kind {
                    Kind::Bytes | Kind::Void => put_bytes(text.as_bytes(), memory),
                    Kind::Text => self.put_text(text, memory),
                    _ => return Err(self.unfit(kind, "use 'S' 'U' or 'V'")),
                }
                Ok(end)
            }
            ElementType::Binary => {
                let (_, payload, end) = element::binary(bytes, at)?;
                if !matches!(self.kind, Kind::Bytes | Kind::Void) {
                    return Err(self.unfit(kind, "use 'S' or 'V'"));
                }
                put_bytes(payload, memory);
                Ok(end)
            }
            other => Err(Failure::new(RecordProblem::Unsupported(other))),
        }
    }

    /// Writes a number of the field's own size.
    #[inline]
    fn put<const N: usize>(&self, mut little_endian: [u8; N], memory: &mut [u8]) {
        if self.swapped != cfg!(target_endian = "big") {
            little_endian.reverse();
        }
        memory.copy_from_slice(&little_endian);
    }

    #[inline]
    fn put_int32(&self, value: i32, memory: &mut [u8]) -> Result<(), Box<Failure>> {
        match (self.kind, self.bytes) {
            (Kind::Signed | Kind::Unsigned, 0..4) => {
                return Err(self.unfit(ElementType::Int32, "use at least a 32-bit integer type"));
            }
            (Kind::Unsigned, _) if value < 0 => return Err(self.negative(ElementType::Int32, i64::from(value))),
            (Kind::Signed | Kind::Unsigned, 4) => self.put(value.to_le_bytes(), memory),
            (Kind::Signed | Kind::Unsigned, 8) => self.put(i64::from(value).to_le_bytes(), memory),
            _ => return Err(self.unfit(ElementType::Int32, "use an integer type")),
        }
        Ok(())
    }

    #[inline]
    fn put_int64(&self, found: ElementType, value: i64, memory: &mut [u8]) -> Result<(), Box<Failure>> {
        match (self.kind, self.bytes) {
            (Kind::Milliseconds, 8) if found == ElementType::DateTime => {}
            (Kind::Unsigned, 8) if value < 0 => return Err(self.negative(found, value)),
            (Kind::Signed | Kind::Unsigned, 8) => {}
            (Kind::Signed | Kind::Unsigned, _) => return Err(self.unfit(found, "use at least a 64-bit integer type")),
            _ => return Err(self.unfit(found, "use an integer type")),
        }
        self.put(value.to_le_bytes(), memory);
        Ok(())
    }

    fn put_text(&self, text: &str, memory: &mut [u8]) {
        let mut characters = text.chars();
        for place in memory.chunks_exact_mut(4) {
            self.put(characters.next().map_or(0, u32::from).to_le_bytes(), place);
        }
    }

    #[cold]
    fn unfit(&self, found: ElementType, hint: &str) -> Box<Failure> {
        let expected = self.description.clone();
        Failure::new(RecordProblem::Unfit { found, expected, hint: hint.to_string() })
    }

    #[cold]
    fn unfit_double(&self) -> Box<Failure> {
        let hint = match self.kind {
            Kind::Float if self.bytes < 8 => "use at least a 64-bit floating point type",
            Kind::Float => "use a 64-bit floating point type",
            _ => "use a floating point type",
        };
        self.unfit(ElementType::Double, hint)
    }

    #[cold]
    fn negative(&self, found: ElementType, value: i64) -> Box<Failure> {
        self.unfit(found, &format!("{value} is negative, use a signed integer type"))
    }

    /// Writes the array at `at` to `memory`; `shape` has the lengths of this array and of those inside.
    fn read_array(
        &self,
        kind: ElementType,
        bytes: &[u8],
        at: usize,
        depth: usize,
        shape: &[usize],
        memory: &mut [u8],
    ) -> Result<usize, Box<Failure>> {
        let Some((length, inner)) = shape.split_first() else {
            return self.read(kind, bytes, at, memory);
        };
        if kind != ElementType::Array {
            return Err(Failure::new(RecordProblem::NotArray));
        }
        if depth >= DEPTH_MAX {
            return Err(Malformed::new(at, Reason::Depth).into());
        }
        let end = element::frame(bytes, at)?;
        let body = &bytes[..end];
        let item_bytes = memory.len().checked_div(*length).unwrap_or(0);
        let mut index = 0;
        let mut at = at + 4;
        while let Some(item) = element::next_element(body, at)? {
            let value = array_key(body, at + 1)?;
            if index == *length {
                return Err(Failure::new(RecordProblem::ArrayLength));
            }
            let place = &mut memory[index * item_bytes..(index + 1) * item_bytes];
            at = self
                .read_array(item, body, value, depth + 1, inner, place)
                .map_err(|failure| failure.within(PathPart::Item(index)))?;
            index += 1;
        }
        if index == *length { Ok(end) } else { Err(Failure::new(RecordProblem::ArrayLength)) }
    }
}

/// The position behind the key of an array's item. Drivers write the index; readers go by position.
#[inline]
fn array_key(body: &[u8], at: usize) -> Result<usize, Malformed> {
    match body.get(at..) {
        // One or two digits and the NUL: nearly every key there is.
        Some([digit, 0, ..]) if digit.is_ascii_digit() => Ok(at + 2),
        Some([first, second, 0, ..]) if first.is_ascii_digit() && second.is_ascii_digit() => Ok(at + 3),
        _ => Ok(element::cstring(body, at)?.1),
    }
}

/// The bytes, cut to the field's size or filled up with zeros.
#[inline]
fn put_bytes(bytes: &[u8], memory: &mut [u8]) {
    let count = bytes.len().min(memory.len());
    let (head, tail) = memory.split_at_mut(count);
    head.copy_from_slice(&bytes[..count]);
    tail.fill(0);
}
