//! Decoding: types, coercions, nesting, messages, and bytes that lie.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Date64Type, Float64Type, Int64Type, TimestampMillisecondType, UInt32Type};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::{
    DecodeError, Decoder, Documents, ElementType, EncodeOptions, Inference, Nulls, OnMismatch, Options, encode, schema,
    validate,
};
use support::{assert_valid, doc, double, field, int, long, text};

fn decode_with(fields: Vec<Field>, documents: &[Vec<u8>], options: Options) -> Result<RecordBatch, DecodeError> {
    let mut decoder = Decoder::new(Arc::new(Schema::new(fields)), options).expect("a schema BSON has values for");
    decoder.append(&Buffer::from_vec(documents.concat()))?;
    Ok(decoder.finish().expect("a batch Arrow can count"))
}

fn decode(fields: Vec<Field>, documents: &[Vec<u8>]) -> Result<RecordBatch, DecodeError> {
    decode_with(fields, documents, Options::default())
}

fn message(fields: Vec<Field>, documents: &[Vec<u8>]) -> String {
    decode(fields, documents).expect_err("a mismatch").to_string()
}

#[test]
fn numbers_are_widened_only_when_the_value_stays() {
    let documents = [
        doc(&[(0x10, "a", int(-7))]),
        doc(&[(0x12, "a", long(1 << 40))]),
        doc(&[(0x01, "a", double(3.0))]),
        doc(&[(0x0a, "a", vec![])]),
        doc(&[]),
    ];
    let batch = decode(vec![field("a", DataType::Int64)], &documents).unwrap();
    let column = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(column.iter().collect::<Vec<_>>(), [Some(-7), Some(1 << 40), Some(3), None, None]);

    let fields = || vec![field("a", DataType::Int64)];
    assert_eq!(
        message(fields(), &[doc(&[(0x01, "a", double(1.9))])]),
        "document 0, a: expected Int64, found double 1.9"
    );
    assert_eq!(message(fields(), &[doc(&[(0x02, "a", text("7"))])]), "document 0, a: expected Int64, found string");
    let narrow = [doc(&[(0x10, "a", int(1))]), doc(&[(0x10, "a", int(128))])];
    assert_eq!(message(vec![field("a", DataType::Int8)], &narrow), "document 1, a: expected Int8, found int 128");
    let exact = [doc(&[(0x12, "a", long((1 << 53) + 1))])];
    let found = message(vec![field("a", DataType::Float64)], &exact);
    assert_eq!(found, "document 0, a: expected Float64, found long 9007199254740993");
}

#[test]
fn dates_at_midnight_are_days() {
    let day = 86_400_000;
    let midnight = [doc(&[(0x09, "a", long(-2 * day))]), doc(&[])];
    let batch = decode(vec![field("a", DataType::Date32)], &midnight).unwrap();
    assert_eq!(batch.column(0).as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), [Some(-2), None]);
    let batch = decode(vec![field("a", DataType::Date64)], &midnight).unwrap();
    assert_eq!(batch.column(0).as_primitive::<Date64Type>().iter().collect::<Vec<_>>(), [Some(-2 * day), None]);
    let later = |value| message(vec![field("a", DataType::Date32)], &[doc(&[(0x09, "a", long(value))])]);
    assert_eq!(later(1), "document 0, a: expected Date32, found date 1");
    assert_eq!(later(day << 31), format!("document 0, a: expected Date32, found date {}", day << 31));
}

#[test]
fn doubles_keep_nan_and_signed_zero() {
    let documents = [f64::NAN, -0.0, f64::INFINITY].map(|value| doc(&[(0x01, "a", double(value))]));
    let batch = decode(vec![field("a", DataType::Float64)], &documents).unwrap();
    let column = batch.column(0).as_primitive::<Float64Type>();
    assert_eq!(column.null_count(), 0);
    assert!(column.value(0).is_nan());
    assert_eq!(column.value(1).to_bits(), (-0.0_f64).to_bits());
    assert_eq!(column.value(2), f64::INFINITY);
}

