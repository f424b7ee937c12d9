//! Sessions and datasets as the Python package sees them. One line for each operation of the engine: names, defaults
//! and forms of arguments are the package's matter.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use engine::{
    Aggregate, AggregateKind, ArrowLayout, BatchStream, BsonWriteOptions, Column, CsvOptions, JoinKind, OnError,
    SessionOptions, SortKey,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::arrow_io::{ArrowBatches, ArrowSchema, import_stream, import_type};
use crate::columns;
use crate::documents;
use crate::errors::{dataset_error, guard};
use crate::fold::{self, Functions};
use crate::function::Function;
use crate::query::{self, report_dict};
use crate::specialise::Request;

/// Threads, memory and configuration.
#[pyclass(frozen, module = "fuseline._core")]
pub struct Session(engine::Session);

impl Session {
    pub fn engine(&self) -> &engine::Session {
        &self.0
    }
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (threads=None, memory_bytes_max=None))]
    fn new(py: Python<'_>, threads: Option<usize>, memory_bytes_max: Option<usize>) -> PyResult<Session> {
        guard(py, || {
            let options = SessionOptions { threads, memory_bytes_max };
            Ok(Session(engine::Session::new(options).map_err(|error| dataset_error(py, error))?))
        })
    }

    /// A session whose plans run on the cluster at this address.
    #[staticmethod]
    #[pyo3(signature = (address, tls=None, threads=None, retry_seconds=60))]
    fn connect(
        py: Python<'_>,
        address: &str,
        tls: Option<PathBuf>,
        threads: Option<usize>,
        retry_seconds: u64,
    ) -> PyResult<Session> {
        guard(py, || {
            let connected = py.detach(|| {
                let tls = tls.map(|folder| cluster::Tls::load(&folder)).transpose()?;
                let options = SessionOptions { threads, memory_bytes_max: None };
                cluster::connect(address, options, cluster::ClientOptions { tls, retry_seconds })
            });
            Ok(Session(connected.map_err(|error| dataset_error(py, error))?))
        })
    }

    #[getter]
    fn threads(&self) -> usize {
        self.0.threads()
    }

    #[expect(clippy::too_many_arguments, reason = "they are those of the Python method")]
    fn read_csv(
        &self,
        py: Python<'_>,
        paths: Vec<String>,
        delimiter: u8,
        header: bool,
        null_values: Vec<String>,
        types: &Bound<'_, PyDict>,
        infer_rows: usize,
    ) -> PyResult<Dataset> {
        guard(py, || {
            let types = types
                .iter()
                .map(|(name, ty)| Ok((name.extract::<String>()?, import_type(&ty)?)))
                .collect::<PyResult<Vec<_>>>()?;
            let options = CsvOptions { delimiter, header, null_values, types, infer_rows };
            finish(py, py.detach(|| self.0.read_csv(&paths, &options)))
        })
    }

    fn read_parquet(&self, py: Python<'_>, paths: Vec<String>) -> PyResult<Dataset> {
        guard(py, || finish(py, py.detach(|| self.0.read_parquet(&paths))))
    }

    fn read_arrow(&self, py: Python<'_>, paths: Vec<String>) -> PyResult<Dataset> {
        guard(py, || finish(py, py.detach(|| self.0.read_arrow(&paths))))
    }

    fn read_json(&self, py: Python<'_>, paths: Vec<String>) -> PyResult<Dataset> {
        guard(py, || finish(py, py.detach(|| self.0.read_json(&paths))))
    }

    /// A dataset and the report of the sample.
    #[expect(clippy::too_many_arguments, reason = "they are those of the Python method")]
    fn read_bson<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<String>,
        collection: Option<String>,
        schema: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        sample: usize,
        on_error: &str,
    ) -> PyResult<(Dataset, Bound<'py, PyList>)> {
        guard(py, || {
            let options = documents::options(schema, types, sample, on_error)?;
            with_report(py, py.detach(|| self.0.read_bson(&paths, collection, &options)))
        })
    }

    /// As `read_bson`, for what `fuseline._mongo` describes.
    fn read_mongo<'py>(
        &self,
        py: Python<'py>,
        spec: &Bound<'py, PyDict>,
        schema: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        sample: usize,
        on_error: &str,
    ) -> PyResult<(Dataset, Bound<'py, PyList>)> {
        guard(py, || {
            let read = documents::mongo_read(spec)?;
            let options = documents::options(schema, types, sample, on_error)?;
            with_report(py, py.detach(|| self.0.read_mongo(&read, &options)))
        })
    }

    /// As `read_bson`.
    fn read_extended_json<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<String>,
        schema: &Bound<'py, PyAny>,
        types: &Bound<'py, PyAny>,
        sample: usize,
        on_error: &str,
    ) -> PyResult<(Dataset, Bound<'py, PyList>)> {
        guard(py, || {
            let options = documents::options(schema, types, sample, on_error)?;
            with_report(py, py.detach(|| self.0.read_extended_json(&paths, &options)))
        })
    }

    #[expect(clippy::wrong_self_convention, reason = "it is named as the Python method")]
    fn from_arrow(&self, table: &Bound<'_, PyAny>) -> PyResult<Dataset> {
        let py = table.py();
        guard(py, || {
            let (schema, batches) = import_stream(table)?;
            finish(py, self.0.from_arrow(schema, batches))
        })
    }
}

