//! Reading files: what becomes of their columns and rows, and what is said of broken ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{collect, file, message, patient, rows, schema, session};
use engine::{CsvOptions, Session};

fn csv(session: &Session, path: &str) -> engine::Result<engine::Dataset> {
    session.read_csv(&[path.to_owned()], &CsvOptions::default())
}

/// The error of reading and collecting.
fn csv_error(session: &Session, path: &str) -> String {
    message(csv(session, path).and_then(|dataset| dataset.collect(&mut patient)))
}

#[test]
fn csv_types_are_inferred_and_empty_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let path =
        file(folder.path(), "a.csv", "n,x,ok,day,s\n1,1.5,true,2013-01-01,a\n,,,,\n3,2,false,2013-01-02,\"b,\nc\"\n");
    let dataset = csv(&session, &path).unwrap();
    assert_eq!(schema(&dataset), "n: Int64?, x: Float64?, ok: Boolean?, day: Utf8?, s: Utf8?");
    assert_eq!(rows(&dataset), "1,1.5,true,2013-01-01,a\n-,-,-,-,-\n3,2.0,false,2013-01-02,\"b,\nc\"\n");
}

#[test]
fn csv_null_values_types_delimiter_and_missing_header() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let path = file(folder.path(), "a.csv", "1;NA\nNA;x\n007;?\n");
    let options = CsvOptions {
        delimiter: b';',
        header: false,
        null_values: vec!["NA".to_owned(), "?".to_owned()],
        types: vec![("column_1".to_owned(), arrow::datatypes::DataType::Utf8)],
        ..CsvOptions::default()
    };
    let dataset = session.read_csv(&[path], &options).unwrap();
    assert_eq!(schema(&dataset), "column_1: Utf8?, column_2: Utf8?");
    assert_eq!(rows(&dataset), "1,-\n-,x\n007,-\n");
}

#[test]
fn csv_files_read_in_parts_give_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("id,note\n");
    for id in 0..200_000 {
        text.push_str(&format!("{id},\"line one of {id}\nline \"\"two\"\"\"\n"));
    }
    let path = file(folder.path(), "big.csv", &text);
    let session = session(3);
    let batches = collect(&csv(&session, &path).unwrap());
    assert_eq!(common::ints(&batches, 0), (0..200_000).collect::<Vec<i64>>());
    let plan = csv(&session, &path).unwrap().explain(false, &mut patient).unwrap();
    assert!(plan.contains("groups: "), "not read in parts: {plan}");
}

#[test]
fn broken_csv_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let ragged = file(folder.path(), "ragged.csv", "a,b\n1,2\n\n3,\"x\ny\"\n4\n");
    assert!(csv_error(&session, &ragged).contains("ragged.csv` line 6: expected 2 fields, found 1"));
    let long = file(folder.path(), "long.csv", "a,b\n1,2,3\n");
    assert!(csv_error(&session, &long).contains("long.csv` line 2: expected 2 fields, found "));
    let mut text = String::from("a,b\n");
    text.push_str(&"1,2\n".repeat(20_000));
    text.push_str("1,oops\n");
    let late = file(folder.path(), "late.csv", &text);
    let error = csv_error(&session, &late);
    assert!(error.contains("late.csv` line 20002: `oops` in column `b` is not of type `int`"), "{error}");
    assert!(error.contains("help: types are inferred from the first 10000 rows"), "{error}");
}

#[test]
fn a_late_error_of_a_part_has_the_line_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let mut text = String::from("a,b\n");
    for row in 0..1_000_000 {
        text.push_str(if row == 900_000 { "1\n" } else { "1,2\n" });
    }
    let path = file(folder.path(), "parts.csv", &text);
    let error = csv_error(&session, &path);
    assert!(error.contains("parts.csv` line 900002: expected 2 fields, found 1"), "{error}");
}

#[test]
fn missing_empty_and_wrong_files() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(1);
    let missing = folder.path().join("nowhere.csv").to_str().unwrap().to_owned();
    assert!(message(csv(&session, &missing)).contains("nowhere.csv`: no such file or directory\nhelp: check the path"));
    let empty = file(folder.path(), "empty.csv", "");
    assert!(message(csv(&session, &empty)).ends_with("empty.csv` is empty"));
    let twice = file(folder.path(), "twice.csv", "a,a\n1,2\n");
    assert!(message(csv(&session, &twice)).ends_with("twice.csv` has two columns named `a`"));
    let pattern = folder.path().join("*.parquet").to_str().unwrap().to_owned();
    assert!(message(session.read_parquet(&[pattern])).starts_with("no file matches `"));
    let fake = file(folder.path(), "fake.parquet", "this is not Parquet");
    assert!(message(session.read_parquet(&[fake])).ends_with("fake.parquet` is not a Parquet file"));
    let folder_path = folder.path().to_str().unwrap().to_owned();
    assert!(message(csv(&session, &folder_path)).contains("` is a directory"));
    assert!(message(csv(&session, &folder_path)).contains("help: name the files in it"));
}