#[test]
fn text_long_and_short_in_every_layout() {
    let texts = ["", "short", "twelve bytes", "thirteen bytes", "ein längerer Text mit ß und 漢字"];
    let documents: Vec<_> = texts.iter().map(|value| doc(&[(0x02, "s", text(value))])).collect();
    for data_type in [DataType::Utf8View, DataType::Utf8, DataType::LargeUtf8] {
        let batch = decode(vec![field("s", data_type.clone())], &documents).unwrap();
        let found: Vec<String> = match data_type {
            DataType::Utf8View => batch.column(0).as_string_view().iter().flatten().map(str::to_string).collect(),
            DataType::Utf8 => batch.column(0).as_string::<i32>().iter().flatten().map(str::to_string).collect(),
            _ => batch.column(0).as_string::<i64>().iter().flatten().map(str::to_string).collect(),
        };
        assert_eq!(found, texts);
    }
    let mut bad = doc(&[(0x02, "s", text("xx"))]);
    bad[11] = 0xff;
    let error = decode(vec![field("s", DataType::Utf8View)], std::slice::from_ref(&bad)).unwrap_err().to_string();
    assert_eq!(error, "document 0, s: not valid BSON at byte 11: text is not valid UTF-8");
    // The same where nobody reads the field.
    let error = decode(vec![], &[bad]).unwrap_err().to_string();
    assert_eq!(error, "document 0: not valid BSON at byte 11: text is not valid UTF-8");
}

#[test]
fn keys_in_any_order_unknown_and_twice() {
    let documents = [
        doc(&[(0x10, "a", int(1)), (0x10, "a_longer_name", int(2))]),
        doc(&[(0x10, "a_longer_name", int(4)), (0x02, "extra", text("x")), (0x10, "a", int(3))]),
        doc(&[(0x10, "a", int(5)), (0x10, "a", int(6))]),
        doc(&[(0x10, "a_longer_nama", int(8)), (0x10, "a", int(7))]),
    ];
    let batch = decode(vec![field("a", DataType::Int64), field("a_longer_name", DataType::Int64)], &documents).unwrap();
    let column = |index: usize| batch.column(index).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
    assert_eq!(column(0), [Some(1), Some(3), Some(6), Some(7)]);
    assert_eq!(column(1), [Some(2), Some(4), None, None]);
}

#[test]
fn nested_documents_and_arrays() {
    let inner = DataType::Struct(vec![field("b", DataType::List(Arc::new(field("item", DataType::Float64))))].into());
    let items = doc(&[(0x01, "0", double(1.5)), (0x10, "1", int(2)), (0x0a, "2", vec![])]);
    let documents = [
        doc(&[(0x03, "a", doc(&[(0x04, "b", items)]))]),
        doc(&[(0x03, "a", doc(&[]))]),
        doc(&[(0x0a, "a", vec![])]),
        doc(&[(0x03, "a", doc(&[(0x04, "b", doc(&[]))]))]),
    ];
    let batch = decode(vec![field("a", inner.clone())], &documents).unwrap();
    let a = batch.column(0).as_struct();
    assert_eq!((0..4).map(|row| a.is_valid(row)).collect::<Vec<_>>(), [true, true, false, true]);
    let b = a.column(0).as_list::<i32>();
    assert_eq!((0..4).map(|row| b.is_valid(row)).collect::<Vec<_>>(), [true, false, false, true]);
    let first = b.value(0);
    let first = first.as_primitive::<Float64Type>();
    assert_eq!(first.iter().collect::<Vec<_>>(), [Some(1.5), Some(2.0), None]);
    assert_eq!(b.value(3).len(), 0);

    let wrong = doc(&[(0x01, "0", double(0.0)), (0x02, "1", text("x"))]);
    let wrong = doc(&[(0x03, "a", doc(&[(0x04, "b", wrong)]))]);
    assert_eq!(message(vec![field("a", inner)], &[wrong]), "document 0, a.b[1]: expected Float64, found string");
}

#[test]
fn arrays_of_one_length() {
    let pair = DataType::FixedSizeList(Arc::new(field("item", DataType::Float64)), 2);
    let of = |values: &[f64]| {
        let keys = ["0", "1", "2"];
        let items: Vec<_> = values.iter().zip(keys).map(|(value, key)| (0x01, key, double(*value))).collect();
        doc(&[(0x04, "xy", doc(&items))])
    };
    let batch = decode(vec![field("xy", pair.clone())], &[of(&[1.0, 2.0]), doc(&[]), of(&[3.0, 4.0])]).unwrap();
    let list = batch.column(0).as_fixed_size_list();
    assert_eq!(list.value(2).as_primitive::<Float64Type>().values(), &[3.0, 4.0]);
    assert!(list.is_null(1));
    let found = message(vec![field("xy", pair)], &[of(&[1.0, 2.0, 3.0])]);
    assert_eq!(found, "document 0, xy: expected an array of 2, found an array of 3");
}

