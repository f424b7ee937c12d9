//! Running a function's kernel over batches: arrays in, arrays out, and what became of failing rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::FilterBuilder;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, Schema, UInt64Type};
use arrow::record_batch::RecordBatch;
use codegen::{ColumnType, MapInput, MapKernel, MapOutcome, ParamInput, SpanTable};
use datafusion::execution::memory_pool::MemoryReservation;
use runtime::abi;
use runtime::arena::Arena;

use super::inputs::{self, Columns};
use super::items;
use super::outputs::Outputs;
use crate::dataset::OnError;
use crate::error::{Error, Result, RowError};
use crate::failure;
use crate::function::CompiledFunction;
use crate::names;
use crate::run::RunState;

/// A function whose row parameter is bound to the columns of a schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BoundRow {
    /// What the kernel is compiled for.
    pub input: ParamInput,
    /// The columns it reads, by position in the schema, in the order of the record's fields.
    pub columns: Vec<usize>,
    pub types: Vec<ColumnType>,
}

impl BoundRow {
    /// Binds the record parameter number `param` of the function to the columns of its fields' names.
    pub fn new(function: &CompiledFunction, param: usize, schema: &Schema) -> Result<BoundRow> {
        let params = function.param_types();
        let Some(ir::Type::Record(record)) = params.get(param) else {
            return Err(Error::plan(format!(
                "`{}` does not take a row as its parameter {}",
                function.name(),
                param + 1
            )));
        };
        let used = ir::introspect::columns_read(function.module(), function.module().entry, param);
        let mut bound = BoundRow { input: ParamInput::Broadcast, columns: Vec::new(), types: Vec::new() };
        let mut fields = Vec::with_capacity(record.fields.len());
        for (position, (name, ty)) in record.fields.iter().enumerate() {
            if !used.contains(&position) {
                fields.push(None);
                continue;
            }
            let known = || schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
            let index = schema.index_of(name).map_err(|_| names::unknown_column(name, &known()))?;
            let data_type = schema.field(index).data_type();
            let Some(physical) = inputs::physical(data_type) else {
                return Err(Error::plan(format!(
                    "`{}` reads column `{name}`, whose type `{data_type}` functions cannot read",
                    function.name()
                )));
            };
            let column_type = ColumnType { physical, nullable: ty.admits_none() };
            fields.push(Some(column_type));
            bound.columns.push(index);
            bound.types.push(column_type);
        }
        bound.input = ParamInput::Row(fields);
        Ok(bound)
    }
}

/// A function bound to the columns of a schema, from which all its parameters come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bound {
    pub inputs: Vec<ParamInput>,
    pub columns: Vec<usize>,
    pub types: Vec<ColumnType>,
    /// What messages call the columns.
    pub names: Vec<String>,
}

impl Bound {
    /// The one parameter is the row.
    pub fn of_row(function: &CompiledFunction, schema: &Schema) -> Result<Bound> {
        let BoundRow { input, columns, types } = BoundRow::new(function, 0, schema)?;
        let names = columns.iter().map(|index| schema.field(*index).name().clone()).collect();
        Ok(Bound { inputs: vec![input], columns, types, names })
    }

    /// Each parameter is the value of the column of this name.
    pub fn of_values(function: &CompiledFunction, columns: &[String], schema: &Schema) -> Result<Bound> {
        let params = function.param_types();
        if params.len() != columns.len() {
            return Err(Error::plan(format!(
                "`{}` takes {} arguments, but {} are given",
                function.name(),
                params.len(),
                columns.len()
            )));
        }
        let mut bound = Bound {
            inputs: Vec::new(),
            columns: Vec::new(),
            types: Vec::new(),
            names: Vec::with_capacity(params.len()),
        };
        for (position, (column, ty)) in columns.iter().zip(&params).enumerate() {
            let name = function.module().entry_func().param_names.get(position).unwrap_or(column).clone();
            let index = schema.index_of(column).map_err(|_| Error::engine("an argument has no column"))?;
            let data_type = schema.field(index).data_type();
            let physical = inputs::physical(data_type)
                .filter(|_| crate::types::column_type(data_type).is_some_and(|found| found == ty.without_none()));
            let Some(physical) = physical else {
                return Err(Error::plan(format!(
                    "`{}` was compiled for `{name}` of type `{ty}`, but it is of type `{data_type}` here",
                    function.name()
                )));
            };
            let column_type = ColumnType { physical, nullable: ty.admits_none() };
            bound.inputs.push(ParamInput::Column(column_type));
            bound.columns.push(index);
            bound.types.push(column_type);
            bound.names.push(name);
        }
        Ok(bound)
    }

