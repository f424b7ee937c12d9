//! Generated documents, damaged at random, through inference, decoders and encoders: the generator and what must hold.
//! Nothing panics; what is accepted is valid all the way down; `validate` and a decoder accept the same documents; what was
//! encoded reads back as it was. Shared by the seeded test and the coverage-guided fuzzer.
#![allow(dead_code, reason = "each user takes a part")]
#![allow(clippy::unwrap_used, reason = "what must hold fails by panicking")]

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::structured::{Kind, Layout, LayoutField, RecordDecoder, encode_records};
use bson_arrow::{
    DecodeError, Decoder, Documents, EncodeOptions, Inference, Nulls, OnMismatch, Options, encode, schema, validate,
};

use super::support::{assert_valid, doc, text};

/// A small generator of pseudo-random numbers (xorshift of 64 bits).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn text(&mut self) -> String {
        let count = self.pick(&[0, 1, 5, 12, 13, 40]);
        (0..count).map(|_| self.pick(&['a', 'z', ' ', '\0', 'ß', '漢', '🦀', '.', '$'])).collect()
    }

    fn cstring(&mut self) -> Vec<u8> {
        [self.text().replace('\0', "x").as_bytes(), &[0]].concat()
    }

    /// A value of any type, with its type byte.
    pub fn value(&mut self, depth: usize) -> (u8, Vec<u8>) {
        let kinds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0x7f, 0xff];
        let kind = self.pick(&kinds);
        let value = match kind {
            1 => self.pick(&[0.0, -0.0, 1.0, 1.5, f64::NAN, f64::INFINITY, 1e300, 9e15]).to_le_bytes().to_vec(),
            2 | 13 | 14 => text(&self.text()),
            3 if depth < 4 => self.document(depth + 1),
            4 if depth < 4 => self.array(depth + 1),
            3 | 4 => doc(&[]),
            5 => self.binary(),
            7 => self.bytes(12),
            8 => vec![self.below(2) as u8],
            11 => [self.cstring(), self.cstring()].concat(),
            12 => [text(&self.text()), self.bytes(12)].concat(),
            15 => {
                let body = [text(&self.text()), self.document(depth + 4)].concat();
                [(body.len() as i32 + 4).to_le_bytes().to_vec(), body].concat()
            }
            16 => self.pick(&[0, 1, -1, i32::MIN, i32::MAX]).to_le_bytes().to_vec(),
            9 | 17 | 18 => self.pick(&[0, 1, -1, 1 << 40, i64::MIN, i64::MAX]).to_le_bytes().to_vec(),
            19 => self.bytes(16),
            _ => vec![],
        };
        (kind, value)
    }

    fn binary(&mut self) -> Vec<u8> {
        let subtype = self.pick(&[0, 1, 2, 3, 4, 5, 9, 128]);
        let count = self.pick(&[0, 3, 16]);
        let payload = self.bytes(count);
        let length = |extra: i32| (payload.len() as i32 + extra).to_le_bytes();
        match subtype {
            2 => [&length(4)[..], &[2], &length(0), &payload].concat(),
            _ => [&length(0)[..], &[subtype], &payload].concat(),
        }
    }

    pub fn document(&mut self, depth: usize) -> Vec<u8> {
        let keys = ["a", "b", "c", "a_key_of_more_bytes", "", "x.y", "$z"];
        let count = self.below(6);
        let values: Vec<_> = (0..count).map(|_| (self.pick(&keys), self.value(depth))).collect();
        let elements: Vec<_> = values.into_iter().map(|(key, (kind, value))| (kind, key, value)).collect();
        doc(&elements)
    }

    fn array(&mut self, depth: usize) -> Vec<u8> {
        let (count, alike) = (self.below(4), self.below(2) == 0);
        let first = self.value(depth);
        let values: Vec<_> = (0..count).map(|_| if alike { first.clone() } else { self.value(depth) }).collect();
        let keys = ["0", "1", "2", "3"];
        let elements: Vec<_> = values.into_iter().zip(keys).map(|((kind, value), key)| (kind, key, value)).collect();
        doc(&elements)
    }

    /// Damages one to three places.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.pick(&[0, 1, 2, 3, 4, 5, 0x0f, 0x10, 0x7f, 0x80, 0xc0, 0xff]),
                2 => bytes.insert(at, self.next() as u8),
                3 if bytes.len() > 5 => drop(bytes.remove(at)),
                4 => bytes.truncate(at.max(1)),
                _ => {
                    let from = self.below(bytes.len());
                    let count = self.below(9).min(bytes.len() - from).min(bytes.len() - at);
                    bytes.copy_within(from..from + count, at);
                }
            }
        }
        // Often with an outer length that agrees, so that the damage is reached.
        if bytes.len() >= 5 && self.below(4) > 0 {
            let length = bytes.len() as i32;
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            let last = bytes.len() - 1;
            bytes[last] = 0;
        }
    }

    /// A schema for the keys that documents have, of types that were not looked at.
    fn schema(&mut self, depth: usize) -> Vec<Field> {
        let keys = ["a", "b", "c", "a_key_of_more_bytes", ""];
        keys.iter().map(|key| self.field(key, depth)).collect()
    }

    /// A record for the same keys.
    fn layout(&mut self, depth: usize) -> Layout {
        let keys = ["a", "b", "a_key_of_more_bytes"];
        let mut fields = Vec::new();
        let mut offset = 0;
        for name in keys.iter().take(1 + self.below(3)) {
            let (kind, bytes) = self.pick(&[
                (Kind::Signed, 4),
                (Kind::Signed, 8),
                (Kind::Unsigned, 8),
                (Kind::Float, 8),
                (Kind::Bool, 1),
                (Kind::Bytes, 12),
                (Kind::Text, 16),
                (Kind::Void, 5),
                (Kind::Milliseconds, 8),
                (Kind::Record, 0),
            ]);
            let shape = self.pick(&[&[][..], &[][..], &[2][..], &[1, 2][..], &[0][..]]).to_vec();
            let swapped = self.below(4) == 0;
            let layout = match kind {
                Kind::Record if depth < 3 => self.layout(depth + 1),
                _ => Layout { kind, bytes, swapped, description: String::new(), shape, fields: vec![] },
            };
            let size = layout.bytes * layout.shape.iter().product::<usize>();
            fields.push(LayoutField { name: name.to_string(), offset, layout });
            offset += size;
        }
        let description = String::new();
        Layout { kind: Kind::Record, bytes: offset, swapped: false, description, shape: vec![], fields }
    }

    fn field(&mut self, name: &str, depth: usize) -> Field {
        let plain = |data_type| Field::new(name, data_type, true);
        let field = match self.below(if depth < 3 { 18 } else { 15 }) {
            0 => plain(DataType::Int32),
            1 => plain(DataType::Int64),
            2 => plain(DataType::Float64),
            3 => plain(DataType::Utf8View),
            4 => plain(DataType::Utf8),
            5 => plain(DataType::Boolean),
            6 => schema::object_id(name),
            7 => schema::date(name),
            8 => schema::raw(name),
            9 => schema::binary(name, 0),
            10 => schema::regex(name),
            11 => schema::timestamp(name),
            12 => schema::code(name),
            13 => schema::uuid(name),
            14 => plain(DataType::Null),
            15 => plain(DataType::Struct(self.schema(depth + 2).into())),
            16 => plain(DataType::List(Arc::new(self.field("item", depth + 1)))),
            _ => plain(DataType::FixedSizeList(Arc::new(self.field("item", depth + 1)), 2)),
        };
        let strict = self.below(8) == 0 && *field.data_type() != DataType::Null;
        field.with_nullable(!strict)
    }
}