#[test]
fn the_rarer_types() {
    let fields = vec![
        schema::object_id("oid"),
        schema::decimal128("dec"),
        schema::uuid("uuid"),
        schema::binary("bin", 0),
        schema::code("js"),
        schema::timestamp("ts"),
        schema::regex("re"),
        schema::date("at"),
        field("ok", DataType::Boolean),
        schema::raw("any"),
    ];
    let document = doc(&[
        (0x07, "oid", (0..12).collect()),
        (0x13, "dec", (0..16).collect()),
        (0x05, "uuid", [vec![16, 0, 0, 0, 4], vec![9; 16]].concat()),
        (0x05, "bin", vec![2, 0, 0, 0, 0, 7, 8]),
        (0x0d, "js", text("x => x")),
        (0x11, "ts", vec![5, 0, 0, 0, 6, 0, 0, 0]),
        (0x0b, "re", b"^a.*\0im\0".to_vec()),
        (0x09, "at", long(-1)),
        (0x08, "ok", vec![1]),
        (0x10, "any", int(3)),
    ]);
    let batch = decode(fields, &[document, doc(&[(0x0a, "any", vec![])])]).unwrap();
    assert_eq!(batch.column(0).as_fixed_size_binary().value(0), (0..12).collect::<Vec<u8>>());
    assert_eq!(batch.column(1).as_fixed_size_binary().value(0), (0..16).collect::<Vec<u8>>());
    assert_eq!(batch.column(2).as_fixed_size_binary().value(0), [9; 16]);
    assert_eq!(batch.column(3).as_binary::<i32>().value(0), [7, 8]);
    assert_eq!(batch.column(4).as_string::<i32>().value(0), "x => x");
    let timestamp = batch.column(5).as_struct();
    assert_eq!(timestamp.column(0).as_primitive::<UInt32Type>().value(0), 6);
    assert_eq!(timestamp.column(1).as_primitive::<UInt32Type>().value(0), 5);
    let regex = batch.column(6).as_struct();
    assert_eq!(regex.column(0).as_string_view().value(0), "^a.*");
    assert_eq!(regex.column(1).as_string_view().value(0), "im");
    assert_eq!(batch.column(7).as_primitive::<TimestampMillisecondType>().value(0), -1);
    assert!(batch.column(8).as_boolean().value(0));
    assert_eq!(batch.column(9).as_binary::<i32>().value(0), [0x10, 3, 0, 0, 0]);
    // Null is a value of a raw column, and null in every other.
    assert_eq!(batch.column(9).as_binary::<i32>().value(1), [0x0a]);
    assert!((0..9).all(|index| batch.column(index).is_null(1)));
}

#[test]
fn a_field_that_must_be_there() {
    let fields = || vec![Field::new("a", DataType::Int64, false)];
    assert_eq!(message(fields(), &[doc(&[])]), "document 0, a: expected Int64, found nothing");
    assert_eq!(message(fields(), &[doc(&[(0x0a, "a", vec![])])]), "document 0, a: expected Int64, found null");
}

/// Four documents, of which the second and the fourth do not fit the schema of [`ints`].
fn misfits() -> [Vec<u8>; 4] {
    [
        doc(&[(0x10, "a", int(1)), (0x10, "b", int(1))]),
        doc(&[(0x10, "a", int(2)), (0x02, "b", text("x"))]),
        doc(&[(0x10, "a", int(3)), (0x10, "b", int(3))]),
        doc(&[(0x02, "a", text("y")), (0x10, "b", int(4))]),
    ]
}

fn decoder(fields: Vec<Field>, on_mismatch: OnMismatch) -> Decoder {
    Decoder::new(Arc::new(Schema::new(fields)), Options { on_mismatch }).unwrap()
}

fn ints() -> Vec<Field> {
    vec![field("a", DataType::Int64), field("b", DataType::Int64)]
}

fn reasons(decoder: &Decoder) -> Vec<(String, &str, &str, u64)> {
    let reasons = decoder.mismatches().reasons().iter();
    reasons.map(|row| (row.field.clone(), row.expected.as_str(), row.found_type, row.count)).collect()
}

