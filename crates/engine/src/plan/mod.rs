//! Our operators in DataFusion's plans, and which of DataFusion's rewrites apply to them.

pub(crate) mod failures;
pub(crate) mod float_key;
pub(crate) mod fold;
pub(crate) mod function;
pub(crate) mod gather;
mod meter;
mod node;
pub(crate) mod numeric;
mod one_group;
pub(crate) mod ordered;
pub(crate) mod row_number;
mod stable;

pub(crate) use meter::MeterExec;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

/// Logical rules of DataFusion that are left out, each with its reason.
const LOGICAL_RULES_OFF: [&str; 1] = [
    // Sums would be added up in another order as soon as a distinct count stands beside them.
    "single_distinct_aggregation_to_group_by",
];

/// Physical rules of DataFusion that are left out, each with its reason.
const PHYSICAL_RULES_OFF: [&str; 7] = [
    // Swaps the sides of joins by size: the rows would come in another order.
    "join_selection",
    // These stop early at whichever rows come first in time.
    "LimitedDistinctAggregation",
    "LimitAggregation",
    // These reorder sorts, ties included.
    "PushdownSort",
    "TopKRepartition",
    "WindowTopN",
    "HashJoinBuffering",
];

pub(crate) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    Optimizer::new().rules.into_iter().filter(|rule| !LOGICAL_RULES_OFF.contains(&rule.name())).collect()
}

pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = PhysicalOptimizer::default()
        .rules
        .into_iter()
        .filter(|rule| !PHYSICAL_RULES_OFF.contains(&rule.name()))
        .collect();
    // Before the sorts are spread over the parts, and after everything has been moved.
    rules.insert(0, Arc::new(stable::KeepRowOrder));
    rules.push(Arc::new(ordered::KeepPartOrder));
    rules
}

/// DataFusion's planner with our operators.
#[derive(Debug)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Nodes)]);
        planner.create_physical_plan(plan, session).await
    }
}

/// Plans our logical nodes.
struct Nodes;

#[async_trait]
impl ExtensionPlanner for Nodes {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
        let [input] = physical_inputs else { return Ok(None) };
        if let Some(node) = node.as_any().downcast_ref::<function::FunctionNode>() {
            return Ok(Some(Arc::new(node.plan(input.clone())?)));
        }
        if node.as_any().is::<gather::GatherNode>() {
            return Ok(Some(Arc::new(ordered::OrderedCoalesceExec::new(input.clone(), None))));
        }
        Ok(None)
    }
}
