//! Operators without functions: select, sort, limit, join, count, streams, cancellation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use common::{collect, ints, message, patient, rows, schema, session, table};
use engine::{Column, Dataset, Error, JoinKind, OnError, Session, SortKey};

fn numbers(session: &Session, rows: i64) -> Dataset {
    let key: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n * 7919 % 101)));
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    table(session, vec![("key", key), ("id", id)])
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ascending(column: &str) -> SortKey {
    SortKey { column: Column::Name(column.to_owned()), descending: false }
}

fn descending(column: &str) -> SortKey {
    SortKey { column: Column::Name(column.to_owned()), descending: true }
}

fn on(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect()
}

#[test]
fn select_checks_names() {
    let session = session(2);
    let dataset = numbers(&session, 3);
    assert_eq!(schema(&dataset.select(&names(&["id", "key"])).unwrap()), "id: Int64, key: Int64");
    assert_eq!(message(dataset.select(&names(&["kye"]))), "no column is named `kye`\nhelp: did you mean `key`?");
    assert_eq!(
        message(dataset.select(&names(&["price"]))),
        "no column is named `price`\nhelp: the columns are `key` and `id`"
    );
    assert_eq!(message(dataset.select(&names(&["id", "id"]))), "column `id` is named twice");
}

#[test]
fn rows_come_in_order_and_limit_takes_the_first() {
    for threads in [1, 4] {
        let session = session(threads);
        let dataset = numbers(&session, 300_000);
        assert_eq!(ints(&collect(&dataset), 1), (0..300_000).collect::<Vec<_>>());
        assert_eq!(ints(&collect(&dataset.limit(5, 0).unwrap()), 1), [0, 1, 2, 3, 4]);
        assert_eq!(ints(&collect(&dataset.limit(3, 250_000).unwrap()), 1), [250_000, 250_001, 250_002]);
        assert_eq!(ints(&collect(&dataset.limit(3, 299_999).unwrap()), 1), [299_999]);
        assert_eq!(dataset.limit(7, 0).unwrap().count(&mut patient).unwrap().0, 7);
    }
}

#[test]
fn sort_is_stable_in_both_directions() {
    for threads in [1, 3] {
        let session = session(threads);
        let dataset = numbers(&session, 200_000);
        for key in [ascending("key"), descending("key")] {
            let sorted = dataset.sort(std::slice::from_ref(&key), OnError::Raise).unwrap();
            let batches = collect(&sorted);
            let mut expected: Vec<(i64, i64)> = (0..200_000).map(|n| (n * 7919 % 101, n)).collect();
            match key.descending {
                true => expected.sort_by_key(|(key, _)| std::cmp::Reverse(*key)),
                false => expected.sort_by_key(|(key, _)| *key),
            }
            let found: Vec<(i64, i64)> = ints(&batches, 0).into_iter().zip(ints(&batches, 1)).collect();
            assert_eq!(found, expected);
            let first: Vec<i64> = ints(&collect(&sorted.limit(10, 0).unwrap()), 1);
            assert_eq!(first, expected[..10].iter().map(|(_, id)| *id).collect::<Vec<_>>());
        }
    }
}

#[test]
fn nulls_sort_last_and_minus_zero_equals_zero() {
    let session = session(2);
    let x: ArrayRef =
        Arc::new(Float64Array::from(vec![Some(0.0), None, Some(-0.0), Some(f64::NAN), Some(-1.0), Some(0.0)]));
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..6));
    let dataset = table(&session, vec![("x", x), ("id", id)]);
    assert_eq!(ints(&collect(&dataset.sort(&[ascending("x")], OnError::Raise).unwrap()), 1), [4, 0, 2, 5, 3, 1]);
    assert_eq!(ints(&collect(&dataset.sort(&[descending("x")], OnError::Raise).unwrap()), 1), [3, 0, 2, 5, 4, 1]);
}

