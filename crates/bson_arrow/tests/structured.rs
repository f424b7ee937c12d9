//! Documents to fixed-size records and back: every kind of field, what does not fit, and damaged bytes.

mod support;

use bson_arrow::Documents;
use bson_arrow::structured::{Kind, Layout, LayoutField, RecordDecoder, encode_records};
use support::{doc, double, int, long, text};

fn layout(kind: Kind, bytes: usize) -> Layout {
    let description = format!("dtype('{kind:?}{bytes}')");
    Layout { kind, bytes, swapped: false, description, shape: vec![], fields: vec![] }
}

/// A record of these fields, one behind the other.
fn record(fields: &[(&str, Layout)]) -> Layout {
    let mut offset = 0;
    let mut list = Vec::new();
    for (name, layout) in fields {
        list.push(LayoutField { name: name.to_string(), offset, layout: layout.clone() });
        offset += layout.bytes * layout.shape.iter().product::<usize>();
    }
    Layout { fields: list, ..layout(Kind::Record, offset) }
}

fn decode(record: &Layout, bytes: &[u8], rows: usize) -> Result<(usize, Vec<u8>), String> {
    let mut memory = vec![0xaa; rows * record.bytes];
    let mut decoder = RecordDecoder::new(record).map_err(|error| error.to_string())?;
    let rows = decoder.append(bytes, &mut memory).map_err(|error| error.to_string())?;
    memory.truncate(rows * record.bytes);
    Ok((rows, memory))
}

/// The memory of one field that was read from one value.
fn one(field: Layout, value: (u8, Vec<u8>)) -> Result<Vec<u8>, String> {
    decode(&record(&[("x", field)]), &doc(&[(value.0, "x", value.1)]), 1).map(|(_, memory)| memory)
}

#[test]
fn every_kind_of_field() {
    assert_eq!(one(layout(Kind::Signed, 4), (16, int(-7))).unwrap(), (-7_i32).to_le_bytes());
    assert_eq!(one(layout(Kind::Signed, 8), (16, int(-7))).unwrap(), (-7_i64).to_le_bytes());
    assert_eq!(one(layout(Kind::Unsigned, 8), (18, long(7))).unwrap(), 7_u64.to_le_bytes());
    assert_eq!(one(layout(Kind::Float, 8), (1, double(1.5))).unwrap(), 1.5_f64.to_le_bytes());
    assert_eq!(one(layout(Kind::Bool, 1), (8, vec![1])).unwrap(), [1]);
    assert_eq!(one(layout(Kind::Signed, 4), (8, vec![1])).unwrap(), 1_i32.to_le_bytes());
    assert_eq!(one(layout(Kind::Bytes, 4), (2, text("ab"))).unwrap(), b"ab\0\0");
    assert_eq!(one(layout(Kind::Void, 1), (2, text("ab"))).unwrap(), b"a");
    assert_eq!(one(layout(Kind::Text, 8), (2, text("ß🦀x"))).unwrap(), [0xdf, 0, 0, 0, 0x80, 0xf9, 1, 0]);
    assert_eq!(one(layout(Kind::Bytes, 3), (5, b"\x02\0\0\0\0ab".to_vec())).unwrap(), b"ab\0");
    assert_eq!(one(layout(Kind::Bytes, 12), (7, vec![3; 12])).unwrap(), [3; 12]);
    assert_eq!(one(layout(Kind::Milliseconds, 8), (9, long(5))).unwrap(), 5_i64.to_le_bytes());
    let swapped = Layout { swapped: true, ..layout(Kind::Signed, 8) };
    assert_eq!(one(swapped, (16, int(-7))).unwrap(), (-7_i64).to_be_bytes());
}

