//! Running plans elsewhere: what a session needs of a cluster, and the operator that stands for a plan that runs there.
//! Knows nothing of how plans travel.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::documents;
use crate::error::Result;
use crate::failure;
use crate::run::{ErrorCount, RunState};
use crate::session;

/// Where the plans of a session run.
pub trait Remote: fmt::Debug + Send + Sync {
    /// Runs the plan and gives its rows, part after part. What happens to them is counted in `run`.
    fn start(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        run: Run,
    ) -> BoxFuture<'static, DataFusionResult<SendableRecordBatchStream>>;

    /// Runs the plan, leaves its rows where they were made, and gives the table of them.
    fn persist(&self, plan: Arc<dyn ExecutionPlan>, run: Run) -> BoxFuture<'static, Result<Arc<dyn TableProvider>>>;

    /// Runs the plan and shows its stages with rows and times.
    fn analyze(&self, plan: Arc<dyn ExecutionPlan>, run: Run) -> BoxFuture<'static, Result<String>>;
}

/// What is known of one running plan, or of one task of it.
#[derive(Clone, Debug)]
pub struct Run(Arc<RunState>);

impl Run {
    /// `threads`: how many parts run at a time where parts are put together. `sequential`: see [`Run::sequential`].
    pub fn new(threads: usize, sequential: bool) -> Run {
        Run(RunState::new(threads, sequential))
    }

    pub(crate) fn of_state(state: Arc<RunState>) -> Run {
        Run(state)
    }

    pub(crate) fn state(&self) -> &Arc<RunState> {
        &self.0
    }

    /// The plan has one part, so that rows can be counted.
    pub fn sequential(&self) -> bool {
        self.0.sequential()
    }

    /// The rows that were read so far.
    pub fn set_read(&self, rows: u64) {
        self.0.set_read(rows);
    }

    pub fn count_error(&self, count: &ErrorCount) {
        self.0.count_error(&count.function, count.class.clone(), count.file.as_deref(), count.line, count.rows);
    }

    /// Counts values that did not fit: what a count of an executor stands for whose name is `MISMATCHES` and these digits.
    pub fn count_mismatches(&self, digits: &str, value: u64) {
        documents::count_mismatches(&self.0, digits, value);
    }

    /// Rows read so far.
    pub fn rows_read(&self) -> u64 {
        crate::run::report_of(&self.0).rows_read
    }

    /// Rows that failed without stopping the run, so far.
    pub fn row_errors(&self) -> Vec<ErrorCount> {
        crate::run::report_of(&self.0).row_errors
    }

    pub fn cancel(&self) {
        self.0.cancel();
    }

    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    /// The context in which a task's operators run: the configuration of a session of ours, the caches and memory of
    /// `outer`, and what `outer` knows besides.
    pub fn context(&self, outer: &TaskContext) -> Arc<TaskContext> {
        let extensions = outer.session_config().options().extensions.clone();
        let mut config = outer.session_config().clone();
        let partitions = if self.sequential() { 1 } else { session::PARTITIONS };
        let ours = session::config(partitions, outer.memory_pool().as_ref());
        *config.options_mut() = ours.options().as_ref().clone();
        config.options_mut().extensions = extensions;
        let config = config.with_extension(self.0.clone());
        Arc::new(TaskContext::new(
            outer.task_id(),
            outer.session_id(),
            config,
            outer.scalar_functions().clone(),
            outer.higher_order_functions().clone(),
            outer.aggregate_functions().clone(),
            outer.window_functions().clone(),
            outer.runtime_env(),
        ))
    }
}

/// A plan that runs elsewhere, as one part.
#[derive(Debug)]
pub(crate) struct RemoteExec {
    plan: Arc<dyn ExecutionPlan>,
    remote: Arc<dyn Remote>,
    properties: Arc<PlanProperties>,
}

impl RemoteExec {
    pub fn new(plan: Arc<dyn ExecutionPlan>, remote: Arc<dyn Remote>) -> RemoteExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(plan.schema()),
            Partitioning::UnknownPartitioning(1),
            plan.pipeline_behavior(),
            plan.boundedness(),
        );
        RemoteExec { plan, remote, properties: Arc::new(properties) }
    }
}

impl DisplayAs for RemoteExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RemoteExec: {:?}", self.remote)
    }
}

impl ExecutionPlan for RemoteExec {
    fn name(&self) -> &str {
        "RemoteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.plan]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(plan), true) => Ok(Arc::new(RemoteExec::new(plan, self.remote.clone()))),
            _ => internal_err!("RemoteExec has one input"),
        }
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let run = Run::of_state(RunState::of(&context).map_err(failure::wrap)?);
        let started = self.remote.start(self.plan.clone(), run);
        let batches = futures::stream::once(started).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
