//! The columns of a batch as the encoder sees them: each Arrow array with the BSON type it is written as, resolved once
//! for a batch; and the writer that turns one row of them into bytes. Knows nothing of decoding.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields, TimeUnit};

use crate::element::{self, DEPTH_MAX, ElementType};
use crate::error::{EncodeFailure, PathPart, SchemaError};
use crate::schema;

/// One array and the type byte of its values.
struct Node<'a> {
    kind: ElementType,
    /// Rows that are null whatever the values say.
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

/// The fields of a document.
pub(crate) struct Members<'a>(Vec<Member<'a>>);

struct Member<'a> {
    /// The type byte, the name and its NUL, as they stand in a document.
    head: Vec<u8>,
    name: &'a str,
    node: Node<'a>,
}

enum Values<'a> {
    Null,
    Bool(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    /// Numbers to be divided by ten to the power of the scale.
    Decimal(&'a [i128], i8),
    /// Days since 1970.
    Days(&'a [i32]),
    /// Instants in the unit that has this many to a second.
    Instants(&'a [i64], TimeUnit),
    Text(Texts<'a>),
    Bytes(Blobs<'a>, BytesKind),
    /// Seconds and increments.
    Timestamp(&'a [u32], &'a [u32]),
    Regex(Texts<'a>, Texts<'a>),
    Document(Members<'a>),
    List(Box<Node<'a>>, Spans<'a>),
    Dictionary(Box<Node<'a>>, Vec<usize>),
}

enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

enum Blobs<'a> {
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Fixed(&'a FixedSizeBinaryArray),
}

/// How bytes are written.
#[derive(Clone, Copy)]
enum BytesKind {
    /// As they are: ObjectId, Decimal128.
    Bare,
    /// As binary data of this subtype.
    Subtype(u8),
    /// A type byte and a value of that type, to be checked.
    Raw,
}

/// Where the items of each list stand.
enum Spans<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
    Fixed(usize),
    SmallView(&'a [i32], &'a [i32]),
    LargeView(&'a [i64], &'a [i64]),
}

impl Texts<'_> {
    #[inline]
    fn get(&self, row: usize) -> &str {
        match self {
            Texts::Small(array) => array.value(row),
            Texts::Large(array) => array.value(row),
            Texts::View(array) => array.value(row),
        }
    }
}

impl<'a> Texts<'a> {
    /// The texts of an array of any string layout.
    fn new(array: &'a dyn Array) -> Option<Texts<'a>> {
        match array.data_type() {
            DataType::Utf8 => Some(Texts::Small(array.as_string())),
            DataType::LargeUtf8 => Some(Texts::Large(array.as_string())),
            DataType::Utf8View => Some(Texts::View(array.as_string_view())),
            _ => None,
        }
    }
}

impl Blobs<'_> {
    #[inline]
    fn get(&self, row: usize) -> &[u8] {
        match self {
            Blobs::Small(array) => array.value(row),
            Blobs::Large(array) => array.value(row),
            Blobs::View(array) => array.value(row),
            Blobs::Fixed(array) => array.value(row),
        }
    }
}

impl Spans<'_> {
    /// The first item of the list at `row` and the one behind its last. Arrow's arrays check that these are not negative.
    fn get(&self, row: usize) -> (usize, usize) {
        match self {
            Spans::Small(offsets) => (offsets[row] as usize, offsets[row + 1] as usize),
            Spans::Large(offsets) => (offsets[row] as usize, offsets[row + 1] as usize),
            Spans::Fixed(length) => (row * length, (row + 1) * length),
            Spans::SmallView(starts, sizes) => (starts[row] as usize, (starts[row] + sizes[row]) as usize),
            Spans::LargeView(starts, sizes) => (starts[row] as usize, (starts[row] + sizes[row]) as usize),
        }
    }
}

impl<'a> Members<'a> {
    /// The members of a document from its fields and their arrays.
    pub fn new(
        fields: &'a Fields,
        arrays: &'a [ArrayRef],
        path: &str,
        depth: usize,
    ) -> Result<Members<'a>, SchemaError> {
        let mut members: Vec<Member<'a>> = Vec::with_capacity(fields.len());
        for (field, array) in fields.iter().zip(arrays) {
            let path = if path.is_empty() { field.name().clone() } else { format!("{path}.{}", field.name()) };
            let refuse = |message: &str| SchemaError { path: path.clone(), message: message.to_string() };
            if field.name().contains('\0') {
                return Err(refuse("a BSON key cannot hold a NUL"));
            }
            if members.iter().any(|member| member.name == field.name()) {
                return Err(refuse("the field stands twice in the schema"));
            }
            let node = Node::new(field, array.as_ref(), &path, depth + 1)?;
            let head = [&[node.kind as u8], field.name().as_bytes(), &[0]].concat();
            members.push(Member { head, name: field.name(), node });
        }
        Ok(Members(members))
    }
}

impl<'a> Node<'a> {
    fn new(field: &'a Field, array: &'a dyn Array, path: &str, depth: usize) -> Result<Node<'a>, SchemaError> {
        let refuse = |message: String| SchemaError { path: path.to_string(), message };
        if depth >= DEPTH_MAX {
            return Err(refuse(format!("nested deeper than {DEPTH_MAX}")));
        }
        let (kind, values) = match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Node::text(field, array),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Node::bytes(field, array)
            }
            DataType::Struct(_) => return Node::document(field, array, path, depth),
            DataType::Dictionary(_, _) => return Node::dictionary(field, array, path, depth),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => {
                let (items, spans) = spans(array)
                    .ok_or_else(|| refuse(format!("no BSON type is written for `{}`", array.data_type())))?;
                let items = Node::new(item, items.as_ref(), &format!("{path}[]"), depth + 1)?;
                Some((ElementType::Array, Values::List(Box::new(items), spans)))
            }
            _ => scalars(array),
        }
        .ok_or_else(|| match schema::extension_name(field) {
            "" => refuse(format!("no BSON type is written for `{}`", array.data_type())),
            name => refuse(format!("no BSON type is `{}` named `{name}`", array.data_type())),
        })?;
        Ok(Node { kind, nulls: array.logical_nulls(), values })
    }

    fn text(field: &Field, array: &'a dyn Array) -> Option<(ElementType, Values<'a>)> {
        let code = schema::extension_name(field) == schema::CODE;
        let kind = if code { ElementType::Code } else { ElementType::String };
        Texts::new(array).map(|texts| (kind, Values::Text(texts)))
    }

    fn bytes(field: &Field, array: &'a dyn Array) -> Option<(ElementType, Values<'a>)> {
        let (blobs, width) = match array.data_type() {
            DataType::Binary => (Blobs::Small(array.as_binary()), None),
            DataType::LargeBinary => (Blobs::Large(array.as_binary()), None),
            DataType::BinaryView => (Blobs::View(array.as_binary_view()), None),
            DataType::FixedSizeBinary(width) => (Blobs::Fixed(array.as_fixed_size_binary()), Some(*width)),
            _ => return None,
        };
        let (kind, bytes) = match (schema::extension_name(field), width) {
            (schema::OBJECT_ID | "", Some(12)) => (ElementType::ObjectId, BytesKind::Bare),
            (schema::DECIMAL128, Some(16)) => (ElementType::Decimal128, BytesKind::Bare),
            (schema::UUID, Some(16)) => (ElementType::Binary, BytesKind::Subtype(4)),
            (schema::OBJECT_ID | schema::DECIMAL128 | schema::UUID, _) => return None,
            (schema::RAW, _) => (ElementType::Null, BytesKind::Raw),
            (schema::BINARY, _) => (ElementType::Binary, BytesKind::Subtype(schema::binary_subtype(field)?)),
            _ => (ElementType::Binary, BytesKind::Subtype(0)),
        };
        Some((kind, Values::Bytes(blobs, bytes)))
    }

    fn document(field: &'a Field, array: &'a dyn Array, path: &str, depth: usize) -> Result<Node<'a>, SchemaError> {
        let parts = array.as_struct();
        let misstored = |name: &str| SchemaError {
            path: path.to_string(),
            message: format!("`{name}` is not stored as `{}`", array.data_type()),
        };
        let (kind, values) = match schema::extension_name(field) {
            name @ schema::TIMESTAMP => {
                let part = |name| parts.column_by_name(name).and_then(|part| part.as_primitive_opt::<UInt32Type>());
                let (Some(seconds), Some(increments), 2) = (part("seconds"), part("increment"), parts.num_columns())
                else {
                    return Err(misstored(name));
                };
                (ElementType::Timestamp, Values::Timestamp(seconds.values(), increments.values()))
            }
            name @ schema::REGEX => {
                let part = |name| parts.column_by_name(name).and_then(|part| Texts::new(part.as_ref()));
                let (Some(pattern), Some(options), 2) = (part("pattern"), part("options"), parts.num_columns()) else {
                    return Err(misstored(name));
                };
                (ElementType::Regex, Values::Regex(pattern, options))
            }
            _ => {
                let members = Members::new(parts.fields(), parts.columns(), path, depth)?;
                (ElementType::Document, Values::Document(members))
            }
        };
        Ok(Node { kind, nulls: array.logical_nulls(), values })
    }

    fn dictionary(field: &'a Field, array: &'a dyn Array, path: &str, depth: usize) -> Result<Node<'a>, SchemaError> {
        let dictionary = array.as_any_dictionary();
        let values = dictionary.values();
        let inner = Node::new(field, values.as_ref(), path, depth + 1)?;
        // Without a value every key is null.
        let keys = if values.is_empty() { Vec::new() } else { dictionary.normalized_keys() };
        Ok(Node { kind: inner.kind, nulls: array.logical_nulls(), values: Values::Dictionary(Box::new(inner), keys) })
    }
}

