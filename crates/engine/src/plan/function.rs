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
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::node::one_input;
use crate::dataset::OnError;
use crate::error::{Error, Result};
use crate::failure;
use crate::function::CompiledFunction;
use crate::kernel;
use crate::kernel::runner::{BoundRow, Mapped, Runner};
use crate::run::RunState;
use crate::types::arrow_of_elem;

/// What the functions of an operator are for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Role {
    /// Their results are columns, after those of the input.
    Columns,
    /// The rows for which the one function returns something true are kept.
    Predicate,
}

/// A function over the rows of the operator's input.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Call {
    pub function: CompiledFunction,
    /// Names of the columns its result becomes, one a leaf; none for a predicate.
    pub outputs: Vec<String>,
}

impl Call {
    /// Names of the columns it reads.
    fn reads(&self) -> Vec<String> {
        let used = ir::introspect::columns_read(self.function.module(), self.function.module().entry, 0);
        match self.function.param_types().first() {
            Some(ir::Type::Record(record)) => {
                used.into_iter().filter_map(|index| record.fields.get(index)).map(|(name, _)| name.clone()).collect()
            }
            _ => Vec::new(),
        }
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
        let mut fields: Vec<_> =
            input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), field.clone())).collect();
        for call in &calls {
            for field in result_fields(call, on_error)? {
                fields.push((None, Arc::new(field)));
            }
        }
        let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(failure::from_datafusion)?;
        Ok(FunctionNode { input, calls, role, on_error, schema: Arc::new(schema) })
    }

    /// The operator that runs this node over the planned input.
    pub fn plan(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<FunctionExec> {
        let calls = self.calls.clone();
        FunctionExec::new(input, calls, self.role, self.on_error).map_err(failure::wrap)
    }
}

/// The columns a call's result becomes.
fn result_fields(call: &Call, on_error: OnError) -> Result<Vec<Field>> {
    if call.outputs.is_empty() {
        return Ok(Vec::new());
    }
    let leaves = codegen::leaves(call.function.result_type()).map_err(|error| Error::plan(error.message))?;
    let field = |(leaf, name): (&Leaf, &String)| {
        Field::new(name, leaf_type(leaf.kind), leaf.nullable || on_error == OnError::Null)
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
    })?;
    for (index, call) in calls.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{}({})", call.function.name(), call.reads().join(", "))?;
        if !call.outputs.is_empty() {
            write!(f, " AS {}", call.outputs.join(", "))?;
        }
    }
    match on_error {
        OnError::Raise => Ok(()),
        OnError::Null => f.write_str(", on_error=null"),
        OnError::Drop => f.write_str(", on_error=drop"),
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
        let mut needed: BTreeSet<usize> =
            output_columns.iter().copied().filter(|index| *index < input.fields().len()).collect();
        for name in self.calls.iter().flat_map(Call::reads) {
            needed.insert(input.fields().iter().position(|field| *field.name() == name)?);
        }
        Some(vec![needed.into_iter().collect()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        // One row in, one row out.
        self.role == Role::Columns && self.on_error != OnError::Drop
    }
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
    bound: BoundRow,
    /// Names of the columns it reads.
    names: Vec<String>,
}

impl FunctionExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, calls: Vec<Call>, role: Role, on_error: OnError) -> Result<FunctionExec> {
        let input_schema = input.schema();
        let mut fields = input_schema.fields().to_vec();
        let mut planned = Vec::with_capacity(calls.len());
        for call in calls {
            fields.extend(result_fields(&call, on_error)?.into_iter().map(Arc::new));
            let bound = BoundRow::new(&call.function, 0, &input_schema)?;
            let kernel = kernel::map_kernel(&call.function, std::slice::from_ref(&bound.input))?;
            let names = bound.columns.iter().map(|index| input_schema.field(*index).name().clone()).collect();
            planned.push(PlannedCall { call, kernel, bound, names });
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
            Runner::new(planned.call.function.clone(), planned.kernel.clone(), run.clone(), self.on_error)
        };
        let mut batches = Batches {
            runners: self.calls.iter().map(runner).collect(),
            calls: self.calls.clone(),
            schema: self.schema(),
            role: self.role,
            on_error: self.on_error,
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let stream = self.input.execute(partition, context)?.map(move |batch| {
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
        self.role == Role::Columns && self.on_error != OnError::Drop
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
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        let mut kept: Option<BooleanBuffer> = None;
        for (planned, runner) in self.calls.iter().zip(&mut self.runners) {
            let arrays: Vec<ArrayRef> =
                planned.bound.columns.iter().map(|index| batch.column(*index).clone()).collect();
            let Mapped { arrays, failed } = runner.run(&arrays, &planned.bound.types, &planned.names, rows)?;
            match self.role {
                Role::Columns => columns.extend(arrays),
                Role::Predicate => kept = Some(truth(arrays.first(), rows)?),
            }
            // A filter has no value that could become null: a failing row is left out there, too.
            let removes = self.on_error == OnError::Drop || self.role == Role::Predicate;
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
