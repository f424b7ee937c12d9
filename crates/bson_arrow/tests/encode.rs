//! Encoding: what each Arrow type is written as, what is refused, and that everything reads back as it was.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeListArray, LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    Time32SecondArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, Schema};
use bson_arrow::{Decoder, Documents, EncodeError, EncodeOptions, Nulls, Options, encode, schema};
use support::{doc, double, field, int, long, text};

fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of the schema")
}

/// A batch of one column `a` of the array's own type.
fn column(array: impl Array + 'static) -> RecordBatch {
    batch(vec![(field("a", array.data_type().clone()), Arc::new(array))])
}

/// One value of fixed-size binary.
fn fixed(value: &[u8]) -> FixedSizeBinaryArray {
    FixedSizeBinaryArray::try_from_iter([value].into_iter()).expect("one size")
}

fn decimals(values: &[i128], scale: i8) -> Decimal128Array {
    Decimal128Array::from(values.to_vec()).with_precision_and_scale(38, scale).unwrap()
}

fn written(batch: &RecordBatch, options: EncodeOptions) -> Result<Vec<Vec<u8>>, EncodeError> {
    let mut documents = Documents::default();
    encode(batch, &options, &mut documents)?;
    assert_eq!(documents.len(), batch.num_rows());
    Ok(documents.iter().map(<[u8]>::to_vec).collect())
}

fn message(batch: &RecordBatch) -> String {
    written(batch, EncodeOptions::default()).expect_err("a refusal").to_string()
}

fn read_back(batch: &RecordBatch) -> RecordBatch {
    let mut decoder = Decoder::new(batch.schema(), Options::default()).unwrap();
    let documents = written(batch, EncodeOptions::default()).unwrap();
    decoder.append(&Buffer::from_vec(documents.concat())).unwrap();
    decoder.finish().unwrap()
}

#[test]
fn each_arrow_type_has_its_bson_type() {
    let cases: Vec<(ArrayRef, u8, Vec<u8>)> = vec![
        (Arc::new(Int8Array::from(vec![-1])), 0x10, int(-1)),
        (Arc::new(Int16Array::from(vec![-1])), 0x10, int(-1)),
        (Arc::new(Int32Array::from(vec![i32::MIN])), 0x10, int(i32::MIN)),
        (Arc::new(Int64Array::from(vec![i64::MIN])), 0x12, long(i64::MIN)),
        (Arc::new(UInt8Array::from(vec![255])), 0x10, int(255)),
        (Arc::new(UInt16Array::from(vec![65535])), 0x10, int(65535)),
        (Arc::new(UInt32Array::from(vec![u32::MAX])), 0x12, long(4_294_967_295)),
        (Arc::new(UInt64Array::from(vec![i64::MAX as u64])), 0x12, long(i64::MAX)),
        (Arc::new(Float32Array::from(vec![0.5])), 0x01, double(0.5)),
        (Arc::new(Float64Array::from(vec![-0.0])), 0x01, double(-0.0)),
        (Arc::new(BooleanArray::from(vec![true])), 0x08, vec![1]),
        (Arc::new(StringArray::from(vec!["ß"])), 0x02, text("ß")),
        (Arc::new(LargeStringArray::from(vec!["a\0b"])), 0x02, text("a\0b")),
        (Arc::new(StringViewArray::from(vec!["thirteen bytes"])), 0x02, text("thirteen bytes")),
        (Arc::new(Date32Array::from(vec![-1])), 0x09, long(-86_400_000)),
        (Arc::new(Date64Array::from(vec![86_400_000])), 0x09, long(86_400_000)),
        (Arc::new(decimals(&[-12345], 2)), 0x13, [&[0x39, 0x30][..], &[0; 12], &[0x3c, 0xb0]].concat()),
        (Arc::new(TimestampSecondArray::from(vec![-2])), 0x09, long(-2000)),
        (Arc::new(TimestampMillisecondArray::from(vec![7])), 0x09, long(7)),
        (Arc::new(TimestampMicrosecondArray::from(vec![-3000]).with_timezone("Asia/Tokyo")), 0x09, long(-3)),
        (Arc::new(TimestampNanosecondArray::from(vec![4_000_000])), 0x09, long(4)),
        (Arc::new(BinaryArray::from(vec![&[7_u8, 8][..]])), 0x05, vec![2, 0, 0, 0, 0, 7, 8]),
        (Arc::new(LargeBinaryArray::from(vec![&[7_u8][..]])), 0x05, vec![1, 0, 0, 0, 0, 7]),
        (Arc::new(fixed(&[9; 3])), 0x05, vec![3, 0, 0, 0, 0, 9, 9, 9]),
        (Arc::new(fixed(&[9; 12])), 0x07, vec![9; 12]),
        (Arc::new(NullArray::new(1)), 0x0a, vec![]),
        (Arc::new(DictionaryArray::<Int8Type>::from_iter(["x"])), 0x02, text("x")),
        (
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])])),
            0x04,
            doc(&[(0x10, "0", int(1)), (0x0a, "1", vec![])]),
        ),
        (
            Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1); 11])])),
            0x04,
            doc(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"].map(|key| (0x10, key, int(1)))),
        ),
    ];
    for (array, kind, value) in cases {
        let data_type = array.data_type().clone();
        let batch = batch(vec![(field("a", data_type.clone()), array)]);
        let found = written(&batch, EncodeOptions::default()).unwrap();
        assert_eq!(found, [doc(&[(kind, "a", value)])], "{data_type}");
    }
}