fn decode(fields: &Schema, bytes: &[u8], on_mismatch: OnMismatch) -> Result<RecordBatch, DecodeError> {
    let mut decoder = Decoder::new(Arc::new(fields.clone()), Options { on_mismatch }).unwrap();
    let outcome = decoder.append(&Buffer::from(bytes));
    // What came before an error is a batch too.
    let batch = decoder.finish().unwrap();
    assert_valid(&batch);
    outcome.map(|_| batch)
}

/// What a decoder gave is written and reads back as it was.
fn round_trip(batch: &RecordBatch) {
    let mut documents = Documents::default();
    // A raw column reads back a null that was written as BSON's null, which is a value to it.
    let raw = format!("{:?}", batch.schema()).contains(schema::RAW);
    let nulls = if raw { Nulls::LeaveOut } else { Nulls::Write };
    let options = EncodeOptions { nulls, document_bytes_max: None };
    encode(batch, &options, &mut documents).unwrap();
    assert!(documents.iter().all(|document| validate(document).is_ok()));
    let again = decode(&batch.schema(), documents.bytes(), OnMismatch::Raise).unwrap();
    // By their text: NaN equals nothing, not even itself.
    assert_eq!(format!("{batch:?}"), format!("{again:?}"));
}

/// Checks everything about these bytes; `random` chooses a schema that was not made for them.
pub fn check(bytes: &[u8], random: &mut Random) {
    let valid = {
        let mut rest = bytes;
        loop {
            let length = rest.first_chunk::<4>().map_or(0, |chunk| i32::from_le_bytes(*chunk).max(0) as usize);
            match rest.split_at_checked(length) {
                _ if rest.is_empty() => break true,
                Some((document, behind)) if validate(document).is_ok() => rest = behind,
                _ => break false,
            }
        }
    };
    assert_eq!(decode(&Schema::empty(), bytes, OnMismatch::Raise).is_ok(), valid, "{bytes:02x?}");
    let mut inference = Inference::default();
    assert_eq!(inference.observe(bytes).is_ok(), valid, "{bytes:02x?}");
    let inferred = inference.schema();
    inference.report();
    if valid {
        // What was inferred from documents holds them all.
        round_trip(&decode(&inferred, bytes, OnMismatch::Raise).unwrap());
    }
    let foreign = Schema::new(random.schema(0));
    for schema in [&inferred, &foreign] {
        for policy in [OnMismatch::Raise, OnMismatch::Null, OnMismatch::Drop, OnMismatch::Collect] {
            match decode(schema, bytes, policy) {
                Ok(batch) => {
                    assert!(valid, "{policy:?} accepted {bytes:02x?}");
                    round_trip(&batch);
                }
                Err(DecodeError::Mismatch(_)) => assert!(matches!(policy, OnMismatch::Raise | OnMismatch::Null)),
                Err(error) => assert!(!valid, "{policy:?}: {error}: {bytes:02x?}"),
            }
        }
    }
    check_records(bytes, valid, &random.layout(0));
}

/// Records hold what was read: written and read again they are the same memory.
fn check_records(bytes: &[u8], valid: bool, layout: &Layout) {
    let mut memory = vec![0; 8 * layout.bytes];
    let mut decoder = RecordDecoder::new(layout).unwrap();
    let Ok(rows) = decoder.append(bytes, &mut memory) else { return };
    assert!(valid || rows == 8 || layout.bytes == 0, "records of {bytes:02x?}");
    memory.truncate(rows * layout.bytes);
    let mut documents = Documents::default();
    // Text cut inside a character cannot be written.
    if encode_records(layout, &memory, &mut documents).is_ok() && rows > 0 && layout.bytes > 0 {
        assert!(documents.iter().all(|document| validate(document).is_ok()));
        let mut again = vec![0; memory.len()];
        let read = RecordDecoder::new(layout).unwrap().append(documents.bytes(), &mut again);
        if read.is_ok() {
            assert_eq!(memory, again);
        }
    }
}
