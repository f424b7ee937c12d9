//! Columns of text and bytes. Text stays where it is: a column holds Arrow views into the buffers that were handed in,
//! and copies only what is short, or what would keep a far larger buffer alive.

use std::sync::Arc;

use arrow_array::builder::{LargeStringBuilder, StringBuilder};
use arrow_array::types::{BinaryType, LargeBinaryType};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, GenericByteArray, StringViewArray};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};
use arrow_data::{ByteView, MAX_INLINE_VIEW_LEN};
use arrow_schema::{ArrowError, DataType, Field};

use crate::column::{Source, offsets};
use crate::element::{self, ElementType};
use crate::error::Failure;
use crate::schema;

/// Which of Arrow's string types a text column becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextLayout {
    View,
    Small,
    Large,
}

pub(crate) struct TextColumn {
    views: Vec<u128>,
    nulls: NullBufferBuilder,
    layout: TextLayout,
    /// Takes JavaScript code in place of strings.
    code: bool,
}

impl TextColumn {
    pub fn new(layout: TextLayout, code: bool) -> TextColumn {
        TextColumn { views: Vec::new(), nulls: NullBufferBuilder::new(0), layout, code }
    }

    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Appends `text`, which stands at `at` in the buffer number `block`.
    #[inline]
    pub fn push(&mut self, text: &str, block: u32, at: usize) {
        let bytes = text.as_bytes();
        let view = match bytes.first_chunk::<4>() {
            Some(prefix) if bytes.len() > MAX_INLINE_VIEW_LEN as usize => {
                // The decoder refuses buffers that 32 bits cannot address.
                let view = ByteView {
                    length: bytes.len() as u32,
                    prefix: u32::from_le_bytes(*prefix),
                    buffer_index: block,
                    offset: at as u32,
                };
                view.as_u128()
            }
            _ => {
                let mut view = [0; 16];
                view[0] = bytes.len() as u8;
                view[4..4 + bytes.len()].copy_from_slice(bytes);
                u128::from_le_bytes(view)
            }
        };
        self.views.push(view);
        self.nulls.append_non_null();
    }

    pub fn push_null(&mut self) {
        self.views.push(0);
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.views.truncate(len);
        self.nulls.truncate(len);
    }

    #[inline]
    pub fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let fits = match kind {
            ElementType::String | ElementType::Symbol => !self.code,
            ElementType::Code => self.code,
            _ => false,
        };
        if !fits {
            let expected = if self.code { schema::CODE } else { "Utf8" };
            return Err(Failure::wrong_type(expected.to_string(), kind));
        }
        let (text, end) = element::string(source.bytes, at)?;
        self.push(text, source.block, at + 4);
        Ok(end)
    }

    pub fn finish(&mut self, blocks: &[Buffer]) -> Result<ArrayRef, ArrowError> {
        let views = std::mem::take(&mut self.views);
        let referenced: usize = views.iter().map(|view| long_length(*view)).sum();
        let held: usize = blocks.iter().map(Buffer::len).sum();
        let buffers = if referenced == 0 { Vec::new() } else { blocks.to_vec() };
        // SAFETY: `push` made every view from a `&str` of the named block at that place, or inline.
        let array = unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), buffers, self.nulls.finish()) };
        Ok(match self.layout {
            // Views that use less than half of what they keep alive are cheaper copied.
            TextLayout::View if referenced > 0 && referenced < held / 2 => Arc::new(array.gc()),
            TextLayout::View => Arc::new(array),
            TextLayout::Small => {
                if array.iter().flatten().map(str::len).sum::<usize>() > i32::MAX as usize {
                    return Err(ArrowError::OffsetOverflowError(i32::MAX as usize));
                }
                let mut builder = StringBuilder::with_capacity(array.len(), referenced);
                array.iter().for_each(|text| builder.append_option(text));
                Arc::new(builder.finish())
            }
            TextLayout::Large => {
                let mut builder = LargeStringBuilder::with_capacity(array.len(), referenced);
                array.iter().for_each(|text| builder.append_option(text));
                Arc::new(builder.finish())
            }
        })
    }
}

/// The bytes that a view refers to outside itself.
fn long_length(view: u128) -> usize {
    let length = view as u32;
    if length > MAX_INLINE_VIEW_LEN { length as usize } else { 0 }
}

