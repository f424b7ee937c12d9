//! Compiled functions over rows: map, with_columns, filter, and what becomes of rows that fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use common::{captured, collect, floats, function, ints, message, patient, rows, schema, session, table};
use engine::{Column, Dataset, Error, OnError, Session, SortKey};

/// `n // d`, on line 2.
const DIVIDE: &str = r#"
file "pipeline.py"
entry f0
func f0 divide(t) -> int @1:1 {
b0(v0: ROW):
  v1: int = field 0 v0
  v2: int = field 1 v0
  v3: int = int.floordiv v1, v2 @2:12
  return v3
}
"#;

fn fractions(session: &Session, n: Vec<i64>, d: Vec<i64>) -> Dataset {
    let n: ArrayRef = Arc::new(Int64Array::from(n));
    let d: ArrayRef = Arc::new(Int64Array::from(d));
    table(session, vec![("n", n), ("d", d)])
}

fn with_quotient(dataset: &Dataset, on_error: OnError) -> Dataset {
    let divide = function(dataset, "divide", DIVIDE);
    dataset.with_columns(&[("q".to_owned(), Column::Function(divide))], on_error).unwrap()
}

#[test]
fn with_columns_adds_and_replaces() {
    let session = session(2);
    let dataset = fractions(&session, vec![7, -7], vec![2, 2]);
    let added = with_quotient(&dataset, OnError::Raise);
    assert_eq!(schema(&added), "n: Int64, d: Int64, q: Int64");
    assert_eq!(rows(&added), "7,2,3\n-7,2,-4\n");
    let divide = function(&dataset, "divide", DIVIDE);
    let columns = [("d".to_owned(), Column::Function(divide)), ("old_d".to_owned(), Column::Name("d".to_owned()))];
    let replaced = dataset.with_columns(&columns, OnError::Raise).unwrap();
    assert_eq!(schema(&replaced), "n: Int64, d: Int64, old_d: Int64");
    assert_eq!(rows(&replaced), "7,3,2\n-7,-4,2\n");
    let selected = dataset.select_columns(&columns[..1], OnError::Raise).unwrap();
    assert_eq!(rows(&selected), "3\n-4\n");
}

#[test]
fn map_makes_columns_of_fields_and_nulls_of_none() {
    let session = session(2);
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::NAN)]));
    let s: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("naïve"), None]));
    let k: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let dataset = table(&session, vec![("x", x), ("s", s), ("k", k)]);
    let text = r#"
file "pipeline.py"
entry f0
func f0 shape(t) -> dict{x: none|float, "the text": none|str, k: int, nothing: none} {
b0(v0: ROW):
  v1: none|float = field 0 v0
  v2: none|str = field 1 v0
  v3: int = field 2 v0
  v4: none = const none
  v5: dict{x: none|float, "the text": none|str, k: int, nothing: none} = tuple v1, v2, v3, v4
  return v5
}
"#;
    let mapped = dataset.map(&function(&dataset, "shape", text), OnError::Raise).unwrap();
    assert_eq!(schema(&mapped), "x: Float64?, the text: Utf8?, k: Int64, nothing: Null?");
    let batches = collect(&mapped);
    let columns: Vec<String> = (0..3).map(|column| format!("{:?}", batches[0].column(column))).collect();
    assert!(columns[0].contains("1.5") && columns[0].contains("null") && columns[0].contains("NaN"));
    assert!(columns[1].contains("naïve") && columns[1].contains("null"));
    assert_eq!(ints(&batches, 2), [1, 2, 3]);
}

#[test]
fn only_the_columns_read_are_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(2);
    let wide = fractions(&session, (0..10_000).collect(), (1..10_001).collect());
    let path = folder.path().join("wide.parquet");
    let copies: Vec<(String, Column)> =
        ["n", "d", "e", "f"].iter().map(|name| ((*name).to_owned(), Column::Name("n".to_owned()))).collect();
    let wide = wide.select_columns(&copies, OnError::Raise).unwrap();
    wide.write_parquet(&path, &mut patient).unwrap();
    let dataset = session.read_parquet(&[path.to_str().unwrap().to_owned()]).unwrap();
    let mapped = dataset.map(&function(&dataset, "divide", DIVIDE), OnError::Drop).unwrap();
    let plan = mapped.explain(false, &mut patient).unwrap();
    assert!(plan.contains("projection=[n, d]"), "{plan}");
    assert_eq!(ints(&collect(&mapped), 0), vec![1; 9_999]);
}

