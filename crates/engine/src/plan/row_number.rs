//! An operator that numbers the rows of its input: a sort keeps equal rows in order by it, and a join that leaves rows
//! unmatched its left side's order.

use std::fmt;
use std::sync::Arc;

use arrow::array::UInt64Array;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::node::one_input;

/// The name of the added column. No user column has it: names that begin like this are refused.
const ROW_NUMBER: &str = "__fuseline_row";

/// Bits of the number that count rows; those above hold the part.
const ROW_BITS: u32 = 48;

/// Adds a last column of ascending numbers: those of an earlier part are smaller than all of a later one.
#[derive(Debug)]
pub(crate) struct RowNumberExec {
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    /// The number of each part in the whole plan, for a task that has some of them only.
    parts: Option<Arc<[usize]>>,
}

impl RowNumberExec {
    pub fn new(input: Arc<dyn ExecutionPlan>) -> RowNumberExec {
        let mut fields = input.schema().fields().to_vec();
        let number = RowNumberExec::order(fields.len());
        fields.push(Arc::new(Field::new(ROW_NUMBER, DataType::UInt64, false)));
        let schema = Arc::new(Schema::new(fields));
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema.clone(), [[number]]),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        RowNumberExec { input, schema, properties: Arc::new(properties), parts: None }
    }

    /// As [`RowNumberExec::new`], in a task that has only these parts of the whole plan.
    pub fn of_parts(input: Arc<dyn ExecutionPlan>, parts: Arc<[usize]>) -> RowNumberExec {
        RowNumberExec { parts: Some(parts), ..RowNumberExec::new(input) }
    }

    /// The number's column, at this position, as a sort key.
    pub fn order(index: usize) -> PhysicalSortExpr {
        let options = SortOptions { descending: false, nulls_first: false };
        PhysicalSortExpr { expr: Arc::new(Column::new(ROW_NUMBER, index)), options }
    }

    /// The plan without its last column.
    pub fn drop_from(plan: Arc<dyn ExecutionPlan>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let fields = plan.schema().fields().clone();
        let columns = fields.iter().take(fields.len() - 1).enumerate().map(|(index, field)| ProjectionExpr {
            expr: Arc::new(Column::new(field.name(), index)),
            alias: field.name().clone(),
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), plan)?))
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<RowNumberExec> {
        Ok(RowNumberExec { parts: self.parts.clone(), ..RowNumberExec::new(input) })
    }
}

impl DisplayAs for RowNumberExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("RowNumberExec")
    }
}

impl ExecutionPlan for RowNumberExec {
    one_input!("RowNumberExec");

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let schema = self.schema.clone();
        let part = self.parts.as_ref().and_then(|parts| parts.get(partition)).copied().unwrap_or(partition);
        let mut next = (part as u64) << ROW_BITS;
        let stream = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let rows = batch.num_rows() as u64;
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(UInt64Array::from_iter_values(next..next + rows)));
            next += rows;
            Ok(RecordBatch::try_new(schema.clone(), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream)))
    }
}
