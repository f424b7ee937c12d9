//! Makes every sort stable: equal rows keep the order they came in, as with Python's `sorted`. DataFusion's sort is not
//! stable, and its merge takes equal rows from whichever part is ready.

use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use super::row_number::{ROW_NUMBER, RowNumberExec};

/// Numbers the rows below each sort and makes the number its last key.
#[derive(Debug)]
pub(crate) struct StableSort;

impl PhysicalOptimizerRule for StableSort {
    fn name(&self) -> &str {
        "stable_sort"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|node| match node.downcast_ref::<SortExec>() {
            Some(sort) => Ok(Transformed::yes(stable(sort)?)),
            None => Ok(Transformed::no(node)),
        })?;
        Ok(replaced.data)
    }
}

fn stable(sort: &SortExec) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let input = sort.input().clone();
    let fields = input.schema().fields().clone();
    let number = PhysicalSortExpr {
        expr: Arc::new(Column::new(ROW_NUMBER, fields.len())),
        options: SortOptions { descending: false, nulls_first: false },
    };
    let numbered: Arc<dyn ExecutionPlan> = Arc::new(RowNumberExec::new(input));
    let keys = sort.expr().iter().cloned().chain([number]);
    let Some(keys) = LexOrdering::new(keys) else {
        return datafusion::common::internal_err!("a sort without keys");
    };
    let sorted = SortExec::new(keys, numbered).with_fetch(sort.fetch());
    let columns = fields.iter().enumerate().map(|(index, field)| ProjectionExpr {
        expr: Arc::new(Column::new(field.name(), index)),
        alias: field.name().clone(),
    });
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), Arc::new(sorted))?))
}
