//! What kernels write, and the Arrow arrays it becomes.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, NullArray, StringArray, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use codegen::{Leaf, LeafKind};
use memmap2::MmapMut;
use runtime::abi::{OutputView, STR_ASCII_BIT, Str};

use crate::error::{Error, Result};
use crate::types::arrow_of_elem;

/// Room for the results of some rows.
pub(crate) struct Outputs {
    leaves: Vec<LeafRows>,
    rows: usize,
}

struct LeafRows {
    kind: LeafKind,
    values: Room,
    /// One byte a row.
    validity: Option<Vec<u8>>,
}

/// Bytes from which on memory is asked of the system as pages of its own.
const PAGES_BYTES_MIN: usize = 4 << 20;

/// Zeroed memory that a kernel fills. Much of it consists of huge pages where the system has them: the first touch of
/// ordinary ones takes longer than a simple kernel.
enum Room {
    Heap(MutableBuffer),
    Pages(MmapMut),
}

impl Room {
    fn zeroed(bytes: usize) -> Room {
        if bytes < PAGES_BYTES_MIN {
            return Room::Heap(MutableBuffer::from_len_zeroed(bytes));
        }
        match MmapMut::map_anon(bytes) {
            Ok(pages) => {
                // Advice: where the system does not take it, the pages are ordinary ones.
                #[cfg(target_os = "linux")]
                let _ = pages.advise(memmap2::Advice::HugePage);
                Room::Pages(pages)
            }
            Err(_) => Room::Heap(MutableBuffer::from_len_zeroed(bytes)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Room::Heap(buffer) => buffer.len(),
            Room::Pages(pages) => pages.len(),
        }
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        match self {
            Room::Heap(buffer) => buffer.as_mut_ptr(),
            Room::Pages(pages) => pages.as_mut_ptr(),
        }
    }

    fn into_buffer(self) -> Buffer {
        match self {
            Room::Heap(buffer) => buffer.into(),
            Room::Pages(mut pages) => {
                let bytes = pages.len();
                match NonNull::new(pages.as_mut_ptr()) {
                    // SAFETY: the pages have so many bytes and live as long as the buffer, which owns them.
                    Some(start) => unsafe { Buffer::from_custom_allocation(start, bytes, Arc::new(pages)) },
                    None => Buffer::from(Vec::<u8>::new()),
                }
            }
        }
    }
}

/// Whether no result refers to memory beside it, so that rows may be written in any order into one output.
pub(crate) fn fixed_width(leaves: &[Leaf]) -> bool {
    !leaves.iter().any(|leaf| matches!(leaf.kind, LeafKind::Str | LeafKind::List))
}

impl Outputs {
    /// `may_fail`: rows may be given up, so that every leaf needs a validity.
    pub fn new(leaves: &[Leaf], rows: usize, may_fail: bool) -> Outputs {
        let leaf_rows = |leaf: &Leaf| {
            let width = match leaf.kind {
                LeafKind::None | LeafKind::Validity => 0,
                LeafKind::Bool => 1,
                LeafKind::Int | LeafKind::Float | LeafKind::List => 8,
                LeafKind::Str => size_of::<Str>(),
                LeafKind::Np(elem) => elem.size_bytes(),
            };
            // The kernel writes the validity of a leaf that cannot be null only where a row fails.
            let validity = match (leaf.nullable, may_fail) {
                (true, _) => Some(vec![0; rows]),
                (false, true) => Some(vec![1; rows]),
                (false, false) => None,
            };
            LeafRows { kind: leaf.kind, values: Room::zeroed(rows * width), validity }
        };
        Outputs { leaves: leaves.iter().map(leaf_rows).collect(), rows }
    }

    /// Where the kernel writes row `first` and those after it.
    pub fn views(&mut self, first: usize) -> Vec<OutputView> {
        let view = |leaf: &mut LeafRows| {
            let width = leaf.values.len().checked_div(self.rows).unwrap_or(0);
            OutputView {
                values: leaf.values.as_mut_ptr().wrapping_add(first * width),
                validity: match &mut leaf.validity {
                    Some(validity) => validity.as_mut_ptr().wrapping_add(first),
                    None => std::ptr::null_mut(),
                },
            }
        };
        self.leaves.iter_mut().map(view).collect()
    }

