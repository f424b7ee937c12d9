//! Groups, built-in aggregates, folds, and the same bits for every number of threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt8Array};
use common::{collect, floats, function, ints, message, patient, rows, schema, session, table};
use engine::{Aggregate, AggregateKind, Column, Dataset, Error, Fold, OnError, Session, StateValue};

fn named(names: &[&str]) -> Vec<(String, Column)> {
    names.iter().map(|name| ((*name).to_owned(), Column::Name((*name).to_owned()))).collect()
}

fn of(kind: AggregateKind, column: &str) -> Aggregate {
    Aggregate::Builtin { kind, of: Column::Name(column.to_owned()) }
}

fn aggregate(dataset: &Dataset, keys: &[&str], aggregates: Vec<(&str, Aggregate)>) -> engine::Result<Dataset> {
    let aggregates: Vec<_> = aggregates.into_iter().map(|(name, aggregate)| (name.to_owned(), aggregate)).collect();
    dataset.aggregate(&named(keys), &aggregates, OnError::Raise)
}

fn sales(session: &Session) -> Dataset {
    let shop: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "a", "c"]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), Some(1), Some(5), None, None]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NEG_INFINITY), Some(2.5), None, None]));
    table(session, vec![("shop", shop), ("n", n), ("x", x)])
}

#[test]
fn built_in_aggregates_by_group() {
    let session = session(2);
    let result = aggregate(
        &sales(&session),
        &["shop"],
        vec![
            ("rows", Aggregate::Rows),
            ("n", of(AggregateKind::Count, "n")),
            ("total", of(AggregateKind::Sum, "n")),
            ("mean", of(AggregateKind::Mean, "n")),
            ("least", of(AggregateKind::Min, "x")),
            ("most", of(AggregateKind::Max, "x")),
            ("first", of(AggregateKind::First, "n")),
            ("last", of(AggregateKind::Last, "n")),
        ],
    )
    .unwrap();
    assert_eq!(
        schema(&result),
        "shop: Utf8, rows: Int64, n: Int64, total: Int64, mean: Float64?, least: Float64?, most: Float64?, first: Int64?, last: Int64?"
    );
    assert_eq!(rows(&result), "b,2,2,8,4.0,1.5,2.5,3,5\na,2,1,1,1.0,-inf,-inf,1,-\nc,1,0,0,-,-,-,-,-\n");
}

#[test]
fn aggregates_of_everything_and_of_nothing() {
    let session = session(2);
    let x: ArrayRef = Arc::new(Float64Array::from(vec![4.0, 1.0, 3.0, 2.0]));
    let dataset = table(&session, vec![("x", x)]);
    let aggregates = || {
        vec![
            ("var", of(AggregateKind::Var, "x")),
            ("std", of(AggregateKind::Std, "x")),
            ("median", of(AggregateKind::Median, "x")),
            ("q", of(AggregateKind::Quantile(0.25), "x")),
            ("kinds", of(AggregateKind::NUnique, "x")),
            ("first", of(AggregateKind::First, "x")),
            ("last", of(AggregateKind::Last, "x")),
            ("sum", of(AggregateKind::Sum, "x")),
            ("max", of(AggregateKind::Max, "x")),
        ]
    };
    let result = aggregate(&dataset, &[], aggregates()).unwrap();
    assert_eq!(rows(&result), "1.6666666666666667,1.2909944487358056,2.5,1.75,4,4.0,2.0,10.0,4.0\n");
    let nothing = aggregate(&dataset.limit(0, 0).unwrap(), &[], aggregates()).unwrap();
    assert_eq!(rows(&nothing), "-,-,-,-,0,-,-,0.0,-\n");
    let no_group = aggregate(&dataset.limit(0, 0).unwrap(), &["x"], vec![("n", Aggregate::Rows)]).unwrap();
    assert_eq!(rows(&no_group), "");
}