/// The items of a list array of any layout, and where each list stands in them.
fn spans(array: &dyn Array) -> Option<(&ArrayRef, Spans<'_>)> {
    Some(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.values(), Spans::Small(list.value_offsets()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (list.values(), Spans::Large(list.value_offsets()))
        }
        DataType::FixedSizeList(_, length) => {
            let list = array.as_fixed_size_list();
            (list.values(), Spans::Fixed(usize::try_from(*length).ok()?))
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            (list.values(), Spans::SmallView(list.offsets(), list.sizes()))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            (list.values(), Spans::LargeView(list.offsets(), list.sizes()))
        }
        _ => return None,
    })
}

/// The types that need no look at the field.
fn scalars(array: &dyn Array) -> Option<(ElementType, Values<'_>)> {
    macro_rules! native {
        ($arrow:ty) => {
            array.as_primitive_opt::<$arrow>()?.values()
        };
    }
    Some(match array.data_type() {
        DataType::Null => (ElementType::Null, Values::Null),
        DataType::Boolean => (ElementType::Bool, Values::Bool(array.as_boolean())),
        DataType::Int8 => (ElementType::Int32, Values::Int8(native!(Int8Type))),
        DataType::Int16 => (ElementType::Int32, Values::Int16(native!(Int16Type))),
        DataType::Int32 => (ElementType::Int32, Values::Int32(native!(Int32Type))),
        DataType::Int64 => (ElementType::Int64, Values::Int64(native!(Int64Type))),
        DataType::UInt8 => (ElementType::Int32, Values::UInt8(native!(UInt8Type))),
        DataType::UInt16 => (ElementType::Int32, Values::UInt16(native!(UInt16Type))),
        DataType::UInt32 => (ElementType::Int64, Values::UInt32(native!(UInt32Type))),
        DataType::UInt64 => (ElementType::Int64, Values::UInt64(native!(UInt64Type))),
        DataType::Float16 => (ElementType::Double, Values::Float16(native!(Float16Type))),
        DataType::Float32 => (ElementType::Double, Values::Float32(native!(Float32Type))),
        DataType::Float64 => (ElementType::Double, Values::Float64(native!(Float64Type))),
        DataType::Decimal128(_, scale) => (ElementType::Decimal128, Values::Decimal(native!(Decimal128Type), *scale)),
        DataType::Date32 => (ElementType::DateTime, Values::Days(native!(Date32Type))),
        DataType::Date64 => (ElementType::DateTime, Values::Instants(native!(Date64Type), TimeUnit::Millisecond)),
        DataType::Timestamp(unit, _) => {
            let values = match unit {
                TimeUnit::Second => native!(TimestampSecondType),
                TimeUnit::Millisecond => native!(TimestampMillisecondType),
                TimeUnit::Microsecond => native!(TimestampMicrosecondType),
                TimeUnit::Nanosecond => native!(TimestampNanosecondType),
            };
            (ElementType::DateTime, Values::Instants(values, *unit))
        }
        _ => return None,
    })
}