    /// The arrays, one a leaf. Copies texts, so what the kernel allocated may be freed afterwards.
    ///
    /// # Safety
    /// The kernel has written every row, and the texts it wrote are alive.
    pub unsafe fn finish(self) -> Result<Vec<ArrayRef>> {
        let rows = self.rows;
        // SAFETY: the caller's.
        self.leaves.into_iter().map(|leaf| unsafe { finish_leaf(leaf, rows) }).collect()
    }
}

unsafe fn finish_leaf(leaf: LeafRows, rows: usize) -> Result<ArrayRef> {
    let nulls = leaf.validity.as_deref().and_then(nulls_of);
    let values = leaf.values.into_buffer();
    Ok(match leaf.kind {
        LeafKind::None => Arc::new(NullArray::new(rows)),
        LeafKind::Bool => Arc::new(BooleanArray::new(bits_of(&values), nulls)),
        LeafKind::Validity => {
            let present = nulls.map_or_else(|| BooleanBuffer::new_set(rows), |nulls| nulls.into_inner());
            Arc::new(BooleanArray::new(present, None))
        }
        LeafKind::Int => numbers(DataType::Int64, values, nulls, rows)?,
        LeafKind::Float => numbers(DataType::Float64, values, nulls, rows)?,
        // Addresses, which whoever asked for lists follows before the arena is emptied.
        LeafKind::List => numbers(DataType::UInt64, values, None, rows)?,
        LeafKind::Np(ir::Elem::Bool) => Arc::new(BooleanArray::new(bits_of(&values), nulls)),
        LeafKind::Np(elem) => numbers(arrow_of_elem(elem), values, nulls, rows)?,
        // SAFETY: the caller's.
        LeafKind::Str => unsafe { texts(&values, nulls, rows)? },
    })
}

/// `None` when every row is valid.
fn nulls_of(validity: &[u8]) -> Option<NullBuffer> {
    let nulls = NullBuffer::new(bits_of(validity));
    (nulls.null_count() > 0).then_some(nulls)
}

fn bits_of(bytes: &[u8]) -> BooleanBuffer {
    BooleanBuffer::collect_bool(bytes.len(), |index| bytes.get(index).is_some_and(|byte| *byte != 0))
}

fn numbers(data_type: DataType, values: Buffer, nulls: Option<NullBuffer>, rows: usize) -> Result<ArrayRef> {
    let data = arrow::array::ArrayData::builder(data_type).len(rows).add_buffer(values).nulls(nulls);
    let data = data.build().map_err(|error| Error::engine(format!("a kernel's result is malformed: {error}")))?;
    Ok(make_array(data))
}

/// # Safety
/// `values` holds a [`Str`] a row, alive where the row is valid.
unsafe fn texts(values: &Buffer, nulls: Option<NullBuffer>, rows: usize) -> Result<ArrayRef> {
    // SAFETY: the buffer was made with room for a `Str` a row; every pattern of bits is one.
    let texts = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<Str>(), rows) };
    let length = |row: usize, text: &Str| match &nulls {
        Some(nulls) if nulls.is_null(row) => 0,
        _ => (text.length & !STR_ASCII_BIT) as usize,
    };
    let total: usize = texts.iter().enumerate().map(|(row, text)| length(row, text)).sum();
    if total > i32::MAX as usize {
        return Err(Error::engine_hint(
            format!("a function returned {total} bytes of text for {rows} rows; a batch holds at most 2 GiB"),
            "return shorter texts",
        ));
    }
    let mut bytes = Vec::with_capacity(total);
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0i32);
    for (row, text) in texts.iter().enumerate() {
        let count = length(row, text);
        if count > 0 {
            // SAFETY: the kernel wrote the address of so many bytes, which the caller says are alive.
            bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(text.data, count) });
        }
        offsets.push(bytes.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    // SAFETY: a `str` of compiled code is UTF-8, and the offsets are those of whole strings.
    Ok(Arc::new(unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(bytes), nulls) }))
}
