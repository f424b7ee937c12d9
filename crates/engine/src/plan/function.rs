//! The operator that runs compiled functions over rows: `map`, `with_columns` and `filter`.
//!
//! It is a node of its own and not a scalar function in DataFusion's projections and filters, because those may be
//! duplicated and moved past each other: a function would then meet rows that an earlier filter has removed, and raise for
//! them. docs/decisions/0040-functions-are-operators.md has the reasons.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::FilterBuilder;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use codegen::{Leaf, LeafKind, MapKernel};
use datafusion::common::{DFSchema, DFSchemaRef, Result as DataFusionResult, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::failures;
use super::node::one_input;
use crate::dataset::OnError;
use crate::error::{Error, Result};
use crate::failure;
use crate::function::CompiledFunction;
use crate::kernel;
use crate::kernel::runner::{Bound, Mapped, Runner};
use crate::run::RunState;
use crate::session::BATCH_ROWS;
use crate::types::arrow_of_elem;

/// What the functions of an operator are for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Role {
    /// Their results are columns, after those of the input.
    Columns,
    /// The rows for which the one function returns something true are kept.
    Predicate,
    /// The one function returns a list of new rows for each row; they are all there is in the result.
    Rows,
    /// Only the rows for which a function raises are given, with what it raised ([`super::failures`]).
    Failures,
}

/// Where the parameters of a function come from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Arguments {
    /// The one parameter is the row.
    Row,
    /// Each parameter is the value of the column of this name.
    Values(Vec<String>),
}

/// A function over the rows of the operator's input.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Call {
    pub function: CompiledFunction,
    pub arguments: Arguments,
    /// The function is called only where this column is true; its results are null elsewhere.
    pub when: Option<String>,
    /// Names of the columns its result becomes, one a leaf; none for a predicate.
    pub outputs: Vec<String>,
}

impl Call {
    /// The function of a row.
    pub fn of_row(function: CompiledFunction, outputs: Vec<String>) -> Call {
        Call { function, arguments: Arguments::Row, when: None, outputs }
    }

    /// Names of the columns it reads.
    fn reads(&self) -> Vec<String> {
        let mut names = match &self.arguments {
            Arguments::Values(names) => names.clone(),
            Arguments::Row => {
                let used = ir::introspect::columns_read(self.function.module(), self.function.module().entry, 0);
                match self.function.param_types().first() {
                    Some(ir::Type::Record(record)) => {
                        let fields = used.into_iter().filter_map(|index| record.fields.get(index));
                        fields.map(|(name, _)| name.clone()).collect()
                    }
                    _ => Vec::new(),
                }
            }
        };
        names.extend(self.when.iter().cloned());
        names
    }
}

/// The operator in a logical plan: the input's columns, then those the functions make.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct FunctionNode {
    input: LogicalPlan,
    calls: Vec<Call>,
    role: Role,
    on_error: OnError,
    schema: DFSchemaRef,
}

impl FunctionNode {
    pub fn new(input: LogicalPlan, calls: Vec<Call>, role: Role, on_error: OnError) -> Result<FunctionNode> {
        let mut fields: Vec<_> = match role {
            Role::Rows => Vec::new(),
            Role::Columns | Role::Predicate | Role::Failures => {
                input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect()
            }
        };
        let added = added_fields(input.schema().as_arrow(), &calls, role, on_error)?;
        fields.extend(added.into_iter().map(|field| (None, Arc::new(field))));
        let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(failure::from_datafusion)?;
        Ok(FunctionNode { input, calls, role, on_error, schema: Arc::new(schema) })
    }