/// The IEEE 754-2008 decimal (binary integer coefficient) of `value / 10**scale`, where its digits fit: 34 of them.
fn decimal128(value: i128, scale: i8) -> Option<u128> {
    const COEFFICIENT_MAX: u128 = 10_u128.pow(34) - 1;
    const EXPONENT_BIAS: i32 = 6176;
    let coefficient = value.unsigned_abs();
    let sign = u128::from(value < 0) << 127;
    // A scale of eight bits is far inside the exponent's range.
    let exponent = ((EXPONENT_BIAS - i32::from(scale)) as u128) << 113;
    (coefficient <= COEFFICIENT_MAX).then_some(sign | exponent | coefficient)
}

/// The milliseconds that an instant is exactly.
fn milliseconds(value: i64, unit: TimeUnit) -> Option<i64> {
    let whole = |parts: i64| (value % parts == 0).then_some(value / parts);
    match unit {
        TimeUnit::Second => value.checked_mul(1000),
        TimeUnit::Millisecond => Some(value),
        TimeUnit::Microsecond => whole(1000),
        TimeUnit::Nanosecond => whole(1_000_000),
    }
}

/// Writes rows as bytes.
pub(crate) struct Writer {
    pub leave_out_nulls: bool,
}

type Written = Result<(), Box<EncodeFailure>>;