#[test]
fn keys_in_any_order_and_more_than_asked_for() {
    let pair = record(&[("x", layout(Kind::Signed, 4)), ("y", layout(Kind::Signed, 4))]);
    let bytes = [
        doc(&[(16, "x", int(1)), (16, "y", int(2))]),
        doc(&[(16, "y", int(4)), (2, "z", text("more")), (16, "x", int(3))]),
        doc(&[(16, "x", int(0)), (16, "x", int(5)), (16, "y", int(6))]),
    ]
    .concat();
    let (rows, memory) = decode(&pair, &bytes, 10).unwrap();
    assert_eq!(rows, 3);
    let numbers: Vec<i32> = memory.chunks(4).map(|chunk| i32::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(decode(&pair, &bytes, 2).unwrap().0, 2);
    assert_eq!(decode(&pair, &bytes, 0).unwrap().0, 0);
}

#[test]
fn nested_records_and_arrays() {
    let inner = record(&[("n", layout(Kind::Float, 8))]);
    let grid = Layout { shape: vec![2, 1], ..layout(Kind::Signed, 4) };
    let outer = record(&[("r", inner), ("g", grid)]);
    let row = |value| (4, doc(&[(16, "0", int(value))]));
    let rows = [row(1), row(2)];
    let array = doc(&[(rows[0].0, "0", rows[0].1.clone()), (rows[1].0, "1", rows[1].1.clone())]);
    let (_, memory) = decode(&outer, &doc(&[(3, "r", doc(&[(1, "n", double(2.5))])), (4, "g", array)]), 1).unwrap();
    assert_eq!(memory, [&2.5_f64.to_le_bytes()[..], &1_i32.to_le_bytes(), &2_i32.to_le_bytes()].concat());
}

#[test]
fn what_does_not_fit_is_an_error_with_its_place() {
    let fails = |field, value| one(field, value).unwrap_err();
    assert_eq!(
        fails(layout(Kind::Unsigned, 8), (16, int(-1))),
        "cannot convert Int32 to dtype('Unsigned8'): -1 is negative, use a signed integer type (document 0, x)"
    );
    assert_eq!(
        fails(layout(Kind::Signed, 4), (18, long(1))),
        "cannot convert Int64 to dtype('Signed4'): use at least a 64-bit integer type (document 0, x)"
    );
    assert!(fails(layout(Kind::Float, 4), (1, double(1.0))).contains("at least a 64-bit floating point type"));
    assert!(fails(layout(Kind::Other, 16), (1, double(1.0))).contains("use a floating point type"));
    assert_eq!(fails(layout(Kind::Void, 9), (10, vec![])), "unsupported BSON type: Null (document 0, x)");
    assert!(fails(layout(Kind::Text, 48), (7, vec![0; 12])).contains("use 'S12' or 'V12'"));
    let pair = Layout { shape: vec![2], ..layout(Kind::Signed, 4) };
    assert!(fails(pair.clone(), (16, int(1))).contains("expected list from dtype, got other type"));
    assert!(fails(pair.clone(), (4, doc(&[(16, "0", int(1))]))).contains("array is of incorrect length"));
    let three = doc(&[(16, "0", int(1)), (16, "1", int(1)), (16, "2", int(1))]);
    assert!(fails(pair, (4, three)).contains("array is of incorrect length"));
    let inner = record(&[("n", layout(Kind::Signed, 4))]);
    assert!(fails(inner.clone(), (16, int(1))).contains("expected subdoc from dtype, got other type"));
    assert_eq!(fails(inner, (3, doc(&[]))), "document does not match dtype, missing key \"n\" (document 0, x)");
}

#[test]
fn layouts_that_lie_are_refused() {
    let mut outside = record(&[("x", layout(Kind::Signed, 4))]);
    outside.fields[0].offset = 1;
    assert!(RecordDecoder::new(&outside).is_err());
    outside.fields[0].offset = usize::MAX;
    assert!(RecordDecoder::new(&outside).is_err());
    assert!(RecordDecoder::new(&layout(Kind::Signed, 4)).is_err());
    let mut deep = record(&[("x", layout(Kind::Signed, 4))]);
    for _ in 0..32 {
        deep = record(&[("x", deep)]);
    }
    let error = RecordDecoder::new(&deep).err().unwrap();
    assert_eq!(error.to_string(), "dtype exceeds 32 levels of nesting");
}

#[test]
fn damaged_bytes_never_panic() {
    let inner = record(&[("n", layout(Kind::Float, 8))]);
    let grid = Layout { shape: vec![2], ..layout(Kind::Bytes, 4) };
    let outer = record(&[("r", inner), ("g", grid), ("s", layout(Kind::Text, 16))]);
    let array = doc(&[(2, "0", text("a")), (2, "1", text("b"))]);
    let whole = doc(&[(3, "r", doc(&[(1, "n", double(2.5))])), (4, "g", array), (2, "s", text("word"))]);
    assert_eq!(decode(&outer, &whole, 2).unwrap().0, 1);
    for end in 0..whole.len() {
        decode(&outer, &whole[..end], 2).unwrap_err();
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 4, 0x10, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let _ = decode(&outer, &damaged, 2);
        }
    }
}

#[test]
fn records_are_written_as_documents() {
    let inner = record(&[("n", layout(Kind::Unsigned, 4))]);
    let pairs = Layout { shape: vec![2], ..layout(Kind::Signed, 2) };
    let outer = record(&[("_id", layout(Kind::Bytes, 12)), ("r", inner), ("p", pairs), ("s", layout(Kind::Bytes, 4))]);
    let memory =
        [&[9; 12][..], &7_u32.to_le_bytes(), &(-1_i16).to_le_bytes(), &2_i16.to_le_bytes(), b"ab\0\0"].concat();
    let mut documents = Documents::default();
    encode_records(&outer, &memory, &mut documents).unwrap();
    let array = doc(&[(16, "0", int(-1)), (16, "1", int(2))]);
    let expected =
        doc(&[(7, "_id", vec![9; 12]), (3, "r", doc(&[(18, "n", long(7))])), (4, "p", array), (2, "s", text("ab"))]);
    assert_eq!(documents.bytes(), expected);
    let large = record(&[("x", layout(Kind::Unsigned, 8))]);
    let error = encode_records(&large, &[0xff; 8], &mut documents).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot convert dtype('Unsigned8') to BSON: the value is larger than a long can be (document 0, x)"
    );
}