    /// The columns it reads of a batch.
    pub fn arrays(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.columns.iter().map(|index| batch.column(*index).clone()).collect()
    }
}

/// A row for which a function raised.
pub(crate) struct Failure {
    /// Its position in the batch.
    pub row: usize,
    pub error: RowError,
}

/// What a kernel gave for a batch.
pub(crate) struct Mapped {
    /// One array a leaf of the result. Where that is a list, its items are rows, those of all rows one after the other.
    pub arrays: Vec<ArrayRef>,
    /// The rows that failed; `None` when none did.
    pub failed: Option<BooleanBuffer>,
}

/// Runs one function over batch after batch on whichever thread asks.
pub(crate) struct Runner {
    function: CompiledFunction,
    kernel: Arc<MapKernel>,
    arena: Box<Arena>,
    run: Arc<RunState>,
    on_error: OnError,
    /// What the arena holds, as the session's memory pool knows it.
    memory: MemoryReservation,
    /// Failing rows go into the run's report.
    reports: bool,
    /// Rows of earlier batches.
    first_row: u64,
}

impl Runner {
    pub fn new(
        function: CompiledFunction,
        kernel: Arc<MapKernel>,
        run: Arc<RunState>,
        on_error: OnError,
        memory: MemoryReservation,
    ) -> Runner {
        Runner { function, kernel, arena: Box::default(), run, on_error, memory, reports: true, first_row: 0 }
    }

    /// The runner for whoever wants the failing rows themselves.
    pub fn unreported(self) -> Runner {
        Runner { reports: false, ..self }
    }

    /// Runs the next batch.
    pub fn run(&mut self, arrays: &[ArrayRef], bound: &Bound, rows: usize) -> Result<Mapped> {
        let mapped = self.run_rows(arrays, bound, rows, |row| row)?;
        self.first_row += rows as u64;
        Ok(mapped)
    }

    /// Runs the next batch, calling the function only for the chosen rows; the others get nulls.
    pub fn run_chosen(&mut self, arrays: &[ArrayRef], bound: &Bound, chosen: &BooleanBuffer) -> Result<Mapped> {
        let rows = chosen.len();
        let positions: Vec<usize> = chosen.set_indices().collect();
        let filter = FilterBuilder::new(&BooleanArray::new(chosen.clone(), None)).optimize().build();
        let malformed = |error: arrow::error::ArrowError| Error::engine(format!("a function's arguments: {error}"));
        let picked: std::result::Result<Vec<ArrayRef>, _> = arrays.iter().map(|array| filter.filter(array)).collect();
        let picked = picked.map_err(malformed)?;
        let count = positions.len();
        let mapped = self.run_rows(&picked, bound, count, |row| positions.get(row).copied().unwrap_or(row))?;
        self.first_row += rows as u64;
        // Where each row's result is among those of the chosen ones.
        let mut places: Vec<Option<u32>> = vec![None; rows];
        for (place, row) in positions.iter().enumerate() {
            if let Some(found) = places.get_mut(*row) {
                *found = Some(place as u32);
            }
        }
        let places = UInt32Array::from(places);
        let spread = |array: &ArrayRef| arrow::compute::take(array, &places, None).map_err(malformed);
        let arrays = mapped.arrays.iter().map(spread).collect::<Result<Vec<_>>>()?;
        let failed = mapped.failed.map(|failed| {
            BooleanBuffer::collect_bool(rows, |row| places.is_valid(row) && failed.value(places.value(row) as usize))
        });
        Ok(Mapped { arrays, failed })
    }