#[test]
fn extension_types_are_written_as_what_they_name() {
    let raw = [&[0x10_u8][..], &int(3)].concat();
    let of_bytes = |bytes: &[u8]| Arc::new(BinaryArray::from(vec![bytes])) as ArrayRef;
    let timestamp = StructArray::try_new(
        schema::timestamp_fields(),
        vec![Arc::new(UInt32Array::from(vec![6])), Arc::new(UInt32Array::from(vec![5]))],
        None,
    );
    let regex = StructArray::try_new(
        schema::regex_fields(),
        vec![Arc::new(StringViewArray::from(vec!["^a"])), Arc::new(StringViewArray::from(vec!["im"]))],
        None,
    );
    let cases: Vec<(Field, ArrayRef, u8, Vec<u8>)> = vec![
        (schema::object_id("a"), Arc::new(fixed(&[1; 12])), 0x07, vec![1; 12]),
        (schema::decimal128("a"), Arc::new(fixed(&[1; 16])), 0x13, vec![1; 16]),
        (schema::uuid("a"), Arc::new(fixed(&[1; 16])), 0x05, [vec![16, 0, 0, 0, 4], vec![1; 16]].concat()),
        (schema::binary("a", 128), of_bytes(&[7]), 0x05, vec![1, 0, 0, 0, 128, 7]),
        (schema::binary("a", 2), of_bytes(&[7]), 0x05, vec![5, 0, 0, 0, 2, 1, 0, 0, 0, 7]),
        (schema::code("a"), Arc::new(StringArray::from(vec!["x => x"])), 0x0d, text("x => x")),
        (schema::raw("a"), of_bytes(&raw), 0x10, int(3)),
        (schema::timestamp("a"), Arc::new(timestamp.unwrap()), 0x11, vec![5, 0, 0, 0, 6, 0, 0, 0]),
        (schema::regex("a"), Arc::new(regex.unwrap()), 0x0b, b"^a\0im\0".to_vec()),
    ];
    for (field, array, kind, value) in cases {
        let batch = batch(vec![(field.clone(), array)]);
        let found = written(&batch, EncodeOptions::default()).unwrap();
        assert_eq!(found, [doc(&[(kind, "a", value)])], "{field}");
        assert_eq!(read_back(&batch), batch, "{field}");
    }
}