#[test]
fn raise_names_the_first_failing_row() {
    for threads in [1, 4] {
        let session = session(threads);
        let n: Vec<i64> = (0..300_000).collect();
        let d: Vec<i64> = n.iter().map(|n| i64::from(*n != 123_456 && *n != 299_000)).collect();
        let dataset = fractions(&session, n, d);
        for _ in 0..3 {
            let failed = with_quotient(&dataset, OnError::Raise).collect(&mut patient);
            let Err(Error::Row(error)) = failed else { panic!("no row error") };
            assert_eq!((error.class.kind, error.row, error.line), (ir::ExcKind::ZeroDivisionError, Some(123_456), 2));
            assert_eq!(error.message, "integer division or modulo by zero");
            assert_eq!(error.file.as_deref(), Some("pipeline.py"));
            assert_eq!(error.inputs, [("n".to_owned(), "123456".to_owned()), ("d".to_owned(), "0".to_owned())]);
        }
    }
}

#[test]
fn null_and_drop_count_what_failed() {
    let session = session(2);
    let dataset = fractions(&session, vec![1, 2, 3, 4], vec![1, 0, 2, 0]);
    let nulled = with_quotient(&dataset, OnError::Null);
    assert_eq!(schema(&nulled), "n: Int64, d: Int64, q: Int64?");
    assert_eq!(rows(&nulled), "1,1,1\n2,0,-\n3,2,1\n4,0,-\n");
    let dropped = with_quotient(&dataset, OnError::Drop);
    assert_eq!(rows(&dropped), "1,1,1\n3,2,1\n");
    let (_, report) = dropped.collect(&mut patient).unwrap();
    assert_eq!(report.rows_read, 4);
    let [count] = report.row_errors.as_slice() else { panic!("{report:?}") };
    assert_eq!((count.class.kind, count.rows, count.line), (ir::ExcKind::ZeroDivisionError, 2, 2));
    assert_eq!(count.function, "divide");
    // The dropped rows are gone for everything that follows, though nothing of the function's result is used.
    assert_eq!(dropped.count(&mut patient).unwrap().0, 2);
}

#[test]
fn filters_run_before_what_follows_them() {
    let session = session(2);
    let n: Vec<i64> = (0..100_000).collect();
    let d: Vec<i64> = n.iter().map(|n| n % 3).collect();
    let dataset = fractions(&session, n, d);
    // `d`: its truth decides.
    let text = "entry f0\nfunc f0 keep(t) -> int {\nb0(v0: ROW):\n  v1: int = field 1 v0\n  return v1\n}\n";
    let filtered = dataset.filter(&function(&dataset, "keep", text), OnError::Raise).unwrap();
    let quotients = with_quotient(&filtered, OnError::Raise);
    assert_eq!(ints(&collect(&quotients), 2).len(), 66_666);
    let sorted =
        filtered.sort(&[SortKey { column: Column::Name("n".to_owned()), descending: true }], OnError::Raise).unwrap();
    let divide = function(&sorted, "divide", DIVIDE);
    let both = sorted.filter(&divide, OnError::Raise).unwrap().limit(2, 0).unwrap();
    assert_eq!(rows(&both), "99998,2\n99997,1\n");
    // A filter that itself raises.
    let failed = dataset.filter(&function(&dataset, "divide", DIVIDE), OnError::Raise).unwrap();
    let Err(Error::Row(error)) = failed.collect(&mut patient) else { panic!("no row error") };
    assert_eq!(error.row, Some(0));
    let guarded = dataset.filter(&function(&dataset, "divide", DIVIDE), OnError::Null).unwrap();
    assert_eq!(guarded.count(&mut patient).unwrap().0, 66_666);
}

#[test]
fn new_captured_values_do_not_compile_again() {
    let session = session(2);
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..1000).map(f64::from)));
    let dataset = table(&session, vec![("x", x)]);
    let text = r#"