#[test]
fn documents_that_do_not_fit_are_dropped_and_counted() {
    let mut decoder = decoder(ints(), OnMismatch::Drop);
    assert_eq!(decoder.append(&Buffer::from_vec(misfits().concat())), Ok(4));
    let batch = decoder.finish().unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 3]);
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().values(), &[1, 3]);
    assert_eq!((decoder.mismatches().dropped(), decoder.mismatches().nulled()), (2, 0));
    assert_eq!(reasons(&decoder), [("b".into(), "Int64", "string", 1), ("a".into(), "Int64", "string", 1)]);
    let first = &decoder.mismatches().reasons()[0].first;
    assert_eq!(first.to_string(), "document 1, b: expected Int64, found string");
    assert!(decoder.mismatches_mut().take_rejected().is_empty());
}

#[test]
fn documents_that_do_not_fit_are_kept_for_the_caller() {
    let mut decoder = decoder(ints(), OnMismatch::Collect);
    decoder.append(&Buffer::from_vec(misfits().concat())).unwrap();
    decoder.append(&Buffer::from_vec(misfits()[1].clone())).unwrap();
    assert_eq!(decoder.finish().unwrap().num_rows(), 2);
    let rejected = decoder.mismatches_mut().take_rejected();
    let found: Vec<_> = rejected.iter().map(|one| (one.mismatch.document, one.bytes.clone())).collect();
    assert_eq!(found, [(1, misfits()[1].clone()), (3, misfits()[3].clone()), (4, misfits()[1].clone())]);
    assert_eq!(reasons(&decoder), [("b".into(), "Int64", "string", 2), ("a".into(), "Int64", "string", 1)]);
    assert!(decoder.mismatches_mut().take_rejected().is_empty());
}

#[test]
fn values_that_do_not_fit_become_null_at_their_own_place() {
    let item = field("item", DataType::Struct(vec![field("c", DataType::Int32)].into()));
    let fields = vec![
        field("a", DataType::Int64),
        field("s", DataType::Struct(vec![field("l", DataType::List(Arc::new(item)))].into())),
        field("z", DataType::Boolean),
    ];
    let items = doc(&[
        (0x03, "0", doc(&[(0x10, "c", int(1))])),
        (0x03, "1", doc(&[(0x01, "c", double(0.5))])),
        (0x02, "2", text("x")),
        (0x03, "3", doc(&[(0x02, "c", text("y"))])),
    ]);
    let documents = [
        doc(&[(0x02, "a", text("x")), (0x03, "s", doc(&[(0x04, "l", items)])), (0x08, "z", vec![1])]),
        doc(&[(0x10, "a", int(7)), (0x03, "s", doc(&[(0x10, "l", int(1))])), (0xff, "z", vec![])]),
        doc(&[(0x10, "a", int(8)), (0x10, "s", int(1)), (0x08, "z", vec![1])]),
    ];
    let mut decoder = decoder(fields, OnMismatch::Null);
    decoder.append(&Buffer::from_vec(documents.concat())).unwrap();
    let batch = decoder.finish().unwrap();
    assert_valid(&batch);
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [None, Some(7), Some(8)]);
    let s = batch.column(1).as_struct();
    assert_eq!((0..3).map(|row| s.is_valid(row)).collect::<Vec<_>>(), [true, true, false]);
    let l = s.column(0).as_list::<i32>();
    assert_eq!((0..3).map(|row| l.is_valid(row)).collect::<Vec<_>>(), [true, false, false]);
    let first = l.value(0);
    let first = first.as_struct();
    assert_eq!((0..4).map(|row| first.is_valid(row)).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!((0..4).map(|row| first.column(0).is_valid(row)).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!((0..3).map(|row| batch.column(2).is_valid(row)).collect::<Vec<_>>(), [true, false, true]);

    assert_eq!(decoder.mismatches().nulled(), 7);
    assert_eq!(decoder.mismatches().dropped(), 0);
    let firsts: Vec<_> = decoder.mismatches().reasons().iter().map(|row| row.first.to_string()).collect();
    assert_eq!(
        firsts,
        [
            "document 0, a: expected Int64, found string",
            "document 0, s.l[1].c: expected Int32, found double 0.5",
            "document 0, s.l[2]: expected Struct, found string",
            "document 0, s.l[3].c: expected Int32, found string",
            "document 1, s.l: expected List(Struct(\"c\": Int32)), found int",
            "document 1, z: expected Boolean, found minKey",
            "document 2, s: expected Struct, found int",
        ]
    );
    assert_eq!(decoder.mismatches().reasons()[1].field, "s.l[].c");
}

#[test]
fn where_null_cannot_stand_the_place_around_it_becomes_null() {
    let strict = Field::new("b", DataType::Int32, false);
    let inner = DataType::Struct(vec![field("x", DataType::Int32), strict.clone()].into());
    let pair = DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Int32, false)), 2);
    let documents = [
        doc(&[(0x03, "a", doc(&[(0x02, "x", text("t")), (0x02, "b", text("u"))]))]),
        doc(&[(0x03, "a", doc(&[]))]),
        doc(&[(0x04, "p", doc(&[(0x10, "0", int(1)), (0x0a, "1", vec![])]))]),
        doc(&[(0x04, "p", doc(&[(0x10, "0", int(1)), (0x06, "1", vec![])]))]),
    ];
    let mut tolerant = decoder(vec![field("a", inner), field("p", pair)], OnMismatch::Null);
    tolerant.append(&Buffer::from_vec(documents.concat())).unwrap();
    let batch = tolerant.finish().unwrap();
    assert_valid(&batch);
    assert_eq!((batch.column(0).null_count(), batch.column(1).null_count()), (4, 4));
    // What failed inside a value that is null as a whole is not counted again.
    let firsts: Vec<_> = tolerant.mismatches().reasons().iter().map(|row| row.first.to_string()).collect();
    assert_eq!(
        firsts,
        [
            "document 0, a.b: expected Int32, found string",
            "document 1, a.b: expected Int32, found nothing",
            "document 2, p[1]: expected Int32, found null",
            "document 3, p[1]: expected Int32, found undefined",
        ]
    );
    assert_eq!(tolerant.mismatches().nulled(), 4);
    // At the top there is no place around it.
    let mut outer = decoder(vec![strict], OnMismatch::Null);
    let error = outer.append(&Buffer::from_vec(doc(&[(0x02, "b", text("u"))]))).unwrap_err();
    assert_eq!(error.to_string(), "document 0, b: expected Int32, found string");
}

