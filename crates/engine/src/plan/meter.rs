//! Counts the rows that come out of a source, for progress and reports.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::node::one_input;
use crate::failure;
use crate::run::RunState;

/// Passes its input on and counts the rows in the run's state.
#[derive(Debug)]
pub(crate) struct MeterExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl MeterExec {
    pub fn new(input: Arc<dyn ExecutionPlan>) -> MeterExec {
        let properties = input.properties().clone();
        MeterExec { input, properties }
    }

    pub fn source(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> DataFusionResult<MeterExec> {
        Ok(MeterExec::new(input))
    }
}

impl DisplayAs for MeterExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("MeterExec")
    }
}

impl ExecutionPlan for MeterExec {
    one_input!("MeterExec");

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let run = RunState::of(&context).map_err(failure::wrap)?;
        let stream = self.input.execute(partition, context)?.inspect(move |batch| {
            if let Ok(batch) = batch {
                run.count_read(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}