    /// The operator that runs this node over the planned input.
    pub fn plan(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<FunctionExec> {
        let calls = self.calls.clone();
        FunctionExec::new(input, calls, self.role, self.on_error).map_err(failure::wrap)
    }
}

/// The columns that come after those of the input.
fn added_fields(input: &Schema, calls: &[Call], role: Role, on_error: OnError) -> Result<Vec<Field>> {
    if role == Role::Failures {
        return Ok(failures::fields(input));
    }
    let fields: Result<Vec<Vec<Field>>> = calls.iter().map(|call| result_fields(call, on_error)).collect();
    Ok(fields?.into_iter().flatten().collect())
}

/// The columns a call's result becomes.
fn result_fields(call: &Call, on_error: OnError) -> Result<Vec<Field>> {
    if call.outputs.is_empty() {
        return Ok(Vec::new());
    }
    let row = match call.function.result_type() {
        ir::Type::List(item) => item,
        other => other,
    };
    let leaves = codegen::leaves(row).map_err(|error| Error::plan(error.message))?;
    let field = |(leaf, name): (&Leaf, &String)| {
        let is_list = matches!(call.function.result_type(), ir::Type::List(_));
        let nullable = leaf.nullable || !is_list && on_error == OnError::Null || call.when.is_some();
        Field::new(name, leaf_type(leaf.kind), nullable)
    };
    Ok(leaves.iter().zip(&call.outputs).map(field).collect())
}

fn leaf_type(kind: LeafKind) -> DataType {
    match kind {
        LeafKind::None => DataType::Null,
        LeafKind::Bool | LeafKind::Validity => DataType::Boolean,
        LeafKind::Int => DataType::Int64,
        LeafKind::Float => DataType::Float64,
        LeafKind::Str => DataType::Utf8,
        LeafKind::List => DataType::UInt64,
        LeafKind::Np(elem) => arrow_of_elem(elem),
    }
}

impl fmt::Debug for FunctionNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        UserDefinedLogicalNodeCore::fmt_for_explain(self, f)
    }
}

impl PartialOrd for FunctionNode {
    fn partial_cmp(&self, _other: &Self) -> Option<Ordering> {
        None
    }
}

fn describe(f: &mut fmt::Formatter<'_>, calls: &[Call], role: Role, on_error: OnError) -> fmt::Result {
    f.write_str(match role {
        Role::Columns => "Function: ",
        Role::Predicate => "FunctionFilter: ",
        Role::Rows => "FunctionRows: ",
        Role::Failures => "FunctionFailures: ",
    })?;
    for (index, call) in calls.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{}({})", call.function.name(), call.reads().join(", "))?;
        if let Some(when) = &call.when {
            write!(f, " WHEN {when}")?;
        }
        if !call.outputs.is_empty() {
            write!(f, " AS {}", call.outputs.join(", "))?;
        }
    }
    match on_error {
        OnError::Raise => Ok(()),
        OnError::Null => f.write_str(", on_error=null"),
        OnError::Drop => f.write_str(", on_error=drop"),
        OnError::Collect => f.write_str(", on_error=collect"),
    }
}

impl UserDefinedLogicalNodeCore for FunctionNode {
    fn name(&self) -> &str {
        "Function"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        describe(f, &self.calls, self.role, self.on_error)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DataFusionResult<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => {
                FunctionNode::new(input, self.calls.clone(), self.role, self.on_error).map_err(failure::wrap)
            }
            _ => internal_err!("a function node has one input"),
        }
    }

    /// The input's columns that are passed on to someone, and those that the functions read.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let input = self.input.schema();
        let passed = if self.role == Role::Rows { 0 } else { input.fields().len() };
        let mut needed: BTreeSet<usize> = output_columns.iter().copied().filter(|index| *index < passed).collect();
        for name in self.calls.iter().flat_map(Call::reads) {
            needed.insert(input.fields().iter().position(|field| *field.name() == name)?);
        }
        Some(vec![needed.into_iter().collect()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        one_for_one(self.role, self.on_error)
    }
}

/// One row in, one row out.
fn one_for_one(role: Role, on_error: OnError) -> bool {
    role == Role::Columns && matches!(on_error, OnError::Raise | OnError::Null)
}

/// The operator in a physical plan.
#[derive(Debug)]
pub(crate) struct FunctionExec {
    input: Arc<dyn ExecutionPlan>,
    calls: Vec<PlannedCall>,
    role: Role,
    on_error: OnError,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

#[derive(Clone, Debug)]
struct PlannedCall {
    call: Call,
    kernel: Arc<MapKernel>,
    bound: Bound,
    /// The column that says for which rows it is called.
    when: Option<usize>,
}

impl FunctionExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, calls: Vec<Call>, role: Role, on_error: OnError) -> Result<FunctionExec> {
        let input_schema = input.schema();
        let mut fields = match role {
            Role::Rows => Vec::new(),
            Role::Columns | Role::Predicate | Role::Failures => input_schema.fields().to_vec(),
        };
        let mut planned = Vec::with_capacity(calls.len());
        fields.extend(added_fields(&input_schema, &calls, role, on_error)?.into_iter().map(Arc::new));
        for call in calls {
            let bound = match &call.arguments {
                Arguments::Row => Bound::of_row(&call.function, &input_schema)?,
                Arguments::Values(names) => Bound::of_values(&call.function, names, &input_schema)?,
            };
            let kernel = kernel::map_kernel(&call.function, &bound.inputs)?;
            let when = match &call.when {
                None => None,
                Some(name) => {
                    Some(input_schema.index_of(name).map_err(|_| Error::engine("a condition has no column"))?)
                }
            };
            planned.push(PlannedCall { call, kernel, bound, when });
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(FunctionExec { input, calls: planned, role, on_error, properties: Arc::new(properties), metrics })
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.iter().map(|planned| planned.call.clone()).collect()
    }