#[test]
fn damaged_bytes_are_an_error_under_every_policy() {
    let mut damaged = doc(&[(0x02, "a", text("x")), (0x08, "b", vec![1])]);
    let at = damaged.len() - 2;
    damaged[at] = 7;
    for policy in [OnMismatch::Raise, OnMismatch::Null, OnMismatch::Drop, OnMismatch::Collect] {
        let mut decoder = decoder(vec![field("a", DataType::Int64)], policy);
        let error = decoder.append(&Buffer::from_vec([doc(&[]), damaged.clone()].concat())).unwrap_err().to_string();
        let expected = match policy {
            // The first thing that is wrong stops it.
            OnMismatch::Raise => "document 1, a: expected Int64, found string",
            OnMismatch::Null => "document 1: not valid BSON at byte 21: a boolean is neither 0 nor 1",
            OnMismatch::Drop | OnMismatch::Collect => {
                "document 1, b: not valid BSON at byte 21: a boolean is neither 0 nor 1"
            }
        };
        assert_eq!(error, expected);
        assert_eq!(decoder.finish().unwrap().num_rows(), 1);
    }
}

#[test]
fn validation_names_the_place() {
    let inner = doc(&[(0x10, "0", int(1)), (0x08, "1", vec![2])]);
    let outer = doc(&[(0xff, "m", vec![]), (0x03, "a", doc(&[(0x04, "b", inner)])), (0x10, "c", int(1))]);
    let found = validate(&outer).unwrap_err().to_string();
    assert_eq!(found, "document 0, a.b[1]: not valid BSON at byte 31: a boolean is neither 0 nor 1");
    let two = [doc(&[]), doc(&[])].concat();
    let found = validate(&two).unwrap_err().to_string();
    assert_eq!(found, "document 0: not valid BSON at byte 5: bytes follow the document");
    assert!(validate(&[]).is_err());
    assert!(validate(&doc(&[])).is_ok());
}

#[test]
fn deep_nesting_is_an_error() {
    let mut document = doc(&[]);
    for _ in 0..1000 {
        document = doc(&[(0x03, "a", document)]);
    }
    let error = decode(vec![field("a", DataType::Null)], std::slice::from_ref(&document)).unwrap_err().to_string();
    assert!(error.starts_with("document 0, a: expected Null, found object"), "{error}");
    let error = decode(vec![], &[document]).unwrap_err().to_string();
    assert!(error.ends_with("documents are nested deeper than 200"), "{error}");
}

