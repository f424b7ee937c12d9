//! Columns of text and bytes. A column of views lets its text stay in the buffers that were handed in, and copies only
//! what is short; the decoder decides for each buffer whether the views may keep it alive. The other columns copy.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray, StringArray, StringViewArray,
};
use arrow_buffer::{Buffer, NullBufferBuilder};
use arrow_data::{ByteView, MAX_INLINE_VIEW_LEN};
use arrow_schema::{ArrowError, DataType, Field};

use crate::column::Source;
use crate::element::{self, ElementType};
use crate::error::Failure;
use crate::memory::{FinishedOffsets, Grown, Offsets, expected, scalars};
use crate::schema;

/// Which of Arrow's string types a text column becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextLayout {
    View,
    Small,
    Large,
}

/// Where a text column keeps its text.
enum TextStore {
    /// Views: text of up to twelve bytes inside, longer text in the block with the view's number.
    Views(Grown<u128>),
    /// One text behind the other.
    Copied { data: Grown<u8>, offsets: Offsets },
}

pub(crate) struct TextColumn {
    store: TextStore,
    nulls: NullBufferBuilder,
    /// Takes JavaScript code in place of strings.
    code: bool,
    /// Whether a view that refers to a block was added since the last count.
    viewed: bool,
}

impl TextColumn {
    pub fn new(layout: TextLayout, code: bool) -> TextColumn {
        let store = match layout {
            TextLayout::View => TextStore::Views(Grown::default()),
            TextLayout::Small => TextStore::Copied { data: Grown::default(), offsets: Offsets::new(false) },
            TextLayout::Large => TextStore::Copied { data: Grown::default(), offsets: Offsets::new(true) },
        };
        TextColumn { store, nulls: NullBufferBuilder::new(0), code, viewed: false }
    }

    #[inline]
    pub fn len(&self) -> usize {
        match &self.store {
            TextStore::Views(views) => views.len(),
            TextStore::Copied { offsets, .. } => offsets.len(),
        }
    }

    /// Appends `text`, which stands at `at` in the buffer number `block`.
    #[inline]
    pub fn push(&mut self, text: &str, block: u32, at: usize) {
        let bytes = text.as_bytes();
        match &mut self.store {
            TextStore::Views(views) => {
                self.viewed |= bytes.len() > MAX_INLINE_VIEW_LEN as usize;
                views.push(view_of(bytes, block, at));
            }
            TextStore::Copied { data, offsets } => {
                data.extend_from_slice(bytes);
                offsets.push(data.len());
            }
        }
        self.nulls.append_non_null();
    }

    pub fn push_null(&mut self) {
        match &mut self.store {
            TextStore::Views(views) => views.push(0),
            TextStore::Copied { data, offsets } => offsets.push(data.len()),
        }
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        match &mut self.store {
            TextStore::Views(views) => views.truncate(len),
            TextStore::Copied { data, offsets } => {
                offsets.truncate(len);
                data.truncate(offsets.last());
            }
        }
        self.nulls.truncate(len);
    }

    /// Makes room for `rows` more values, guessing the text from what there is.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.store {
            TextStore::Views(views) => views.reserve(rows),
            TextStore::Copied { data, offsets } => {
                data.reserve(expected(data.len(), offsets.len(), rows));
                offsets.reserve(rows);
            }
        }
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

    /// Adds up the text that views from row `from` on find in the block with this number.
    pub fn count_viewed(&mut self, from: usize, block: u32, bytes: &mut usize) {
        if let (TextStore::Views(views), true) = (&self.store, std::mem::take(&mut self.viewed)) {
            let viewed = views.get(from..).unwrap_or(&[]).iter().filter(|view| is_in(**view, block));
            *bytes += viewed.map(|view| long_length(*view)).sum::<usize>();
        }
    }

    /// Copies the text that views from row `from` on find in the block `old`, whose bytes are given, to the end of
    /// `copy`, which is the block `new`.
    pub fn copy_viewed(&mut self, from: usize, (old, bytes): (u32, &[u8]), (new, copy): (u32, &mut Grown<u8>)) {
        let TextStore::Views(views) = &mut self.store else { return };
        for view in views.get_mut(from..).unwrap_or(&mut []).iter_mut().filter(|view| is_in(**view, old)) {
            let mut moved = ByteView::from(*view);
            let start = moved.offset as usize;
            moved.buffer_index = new;
            // The decoder opens another block before 32 bits are too few.
            moved.offset = copy.len() as u32;
            copy.extend_from_slice(&bytes[start..start + moved.length as usize]);
            *view = moved.as_u128();
        }
    }

    pub fn finish(&mut self, blocks: &[Buffer]) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        match &mut self.store {
            TextStore::Views(views) => {
                let viewed = views.iter().any(|view| long_length(*view) > 0);
                let buffers = if viewed { blocks.to_vec() } else { Vec::new() };
                // SAFETY: `push` made every view from a `&str` of the named block at that place, or inline;
                // `copy_viewed` moved it together with its text.
                let array = unsafe { StringViewArray::new_unchecked(scalars(views), buffers, nulls) };
                Ok(Arc::new(array))
            }
            TextStore::Copied { data, offsets } => {
                let data = std::mem::take(data).into_buffer();
                // SAFETY: `push` takes whole texts, so every offset is the end of valid UTF-8.
                Ok(match offsets.finish()? {
                    FinishedOffsets::Small(offsets) => {
                        Arc::new(unsafe { StringArray::new_unchecked(offsets, data, nulls) })
                    }
                    FinishedOffsets::Large(offsets) => {
                        Arc::new(unsafe { LargeStringArray::new_unchecked(offsets, data, nulls) })
                    }
                })
            }
        }
    }
}

