//! How much memory a decoded batch takes at its peak, counted at the allocator and, for what is mapped, by the system: the
//! documents come in buffers that the caller lets go of, as they do from a socket.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::{Decoder, Options, schema};
use support::{doc, double, field, int, long, text};

/// The system's allocator, counting the bytes that are allocated and the most that ever were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn add(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    /// A large block is moved by the page tables, never held twice.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        add(size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes of an array's own values: what is used of its buffers, and text in views once for each view.
fn used_bytes(array: &ArrayData) -> usize {
    let children = array.child_data().iter().map(used_bytes).sum::<usize>();
    let nulls = array.nulls().map_or(0, |nulls| nulls.len().div_ceil(8));
    let own = match array.data_type() {
        DataType::Utf8View => {
            let views = array.buffers()[0].typed_data::<u128>();
            let lengths = views.iter().map(|view| *view as u32 as usize);
            views.len() * 16 + lengths.filter(|length| *length > 12).sum::<usize>()
        }
        _ => array.buffers().iter().map(Buffer::len).sum(),
    };
    own + nulls + children
}

/// What the system says of this process's memory: `VmRSS` now, `VmHWM` at most since [`forget_peak`].
fn resident(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn forget_peak() {
    // Elsewhere than on Linux only the allocator counts.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Decodes `rows` documents in buffers of about 256 KiB; returns the batch, its size and the peak over what was there
/// before, without the buffer being read.
fn decode(fields: Vec<Field>, rows: u64, document: impl Fn(u64) -> Vec<u8>) -> (RecordBatch, usize, usize) {
    let mut decoder = Decoder::new(Arc::new(Schema::new(fields)), Options::default()).unwrap();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let resident_before = resident("VmRSS");
    forget_peak();
    let mut buffer = Vec::with_capacity(1 << 18);
    for row in 0..rows {
        buffer.extend(document(row));
        if buffer.len() > 250_000 || row + 1 == rows {
            buffer.shrink_to_fit();
            decoder.append(&Buffer::from_vec(std::mem::replace(&mut buffer, Vec::with_capacity(1 << 18)))).unwrap();
        }
    }
    drop(buffer);
    let batch = decoder.finish().unwrap();
    let peak = (PEAK.load(Ordering::Relaxed) - before).max(resident("VmHWM").saturating_sub(resident_before));
    let size = batch.columns().iter().map(|column| used_bytes(&column.to_data())).sum();
    (batch, size, peak)
}

/// One test: the counters belong to the whole process.
#[test]
fn the_peak_is_little_more_than_the_batch() {
    let words = |row: u64, count: usize| format!("{row} ").repeat(count);
    let flat = |row: u64| {
        doc(&[
            (0x07, "_id", vec![1; 12]),
            (0x10, "i32", int(row as i32)),
            (0x12, "i64", long(row as i64)),
            (0x01, "f64", double(row as f64)),
            (0x02, "s", text("short")),
            (0x09, "d", long(row as i64)),
        ])
    };
    let flat_fields = |text: DataType| {
        vec![
            field("i32", DataType::Int32),
            field("i64", DataType::Int64),
            field("f64", DataType::Float64),
            field("s", text),
            schema::date("d"),
        ]
    };
    let padded = |row: u64| doc(&[(0x02, "s", text(&words(row, 3))), (0x02, "pad", text(&words(row, 40)))]);
    let list = |item: DataType| DataType::List(Arc::new(field("item", item)));
    let items = |row: u64| {
        let keys: Vec<String> = (0..row % 20).map(|index| index.to_string()).collect();
        let items: Vec<_> = keys.iter().map(|key| (0x01, key.as_str(), double(1.0))).collect();
        doc(&[(0x04, "l", doc(&items))])
    };
    type Case<'a> = (&'a str, Vec<Field>, u64, &'a dyn Fn(u64) -> Vec<u8>);
    let cases: Vec<Case<'_>> = vec![
        ("flat, views", flat_fields(DataType::Utf8View), 300_000, &flat),
        ("flat, offsets", flat_fields(DataType::Utf8), 300_000, &flat),
        ("one number of a wide document", vec![field("i64", DataType::Int64)], 400_000, &flat),
        ("some text of a document, views", vec![field("s", DataType::Utf8View)], 300_000, &padded),
        ("some text of a document, offsets", vec![field("s", DataType::Utf8)], 300_000, &padded),
        ("nearly all of it, views", vec![field("pad", DataType::Utf8View)], 100_000, &padded),
        ("lists", vec![field("l", list(DataType::Float64))], 200_000, &items),
        ("raw values", vec![schema::raw("l")], 100_000, &items),
        ("object ids", vec![schema::object_id("_id")], 300_000, &flat),
    ];
    let mut found = HashMap::new();
    for (name, fields, rows, document) in cases {
        let (batch, size, peak) = decode(fields, rows, document);
        assert_eq!(batch.num_rows() as u64, rows);
        // The buffer being read and the next one are the caller's.
        let ratio = (peak - (1 << 19)) as f64 / size as f64;
        println!("{name}: batch {size} bytes, peak {peak}, ratio {ratio:.2}");
        found.insert(name, ratio);
    }
    let over: Vec<_> = found.iter().filter(|(_, ratio)| **ratio >= 1.2).collect();
    assert!(over.is_empty(), "{over:?}");
}
