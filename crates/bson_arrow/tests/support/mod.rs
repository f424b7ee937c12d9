//! What several test files share: BSON documents written by hand.
#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};

/// Writes one document from `(type byte, key, value bytes)`.
pub fn doc(elements: &[(u8, &str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0; 4];
    for (kind, key, value) in elements {
        out.push(*kind);
        out.extend(key.as_bytes());
        out.push(0);
        out.extend(value);
    }
    out.push(0);
    let length = out.len() as i32;
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

pub fn text(value: &str) -> Vec<u8> {
    let mut out = (value.len() as i32 + 1).to_le_bytes().to_vec();
    out.extend(value.as_bytes());
    out.push(0);
    out
}

pub fn int(value: i32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

pub fn long(value: i64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

pub fn double(value: f64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

pub fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// What is accepted is well formed all the way down.
pub fn assert_valid(batch: &RecordBatch) {
    batch.columns().iter().for_each(|column| column.to_data().validate_full().unwrap());
}