/// A lazy table.
#[pyclass(frozen, module = "fuseline._core")]
pub struct Dataset(engine::Dataset);

fn finish(py: Python<'_>, made: engine::Result<engine::Dataset>) -> PyResult<Dataset> {
    made.map(Dataset).map_err(|error| dataset_error(py, error))
}

fn with_report(
    py: Python<'_>,
    made: engine::Result<(engine::Dataset, Vec<engine::bson_arrow::FieldReport>)>,
) -> PyResult<(Dataset, Bound<'_, PyList>)> {
    let (dataset, report) = made.map_err(|error| dataset_error(py, error))?;
    Ok((Dataset(dataset), documents::field_reports(py, &report)?))
}

fn on_error(text: &str) -> PyResult<OnError> {
    match text {
        "raise" => Ok(OnError::Raise),
        "null" => Ok(OnError::Null),
        "drop" => Ok(OnError::Drop),
        "collect" => Ok(OnError::Collect),
        _ => Err(PyValueError::new_err(format!(
            "on_error is \"raise\", \"null\", \"drop\" or \"collect\", not {text:?}"
        ))),
    }
}

impl Dataset {
    pub fn of(made: engine::Dataset) -> Dataset {
        Dataset(made)
    }

    pub fn engine(&self) -> &engine::Dataset {
        &self.0
    }

    fn function(&self, function: &Bound<'_, Function>, row_result: bool) -> PyResult<engine::CompiledFunction> {
        let request = Request { row_result, ..Request::of(vec![self.0.row_type().record]) };
        function.get().for_engine(function.py(), request)
    }

    /// A column name or a function of the row.
    fn column(&self, object: &Bound<'_, PyAny>) -> PyResult<Column> {
        if let Ok(name) = object.cast::<PyString>() {
            return Ok(Column::Name(name.to_str()?.to_owned()));
        }
        Ok(Column::Function(self.function(object.cast::<Function>()?, true)?))
    }

    fn columns(&self, pairs: &[(String, Bound<'_, PyAny>)]) -> PyResult<Vec<(String, Column)>> {
        pairs.iter().map(|(name, object)| Ok((name.clone(), self.column(object)?))).collect()
    }

    /// `("rows",)`, `("sum", column)`, `("quantile", column, fraction)` or `("fold", init, step, merge, finish)`.
    fn aggregate_of(&self, spec: &Bound<'_, PyTuple>) -> PyResult<Aggregate> {
        let name: String = spec.get_item(0)?.extract()?;
        let kind = match name.as_str() {
            "rows" => return Ok(Aggregate::Rows),
            "fold" => {
                let step = spec.get_item(2)?.cast_into::<Function>()?;
                let (merge, finish) = (spec.get_item(3)?, spec.get_item(4)?);
                let functions = Functions { step: &step, merge: merge.cast().ok(), finish: finish.cast().ok() };
                let row = self.0.row_type().record;
                return Ok(Aggregate::Fold(fold::compile(spec.py(), &row, &spec.get_item(1)?, &functions)?));
            }
            "count" => AggregateKind::Count,
            "sum" => AggregateKind::Sum,
            "mean" => AggregateKind::Mean,
            "min" => AggregateKind::Min,
            "max" => AggregateKind::Max,
            "var" => AggregateKind::Var,
            "std" => AggregateKind::Std,
            "median" => AggregateKind::Median,
            "quantile" => AggregateKind::Quantile(spec.get_item(2)?.extract()?),
            "n_unique" => AggregateKind::NUnique,
            "first" => AggregateKind::First,
            "last" => AggregateKind::Last,
            _ => return Err(PyValueError::new_err(format!("no aggregate is called `{name}`"))),
        };
        Ok(Aggregate::Builtin { kind, of: self.column(&spec.get_item(1)?)? })
    }
}

#[pymethods]
impl Dataset {
    fn schema(&self) -> ArrowSchema {
        ArrowSchema(self.0.schema())
    }

    /// Columns that no function can read yet: name and Arrow type.
    fn unreadable(&self) -> Vec<(String, String)> {
        self.0.row_type().unreadable
    }

    fn select(&self, py: Python<'_>, columns: Vec<String>) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.select(&columns)))
    }

    fn with_columns(
        &self,
        py: Python<'_>,
        columns: Vec<(String, Bound<'_, PyAny>)>,
        on_error_text: &str,
    ) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.with_columns(&self.columns(&columns)?, on_error(on_error_text)?)))
    }