impl Writer {
    /// Writes the document at `row`; it is the `depth`th of those around it. `elements` come before its own.
    pub fn document(
        &self,
        members: &Members<'_>,
        row: usize,
        depth: usize,
        elements: &[u8],
        out: &mut Vec<u8>,
    ) -> Written {
        let start = open(out);
        out.extend_from_slice(elements);
        for member in &members.0 {
            if member.node.is_null(row) && self.leave_out_nulls {
                continue;
            }
            self.element(&member.head, &member.node, row, depth, out)
                .map_err(|failure| failure.within(PathPart::Field(member.name.to_string())))?;
        }
        close(start, out);
        Ok(())
    }

    /// Writes one element: `head` is its type byte, key and NUL.
    #[inline]
    fn element(&self, head: &[u8], node: &Node<'_>, row: usize, depth: usize, out: &mut Vec<u8>) -> Written {
        let start = out.len();
        out.extend_from_slice(head);
        if node.is_null(row) {
            out[start] = ElementType::Null as u8;
            return Ok(());
        }
        self.value(node, row, depth, start, out)
    }

    /// Writes the value at `row`, whose type byte stands at `kind_at`.
    #[inline]
    fn value(&self, node: &Node<'_>, row: usize, depth: usize, kind_at: usize, out: &mut Vec<u8>) -> Written {
        match &node.values {
            Values::Null => {}
            Values::Bool(array) => out.push(u8::from(array.value(row))),
            Values::Int8(values) => out.extend_from_slice(&i32::from(values[row]).to_le_bytes()),
            Values::Int16(values) => out.extend_from_slice(&i32::from(values[row]).to_le_bytes()),
            Values::Int32(values) => out.extend_from_slice(&values[row].to_le_bytes()),
            Values::Int64(values) => out.extend_from_slice(&values[row].to_le_bytes()),
            Values::UInt8(values) => out.extend_from_slice(&i32::from(values[row]).to_le_bytes()),
            Values::UInt16(values) => out.extend_from_slice(&i32::from(values[row]).to_le_bytes()),
            Values::UInt32(values) => out.extend_from_slice(&i64::from(values[row]).to_le_bytes()),
            Values::UInt64(values) => {
                let value = values[row];
                let long = i64::try_from(value)
                    .map_err(|_| EncodeFailure::new(format!("{value} is larger than a BSON long can be")))?;
                out.extend_from_slice(&long.to_le_bytes());
            }
            Values::Float16(values) => out.extend_from_slice(&f64::from(values[row]).to_le_bytes()),
            Values::Float32(values) => out.extend_from_slice(&f64::from(values[row]).to_le_bytes()),
            Values::Float64(values) => out.extend_from_slice(&values[row].to_le_bytes()),
            Values::Decimal(values, scale) => {
                let value = values[row];
                let bits = decimal128(value, *scale).ok_or_else(|| {
                    EncodeFailure::new(format!("{value} has more digits than a BSON decimal can hold"))
                })?;
                out.extend_from_slice(&bits.to_le_bytes());
            }
            Values::Days(values) => out.extend_from_slice(&(i64::from(values[row]) * 86_400_000).to_le_bytes()),
            Values::Instants(values, unit) => {
                let value = values[row];
                let date = milliseconds(value, *unit).ok_or_else(|| inexact(value, *unit))?;
                out.extend_from_slice(&date.to_le_bytes());
            }
            Values::Text(texts) => text(texts.get(row), out),
            Values::Bytes(blobs, kind) => bytes(blobs.get(row), *kind, depth, kind_at, out)?,
            Values::Timestamp(seconds, increments) => {
                out.extend_from_slice(&increments[row].to_le_bytes());
                out.extend_from_slice(&seconds[row].to_le_bytes());
            }
            Values::Regex(pattern, options) => {
                cstring(pattern.get(row), out)?;
                cstring(options.get(row), out)?;
            }
            Values::Document(members) => self.document(members, row, depth + 1, &[], out)?,
            Values::List(items, spans) => self.list(items, spans.get(row), depth + 1, out)?,
            Values::Dictionary(values, keys) => self.value(values, keys[row], depth, kind_at, out)?,
        }
        Ok(())
    }

