//! Where a fragment's operators meet the rest of the plan: in the bytes a numbered place, on an executor the input itself.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The place of input number `index`.
#[derive(Debug)]
pub(crate) struct StubExec {
    pub index: usize,
    properties: Arc<PlanProperties>,
}

impl StubExec {
    /// A place for this input, with its columns, parts and orders.
    pub fn of(index: usize, input: &Arc<dyn ExecutionPlan>) -> StubExec {
        StubExec { index, properties: input.properties().clone() }
    }
}

impl DisplayAs for StubExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Input {}", self.index)
    }
}

impl ExecutionPlan for StubExec {
    fn name(&self) -> &str {
        "StubExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("the place of an input was run")
    }
}