capture c0 weight: float
entry f0
func f0 weighted(t) -> float {
b0(v0: ROW):
  v1: float = field 0 v0
  v2: float = capture c0
  v3: float = float.mul v1, v2
  return v3
}
"#;
    let value = |weight: f64| {
        let weighted = captured(&dataset, "weighted", text, vec![weight.to_bits()]);
        floats(&collect(&dataset.map(&weighted, OnError::Raise).unwrap()), 0)[7]
    };
    assert_eq!(value(2.0), 14.0);
    let compiled = engine::kernel::compile_count();
    for round in 0..20 {
        assert_eq!(value(f64::from(round)), 7.0 * f64::from(round));
    }
    // Other tests of this file compile at the same time; twenty compilations would be those of this loop.
    assert!(engine::kernel::compile_count() - compiled < 20);
}

#[test]
fn functions_that_do_not_fit_are_refused() {
    let session = session(1);
    let dataset = fractions(&session, vec![1], vec![1]);
    let divide = function(&dataset, "divide", DIVIDE);
    let renamed = dataset
        .select_columns(
            &[("n".to_owned(), Column::Name("n".to_owned())), ("dd".to_owned(), Column::Name("d".to_owned()))],
            OnError::Raise,
        )
        .unwrap();
    assert_eq!(
        message(renamed.map(&divide, OnError::Raise)),
        "no column is named `d`\nhelp: the columns are `n` and `dd`"
    );
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let other = table(&session, vec![("n", n), ("d", texts)]);
    assert_eq!(
        message(other.map(&divide, OnError::Raise)),
        "`divide` was compiled for a column `d` of type `int`, but here it is of type `str`"
    );
    let union = r#"
entry f0
func f0 either(t) -> int|str {
b0(v0: ROW):
  v1: int = field 0 v0
  v2: int|str = widen v1
  return v2
}
"#;
    let error = message(dataset.map(&function(&dataset, "either", union), OnError::Raise));
    assert!(error.starts_with("a column holds values of one type, but the function returns `int|str`"), "{error}");
    let pair = "entry f0\nfunc f0 pair(t) -> (int, int) {\nb0(v0: ROW):\n  v1: int = field 0 v0\n  \
                v2: (int, int) = tuple v1, v1\n  return v2\n}\n";
    let pair = function(&dataset, "pair", pair);
    let error = message(dataset.with_columns(&[("p".to_owned(), Column::Function(pair.clone()))], OnError::Raise));
    assert!(error.starts_with("`p` is one column, but its function returns `(int, int)`"), "{error}");
    assert_eq!(schema(&dataset.map(&pair, OnError::Raise).unwrap()), "value_0: Int64, value_1: Int64");
}

#[test]
fn a_kernel_that_never_ends_is_cancelled() {
    let session = session(2);
    let dataset = fractions(&session, (0..10).collect(), (0..10).collect());
    let forever = "entry f0\nfunc f0 forever(t) -> int {\nb0(v0: ROW):\n  v1: int = const 0\n  jump b1(v1)\n\
                   b1(v2: int):\n  v3: int = int.add_wrap v2, v2\n  jump b1(v3)\n}\n";
    let dataset = dataset.map(&function(&dataset, "forever", forever), OnError::Raise).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(dataset.collect(&mut |_| false).map(|_| ()), Err(Error::Cancelled));
    assert!(started.elapsed().as_millis() < 500);
}

#[test]
fn elementwise_calls_over_threads() {
    let session = session(3);
    let text = "file \"e.py\"\nentry f0\nfunc f0 divide(n, d) -> int {\nb0(v0: int, v1: int):\n  \
                v2: int = int.floordiv v0, v1 @3:5\n  return v2\n}\n";
    let module = ir::text::parse(text).unwrap();
    let divide = engine::CompiledFunction::new("divide", Arc::new(module), engine::CaptureValues::none());
    let rows = 500_000usize;
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let arguments = [engine::Argument::Column(n.clone()), engine::Argument::Broadcast(vec![7])];
    let result = engine::elementwise(&session, &divide, &arguments, rows, &mut patient).unwrap();
    let expected: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| n / 7)));
    assert_eq!(&result[0], &expected);
    let d: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|n| i64::from(n % 200_000 != 150_000))));
    let arguments = [engine::Argument::Column(n), engine::Argument::Column(d)];
    let failed = engine::elementwise(&session, &divide, &arguments, rows, &mut patient);
    let Err(Error::Row(error)) = failed else { panic!("no row error") };
    assert_eq!((error.row, error.line), (Some(150_000), 3));
    assert_eq!(error.inputs, [("n".to_owned(), "150000".to_owned()), ("d".to_owned(), "0".to_owned())]);
}