    /// The rows of the next batch for which the function raises.
    pub fn failures(&mut self, arrays: &[ArrayRef], bound: &Bound, rows: usize) -> Result<Vec<Failure>> {
        let Some(failed) = self.run(arrays, bound, rows)?.failed else { return Ok(Vec::new()) };
        let on_error = std::mem::replace(&mut self.on_error, OnError::Raise);
        let again = |row: usize| {
            // The message of an exception is known only right after it was raised.
            let one: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(row, 1)).collect();
            match self.run_rows(&one, bound, 1, |_| row) {
                Err(Error::Row(error)) => Ok(Some(Failure { row, error: *error })),
                Err(other) => Err(other),
                Ok(_) => Err(Error::engine("a function raised for a row, but not when asked again")),
            }
        };
        let found: Result<Vec<Option<Failure>>> = failed.set_indices().map(again).collect();
        self.on_error = on_error;
        Ok(found?.into_iter().flatten().collect())
    }

    /// Runs rows whose positions among all rows of the batch `position` gives.
    fn run_rows(
        &mut self,
        arrays: &[ArrayRef],
        bound: &Bound,
        rows: usize,
        position: impl Fn(usize) -> usize,
    ) -> Result<Mapped> {
        // A run that failed has left its allocations.
        self.arena.reset();
        let columns = Columns::new(arrays, &bound.types)?;
        let input = MapInput { columns: columns.views(), broadcast: &[], states: None, start: 0, rows };
        let may_fail = self.on_error != OnError::Raise;
        let mut outputs = Outputs::new(self.kernel.outputs(), rows, may_fail);
        let mut statuses = if may_fail { vec![abi::STATUS_OK; rows] } else { Vec::new() };
        let views = outputs.views(0);
        let mut context = super::context(&mut self.arena, &self.function, self.run.cancel_flag());
        // SAFETY: `Columns` checked the arrays' types; the outputs have `rows` rows; captures live as long as the
        // function.
        let outcome =
            unsafe { self.kernel.run(&mut context, &input, &views, may_fail.then_some(statuses.as_mut_slice())) };
        let failed = match outcome {
            MapOutcome::Done { failed: 0 } => None,
            MapOutcome::Done { .. } => {
                if self.reports {
                    count_failures(&self.run, &self.function, self.kernel.spans(), &statuses);
                }
                Some(failing(&statuses))
            }
            MapOutcome::Cancelled => return Err(Error::Cancelled),
            MapOutcome::Failed { row, status } => {
                let inputs = printed(arrays, &bound.names, row);
                let place = RowPlace { row: Some(self.first_row + position(row) as u64), inputs };
                // SAFETY: the kernel has just run with this context.
                return Err(unsafe { row_error(&self.function, self.kernel.spans(), status, &context, place) });
            }
        };
        self.memory.try_resize(self.arena.reserved_bytes()).map_err(failure::from_datafusion)?;
        // SAFETY: the kernel wrote every row; the arena is reset only below.
        let arrays = unsafe { outputs.finish() };
        let arrays = match self.function.result_type() {
            // SAFETY: the one array holds the addresses of the lists that the kernel has made in the arena.
            ir::Type::List(item) => arrays.and_then(|lists| unsafe { items::columns(item, &lists) }),
            _ => arrays,
        };
        self.arena.reset();
        self.memory.resize(self.arena.reserved_bytes());
        Ok(Mapped { arrays: arrays?, failed })
    }
}

/// Which row failed, if it is one.
#[derive(Default)]
pub(crate) struct RowPlace {
    pub row: Option<u64>,
    pub inputs: Vec<(String, String)>,
}