/// A document with a value of every type, and the schema that reads them all.
fn everything() -> (Vec<Field>, Vec<u8>) {
    let fields = vec![
        field("d", DataType::Float64),
        field("s", DataType::Utf8View),
        field("o", DataType::Struct(vec![field("x", DataType::Int64)].into())),
        field("l", DataType::List(Arc::new(field("item", DataType::Utf8)))),
        schema::binary("b", 0),
        schema::object_id("i"),
        field("t", DataType::Boolean),
        schema::date("at"),
        schema::regex("r"),
        schema::raw("any"),
        schema::timestamp("ts"),
    ];
    let scope = doc(&[(0x10, "q", int(1))]);
    let body = [text("return q"), scope].concat();
    let code = [int(body.len() as i32 + 4), body].concat();
    let document = doc(&[
        (0x01, "d", double(1.0)),
        (0x02, "s", text("a text that is long enough for a view")),
        (0x03, "o", doc(&[(0x12, "x", long(1))])),
        (0x04, "l", doc(&[(0x02, "0", text("p")), (0x02, "1", text("q"))])),
        (0x05, "b", vec![1, 0, 0, 0, 0, 7]),
        (0x07, "i", vec![0; 12]),
        (0x08, "t", vec![0]),
        (0x09, "at", long(0)),
        (0x0b, "r", b"a\0b\0".to_vec()),
        (0x0f, "any", code),
        (0x11, "ts", long(1)),
        (0x0c, "unread", [text("db.coll"), vec![0; 12]].concat()),
        (0xff, "min", vec![]),
    ]);
    (fields, document)
}

