//! Subqueries that stand for one value: each is a job before the one that needs its value, and then a constant in it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use engine::Run;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::client::Client;

/// The plan with the values of its subqueries, which were computed on the cluster; [`crate::codec`] writes them as
/// constants.
pub(crate) async fn answered(
    client: &Client,
    plan: &Arc<dyn ExecutionPlan>,
    run: &Run,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut asking = Vec::new();
    find(plan, &mut asking);
    if asking.is_empty() {
        return Ok(plan.clone());
    }
    for node in asking {
        node.results().clear();
        for subquery in node.subqueries() {
            node.results().set(subquery.index, value(client, &subquery.plan, run).await?)?;
        }
    }
    let answered = plan.clone().transform_up(|node| match node.downcast_ref::<ScalarSubqueryExec>() {
        Some(asking) => Ok(Transformed::yes(asking.input().clone())),
        None => Ok(Transformed::no(node)),
    })?;
    Ok(answered.data)
}

/// The operators that ask for values, but for those inside subqueries: a subquery's job finds its own.
fn find<'a>(plan: &'a Arc<dyn ExecutionPlan>, found: &mut Vec<&'a ScalarSubqueryExec>) {
    if let Some(asking) = plan.downcast_ref::<ScalarSubqueryExec>() {
        found.push(asking);
        return find(asking.input(), found);
    }
    for child in plan.children() {
        find(child, found);
    }
}

/// The value of a subquery, null when it has no row, as in DataFusion.
fn value<'a>(client: &'a Client, plan: &'a Arc<dyn ExecutionPlan>, run: &'a Run) -> BoxFuture<'a, Result<ScalarValue>> {
    Box::pin(async move {
        let job = client.job(plan, run, false).await?;
        let mut rows = client.clone().rows(job, run.clone()).await?;
        let mut found = None;
        while let Some(batch) = rows.try_next().await? {
            if batch.num_rows() > 1 || batch.num_rows() == 1 && found.is_some() {
                return exec_err!("Scalar subquery returned more than one row");
            }
            if batch.num_rows() == 1 {
                found = Some(ScalarValue::try_from_array(batch.column(0), 0)?);
            }
        }
        match (found, plan.schema().fields().first()) {
            (Some(value), _) => Ok(value),
            (None, Some(column)) => ScalarValue::try_from(column.data_type()),
            (None, None) => internal_err!("a subquery without a column"),
        }
    })
}