#[test]
fn sums_of_ints_are_exact_or_an_overflow_error() {
    let session = session(2);
    let n: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX, -i64::MAX]));
    let small: ArrayRef = Arc::new(UInt8Array::from(vec![200, 200, 200]));
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
    let dataset = table(&session, vec![("n", n), ("small", small), ("flag", flag)]);
    let sums = vec![
        ("n", of(AggregateKind::Sum, "n")),
        ("small", of(AggregateKind::Sum, "small")),
        ("flag", of(AggregateKind::Sum, "flag")),
    ];
    assert_eq!(rows(&aggregate(&dataset, &[], sums).unwrap()), "9223372036854775807,600,2\n");
    let too_large = aggregate(&dataset.limit(2, 0).unwrap(), &[], vec![("n", of(AggregateKind::Sum, "n"))]).unwrap();
    let Err(Error::Row(error)) = too_large.collect(&mut patient) else { panic!("no row error") };
    assert_eq!((error.class.kind, error.row), (ir::ExcKind::OverflowError, None));
    assert_eq!(error.message, "the sum of `n` does not fit into 64 bits");
}

#[test]
fn nan_and_minus_zero() {
    let session = session(2);
    let k: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, 2.0, 3.0, 4.0]));
    let dataset = table(&session, vec![("k", k), ("x", x)]);
    let least_most = || vec![("min", of(AggregateKind::Min, "x")), ("max", of(AggregateKind::Max, "x"))];
    assert_eq!(rows(&aggregate(&dataset, &["k"], least_most()).unwrap()), "0.0,NaN,NaN\nNaN,2.0,3.0\n1.0,4.0,4.0\n");
    assert_eq!(rows(&aggregate(&dataset, &[], least_most()).unwrap()), "NaN,NaN\n");
}

#[test]
fn aggregates_and_keys_of_functions_and_dropped_rows() {
    let session = session(2);
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    let dataset = table(&session, vec![("n", n)]);
    let odd = "entry f0\nfunc f0 odd(t) -> bool {\nb0(v0: ROW):\n  v1: int = field 0 v0\n  v2: int = const 2\n  \
               v3: int = int.mod v1, v2\n  v4: int = const 1\n  v5: bool = int.eq v3, v4\n  return v5\n}\n";
    let hundred = "entry f0\nfunc f0 hundred(t) -> int {\nb0(v0: ROW):\n  v1: int = field 0 v0\n  v2: int = const 100\n  \
                   v3: int = int.floordiv v2, v1\n  return v3\n}\n";
    let odd = Column::Function(function(&dataset, "odd", odd));
    let hundred = Column::Function(function(&dataset, "hundred", hundred));
    let keys = [("odd".to_owned(), odd)];
    let sum = Aggregate::Builtin { kind: AggregateKind::Sum, of: hundred };
    let aggregates = [("sum".to_owned(), sum), ("rows".to_owned(), Aggregate::Rows)];
    let failed = dataset.aggregate(&keys, &aggregates, OnError::Raise).unwrap().collect(&mut patient);
    let Err(Error::Row(error)) = failed else { panic!("no row error") };
    assert_eq!((error.class.kind, error.row), (ir::ExcKind::ZeroDivisionError, Some(0)));
    let dropped = dataset.aggregate(&keys, &aggregates, OnError::Drop).unwrap();
    assert_eq!(rows(&dropped), "true,178,5\nfalse,103,4\n");
    let nulled = dataset.aggregate(&keys, &aggregates, OnError::Null).unwrap();
    assert_eq!(rows(&nulled), "false,103,5\ntrue,178,5\n");
}

#[test]
fn wrong_aggregates_are_refused() {
    let session = session(1);
    let dataset = sales(&session);
    assert_eq!(
        message(aggregate(&dataset, &[], vec![("s", of(AggregateKind::Sum, "shop"))])),
        "`sum` needs numbers, but `shop` is of type `str`"
    );
    assert_eq!(
        message(aggregate(&dataset, &["shp"], vec![("n", Aggregate::Rows)])),
        "no column is named `shp`\nhelp: did you mean `shop`?"
    );
    assert_eq!(
        message(aggregate(&dataset, &["shop"], vec![("shop", Aggregate::Rows)])),
        "column `shop` is named twice"
    );
    assert_eq!(
        message(aggregate(&dataset, &[], vec![("q", of(AggregateKind::Quantile(1.5), "n"))])),
        "a quantile lies between 0 and 1, not at 1.5"
    );
}

