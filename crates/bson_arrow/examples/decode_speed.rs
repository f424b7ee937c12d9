//! Decodes a million generated documents of five fields several times, writes them again, and prints documents a second.
//! Not a test.

use std::sync::Arc;
use std::time::Instant;

use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::{Decoder, Documents, EncodeOptions, Options, encode, schema};

/// `{_id, i32, i64, f64, s, d}`, 84 bytes or so.
fn document(index: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(b"\x07_id\0");
    out.extend([0; 4]);
    out.extend(index.to_be_bytes());
    out.extend(b"\x10i32\0");
    out.extend((index as i32).to_le_bytes());
    out.extend(b"\x12i64\0");
    out.extend((index * 1_000_003).to_le_bytes());
    out.extend(b"\x01f64\0");
    out.extend((index as f64 * 0.5).to_le_bytes());
    let text = &"abcdefghijkl"[..4 + (index % 9) as usize];
    out.extend(b"\x02s\0");
    out.extend((text.len() as i32 + 1).to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
    out.extend(b"\x09d\0");
    out.extend((1_700_000_000_000 + index).to_le_bytes());
    out.push(0);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = 1_000_000;
    let mut bytes = Vec::new();
    (0..count).for_each(|index| document(index, &mut bytes));
    let buffer = Buffer::from_vec(bytes);
    let five = vec![
        Field::new("i32", DataType::Int32, true),
        Field::new("i64", DataType::Int64, true),
        Field::new("f64", DataType::Float64, true),
        Field::new("s", DataType::Utf8View, true),
        schema::date("d"),
    ];
    for fields in [five[..3].to_vec(), five] {
        let schema = Arc::new(Schema::new(fields));
        for _ in 0..5 {
            let mut decoder = Decoder::new(schema.clone(), Options::default())?;
            let start = Instant::now();
            decoder.append(&buffer)?;
            let batch = decoder.finish()?;
            let seconds = start.elapsed().as_secs_f64();
            println!(
                "{} fields: {:.2} M documents/s, {} rows, {} bytes in",
                batch.num_columns(),
                count as f64 / seconds / 1e6,
                batch.num_rows(),
                buffer.len()
            );
            let start = Instant::now();
            let mut documents = Documents::default();
            encode(&batch, &EncodeOptions::default(), &mut documents)?;
            println!(
                "{} fields written: {:.2} M documents/s, {} bytes out",
                batch.num_columns(),
                count as f64 / start.elapsed().as_secs_f64() / 1e6,
                documents.bytes().len()
            );
        }
    }
    Ok(())
}
