//! A schema from a sample of documents: every field with every type it was seen with. Types are widened only where the
//! wider one keeps each value (int, long, double; string and symbol); a field with types that have no such common type
//! becomes a column of raw BSON values, so that nothing is lost, and the report says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema};

use crate::element::{self, DEPTH_MAX, ElementType};
use crate::error::{DecodeError, Malformed, Reason};
use crate::keys::{Found, Keys};
use crate::schema;

/// What was seen at one place of the documents.
#[derive(Default)]
struct Node {
    types: TypeCounts,
    subtypes: BTreeSet<u8>,
    /// A binary value that is not 16 bytes long, so no UUID.
    odd_size: bool,
    /// A long that no double equals.
    inexact_long: bool,
    fields: Members,
    items: Option<Box<Node>>,
}

/// The fields of a document in the order in which they first came.
#[derive(Default)]
struct Members {
    documents: u64,
    keys: Keys,
    list: Vec<Member>,
}

/// How often each type came, in the order of the types. A field has one or two.
#[derive(Default)]
struct TypeCounts(Vec<(ElementType, u64)>);

impl TypeCounts {
    #[inline]
    fn add(&mut self, kind: ElementType) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => {
                let place = self.0.partition_point(|(known, _)| *known < kind);
                self.0.insert(place, (kind, 1));
            }
        }
    }
}

struct Member {
    name: String,
    node: Node,
    /// Documents that have the field.
    present: u64,
    /// The number of the last document that had it, from 1: a key that stands twice counts once.
    last: u64,
}

/// What was found out about a field.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldReport {
    /// `a.b`; the items of an array are `a[]`.
    pub path: String,
    /// The types seen and how often, null among them.
    pub types: Vec<(ElementType, u64)>,
    /// Documents of the level above that lack the field.
    pub missing: u64,
    /// Documents of the level above.
    pub documents: u64,
    /// The Arrow field chosen.
    pub field: Field,
}

/// Collects what a sample of documents holds.
///
/// ```
/// let mut inference = bson_arrow::Inference::default();
/// // {"a": 1} and {"a": 2.5}
/// inference.observe(b"\x0c\0\0\0\x10a\0\x01\0\0\0\0")?;
/// inference.observe(b"\x10\0\0\0\x01a\0\0\0\0\0\0\0\x04\x40\0")?;
/// assert_eq!(inference.schema().field(0).data_type(), &arrow_schema::DataType::Float64);
/// # Ok::<(), bson_arrow::DecodeError>(())
/// ```
#[derive(Default)]
pub struct Inference {
    root: Members,
}

impl Inference {
    /// Adds every document of `bytes`: whole documents, one behind the other.
    pub fn observe(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.observe_framed(bytes, |_, position| Ok(position))
    }

    /// The same for the items of a BSON array, as a server sends them: `bytes` holds whole items, without the array's own
    /// length and terminator.
    pub fn observe_items(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        self.observe_framed(bytes, element::item_document)
    }

    /// `start` gives the start of the document whose frame is at a position.
    fn observe_framed(
        &mut self,
        bytes: &[u8],
        start: impl Fn(&[u8], usize) -> Result<usize, Malformed>,
    ) -> Result<(), DecodeError> {
        let mut position = 0;
        while position < bytes.len() {
            let end = start(bytes, position).and_then(|at| self.root.observe(bytes, at, 1));
            position = end.map_err(|malformed| DecodeError::Malformed {
                document: self.root.documents,
                path: String::new(),
                malformed,
            })?;
        }
        Ok(())
    }

    /// The schema that holds every value seen. Every field is nullable: a sample cannot promise that one is never missing.
    pub fn schema(&self) -> Schema {
        Schema::new(self.root.fields())
    }

    /// Every field, outer before inner.
    pub fn report(&self) -> Vec<FieldReport> {
        let mut report = Vec::new();
        self.root.report("", &mut report);
        report
    }
}