#[test]
fn parquet_round_trip_and_a_file_cut_in_half() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let source = file(folder.path(), "a.csv", &format!("n,s\n{}", "1,x\n2,\n".repeat(100_000)));
    let dataset = csv(&session, &source).unwrap();
    let path = folder.path().join("out.parquet");
    let report = dataset.write_parquet(&path, &mut patient).unwrap();
    assert_eq!(report.rows_read, 200_000);
    let back = session.read_parquet(&[path.to_str().unwrap().to_owned()]).unwrap();
    // The statistics say that `n` has no nulls.
    assert_eq!(schema(&back), "n: Int64, s: Utf8?");
    assert_eq!(back.count(&mut patient).unwrap().0, 200_000);
    assert_eq!(rows(&back), rows(&dataset));
    let bytes = std::fs::read(&path).unwrap();
    let half = folder.path().join("half.parquet");
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let error = message(session.read_parquet(&[half.to_str().unwrap().to_owned()]));
    assert!(error.contains("half.parquet` is an incomplete or damaged Parquet file\nhelp: "), "{error}");
}

#[test]
fn json_lines_and_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let lines = file(folder.path(), "a.json", "{\"a\": 1, \"s\": \"x\"}\n{\"a\": 2, \"late\": 1.5}\n");
    let array = file(folder.path(), "b.json", " [{\"a\": 1, \"s\": \"x\"},\n {\"a\": 2, \"late\": 1.5}]\n");
    for path in [lines, array] {
        let dataset = session.read_json(&[path]).unwrap();
        assert_eq!(schema(&dataset), "a: Int64?, s: Utf8?, late: Float64?");
        assert_eq!(rows(&dataset), "1,x,-\n2,-,1.5\n");
    }
    let broken = file(folder.path(), "c.json", "{\"a\": 1}\n{\"a\": \n");
    let error = message(session.read_json(&[broken]));
    assert!(error.contains("c.json`: "), "{error}");
    let wide = file(folder.path(), "e.json", "{\"a\": 1}\n{\"a\": 9223372036854775808}\n");
    let error = message(session.read_json(&[wide]));
    assert!(error.contains("e.json` line 2: the integer 9223372036854775808 does not fit into 64 bits"), "{error}");
    let text = file(folder.path(), "d.json", "hello\n");
    assert!(message(session.read_json(&[text])).contains("d.json` is not a JSON file of objects"));
}

#[test]
fn files_keep_the_given_order_and_patterns_are_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let b = file(folder.path(), "b.csv", "n\n2\n");
    let a = file(folder.path(), "a.csv", "n\n1\n");
    let dataset = session.read_csv(&[b, a], &CsvOptions::default()).unwrap();
    assert_eq!(rows(&dataset), "2\n1\n");
    let pattern = folder.path().join("?.csv").to_str().unwrap().to_owned();
    assert_eq!(rows(&csv(&session, &pattern).unwrap()), "1\n2\n");
    let other = file(folder.path(), "z.csv", "m\n1\n");
    let first = folder.path().join("a.csv").to_str().unwrap().to_owned();
    let error = message(session.read_csv(&[first, other], &CsvOptions::default()));
    assert!(error.contains("z.csv` has the columns `m`, but `"), "{error}");
}

#[test]
fn a_failed_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let mut text = String::from("a\n");
    text.push_str(&"1\n".repeat(50_000));
    text.push_str("x\n");
    let source = file(folder.path(), "bad.csv", &text);
    let dataset = csv(&session, &source).unwrap();
    for target in ["out.csv", "out.parquet"] {
        let path = folder.path().join(target);
        std::fs::write(&path, "what was there before").unwrap();
        let failed = if target.ends_with("csv") {
            dataset.write_csv(&path, &mut patient)
        } else {
            dataset.write_parquet(&path, &mut patient)
        };
        assert!(message(failed).contains("bad.csv` line 50002"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "what was there before");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    let nowhere = folder.path().join("no/such/folder/out.csv");
    assert!(message(dataset.write_csv(&nowhere, &mut patient)).contains("no such file or directory"));
}