    fn list(&self, items: &Node<'_>, span: (usize, usize), depth: usize, out: &mut Vec<u8>) -> Written {
        let start = open(out);
        let mut head = Vec::with_capacity(12);
        for (index, row) in (span.0..span.1).enumerate() {
            head.clear();
            head.push(items.kind as u8);
            decimal(index, &mut head);
            head.push(0);
            self.element(&head, items, row, depth, out).map_err(|failure| failure.within(PathPart::Item(index)))?;
        }
        close(start, out);
        Ok(())
    }
}

impl Node<'_> {
    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

/// Makes room for the length of a document.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

/// Ends a document and writes its length. One too large for 32 bits makes its outermost document too large, which is an
/// error there.
pub(crate) fn close(start: usize, out: &mut Vec<u8>) {
    out.push(0);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends the digits of an array's index.
pub(crate) fn decimal(index: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = index;
    loop {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[inline]
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32 + 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn cstring(text: &str, out: &mut Vec<u8>) -> Written {
    if text.contains('\0') {
        return Err(EncodeFailure::new("a regular expression of BSON cannot hold a NUL".to_string()));
    }
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(())
}

fn bytes(value: &[u8], kind: BytesKind, depth: usize, kind_at: usize, out: &mut Vec<u8>) -> Written {
    match kind {
        BytesKind::Bare => out.extend_from_slice(value),
        BytesKind::Subtype(subtype) => {
            // The deprecated subtype 2 repeats its length inside.
            let inner = if subtype == 2 { 4 } else { 0 };
            out.extend_from_slice(&(value.len() as u32 + inner).to_le_bytes());
            out.push(subtype);
            if subtype == 2 {
                out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            }
            out.extend_from_slice(value);
        }
        BytesKind::Raw => {
            let invalid = |what: String| EncodeFailure::new(format!("not a raw BSON value: {what}"));
            let Some((byte, body)) = value.split_first() else {
                return Err(invalid("it is empty".to_string()));
            };
            let kind = ElementType::from_byte(*byte)
                .ok_or_else(|| invalid(format!("there is no element type 0x{byte:02x}")))?;
            let end = element::skip(kind, body, 0, depth).map_err(|malformed| invalid(malformed.reason.to_string()))?;
            if end != body.len() {
                return Err(invalid("bytes follow the value".to_string()));
            }
            out[kind_at] = *byte;
            out.extend_from_slice(body);
        }
    }
    Ok(())
}

#[cold]
fn inexact(value: i64, unit: TimeUnit) -> Box<EncodeFailure> {
    EncodeFailure::new(match unit {
        TimeUnit::Second => format!("{value} seconds are more milliseconds than a BSON date can hold"),
        TimeUnit::Microsecond => format!("{value} microseconds are no whole number of milliseconds"),
        TimeUnit::Millisecond | TimeUnit::Nanosecond => {
            format!("{value} nanoseconds are no whole number of milliseconds")
        }
    })
}
