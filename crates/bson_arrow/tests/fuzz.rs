//! Generated documents, damaged at random, against the properties in `support/properties.rs`. The generator is seeded, so a
//! failure repeats; `FUSELINE_FUZZ_ROUNDS` makes it longer. `examples/fuzz.rs` does the same guided by coverage.

#[path = "support/properties.rs"]
mod properties;
mod support;

use std::sync::Arc;

use arrow_array::{BinaryArray, RecordBatch};
use arrow_schema::Schema;
use bson_arrow::{Documents, EncodeOptions, encode, schema, validate};
use properties::{Random, check};

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
