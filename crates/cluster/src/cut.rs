//! Cutting a plan for Ballista: where parts are put together the plan stays as Ballista knows it, and what lies between
//! becomes fragments.
//!
//! ```text
//!   OrderedCoalesceExec         CoalescePartitionsExec          the cut: Ballista ends a stage here
//!     FunctionExec                FragmentExec [function]
//!       MeterExec        ->         DataSourceExec              stays: Ballista divides its parts among tasks
//!         DataSourceExec
//! ```

use std::sync::Arc;

use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::Distribution;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::limit::LocalLimitExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};
use engine::wire::{Outbox, own_error};

use crate::codec;
use crate::fragment::{FragmentExec, Spec};
use crate::stub::StubExec;

/// The plan as Ballista gets it. What it refers to goes to the outbox.
pub(crate) fn cut(
    plan: &Arc<dyn ExecutionPlan>,
    sequential: bool,
    outbox: &mut Outbox,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = engine::wire::traveling(plan).map_err(codec::wrap)?;
    Cutter { sequential, outbox }.visible(&plan)
}

struct Cutter<'a> {
    sequential: bool,
    outbox: &'a mut Outbox,
}

impl Cutter<'_> {
    fn visible(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some((input, fetch)) = engine::wire::coalesced(plan) {
            let input = self.visible(input)?;
            return Ok(Arc::new(CoalescePartitionsExec::new(input).with_fetch(fetch)));
        }
        if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
            let input = self.visible(merge.input())?;
            return Ok(Arc::new(SortPreservingMergeExec::new(merge.expr().clone(), input).with_fetch(merge.fetch())));
        }
        if plan.is::<UnionExec>() {
            let inputs = plan.children().into_iter().map(|input| self.visible(input)).collect::<Result<_>>()?;
            return UnionExec::try_new(inputs);
        }
        if is_divisible(plan) && !has_limit_in_memory(plan) {
            return Ok(plan.clone());
        }
        self.fragment(plan)
    }

    /// The operators from here down to the next places that stay, as one fragment.
    fn fragment(&mut self, plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut region = Region::default();
        let inside = self.inside(plan, false, &mut region)?;
        let parts = plan.output_partitioning().partition_count();
        let follows = region
            .inputs
            .iter()
            .zip(&region.whole)
            .position(|(input, whole)| !whole && input.output_partitioning().partition_count() == parts);
        if follows.is_none() && parts != 1 {
            return Err(unsupported(&inside));
        }
        let mut refers = Outbox::default();
        let payload = codec::encode_inside(&inside, &mut refers).map_err(in_our_words)?;
        let spec = Spec {
            payload,
            schema: plan.schema(),
            whole: region.whole,
            follows,
            parts,
            sequential: self.sequential,
            blobs: refers.blobs.keys().copied().collect(),
            functions: refers.functions.clone(),
            shown: shown(&inside),
        };
        self.outbox.blobs.append(&mut refers.blobs);
        self.outbox.functions.append(&mut refers.functions);
        Ok(Arc::new(FragmentExec::new(Arc::new(spec), region.inputs)))
    }

    /// The operator with places where the inputs of its region were. `whole`: every task needs all of it.
    fn inside(
        &mut self,
        plan: &Arc<dyn ExecutionPlan>,
        whole: bool,
        region: &mut Region,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(limited) = limit_in_memory(plan) {
            let (source, fetch) = limited?;
            let place = region.place(source, whole);
            return Ok(Arc::new(LocalLimitExec::new(place, fetch)));
        }
        let parts = plan.output_partitioning().partition_count();
        let requirements = plan.input_distribution_requirements();
        let needs: Vec<bool> = requirements
            .per_child_distributions()
            .map(|needed| matches!(needed, Distribution::SinglePartition))
            .collect();
        let mut children = Vec::new();
        for (index, child) in plan.children().into_iter().enumerate() {
            // What is one part below many is the same part for each of them.
            let one_for_all = parts > 1 && child.output_partitioning().partition_count() == 1;
            let whole = whole || one_for_all && needs.get(index).copied().unwrap_or(false);
            children.push(if stays(child) {
                let input = self.visible(child)?;
                region.place(input, whole)
            } else {
                self.inside(child, whole, region)?
            });
        }
        if children.is_empty() {
            return Ok(plan.clone());
        }
        plan.clone().replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }
}

#[derive(Default)]
struct Region {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    whole: Vec<bool>,
}

impl Region {
    fn place(&mut self, input: Arc<dyn ExecutionPlan>, whole: bool) -> Arc<dyn ExecutionPlan> {
        let stub = StubExec::of(self.inputs.len(), &input);
        self.inputs.push(input);
        self.whole.push(whole);
        Arc::new(stub)
    }
}

/// Whether Ballista gets to see the operator.
fn stays(plan: &Arc<dyn ExecutionPlan>) -> bool {
    engine::wire::coalesced(plan).is_some()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<UnionExec>()
        || is_divisible(plan) && !has_limit_in_memory(plan)
}

/// Whether Ballista can divide the parts of the source among tasks.
fn is_divisible(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(source) = plan.downcast_ref::<DataSourceExec>() else { return false };
    let source = source.data_source().as_ref();
    source.is::<FileScanConfig>() || source.is::<MemorySourceConfig>()
}

/// What people call the operator: of a source the first word of what it shows, such as `read_mongo`.
pub(crate) fn shown_name(plan: &Arc<dyn ExecutionPlan>) -> String {
    if !plan.is::<DataSourceExec>() {
        return plan.name().to_owned();
    }
    let shown = datafusion::physical_plan::displayable(plan.as_ref()).one_line().to_string();
    let words = shown.trim().trim_start_matches("DataSourceExec:").trim_start();
    words.split([':', ' ']).next().unwrap_or_default().to_owned()
}

fn has_limit_in_memory(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(source) = plan.downcast_ref::<DataSourceExec>() else { return false };
    source.data_source().as_ref().is::<MemorySourceConfig>() && source.fetch().is_some()
}

/// A source in memory that gives only its first rows, without that limit, and the limit: Ballista forgets it where it
/// divides the parts.
fn limit_in_memory(plan: &Arc<dyn ExecutionPlan>) -> Option<Result<(Arc<dyn ExecutionPlan>, usize)>> {
    let source = plan.downcast_ref::<DataSourceExec>()?;
    let config = source.data_source().as_ref().downcast_ref::<MemorySourceConfig>()?;
    let fetch = source.fetch()?;
    let all = MemorySourceConfig::try_new(config.partitions(), config.original_schema(), config.projection().clone());
    Some(all.map(|all| {
        let all: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(all);
        (all, fetch)
    }))
}

/// An error of ours that DataFusion made a sentence of, in which it shows the whole plan.
fn in_our_words(error: DataFusionError) -> DataFusionError {
    match own_error(&error) {
        Some(ours) => codec::wrap(ours),
        None => error,
    }
}

/// The operators of the fragment as people see them, one a line.
fn shown(plan: &Arc<dyn ExecutionPlan>) -> String {
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}

/// The error for a source that Ballista cannot divide.
fn unsupported(plan: &Arc<dyn ExecutionPlan>) -> DataFusionError {
    let source = plan.children().into_iter().find(|child| !child.is::<StubExec>());
    if let Some(source) = source {
        return unsupported(source);
    }
    DataFusionError::External(Box::new(engine::Error::plan(format!(
        "the operator `{}` cannot run on a cluster",
        shown_name(plan)
    ))))
}