    fn map(&self, py: Python<'_>, function: &Bound<'_, Function>, on_error_text: &str) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.map(&self.function(function, true)?, on_error(on_error_text)?)))
    }

    fn flat_map(&self, py: Python<'_>, function: &Bound<'_, Function>, on_error_text: &str) -> PyResult<Dataset> {
        guard(py, || {
            let request = Request { as_list: true, ..Request::of(vec![self.0.row_type().record]).for_columns() };
            let function = function.get().for_engine(py, request)?;
            finish(py, self.0.flat_map(&function, on_error(on_error_text)?))
        })
    }

    fn filter(&self, py: Python<'_>, function: &Bound<'_, Function>, on_error_text: &str) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.filter(&self.function(function, false)?, on_error(on_error_text)?)))
    }

    fn aggregate(
        &self,
        py: Python<'_>,
        keys: Vec<(String, Bound<'_, PyAny>)>,
        aggregates: Vec<(String, Bound<'_, PyTuple>)>,
        on_error_text: &str,
    ) -> PyResult<Dataset> {
        guard(py, || {
            let keys = self.columns(&keys)?;
            let aggregates = aggregates
                .iter()
                .map(|(name, spec)| Ok((name.clone(), self.aggregate_of(spec)?)))
                .collect::<PyResult<Vec<_>>>()?;
            finish(py, self.0.aggregate(&keys, &aggregates, on_error(on_error_text)?))
        })
    }

    #[pyo3(signature = (step, init, merge, on_error_text, bar))]
    fn reduce<'py>(
        &self,
        py: Python<'py>,
        step: &Bound<'py, Function>,
        init: &Bound<'py, PyAny>,
        merge: Option<&Bound<'py, Function>>,
        on_error_text: &str,
        bar: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
        guard(py, || {
            let functions = Functions { step, merge, finish: None };
            let fold = fold::compile(py, &self.0.row_type().record, init, &functions)?;
            let on_error = on_error(on_error_text)?;
            let result = query::run(py, bar, |watch| self.0.reduce(&fold, on_error, watch))?;
            Ok((fold::value(py, &result.value)?, report_dict(py, &result.report)?))
        })
    }

    fn join(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Dataset>,
        on: Vec<(String, String)>,
        how: &str,
        suffix: &str,
    ) -> PyResult<Dataset> {
        guard(py, || {
            let kind = match how {
                "inner" => JoinKind::Inner,
                "left" => JoinKind::Left,
                _ => return Err(PyValueError::new_err(format!("how is \"inner\" or \"left\", not {how:?}"))),
            };
            finish(py, self.0.join(&other.get().0, &on, kind, suffix))
        })
    }

    fn sort(&self, py: Python<'_>, keys: Vec<(Bound<'_, PyAny>, bool)>, on_error_text: &str) -> PyResult<Dataset> {
        guard(py, || {
            let key = |(column, descending): &(Bound<'_, PyAny>, bool)| {
                Ok(SortKey { column: self.column(column)?, descending: *descending })
            };
            let keys = keys.iter().map(key).collect::<PyResult<Vec<SortKey>>>()?;
            finish(py, self.0.sort(&keys, on_error(on_error_text)?))
        })
    }

    fn union(&self, py: Python<'_>, other: &Bound<'_, Dataset>) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.union(&other.get().0)))
    }

    fn distinct(&self, py: Python<'_>, columns: Vec<String>) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.distinct(&columns)))
    }

    /// The rows that `on_error="collect"` left out, a dataset for each operation that did.
    fn failures(&self) -> Vec<Dataset> {
        self.0.failures().into_iter().map(Dataset).collect()
    }

    /// The session that it belongs to.
    fn session(&self) -> Session {
        Session(self.0.session().clone())
    }

    fn limit(&self, py: Python<'_>, rows: usize, offset: usize) -> PyResult<Dataset> {
        guard(py, || finish(py, self.0.limit(rows, offset)))
    }

    fn explain(&self, py: Python<'_>, analyze: bool, bar: &Bound<'_, PyAny>) -> PyResult<String> {
        guard(py, || query::run(py, bar, |watch| self.0.explain(analyze, watch)))
    }

    fn count<'py>(&self, py: Python<'py>, bar: &Bound<'py, PyAny>) -> PyResult<(u64, Bound<'py, PyDict>)> {
        guard(py, || {
            let (rows, report) = query::run(py, bar, |watch| self.0.count(watch))?;
            Ok((rows, report_dict(py, &report)?))
        })
    }

    fn collect<'py>(&self, py: Python<'py>, bar: &Bound<'py, PyAny>) -> PyResult<(ArrowBatches, Bound<'py, PyDict>)> {
        guard(py, || {
            let (batches, report) = query::run(py, bar, |watch| self.0.collect(watch))?;
            Ok((ArrowBatches::new(self.0.schema(), batches), report_dict(py, &report)?))
        })
    }

    /// Every column whole: an array and its mask, or Arrow batches.
    fn whole_columns<'py>(
        &self,
        py: Python<'py>,
        bar: &Bound<'_, PyAny>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyDict>)> {
        guard(py, || {
            let (columns, report) = query::run(py, bar, |watch| self.0.columns(watch))?;
            let columns = columns.into_iter().map(|column| columns::column(py, column)).collect::<PyResult<_>>()?;
            Ok((columns, report_dict(py, &report)?))
        })
    }

    fn persist<'py>(&self, py: Python<'py>, bar: &Bound<'py, PyAny>) -> PyResult<(Dataset, Bound<'py, PyDict>)> {
        guard(py, || {
            let (persisted, report) = query::run(py, bar, |watch| self.0.persist(watch))?;
            Ok((Dataset(persisted), report_dict(py, &report)?))
        })
    }

    fn stream(&self, py: Python<'_>) -> PyResult<Stream> {
        guard(py, || match py.detach(|| self.0.stream()) {
            Ok(stream) => Ok(Stream(Mutex::new(stream))),
            Err(error) => Err(dataset_error(py, error)),
        })
    }

    fn write_parquet<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        bar: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        guard(py, || report_dict(py, &query::run(py, bar, |watch| self.0.write_parquet(&path, watch))?))
    }

    fn write_arrow<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        stream: bool,
        bar: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let layout = if stream { ArrowLayout::Stream } else { ArrowLayout::File };
        guard(py, || report_dict(py, &query::run(py, bar, |watch| self.0.write_arrow(&path, layout, watch))?))
    }

    fn write_json<'py>(&self, py: Python<'py>, path: PathBuf, bar: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        guard(py, || report_dict(py, &query::run(py, bar, |watch| self.0.write_json(&path, watch))?))
    }

    fn write_bson<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        leave_out_nulls: bool,
        bar: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options = BsonWriteOptions { leave_out_nulls };
        guard(py, || report_dict(py, &query::run(py, bar, |watch| self.0.write_bson(&path, options, watch))?))
    }

    /// What happened to the rows, and the report of the run.
    fn write_mongo<'py>(
        &self,
        py: Python<'py>,
        spec: &Bound<'py, PyDict>,
        bar: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
        guard(py, || {
            let write = documents::mongo_write(spec)?;
            let report = query::run(py, bar, |watch| self.0.write_mongo(&write, watch))?;
            Ok((documents::write_report(py, &report)?, report_dict(py, &report.run)?))
        })
    }

    fn write_csv<'py>(&self, py: Python<'py>, path: PathBuf, bar: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        guard(py, || report_dict(py, &query::run(py, bar, |watch| self.0.write_csv(&path, watch))?))
    }
}

/// The batches of a running query.
#[pyclass(frozen, module = "fuseline._core")]
pub struct Stream(Mutex<BatchStream>);

#[pymethods]
impl Stream {
    /// The next batch as a stream of one; `None` at the end.
    fn next(&self, py: Python<'_>, bar: &Bound<'_, PyAny>) -> PyResult<Option<ArrowBatches>> {
        guard(py, || {
            let batch = query::run(py, bar, |watch| {
                let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                stream.next(watch)
            })?;
            Ok(batch.map(|batch| ArrowBatches::new(batch.schema(), vec![batch])))
        })
    }

    /// The report so far.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report_dict(py, &self.0.lock().unwrap_or_else(PoisonError::into_inner).report())
    }
}