    pub fn role(&self) -> Role {
        self.role
    }

    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<FunctionExec> {
        FunctionExec::new(input, self.calls(), self.role, self.on_error).map_err(failure::wrap)
    }
}

impl DisplayAs for FunctionExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("FunctionExec: ")?;
        describe(f, &self.calls(), self.role, self.on_error)
    }
}

impl ExecutionPlan for FunctionExec {
    one_input!("FunctionExec");

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let run = RunState::of(&context).map_err(failure::wrap)?;
        let runner = |planned: &PlannedCall| {
            let consumer = MemoryConsumer::new(format!("{}[{partition}]", planned.call.function.name()));
            let memory = consumer.register(context.memory_pool());
            let (function, kernel) = (planned.call.function.clone(), planned.kernel.clone());
            let runner = Runner::new(function, kernel, run.clone(), self.on_error, memory);
            if self.role == Role::Failures { runner.unreported() } else { runner }
        };
        let mut batches = Batches {
            runners: self.calls.iter().map(runner).collect(),
            calls: self.calls.clone(),
            schema: self.schema(),
            role: self.role,
            on_error: self.on_error,
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, context)?;
        if self.role == Role::Rows {
            let made = rows_of(batches, input, metrics);
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), made)));
        }
        let stream = input.map(move |batch| {
            let batch = batch?;
            let timer = metrics.elapsed_compute().timer();
            let result = batches.run(&batch).map_err(failure::wrap);
            timer.done();
            result.inspect(|batch| metrics.output_rows().add(batch.num_rows()))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn supports_limit_pushdown(&self) -> bool {
        one_for_one(self.role, self.on_error)
    }
}

impl PlannedCall {
    /// The function's results for the rows of the batch.
    fn run(&self, runner: &mut Runner, batch: &RecordBatch) -> Result<Mapped> {
        let (arrays, rows) = (self.bound.arrays(batch), batch.num_rows());
        let Some(when) = self.when else { return runner.run(&arrays, &self.bound, rows) };
        let chosen = truth(Some(batch.column(when)), rows)?;
        match chosen.count_set_bits() {
            count if count == rows => runner.run(&arrays, &self.bound, rows),
            _ => runner.run_chosen(&arrays, &self.bound, &chosen),
        }
    }
}

/// One part's work: batch in, batch out.
struct Batches {
    calls: Vec<PlannedCall>,
    runners: Vec<Runner>,
    schema: SchemaRef,
    role: Role,
    on_error: OnError,
}

impl Batches {
    fn run(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        match self.role {
            Role::Failures => return self.failures(batch),
            Role::Rows => return self.rows(batch),
            Role::Columns | Role::Predicate => {}
        }
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        let mut kept: Option<BooleanBuffer> = None;
        for (planned, runner) in self.calls.iter().zip(&mut self.runners) {
            let Mapped { arrays, failed } = planned.run(runner, batch)?;
            match self.role {
                Role::Columns => columns.extend(arrays),
                Role::Predicate | Role::Rows | Role::Failures => kept = Some(truth(arrays.first(), rows)?),
            }
            // A filter has no value that could become null: a failing row is left out there, too.
            let removes = self.role == Role::Predicate || matches!(self.on_error, OnError::Drop | OnError::Collect);
            if let Some(failed) = failed.filter(|_| removes) {
                let good = !&failed;
                kept = Some(kept.map_or(good.clone(), |kept| &kept & &good));
            }
        }
        self.check_types(&columns)?;
        let malformed = |error: arrow::error::ArrowError| Error::engine(format!("a function's result: {error}"));
        // Rows that failed are left out first: their results are null even where no null is declared.
        let mut rows_kept = rows;
        if let Some(kept) = kept.filter(|kept| kept.count_set_bits() < rows) {
            rows_kept = kept.count_set_bits();
            let filter = FilterBuilder::new(&BooleanArray::new(kept, None)).optimize().build();
            let filtered: std::result::Result<_, _> = columns.iter().map(|column| filter.filter(column)).collect();
            columns = filtered.map_err(malformed)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows_kept));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(malformed)
    }

    /// The new rows that the one function makes of each row; a row for which it raises has none.
    fn rows(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let (Some(planned), Some(runner)) = (self.calls.first(), self.runners.first_mut()) else {
            return Err(Error::engine("new rows without a function"));
        };
        let columns = planned.run(runner, batch)?.arrays;
        self.check_types(&columns)?;
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| Error::engine(format!("a function's new rows: {error}")))
    }

    /// The rows for which a function raises, once for each that does, with what it raised.
    fn failures(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut found = Vec::new();
        for (planned, runner) in self.calls.iter().zip(&mut self.runners) {
            found.extend(runner.failures(&planned.bound.arrays(batch), &planned.bound, batch.num_rows())?);
        }
        found.sort_by_key(|failure| failure.row);
        failures::batch(batch, &found, &self.schema)
    }

    /// The declared types are what everything above was planned for.
    fn check_types(&self, columns: &[ArrayRef]) -> Result<()> {
        let fields = self.schema.fields();
        match columns.iter().zip(fields).find(|(column, field)| column.data_type() != field.data_type()) {
            None if columns.len() == fields.len() => Ok(()),
            None => Err(Error::engine("a function gave another number of columns than planned")),
            Some((column, field)) => Err(Error::engine(format!(
                "column `{}` was planned as `{}`, but is `{}`",
                field.name(),
                field.data_type(),
                column.data_type()
            ))),
        }
    }
}