/// The Python exception that a status stands for.
///
/// # Safety
/// `context` is the one the kernel has just run with.
pub(crate) unsafe fn row_error(
    function: &CompiledFunction,
    spans: &SpanTable,
    status: abi::Status,
    context: &abi::Context,
    place: RowPlace,
) -> Error {
    // SAFETY: the caller's.
    let Some(raised) = (unsafe { spans.raised(status, context) }) else {
        return Error::engine("a kernel ended with a status that stands for nothing");
    };
    Error::Row(Box::new(RowError {
        class: raised.class,
        message: raised.message,
        file: file_of(function, raised.span),
        line: raised.span.line,
        function: function.name().to_owned(),
        row: place.row,
        inputs: place.inputs,
    }))
}

fn file_of(function: &CompiledFunction, span: ir::Span) -> Option<String> {
    if span.line == 0 {
        return None;
    }
    function.module().files.get(span.file as usize).cloned()
}

/// Which rows failed.
pub(crate) fn failing(statuses: &[abi::Status]) -> BooleanBuffer {
    BooleanBuffer::collect_bool(statuses.len(), |row| statuses.get(row) != Some(&abi::STATUS_OK))
}

/// Counts the failing rows by class and line for the report.
pub(crate) fn count_failures(run: &RunState, function: &CompiledFunction, spans: &SpanTable, statuses: &[abi::Status]) {
    let mut counts: Vec<(abi::Status, u64)> = Vec::new();
    for status in statuses.iter().filter(|status| **status != abi::STATUS_OK) {
        match counts.iter_mut().find(|(known, _)| known == status) {
            Some((_, count)) => *count += 1,
            None => counts.push((*status, 1)),
        }
    }
    for (status, count) in counts {
        if let Some((class, span)) = spans.class_and_span(status) {
            run.count_error(function.name(), class, file_of(function, span).as_deref(), span.line, count);
        }
    }
}

/// A row of these columns as Python prints it.
pub(crate) fn printed(arrays: &[ArrayRef], names: &[String], row: usize) -> Vec<(String, String)> {
    arrays.iter().zip(names).map(|(array, name)| (name.clone(), printed_value(array, row))).collect()
}

/// A value as Python's `repr` gives it.
fn printed_value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "None".to_owned();
    }
    let mut out = String::new();
    let text = |text: &str, out: &mut String| {
        // A text too long for memory is not printed.
        if runtime::string::repr(text, out).is_err() {
            out.push_str("...");
        }
    };
    match array.data_type() {
        DataType::Null => out.push_str("None"),
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "True" } else { "False" }),
        DataType::Float64 => runtime::format::float_to_str(array.as_primitive::<Float64Type>().value(row), &mut out),
        DataType::Float32 => {
            runtime::format::float_to_str(f64::from(array.as_primitive::<Float32Type>().value(row)), &mut out);
        }
        DataType::UInt64 => out.push_str(&array.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Utf8 => text(array.as_string::<i32>().value(row), &mut out),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row), &mut out),
        DataType::Utf8View => text(array.as_string_view().value(row), &mut out),
        DataType::FixedSizeList(..) => {
            let items = array.as_fixed_size_list().value(row);
            let printed: Vec<String> = (0..items.len()).map(|index| printed_value(&items, index)).collect();
            out.push_str(&format!("[{}]", printed.join(", ")));
        }
        _ => {
            let value = array.slice(row, 1);
            let converted = match array.data_type() {
                DataType::Dictionary(_, value_type) => arrow::compute::cast(&value, value_type),
                _ => arrow::compute::cast(&value, &DataType::Int64),
            };
            match converted {
                Ok(value) if value.data_type() == &DataType::Int64 => {
                    out.push_str(&value.as_primitive::<Int64Type>().value(0).to_string());
                }
                Ok(value) => return printed_value(&value, 0),
                Err(_) => out.push('?'),
            }
        }
    }
    out
}