#[test]
fn nulls_are_written_or_left_out() {
    let inner = StructArray::try_new(
        vec![field("b", DataType::Int32)].into(),
        vec![Arc::new(Int32Array::from(vec![None, None, Some(1)]))],
        Some(vec![true, false, true].into()),
    )
    .unwrap();
    let batch = column(inner);
    let null = |key| (0x0a, key, vec![]);
    let full = doc(&[(0x03, "a", doc(&[(0x10, "b", int(1))]))]);
    let found = written(&batch, EncodeOptions::default()).unwrap();
    assert_eq!(found, [doc(&[(0x03, "a", doc(&[null("b")]))]), doc(&[null("a")]), full.clone()]);
    assert_eq!(read_back(&batch), batch);
    let options = EncodeOptions { nulls: Nulls::LeaveOut, ..EncodeOptions::default() };
    assert_eq!(written(&batch, options).unwrap(), [doc(&[(0x03, "a", doc(&[]))]), doc(&[]), full]);
    // An item of an array keeps its place.
    let list = column(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([None, Some(2)])]));
    let items = doc(&[null("0"), (0x10, "1", int(2))]);
    assert_eq!(written(&list, options).unwrap(), [doc(&[(0x04, "a", items)])]);
}

#[test]
fn dictionaries_are_written_as_their_values() {
    let array: DictionaryArray<Int8Type> = [Some("x"), None, Some("y"), Some("x")].into_iter().collect();
    let found = written(&column(array.slice(1, 3)), EncodeOptions::default()).unwrap();
    let of = |value: &str| doc(&[(0x02, "a", text(value))]);
    assert_eq!(found, [doc(&[(0x0a, "a", vec![])]), of("y"), of("x")]);
    let nothing: DictionaryArray<Int8Type> = [None::<&str>].into_iter().collect();
    assert_eq!(written(&column(nothing), EncodeOptions::default()).unwrap(), [doc(&[(0x0a, "a", vec![])])]);
}

#[test]
fn what_bson_cannot_hold_is_an_error_with_its_place() {
    let large = UInt64Array::from(vec![Some(1), None, Some(1 << 63)]);
    assert_eq!(message(&column(large)), "row 2, a: 9223372036854775808 is larger than a BSON long can be");
    let found = message(&column(decimals(&[10_i128.pow(34) - 1, -(10_i128.pow(34))], 0)));
    assert!(
        found.starts_with("row 1, a: -1000") && found.ends_with("more digits than a BSON decimal can hold"),
        "{found}"
    );
    let micro = TimestampMicrosecondArray::from(vec![1000, -1]);
    assert_eq!(message(&column(micro)), "row 1, a: -1 microseconds are no whole number of milliseconds");
    let nano = TimestampNanosecondArray::from(vec![1000]);
    assert_eq!(message(&column(nano)), "row 0, a: 1000 nanoseconds are no whole number of milliseconds");
    let seconds = TimestampSecondArray::from(vec![i64::MAX / 10]);
    let found = message(&column(seconds));
    assert!(found.ends_with("seconds are more milliseconds than a BSON date can hold"), "{found}");
    let raw = |bytes: &[u8]| batch(vec![(schema::raw("a"), Arc::new(BinaryArray::from(vec![bytes])) as ArrayRef)]);
    assert_eq!(message(&raw(&[])), "row 0, a: not a raw BSON value: it is empty");
    assert_eq!(message(&raw(&[0x20])), "row 0, a: not a raw BSON value: there is no element type 0x20");
    assert_eq!(message(&raw(&[0x10, 1])), "row 0, a: not a raw BSON value: the bytes end inside a value");
    assert_eq!(message(&raw(&[0x0a, 1])), "row 0, a: not a raw BSON value: bytes follow the value");
    let items = Arc::new(UInt64Array::from(vec![0, u64::MAX])) as ArrayRef;
    let item = Arc::new(field("item", DataType::UInt64));
    let list = ListArray::new(item, arrow_buffer::OffsetBuffer::from_lengths([2]), items, None);
    let nested = StructArray::from(vec![(Arc::new(field("b", list.data_type().clone())), Arc::new(list) as ArrayRef)]);
    assert_eq!(message(&column(nested)), "row 0, a.b[1]: 18446744073709551615 is larger than a BSON long can be");
}