/// Rows of the input that are turned into new rows at a time, at first.
const FLAT_ROWS: usize = 256;

/// The new rows of all rows of the input. How many rows of the input are taken at a time depends on how many new rows the
/// last ones made: what waits in memory stays about a batch.
fn rows_of(
    batches: Batches,
    input: SendableRecordBatchStream,
    metrics: BaselineMetrics,
) -> impl futures::Stream<Item = DataFusionResult<RecordBatch>> {
    let state = (batches, input, metrics, None::<RecordBatch>, FLAT_ROWS);
    futures::stream::try_unfold(state, |(mut batches, mut input, metrics, mut rest, mut taken)| async move {
        loop {
            let batch = match rest.take() {
                Some(batch) => batch,
                None => match input.next().await.transpose()? {
                    Some(batch) => batch,
                    None => return Ok(None),
                },
            };
            let count = taken.min(batch.num_rows());
            if count < batch.num_rows() {
                rest = Some(batch.slice(count, batch.num_rows() - count));
            }
            let timer = metrics.elapsed_compute().timer();
            let made = batches.run(&batch.slice(0, count)).map_err(failure::wrap)?;
            timer.done();
            let rows = made.num_rows();
            metrics.output_rows().add(rows);
            taken = (BATCH_ROWS * count.max(1) / rows.max(1)).clamp(1, BATCH_ROWS);
            if rows > 0 {
                return Ok(Some((made, (batches, input, metrics, rest, taken))));
            }
        }
    })
}

/// The truth of each value, as `bool(value)` gives it; null is `None`, which is false.
fn truth(values: Option<&ArrayRef>, rows: usize) -> Result<BooleanBuffer> {
    let Some(values) = values else { return Err(Error::engine("a predicate gave no value")) };
    let truth = match values.data_type() {
        DataType::Null => BooleanBuffer::new_unset(rows),
        DataType::Boolean => values.as_boolean().values().clone(),
        DataType::Utf8 => {
            let text = values.as_string::<i32>();
            BooleanBuffer::collect_bool(rows, |row| !text.value(row).is_empty())
        }
        DataType::Int64 => {
            let numbers = values.as_primitive::<Int64Type>().values();
            BooleanBuffer::collect_bool(rows, |row| numbers.get(row).is_some_and(|number| *number != 0))
        }
        DataType::Float64 => {
            let numbers = values.as_primitive::<Float64Type>().values();
            BooleanBuffer::collect_bool(rows, |row| numbers.get(row).is_some_and(|number| *number != 0.0))
        }
        other => {
            // A NumPy scalar of some width: false only when it equals zero.
            let wide = arrow::compute::cast(values, &DataType::Float64)
                .map_err(|_| Error::plan(format!("a predicate returns `{other}`, which has no truth")))?;
            return truth(Some(&wide), rows);
        }
    };
    Ok(match values.nulls() {
        Some(nulls) => &truth & nulls.inner(),
        None => truth,
    })
}
