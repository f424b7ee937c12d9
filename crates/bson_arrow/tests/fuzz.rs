//! Generated documents, damaged at random, through inference, decoder and encoder. The generator is seeded, so a failure
//! repeats; `FUSELINE_FUZZ_ROUNDS` makes it longer. What must hold: nothing panics; what is accepted is valid all the way
//! down; `validate` and a decoder accept the same documents; what was encoded reads back as it was.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;

use arrow_array::{BinaryArray, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::{
    DecodeError, Decoder, Documents, EncodeOptions, Inference, Nulls, OnMismatch, Options, encode, schema, validate,
};
use support::{assert_valid, doc, text};

/// A small generator of pseudo-random numbers (xorshift of 64 bits).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
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
    fn value(&mut self, depth: usize) -> (u8, Vec<u8>) {
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

    fn document(&mut self, depth: usize) -> Vec<u8> {
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
    fn damage(&mut self, bytes: &mut Vec<u8>) {
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

fn check(bytes: &[u8], random: &mut Random) {
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
}

fn rounds() -> usize {
    std::env::var("FUSELINE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20_000)
}

#[test]
fn generated_and_damaged_documents() {
    let mut random = Random(0x5eed_0004);
    for _ in 0..rounds() {
        let count = 1 + random.below(3);
        let mut bytes: Vec<u8> = (0..count).flat_map(|_| random.document(0)).collect();
        if random.below(4) > 0 {
            random.damage(&mut bytes);
        }
        check(&bytes, &mut random);
    }
}

#[test]
fn raw_values_are_checked_before_they_are_written() {
    let mut random = Random(0x5eed_0005);
    let schema = Arc::new(Schema::new(vec![schema::raw("a")]));
    let mut accepted = 0;
    for _ in 0..rounds() {
        let (kind, value) = random.value(0);
        let mut bytes = [vec![kind], value].concat();
        if random.below(2) == 0 {
            random.damage(&mut bytes);
        }
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(BinaryArray::from(vec![bytes.as_slice()]))]);
        let mut documents = Documents::default();
        if encode(&batch.unwrap(), &EncodeOptions::default(), &mut documents).is_ok() {
            accepted += 1;
            assert!(validate(documents.bytes()).is_ok(), "{bytes:02x?}");
        }
        assert!(documents.len() == 1 || documents.bytes().is_empty());
    }
    assert!(accepted > rounds() / 4, "the generator makes values that are valid");
}
