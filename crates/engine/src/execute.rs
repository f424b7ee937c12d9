//! From a dataset's logical plan to a run of it, and a second, ordered run to find the first failing row.

use std::future::Future;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::columns::{Columns, WholeColumn};
use crate::error::{Error, Result};
use crate::failure;
use crate::plan::fold;
use crate::plan::ordered::OrderedCoalesceExec;
use crate::remote::{RemoteExec, Run};
use crate::run::{self, BatchStream, Report, RunState, Watch};
use crate::session::Session;
use crate::source;

/// A plan ready to run once.
#[derive(Clone)]
struct Prepared {
    run: Arc<RunState>,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

fn prepare(session: &Session, plan: &LogicalPlan, sequential: bool) -> Result<Prepared> {
    let run = RunState::new(session.threads(), sequential);
    let state = session.state_for(&run);
    let bound = fold::bind(plan.clone(), &run).map_err(failure::from_datafusion)?;
    let physical = session.runtime()?.block_on(state.create_physical_plan(&bound)).map_err(failure::from_datafusion)?;
    let plan = match session.remote() {
        Some(remote) => Arc::new(RemoteExec::new(physical, remote.clone())),
        None => physical,
    };
    Ok(Prepared { run, plan, context: state.task_ctx() })
}

/// Runs the plan and gives every batch.
pub(crate) fn collect(session: &Session, plan: &LogicalPlan, watch: Watch<'_>) -> Result<(Vec<RecordBatch>, Report)> {
    let threads = session.threads();
    with_first_failure(session, plan, watch, move |prepared| {
        run::gather(prepared.plan.clone(), prepared.context.clone(), threads)
    })
}

/// Runs the plan and gives every column whole.
pub(crate) fn columns(
    session: &Session,
    plan: &LogicalPlan,
    schema: &SchemaRef,
    watch: Watch<'_>,
) -> Result<(Vec<WholeColumn>, Report)> {
    let threads = session.threads();
    with_first_failure(session, plan, watch, |prepared| {
        let (plan, context, schema) = (prepared.plan.clone(), prepared.context.clone(), schema.clone());
        async move {
            let parts = run::gather_into(plan, context, threads, || Columns::new(&schema)).await?;
            Ok(Columns::joined(parts, &schema))
        }
    })
}

/// Runs the plan with `start`; when a row fails, finds the first one that does.
fn with_first_failure<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    session: &Session,
    plan: &LogicalPlan,
    watch: Watch<'_>,
    start: impl Fn(&Prepared) -> F,
) -> Result<(T, Report)> {
    let prepared = prepare(session, plan, false)?;
    let result = run::drive(session, &prepared.run, Some(&prepared.plan), watch, start(&prepared));
    // Whatever still runs after an error has no reader any more.
    prepared.run.cancel();
    match result {
        Ok(value) => Ok((value, run::report_of(&prepared.run))),
        Err(error) => Err(first_failure(session, plan, error, watch)),
    }
}

/// The first failing row in the data's order, when `error` is that of any row.
fn first_failure(session: &Session, plan: &LogicalPlan, error: Error, watch: Watch<'_>) -> Error {
    if !matches!(error, Error::Row(_)) {
        return error;
    }
    let found = prepare(session, plan, true).and_then(|prepared| {
        let gathered = gather_none(prepared.plan.clone(), prepared.context.clone());
        run::drive(session, &prepared.run, Some(&prepared.plan), watch, gathered)
    });
    match found {
        Err(first) => first,
        // The data changed between the two runs, or a function that is not pure.
        Ok(()) => error,
    }
}

/// Runs the one part of an ordered plan and forgets its rows.
async fn gather_none(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<()> {
    use futures::StreamExt;
    for part in 0..plan.output_partitioning().partition_count() {
        let mut stream = plan.execute(part, context.clone()).map_err(failure::from_datafusion)?;
        while let Some(batch) = stream.next().await {
            batch.map_err(failure::from_datafusion)?;
        }
    }
    Ok(())
}

/// Starts the plan and gives its batches in order, one at a time.
pub(crate) fn stream(session: &Session, plan: &LogicalPlan) -> Result<BatchStream> {
    let mut prepared = prepare(session, plan, false)?;
    if prepared.plan.output_partitioning().partition_count() > 1 {
        prepared.plan = Arc::new(OrderedCoalesceExec::new(prepared.plan, None));
    }
    let stream = {
        let _inside = session.runtime()?.enter();
        prepared.plan.execute(0, prepared.context.clone()).map_err(failure::from_datafusion)?
    };
    let locate = {
        let (session, plan) = (session.clone(), plan.clone());
        Box::new(move |error, watch: Watch<'_>| first_failure(&session, &plan, error, watch))
    };
    BatchStream::start(session, prepared.run, &prepared.plan, stream, locate)
}

/// The plan that a remote one stands for.
fn inside(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match (plan.downcast_ref::<RemoteExec>(), plan.children().as_slice()) {
        (Some(_), [inner]) => (*inner).clone(),
        _ => plan.clone(),
    }
}

/// Runs the plan and keeps its rows: in this process, or where they were made.
pub(crate) fn persist(
    session: &Session,
    plan: &LogicalPlan,
    watch: Watch<'_>,
) -> Result<(Arc<dyn TableProvider>, Report)> {
    let Some(remote) = session.remote().cloned() else {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let threads = session.threads();
        let (parts, report) = with_first_failure(session, plan, watch, move |prepared| {
            run::gather_into(prepared.plan.clone(), prepared.context.clone(), threads, Vec::new)
        })?;
        return Ok((Arc::new(source::memory::keep(schema, parts)?), report));
    };
    with_first_failure(session, plan, watch, |prepared| {
        remote.persist(inside(&prepared.plan), Run::of_state(prepared.run.clone()))
    })
}

/// The plan as text, before and after optimisation; with `analyze` it is run and shown with rows and times.
pub(crate) fn explain(session: &Session, plan: &LogicalPlan, analyze: bool, watch: Watch<'_>) -> Result<String> {
    let prepared = prepare(session, plan, false)?;
    if let (true, Some(remote)) = (analyze, session.remote()) {
        let shown = remote.analyze(inside(&prepared.plan), Run::of_state(prepared.run.clone()));
        return run::drive(session, &prepared.run, Some(&prepared.plan), watch, shown);
    }
    if analyze {
        let gathered = run::gather(prepared.plan.clone(), prepared.context.clone(), session.threads());
        run::drive(session, &prepared.run, Some(&prepared.plan), watch, gathered)?;
        let shown = DisplayableExecutionPlan::with_metrics(prepared.plan.as_ref());
        return Ok(shown.indent(false).to_string());
    }
    let optimized = session.context().state().optimize(plan).map_err(failure::from_datafusion)?;
    let shown = DisplayableExecutionPlan::new(prepared.plan.as_ref());
    Ok(format!("logical plan\n{}\n\nphysical plan\n{}", optimized.display_indent(), shown.indent(false)))
}