fn state(ty: &str, slots: &[u64]) -> StateValue {
    unsafe { StateValue::new(ir::text::parse_type(ty).unwrap(), slots) }.unwrap()
}

/// `(count + 1, total + t.x)`, with the merge that adds both and `total / count` at the end.
fn mean_fold(dataset: &Dataset) -> Fold {
    let step = "file \"fold.py\"\nentry f0\nfunc f0 step(state, t) -> (int, float) {\nb0(v0: (int, float), v1: ROW):\n  \
                v2: int = field 0 v0\n  v3: int = const 1\n  v4: int = int.add v2, v3\n  v5: float = field 1 v0\n  \
                v6: float = field 1 v1\n  v7: float = float.add v5, v6\n  v8: (int, float) = tuple v4, v7\n  return v8\n}\n";
    let merge = "entry f0\nfunc f0 merge(a, b) -> (int, float) {\nb0(v0: (int, float), v1: (int, float)):\n  \
                 v2: int = field 0 v0\n  v3: int = field 0 v1\n  v4: int = int.add v2, v3\n  v5: float = field 1 v0\n  \
                 v6: float = field 1 v1\n  v7: float = float.add v5, v6\n  v8: (int, float) = tuple v4, v7\n  return v8\n}\n";
    let finish = "entry f0\nfunc f0 finish(s) -> float {\nb0(v0: (int, float)):\n  v1: int = field 0 v0\n  \
                  v2: float = int.to_float v1\n  v3: float = field 1 v0\n  v4: float = float.div v3, v2\n  return v4\n}\n";
    Fold {
        init: state("(int, float)", &[0, 0f64.to_bits()]),
        step: function(dataset, "step", step),
        merge: Some(function(dataset, "merge", merge)),
        finish: Some(function(dataset, "finish", finish)),
    }
}

fn points(session: &Session, rows: i64, groups: i64) -> Dataset {
    let k: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n * 7919 % groups)));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..rows).map(|n| 1.0 / (n + 1) as f64)));
    table(session, vec![("k", k), ("x", x)])
}

#[test]
fn folds_by_group_and_over_everything() {
    let session = session(2);
    let dataset = points(&session, 200_000, 7);
    let fold = mean_fold(&dataset);
    let aggregates =
        [("mean".to_owned(), Aggregate::Fold(fold.clone())), ("same".to_owned(), of(AggregateKind::Mean, "x"))];
    for keys in [vec![], named(&["k"])] {
        let result = dataset.aggregate(&keys, &aggregates, OnError::Raise).unwrap();
        let batches = collect(&result);
        assert_eq!(floats(&batches, keys.len()), floats(&batches, keys.len() + 1));
    }
    let result = dataset.reduce(&fold, OnError::Raise, &mut patient).unwrap();
    let slots = result.value.slots();
    assert_eq!(slots[0], 200_000);
    assert_eq!(result.report.rows_read, 200_000);
    let total = f64::from_bits(slots[1]);
    assert!((total - 12.7832).abs() < 1e-3, "{total}");
    let empty = dataset.limit(0, 0).unwrap().reduce(&fold, OnError::Raise, &mut patient).unwrap();
    assert_eq!(empty.value, fold.init);
    let mean = [("mean".to_owned(), Aggregate::Fold(fold))];
    let failed = dataset.limit(0, 0).unwrap().aggregate(&[], &mean, OnError::Raise).unwrap().collect(&mut patient);
    let Err(Error::Row(error)) = failed else { panic!("no row error") };
    assert_eq!((error.class.kind, error.row), (ir::ExcKind::ZeroDivisionError, None));
}