/// What a column of variable-size bytes takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum BytesKind {
    /// Binary data of any subtype.
    Any,
    /// Binary data of one subtype.
    Subtype(u8),
    /// Any value: its type byte, then its bytes.
    Raw,
}

pub(crate) struct BytesColumn {
    data: Vec<u8>,
    ends: Vec<usize>,
    nulls: NullBufferBuilder,
    kind: BytesKind,
    large: bool,
}

impl BytesColumn {
    pub fn new(field: &Field) -> BytesColumn {
        let kind = match (schema::extension_name(field), schema::binary_subtype(field)) {
            (schema::RAW, _) => BytesKind::Raw,
            (schema::BINARY, Some(subtype)) => BytesKind::Subtype(subtype),
            _ => BytesKind::Any,
        };
        let large = *field.data_type() == DataType::LargeBinary;
        BytesColumn { data: Vec::new(), ends: Vec::new(), nulls: NullBufferBuilder::new(0), kind, large }
    }

    pub fn is_raw(&self) -> bool {
        self.kind == BytesKind::Raw
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn push_null(&mut self) {
        self.ends.push(self.data.len());
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.nulls.truncate(len);
        self.data.truncate(self.ends.last().copied().unwrap_or(0));
    }

    pub fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        let end = match self.kind {
            BytesKind::Raw => {
                let end = element::skip(kind, source.bytes, at, source.depth)?;
                self.data.push(kind as u8);
                self.data.extend_from_slice(&source.bytes[at..end]);
                end
            }
            BytesKind::Any | BytesKind::Subtype(_) if kind != ElementType::Binary => {
                return Err(Failure::wrong_type("Binary".to_string(), kind));
            }
            BytesKind::Any | BytesKind::Subtype(_) => {
                let (subtype, payload, end) = element::binary(source.bytes, at)?;
                if let BytesKind::Subtype(expected) = self.kind
                    && subtype != expected
                {
                    let found = format!("binData of subtype {subtype}");
                    return Err(Failure::mismatch(format!("binData of subtype {expected}"), found));
                }
                self.data.extend_from_slice(payload);
                end
            }
        };
        self.ends.push(self.data.len());
        self.nulls.append_non_null();
        Ok(end)
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let data = Buffer::from_vec(std::mem::take(&mut self.data));
        let ends = std::mem::take(&mut self.ends);
        let nulls = self.nulls.finish();
        Ok(if self.large {
            Arc::new(GenericByteArray::<LargeBinaryType>::try_new(offsets(ends)?, data, nulls)?)
        } else {
            Arc::new(GenericByteArray::<BinaryType>::try_new(offsets(ends)?, data, nulls)?)
        })
    }
}

/// A column of values of one size that BSON stores as bytes.
pub(crate) struct FixedColumn {
    name: &'static str,
    kind: ElementType,
    width: usize,
    data: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl FixedColumn {
    /// The column for this extension type and width, if BSON has such values.
    pub fn new(extension: &str, width: i32) -> Option<FixedColumn> {
        let (name, kind) = match (extension, width) {
            (schema::OBJECT_ID | "", 12) => (schema::OBJECT_ID, ElementType::ObjectId),
            (schema::DECIMAL128, 16) => (schema::DECIMAL128, ElementType::Decimal128),
            (schema::UUID, 16) => (schema::UUID, ElementType::Binary),
            _ => return None,
        };
        Some(FixedColumn { name, kind, width: width as usize, data: Vec::new(), nulls: NullBufferBuilder::new(0) })
    }

    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    pub fn push_null(&mut self) {
        self.data.resize(self.data.len() + self.width, 0);
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.data.truncate(len * self.width);
        self.nulls.truncate(len);
    }

    pub fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != self.kind {
            return Err(Failure::wrong_type(self.name.to_string(), kind));
        }
        let (value, end) = if kind == ElementType::Binary {
            let (subtype, payload, end) = element::binary(source.bytes, at)?;
            if subtype != 4 || payload.len() != self.width {
                let found = format!("binData of subtype {subtype} and {} bytes", payload.len());
                return Err(Failure::mismatch(self.name.to_string(), found));
            }
            (payload, end)
        } else {
            let end = element::skip(kind, source.bytes, at, source.depth)?;
            (&source.bytes[at..end], end)
        };
        self.data.extend_from_slice(value);
        self.nulls.append_non_null();
        Ok(end)
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let data = Buffer::from_vec(std::mem::take(&mut self.data));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(self.width as i32, data, self.nulls.finish())?))
    }
}