#[test]
fn joins_keep_the_left_order() {
    let session = session(3);
    let left = numbers(&session, 200_000);
    let code: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), Some(3), None, Some(5)]));
    let label: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
    let id: ArrayRef = Arc::new(Int64Array::from(vec![10, 20, 30, 40]));
    let right = table(&session, vec![("key", code), ("label", label), ("id", id)]);
    let inner = left.join(&right, &on(&[("key", "key")]), JoinKind::Inner, "_right").unwrap();
    assert_eq!(schema(&inner), "key: Int64, id: Int64, label: Utf8, id_right: Int64");
    let mut expected = Vec::new();
    for id in 0..200_000 {
        match id * 7919 % 101 {
            5 => expected.extend([(id, 10), (id, 40)]),
            3 => expected.push((id, 20)),
            _ => {}
        }
    }
    let batches = collect(&inner);
    let found: Vec<(i64, i64)> = ints(&batches, 1).into_iter().zip(ints(&batches, 3)).collect();
    assert_eq!(found, expected);
    let outer = left.join(&right, &on(&[("key", "key")]), JoinKind::Left, "_right").unwrap();
    assert_eq!(schema(&outer), "key: Int64, id: Int64, label: Utf8?, id_right: Int64?");
    let batches = collect(&outer);
    let ids = ints(&batches, 1);
    assert!(ids.is_sorted() && ids.len() > 200_000);
    assert_eq!(batches.iter().map(|batch| batch.column(2).null_count()).sum::<usize>(), ids.len() - expected.len());
}

#[test]
fn join_keys_compare_as_in_python() {
    let session = session(1);
    let x: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.5]));
    let y: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 2.5]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["0", "1"]));
    let left = table(&session, vec![("x", x)]);
    let right = table(&session, vec![("y", y), ("text", text)]);
    assert_eq!(rows(&left.join(&right, &on(&[("x", "y")]), JoinKind::Inner, "").unwrap()), "0.0,-0.0,0\n");
    assert_eq!(
        message(left.join(&right, &on(&[("x", "text")]), JoinKind::Inner, "")),
        "cannot join `x` of type `float` with `text` of type `str`\nhelp: convert one of them with `with_columns` first"
    );
    let same = left.join(&left, &on(&[("x", "x")]), JoinKind::Inner, "").unwrap();
    assert_eq!(rows(&same), "0.0\n1.5\n");
    let twice: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let clash = table(&session, vec![("x", Arc::new(Float64Array::from(vec![0.0, 1.0]))), ("n", twice)]);
    let error = message(clash.join(&clash, &on(&[("x", "x")]), JoinKind::Inner, ""));
    assert_eq!(error, "the result would have two columns named `n`\nhelp: give another `suffix`");
}

#[test]
fn streams_give_batches_in_order_and_stop_when_dropped() {
    let session = session(2);
    let dataset = numbers(&session, 500_000);
    let mut stream = dataset.stream().unwrap();
    let mut next = 0;
    while let Some(batch) = stream.next(&mut patient).unwrap() {
        for id in ints(&[batch], 1) {
            assert_eq!(id, next);
            next += 1;
        }
    }
    assert_eq!(next, 500_000);
    assert_eq!(stream.report().rows_read, 500_000);
    let mut stream = dataset.stream().unwrap();
    stream.next(&mut patient).unwrap();
    drop(stream);
}

#[test]
fn a_watch_that_says_no_cancels() {
    let session = session(2);
    // A join that gives two thousand million rows.
    let left = numbers(&session, 2_000_000);
    let one: ArrayRef = Arc::new(Int64Array::from_iter_values((0..101_000).map(|n| n % 101)));
    let right = table(&session, vec![("key", one)]);
    let many = left.join(&right, &on(&[("key", "key")]), JoinKind::Inner, "_r").unwrap();
    let started = std::time::Instant::now();
    let mut seen = None;
    let result = many.count(&mut |progress| {
        seen = Some(progress);
        false
    });
    assert_eq!(result.map(|(rows, _)| rows), Err(Error::Cancelled));
    assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
    assert_eq!(seen.unwrap().rows_total, Some(2_101_000));
}