/// The view of a text that stands at `at` in the buffer number `block`.
#[inline]
fn view_of(bytes: &[u8], block: u32, at: usize) -> u128 {
    match bytes.first_chunk::<4>() {
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
        _ => short_bits(bytes) << 32 | bytes.len() as u128,
    }
}

/// At most 12 bytes as the low ones of a little-endian number: loads that may overlap, in place of a copy of any length.
#[inline]
fn short_bits(bytes: &[u8]) -> u128 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let shift = 8 * (bytes.len() - 8);
        return u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << shift;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let shift = 8 * (bytes.len() - 4);
        return u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << shift;
    }
    bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// Whether the view refers to the block with this number.
fn is_in(view: u128, block: u32) -> bool {
    long_length(view) > 0 && ByteView::from(view).buffer_index == block
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
    data: Grown<u8>,
    offsets: Offsets,
    nulls: NullBufferBuilder,
    kind: BytesKind,
}

impl BytesColumn {
    pub fn new(field: &Field) -> BytesColumn {
        let kind = match (schema::extension_name(field), schema::binary_subtype(field)) {
            (schema::RAW, _) => BytesKind::Raw,
            (schema::BINARY, Some(subtype)) => BytesKind::Subtype(subtype),
            _ => BytesKind::Any,
        };
        let large = *field.data_type() == DataType::LargeBinary;
        BytesColumn { data: Grown::default(), offsets: Offsets::new(large), nulls: NullBufferBuilder::new(0), kind }
    }

    pub fn is_raw(&self) -> bool {
        self.kind == BytesKind::Raw
    }

    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    pub fn push_null(&mut self) {
        self.offsets.push(self.data.len());
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len);
        self.nulls.truncate(len);
        self.data.truncate(self.offsets.last());
    }

    /// Makes room for `rows` more values, guessing the bytes from what there is.
    pub fn reserve(&mut self, rows: usize) {
        self.data.reserve(expected(self.data.len(), self.offsets.len(), rows));
        self.offsets.reserve(rows);
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
                    return Err(Failure::mismatch(format!("binData of subtype {expected}"), kind.name(), found));
                }
                self.data.extend_from_slice(payload);
                end
            }
        };
        self.offsets.push(self.data.len());
        self.nulls.append_non_null();
        Ok(end)
    }

    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let data = std::mem::take(&mut self.data).into_buffer();
        let nulls = self.nulls.finish();
        Ok(match self.offsets.finish()? {
            FinishedOffsets::Small(offsets) => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
            FinishedOffsets::Large(offsets) => Arc::new(LargeBinaryArray::try_new(offsets, data, nulls)?),
        })
    }
}

/// A column of values of one size that BSON stores as bytes.
pub(crate) struct FixedColumn {
    name: &'static str,
    kind: ElementType,
    width: usize,
    data: Grown<u8>,
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
        Some(FixedColumn {
            name,
            kind,
            width: width as usize,
            data: Grown::default(),
            nulls: NullBufferBuilder::new(0),
        })
    }

    pub fn len(&self) -> usize {
        self.nulls.len()
    }

    pub fn push_null(&mut self) {
        self.data.extend(std::iter::repeat_n(0, self.width));
        self.nulls.append_null();
    }

    pub fn truncate(&mut self, len: usize) {
        self.data.truncate(len * self.width);
        self.nulls.truncate(len);
    }

    pub fn reserve(&mut self, rows: usize) {
        self.data.reserve(rows * self.width);
    }

    pub fn append(&mut self, kind: ElementType, source: &Source<'_>, at: usize) -> Result<usize, Box<Failure>> {
        if kind != self.kind {
            return Err(Failure::wrong_type(self.name.to_string(), kind));
        }
        let (value, end) = if kind == ElementType::Binary {
            let (subtype, payload, end) = element::binary(source.bytes, at)?;
            if subtype != 4 || payload.len() != self.width {
                let found = format!("binData of subtype {subtype} and {} bytes", payload.len());
                return Err(Failure::mismatch(self.name.to_string(), kind.name(), found));
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
        let data = std::mem::take(&mut self.data).into_buffer();
        Ok(Arc::new(FixedSizeBinaryArray::try_new(self.width as i32, data, self.nulls.finish())?))
    }
}