#[test]
fn folds_without_merge_or_with_an_init_that_is_not_neutral_run_in_one_sequence() {
    let session = session(3);
    let dataset = points(&session, 300_000, 1000);
    // `(h * 31 + t.k) % 1000003`: any other order gives another value.
    let step = "entry f0\nfunc f0 step(h, t) -> int {\nb0(v0: int, v1: ROW):\n  v2: int = const 31\n  \
                v3: int = int.mul v0, v2\n  v4: int = field 0 v1\n  v5: int = int.add v3, v4\n  v6: int = const 1000003\n  \
                v7: int = int.mod v5, v6\n  return v7\n}\n";
    let step = function(&dataset, "step", step);
    let expected = (0..300_000i64).fold(7, |h, n| (h * 31 + n * 7919 % 1000) % 1_000_003);
    let fold = Fold { init: state("int", &[7]), step, merge: None, finish: None };
    let result = dataset.reduce(&fold, OnError::Raise, &mut patient).unwrap();
    assert_eq!(result.value.slots(), [expected as u64]);
    let grouped =
        dataset.aggregate(&named(&["k"]), &[("h".to_owned(), Aggregate::Fold(fold))], OnError::Raise).unwrap();
    assert_eq!(collect(&grouped).iter().map(|batch| batch.num_rows()).sum::<usize>(), 1000);

    let sum = "entry f0\nfunc f0 step(s, t) -> int {\nb0(v0: int, v1: ROW):\n  v2: int = field 0 v1\n  \
               v3: int = int.add v0, v2\n  return v3\n}\n";
    let merge =
        "entry f0\nfunc f0 merge(a, b) -> int {\nb0(v0: int, v1: int):\n  v2: int = int.add v0, v1\n  return v2\n}\n";
    let fold = Fold {
        init: state("int", &[10]),
        step: function(&dataset, "step", sum),
        merge: Some(function(&dataset, "merge", merge)),
        finish: None,
    };
    let result = dataset.reduce(&fold, OnError::Raise, &mut patient).unwrap();
    let sum: i64 = (0..300_000i64).map(|n| n * 7919 % 1000).sum();
    assert_eq!(result.value.slots(), [(10 + sum) as u64]);
}

#[test]
fn array_states_are_stored_into_and_come_back() {
    let session = session(2);
    let dataset = points(&session, 100_000, 3);
    // `state[t.k] += t.x; return state`
    let step = "entry f0\nfunc f0 step(state, t) -> array[float64, 1] {\nb0(v0: array[float64, 1], v1: ROW):\n  \
                v2: int = field 0 v1\n  v3: np.float64 = array.get v0, v2\n  v4: float = from_np v3\n  \
                v5: float = field 1 v1\n  v6: float = float.add v4, v5\n  v7: np.float64 = to_np v6\n  \
                v8: none = array.set v0, v2, v7\n  return v0\n}\n";
    let merge = "entry f0\nfunc f0 merge(a, b) -> array[float64, 1] {\nb0(v0: array[float64, 1], v1: array[float64, 1]):\n  \
                 v2: int = const 0\n  jump b1(v2)\nb1(v3: int):\n  v4: int = const 3\n  v5: bool = int.lt v3, v4\n  \
                 branch v5, b2(), b3()\nb2():\n  v6: np.float64 = array.get v0, v3\n  v7: float = from_np v6\n  \
                 v8: np.float64 = array.get v1, v3\n  v9: float = from_np v8\n  v10: float = float.add v7, v9\n  \
                 v11: np.float64 = to_np v10\n  v12: none = array.set v0, v3, v11\n  v13: int = const 1\n  \
                 v14: int = int.add v3, v13\n  jump b1(v14)\nb3():\n  return v0\n}\n";
    let zeros = [0.0f64; 3];
    let fold = Fold {
        init: state("array[float64, 1]", &[zeros.as_ptr() as u64, 3, 8]),
        step: function(&dataset, "step", step),
        merge: Some(function(&dataset, "merge", merge)),
        finish: None,
    };
    let result = dataset.reduce(&fold, OnError::Raise, &mut patient).unwrap();
    let slots = result.value.slots();
    let sums = unsafe { std::slice::from_raw_parts(slots[0] as *const f64, 3) };
    let by_group = aggregate(&dataset, &["k"], vec![("sum", of(AggregateKind::Sum, "x"))]).unwrap();
    let batches = collect(&by_group);
    for (k, sum) in ints(&batches, 0).into_iter().zip(floats(&batches, 1)) {
        assert_eq!(sums[k as usize].to_bits(), sum.to_bits());
    }
    assert_eq!(zeros, [0.0; 3]);
    let error = message(dataset.aggregate(&[], &[("a".to_owned(), Aggregate::Fold(fold))], OnError::Raise));
    assert!(
        error.starts_with("`a` is one column, but the state of its fold is `array[float64, 1]`\nhelp: give a `finish`")
    );
}

