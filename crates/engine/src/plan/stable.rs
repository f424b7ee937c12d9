//! Makes sorts stable and lets joins keep the order of rows without a match. DataFusion's sort is not stable, its merge
//! takes equal rows from whichever part is ready, and its join gives unmatched rows after the matched ones of a batch unless
//! it knows that the rows come in some order.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result as DataFusionResult, internal_err};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::row_number::RowNumberExec;

/// Numbers the rows below each sort, as its last key, and below the ordered side of each outer join; gives a join in one part
/// where parts would depend on each other.
#[derive(Debug)]
pub(crate) struct KeepRowOrder;

impl PhysicalOptimizerRule for KeepRowOrder {
    fn name(&self) -> &str {
        "keep_row_order"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|node| {
            if let Some(sort) = node.downcast_ref::<SortExec>() {
                return Ok(Transformed::yes(stable_sort(sort)?));
            }
            if let Some(join) = node.downcast_ref::<HashJoinExec>() {
                return match *join.join_type() {
                    JoinType::Right => Ok(Transformed::yes(ordered_join(join)?)),
                    join_type => with_one_right_part(&node, join_type),
                };
            }
            match node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()) {
                Some(join_type) => with_one_right_part(&node, join_type),
                None => Ok(Transformed::no(node)),
            }
        })?;
        Ok(replaced.data)
    }
}

/// A join that gives rows of its left side by what it met on the right has to meet all of the right side: its parts would
/// share what they met, and whichever ends last would give those rows. On a cluster they could not even share it.
fn with_one_right_part(
    join: &Arc<dyn ExecutionPlan>,
    join_type: JoinType,
) -> DataFusionResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let gives_left = matches!(
        join_type,
        JoinType::Left | JoinType::Full | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
    );
    match join.children().as_slice() {
        [left, right] if gives_left && right.output_partitioning().partition_count() > 1 => {
            let right: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new((*right).clone()));
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(join.clone().replace_children(vec![(*left).clone(), right], options)?))
        }
        _ => Ok(Transformed::no(join.clone())),
    }
}

fn stable_sort(sort: &SortExec) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let input = sort.input().clone();
    let number = RowNumberExec::order(input.schema().fields().len());
    let Some(keys) = LexOrdering::new(sort.expr().iter().cloned().chain([number])) else {
        return internal_err!("a sort without keys");
    };
    let sorted = SortExec::new(keys, Arc::new(RowNumberExec::new(input))).with_fetch(sort.fetch());
    RowNumberExec::drop_from(Arc::new(sorted))
}

fn ordered_join(join: &HashJoinExec) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    if join.projection.is_some() {
        return internal_err!("a join has its columns chosen before its order");
    }
    let numbered = HashJoinExec::try_new(
        join.left().clone(),
        Arc::new(RowNumberExec::new(join.right().clone())),
        join.on().to_vec(),
        join.filter().cloned(),
        join.join_type(),
        None,
        *join.partition_mode(),
        join.null_equality(),
        join.null_aware,
    )?;
    RowNumberExec::drop_from(Arc::new(numbered))
}