impl Members {
    fn observe(&mut self, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed::new(at, Reason::Depth));
        }
        let end = element::frame(bytes, at)?;
        let body = &bytes[..end];
        let mut at = at + 4;
        let mut position = 0;
        self.documents += 1;
        while let Some(Found { kind, field, value }) = self.keys.element_at(position, body, at)? {
            let index = match field {
                Some(index) => index,
                None => self.add(position, element::cstring(body, at + 1)?.0),
            };
            let member = &mut self.list[index];
            member.present += u64::from(member.last != self.documents);
            member.last = self.documents;
            at = member.node.observe(kind, body, value, depth)?;
            position += 1;
        }
        Ok(end)
    }

    /// A new field, whose key was found at this position.
    #[cold]
    fn add(&mut self, position: usize, key: &str) -> usize {
        let index = self.list.len();
        self.keys.learn(position, key, index);
        self.list.push(Member { name: key.to_string(), node: Node::default(), present: 0, last: 0 });
        index
    }

    fn fields(&self) -> Fields {
        self.list.iter().map(|member| member.node.field(&member.name)).collect()
    }

    fn report(&self, path: &str, report: &mut Vec<FieldReport>) {
        for member in &self.list {
            let path = if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
            let missing = self.documents - member.present;
            member.node.report(&member.name, path, missing, self.documents, report);
        }
    }
}

impl Node {
    fn observe(&mut self, kind: ElementType, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        self.types.add(kind);
        match kind {
            ElementType::Document => return self.fields.observe(bytes, at, depth + 1),
            ElementType::Array => return self.observe_items(bytes, at, depth + 1),
            ElementType::Binary => {
                let (subtype, payload, _) = element::binary(bytes, at)?;
                self.subtypes.insert(subtype);
                self.odd_size |= payload.len() != 16;
            }
            ElementType::Int64 => {
                let long = element::int64(bytes, at)?;
                // Beyond 63 bits the cast saturates, so the largest long must not count as exact.
                self.inexact_long |= long as f64 as i64 != long || long == i64::MAX;
            }
            _ => {}
        }
        element::skip(kind, bytes, at, depth)
    }

    fn observe_items(&mut self, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed::new(at, Reason::Depth));
        }
        let end = element::frame(bytes, at)?;
        let body = &bytes[..end];
        let items = self.items.get_or_insert_default();
        let mut position = at + 4;
        while let Some(kind) = element::next_element(body, position)? {
            let (_, value) = element::cstring(body, position + 1)?;
            position = items.observe(kind, body, value, depth)?;
        }
        Ok(end)
    }

    /// The field that holds every value seen here.
    fn field(&self, name: &str) -> Field {
        let plain = |data_type| Field::new(name, data_type, true);
        let nothing = [ElementType::Null, ElementType::Undefined];
        let types: Vec<ElementType> =
            self.types.0.iter().map(|(kind, _)| *kind).filter(|kind| !nothing.contains(kind)).collect();
        match types.as_slice() {
            [] => plain(DataType::Null),
            [ElementType::Int32] => plain(DataType::Int32),
            [ElementType::Int64] | [ElementType::Int32, ElementType::Int64] => plain(DataType::Int64),
            [ElementType::Double] | [ElementType::Double, ElementType::Int32] => plain(DataType::Float64),
            [ElementType::Double, ElementType::Int64]
            | [ElementType::Double, ElementType::Int32, ElementType::Int64]
                if !self.inexact_long =>
            {
                plain(DataType::Float64)
            }
            [ElementType::String] | [ElementType::Symbol] | [ElementType::String, ElementType::Symbol] => {
                plain(DataType::Utf8View)
            }
            [ElementType::Bool] => plain(DataType::Boolean),
            [ElementType::DateTime] => schema::date(name),
            [ElementType::ObjectId] => schema::object_id(name),
            [ElementType::Decimal128] => schema::decimal128(name),
            [ElementType::Code] => schema::code(name),
            [ElementType::Timestamp] => schema::timestamp(name),
            [ElementType::Regex] => schema::regex(name),
            [ElementType::Binary] => match (self.subtypes.first(), self.subtypes.len()) {
                (Some(4), 1) if !self.odd_size => schema::uuid(name),
                (Some(subtype), 1) => schema::binary(name, *subtype),
                _ => schema::raw(name),
            },
            [ElementType::Document] => plain(DataType::Struct(self.fields.fields())),
            [ElementType::Array] => {
                let item =
                    self.items.as_ref().map_or(Field::new("item", DataType::Null, true), |node| node.field("item"));
                plain(DataType::List(Arc::new(item)))
            }
            _ => schema::raw(name),
        }
    }

    fn report(&self, name: &str, path: String, missing: u64, documents: u64, report: &mut Vec<FieldReport>) {
        let types = self.types.0.clone();
        let items_path = format!("{path}[]");
        report.push(FieldReport { path: path.clone(), types, missing, documents, field: self.field(name) });
        self.fields.report(&path, report);
        if let Some(items) = &self.items {
            let count = items.types.0.iter().map(|(_, count)| count).sum();
            items.report("item", items_path, 0, count, report);
        }
    }
}