#[test]
fn a_failing_step_names_its_row_or_is_left_out() {
    let session = session(2);
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200_000).map(|n| if n == 150_000 { 0 } else { 2 })));
    let dataset = table(&session, vec![("n", n)]);
    let step = "file \"fold.py\"\nentry f0\nfunc f0 step(s, t) -> int {\nb0(v0: int, v1: ROW):\n  v2: int = field 0 v1\n  \
                v3: int = const 10\n  v4: int = int.floordiv v3, v2 @7:9\n  v5: int = int.add v0, v4\n  return v5\n}\n";
    let merge =
        "entry f0\nfunc f0 merge(a, b) -> int {\nb0(v0: int, v1: int):\n  v2: int = int.add v0, v1\n  return v2\n}\n";
    let fold = Fold {
        init: state("int", &[0]),
        step: function(&dataset, "step", step),
        merge: Some(function(&dataset, "merge", merge)),
        finish: None,
    };
    let Err(Error::Row(error)) = dataset.reduce(&fold, OnError::Raise, &mut patient) else { panic!("no row error") };
    assert_eq!((error.class.kind, error.row, error.line), (ir::ExcKind::ZeroDivisionError, Some(150_000), 7));
    assert_eq!(error.inputs, [("n".to_owned(), "0".to_owned())]);
    let result = dataset.reduce(&fold, OnError::Drop, &mut patient).unwrap();
    assert_eq!(result.value.slots(), [199_999 * 5]);
    assert_eq!(result.report.row_errors[0].rows, 1);
}

#[test]
fn every_number_of_threads_gives_the_same_bits() {
    let mut seen: Option<(Vec<i64>, Vec<u64>, Vec<u64>)> = None;
    for threads in [1, 2, 4, 1, 3] {
        let session = session(threads);
        let dataset = points(&session, 400_000, 50_021);
        let fold = mean_fold(&dataset);
        let aggregates = [
            ("sum".to_owned(), of(AggregateKind::Sum, "x")),
            ("fold".to_owned(), Aggregate::Fold(fold)),
            ("std".to_owned(), of(AggregateKind::Std, "x")),
        ];
        let result = dataset.aggregate(&named(&["k"]), &aggregates, OnError::Raise).unwrap();
        let batches = collect(&result);
        let bits = |column| floats(&batches, column).into_iter().map(f64::to_bits).collect::<Vec<u64>>();
        let found = (ints(&batches, 0), bits(1), bits(2));
        // Groups come in the order of first appearance.
        assert_eq!(found.0[..4], [0, 7919, 15838, 23757]);
        match &seen {
            None => seen = Some(found),
            Some(first) => assert!(*first == found, "{threads} threads"),
        }
    }
}

#[test]
fn groups_of_one_row_each() {
    // DataFusion stops grouping in the parts when nearly every row is a group of its own.
    let mut seen: Option<(Vec<i64>, Vec<f64>, Vec<f64>)> = None;
    for threads in [1, 3] {
        let session = session(threads);
        let dataset = points(&session, 3_000_000, 2_750_159);
        let aggregates = [
            ("mean".to_owned(), Aggregate::Fold(mean_fold(&dataset))),
            ("same".to_owned(), of(AggregateKind::Mean, "x")),
            ("last".to_owned(), of(AggregateKind::Last, "x")),
        ];
        let result = dataset.aggregate(&named(&["k"]), &aggregates, OnError::Raise).unwrap();
        let batches = collect(&result);
        let found = (ints(&batches, 0), floats(&batches, 1), floats(&batches, 3));
        assert_eq!(found.0.len(), 2_750_159);
        assert_eq!(found.1, floats(&batches, 2));
        match &seen {
            None => seen = Some(found),
            Some(first) => assert!(*first == found, "{threads} threads"),
        }
    }
}