#[test]
fn a_document_cut_at_any_byte_is_an_error() {
    let (fields, document) = everything();
    assert_eq!(decode(fields.clone(), std::slice::from_ref(&document)).unwrap().num_rows(), 1);
    for length in 1..document.len() {
        // Cut, and cut with the outer length made to agree.
        let cut = document[..length].to_vec();
        assert!(decode(fields.clone(), std::slice::from_ref(&cut)).is_err(), "cut at {length}");
        if length >= 5 {
            let mut lying = cut;
            lying[..4].copy_from_slice(&(length as i32).to_le_bytes());
            lying[length - 1] = 0;
            // Cut between two fields that is a document again; anywhere else it is not.
            if let Ok(batch) = decode(fields.clone(), &[lying]) {
                assert_valid(&batch);
            }
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let (fields, document) = everything();
    for at in 0..document.len() {
        for value in [0, 1, 2, 3, 4, 5, 0x0f, 0x10, 0x7f, 0x80, 0xff] {
            let mut damaged = document.clone();
            damaged[at] = value;
            if let Ok(batch) = decode(fields.clone(), &[damaged]) {
                assert_valid(&batch);
            }
        }
    }
}

/// The schema of documents that each have a field `a` of one of these values.
fn inferred(values: &[(u8, Vec<u8>)]) -> Field {
    let mut inference = Inference::default();
    for (kind, value) in values {
        inference.observe(&doc(&[(*kind, "a", value.clone())])).unwrap();
    }
    inference.schema().field(0).clone()
}

#[test]
fn inference_widens_only_without_loss() {
    let big = (0x12, long((1 << 53) + 1));
    let cases = [
        (vec![(0x10, int(1))], field("a", DataType::Int32)),
        (vec![(0x10, int(1)), (0x12, long(2))], field("a", DataType::Int64)),
        (vec![(0x10, int(1)), (0x01, double(0.5))], field("a", DataType::Float64)),
        (vec![(0x12, long(1)), (0x01, double(0.5))], field("a", DataType::Float64)),
        (vec![big, (0x01, double(0.5))], schema::raw("a")),
        (vec![(0x12, long(i64::MAX)), (0x01, double(0.5))], schema::raw("a")),
        (vec![(0x10, int(1)), (0x02, text("x"))], schema::raw("a")),
        (vec![(0x0a, vec![]), (0x02, text("x"))], field("a", DataType::Utf8View)),
        (vec![(0x0a, vec![])], field("a", DataType::Null)),
        (vec![(0x05, [vec![16, 0, 0, 0, 4], vec![0; 16]].concat())], schema::uuid("a")),
        (vec![(0x05, vec![1, 0, 0, 0, 0, 7]), (0x05, vec![1, 0, 0, 0, 5, 7])], schema::raw("a")),
        (vec![(0x03, doc(&[(0x10, "b", int(1))]))], {
            field("a", DataType::Struct(vec![field("b", DataType::Int32)].into()))
        }),
        (vec![(0x04, doc(&[(0x10, "0", int(1)), (0x01, "1", double(0.5))]))], {
            field("a", DataType::List(Arc::new(field("item", DataType::Float64))))
        }),
    ];
    for (values, expected) in cases {
        assert_eq!(inferred(&values), expected);
        // What was inferred from documents decodes them.
        let documents: Vec<_> = values.iter().map(|(kind, value)| doc(&[(*kind, "a", value.clone())])).collect();
        assert_valid(&decode(vec![expected], &documents).unwrap());
    }
}

#[test]
fn the_report_counts_types_and_absence() {
    let mut inference = Inference::default();
    inference.observe(&doc(&[(0x10, "a", int(1)), (0x03, "b", doc(&[(0x08, "c", vec![1])]))])).unwrap();
    inference.observe(&doc(&[(0x0a, "a", vec![])])).unwrap();
    inference.observe(&doc(&[(0x10, "a", int(1)), (0x10, "a", int(2)), (0x03, "b", doc(&[]))])).unwrap();
    let report = inference.report();
    let found: Vec<_> = report.iter().map(|row| (row.path.as_str(), row.missing, row.documents)).collect();
    assert_eq!(found, [("a", 0, 3), ("b", 1, 3), ("b.c", 1, 2)]);
    assert_eq!(report[0].types, [(ElementType::Null, 1), (ElementType::Int32, 3)]);
}

#[test]
fn many_buffers_make_one_batch() {
    let long_text = "a text that is far too long to stand inside a view".repeat(4);
    // Buffers that are nearly all text and kept, buffers that are mostly other things, and tiny ones.
    let mostly_text: Vec<_> = (0..400).map(|_| doc(&[(0x02, "s", text(&long_text))])).collect();
    let padding = (0x05, "pad", [int(4000), vec![0; 4001]].concat());
    let mostly_padding: Vec<_> =
        (0..40).map(|row| doc(&[padding.clone(), (0x02, "s", text(&format!("{long_text} {row}")))])).collect();
    let short: Vec<_> = (0..3).map(|row| doc(&[(0x02, "s", text(&row.to_string()))])).collect();
    for data_type in [DataType::Utf8View, DataType::Utf8] {
        let list = DataType::List(Arc::new(field("item", data_type.clone())));
        let mut decoder = decoder(vec![field("s", data_type), field("l", list)], OnMismatch::Drop);
        let mut rows = 0;
        for round in 0..3 {
            let item = doc(&[(0x02, "0", text(&format!("{long_text} item {round}"))), (0x02, "1", text("b"))]);
            let buffers = [&mostly_text, &mostly_padding, &short, &vec![doc(&[(0x04, "l", item)])]];
            for buffer in buffers {
                rows += decoder.append(&Buffer::from_vec(buffer.concat())).unwrap();
            }
        }
        let batch = decoder.finish().unwrap();
        assert_valid(&batch);
        assert_eq!(batch.num_rows(), rows);
        let mut documents = Documents::default();
        let options = EncodeOptions { nulls: Nulls::LeaveOut, ..EncodeOptions::default() };
        encode(&batch, &options, &mut documents).unwrap();
        let at = |row: usize| documents.iter().nth(row).unwrap().to_vec();
        assert_eq!(at(0), mostly_text[0]);
        let padded = |row: i32| doc(&[(0x02, "s", text(&format!("{long_text} {row}")))]);
        assert_eq!((at(400), at(439)), (padded(0), padded(39)));
        assert_eq!(at(440), short[0]);
        let item = doc(&[(0x02, "0", text(&format!("{long_text} item 2"))), (0x02, "1", text("b"))]);
        assert_eq!(at(rows - 1), doc(&[(0x04, "l", item)]));
        // The decoder is empty and can be used again.
        decoder.append(&Buffer::from_vec(mostly_padding.concat())).unwrap();
        assert_eq!(decoder.finish().unwrap().num_rows(), 40);
    }
}