#[test]
fn schemas_that_bson_has_no_types_for_are_refused() {
    let time = Time32SecondArray::from(vec![1]);
    assert_eq!(message(&column(time)), "field `a`: no BSON type is written for `Time32(s)`");
    let name = HashMap::from([("ARROW:extension:name".to_string(), schema::OBJECT_ID.to_string())]);
    let short = field("a", DataType::FixedSizeBinary(3)).with_metadata(name);
    let array = Arc::new(fixed(&[9; 3])) as ArrayRef;
    let found = message(&batch(vec![(short, array)]));
    assert_eq!(found, "field `a`: no BSON type is `FixedSizeBinary(3)` named `pymongoarrow.objectid`");
    let one = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let twice = batch(vec![(field("a", DataType::Int32), one()), (field("a", DataType::Int32), one())]);
    assert_eq!(message(&twice), "field `a`: the field stands twice in the schema");
    let nul = batch(vec![(field("a\0b", DataType::Int32), one())]);
    assert!(message(&nul).ends_with("a BSON key cannot hold a NUL"));
    assert!(bson_arrow::encode::check_schema(&nul.schema()).is_err());
}

#[test]
fn a_document_beyond_the_limit_names_its_row() {
    let texts = StringArray::from(vec!["x".repeat(10), "x".repeat(100)]);
    let batch = column(texts);
    let options = |bytes_max| EncodeOptions { document_bytes_max: bytes_max, ..EncodeOptions::default() };
    let mut documents = Documents::default();
    let error = encode(&batch, &options(Some(112)), &mut documents).unwrap_err();
    assert_eq!(error.to_string(), "row 1: a document of 113 bytes is larger than 112");
    // The rows before it are written; the caller may go on behind it.
    assert_eq!(documents.len(), 1);
    assert_eq!(written(&batch, options(Some(113))).unwrap().len(), 2);
    assert_eq!(written(&batch, options(None)).unwrap().len(), 2);
    let huge = column(StringArray::from(vec!["x".repeat(16 << 20)]));
    assert!(matches!(written(&huge, EncodeOptions::default()), Err(EncodeError::TooLarge { row: 0, .. })));
}

#[test]
fn slices_and_empty_batches() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![]),
        Some(vec![Some(3)]),
    ]);
    let whole = batch(vec![
        (field("l", list.data_type().clone()), Arc::new(list)),
        (field("s", DataType::Utf8), Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("d")]))),
    ]);
    let slice = whole.slice(1, 3);
    assert_eq!(read_back(&slice), slice);
    let empty = whole.slice(2, 0);
    assert_eq!(read_back(&empty), empty);
    let no_columns = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &arrow_array::RecordBatchOptions::new().with_row_count(Some(2)),
    )
    .unwrap();
    assert_eq!(written(&no_columns, EncodeOptions::default()).unwrap(), [doc(&[]), doc(&[])]);
}

#[test]
fn what_certainly_has_a_bson_form() {
    use bson_arrow::encode::cannot_fail;
    assert!(cannot_fail(&column(StringArray::from(vec![Some("x"), None]))));
    assert!(cannot_fail(&column(Int32Array::from(vec![1]))));
    assert!(cannot_fail(&column(TimestampMillisecondArray::from(vec![1]))));
    assert!(cannot_fail(&column(fixed(&[1; 12]))));
    assert!(!cannot_fail(&column(UInt64Array::from(vec![1]))));
    assert!(!cannot_fail(&column(TimestampMicrosecondArray::from(vec![1]))));
    let long = column(StringArray::from(vec!["x".repeat(9 << 20), "y".repeat(9 << 20)]));
    assert!(!cannot_fail(&long));
    assert!(cannot_fail(&long.slice(0, 1)));
    let raw = schema::raw("a").with_data_type(DataType::FixedSizeBinary(3));
    assert!(!cannot_fail(&batch(vec![(raw, Arc::new(fixed(&[9; 3])))])));
    let twice = [field("a", DataType::Null), field("a", DataType::Null)];
    let nulls = twice.map(|field| (field, Arc::new(NullArray::new(1)) as ArrayRef));
    assert!(!cannot_fail(&batch(nulls.to_vec())));
}
