//! A fragment of a plan: operators that Ballista carries without looking into them. On the client and the scheduler it is
//! bytes with a schema and a number of parts; on an executor it becomes the operators again when the first part is run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, Partitioning,
    PlanProperties,
};
use engine::kernel::compile_count;
use engine::wire::Hash;
use engine::wire::bytes::{Reader, Writer, from_digits, to_digits};
use engine::{ErrorCount, Run};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use crate::codec;
use crate::news::{Tagged, Task};
use crate::site::{Site, count_metric};

/// What travels of a fragment.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The operators, with places for the inputs ([`codec::decode_inside`]).
    pub payload: Vec<u8>,
    pub schema: SchemaRef,
    /// For each input: every task needs all of it.
    pub whole: Vec<bool>,
    /// The input whose parts are the fragment's; `None` when it has one part whatever its inputs have.
    pub follows: Option<usize>,
    /// How many parts the fragment has in the whole plan.
    pub parts: usize,
    pub sequential: bool,
    /// What the payload refers to.
    pub blobs: Vec<Hash>,
    /// Names and hashes of the functions in it.
    pub functions: Vec<(String, Hash)>,
    /// For people.
    pub shown: String,
}

impl Spec {
    pub fn write(&self, writer: &mut Writer) -> Result<()> {
        writer.block(&self.payload);
        writer.block(&codec::schema_bytes(&self.schema)?);
        writer.list(self.whole.iter(), |writer, whole| writer.flag(*whole));
        writer.optional(self.follows, |writer, index| writer.number(index as u64));
        writer.number(self.parts as u64);
        writer.flag(self.sequential);
        writer.list(self.blobs.iter(), |writer, hash| writer.raw(hash));
        writer.list(self.functions.iter(), |writer, (name, hash)| {
            writer.text(name);
            writer.raw(hash);
        });
        writer.text(&self.shown);
        Ok(())
    }

    pub fn read(reader: &mut Reader<'_>) -> engine::Result<Spec> {
        Ok(Spec {
            payload: reader.block()?.to_vec(),
            schema: codec::schema_of(reader.block()?)?,
            whole: reader.list(Reader::flag)?,
            follows: reader.optional(|reader| Ok(reader.number()? as usize))?,
            parts: reader.number()? as usize,
            sequential: reader.flag()?,
            blobs: reader.list(Reader::hash)?,
            functions: reader.list(|reader| Ok((reader.text()?, reader.hash()?)))?,
            shown: reader.text()?,
        })
    }
}

/// The operator that Ballista sees.
#[derive(Debug)]
pub(crate) struct FragmentExec {
    spec: Arc<Spec>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    /// Present on an executor.
    work: Option<Arc<Work>>,
}

/// A fragment that runs: what its parts share.
#[derive(Debug)]
struct Work {
    site: Arc<Site>,
    task: Task,
    /// The numbers of the task's parts in the whole plan.
    parts: Arc<[usize]>,
    run: Run,
    inside: OnceCell<Inside>,
    /// Kernels that this process had compiled before, and blobs that it had fetched.
    before: OnceLock<(u64, u64)>,
}

/// The operators of a fragment that runs.
#[derive(Clone, Debug)]
struct Inside {
    plan: Arc<dyn ExecutionPlan>,
    /// Where they end and the rest of the stage begins.
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    context: Arc<TaskContext>,
}

impl FragmentExec {
    pub fn new(spec: Arc<Spec>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> FragmentExec {
        let parts = match spec.follows.and_then(|index| inputs.get(index)) {
            Some(input) => input.output_partitioning().partition_count(),
            None => 1,
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(spec.schema.clone()),
            Partitioning::UnknownPartitioning(parts),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        FragmentExec { spec, inputs, properties: Arc::new(properties), work: None }
    }

    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// The fragment, ready to run here, in a task that has these parts of the whole plan.
    pub fn at(&self, site: &Arc<Site>, parts: &Arc<[usize]>, task: &Task) -> FragmentExec {
        let run = Run::new(site.threads(), self.spec.sequential);
        site.news().follow(&task.job, run.clone());
        let work = Work {
            site: site.clone(),
            task: task.clone(),
            parts: parts.clone(),
            run,
            inside: OnceCell::new(),
            before: OnceLock::new(),
        };
        FragmentExec { work: Some(Arc::new(work)), ..FragmentExec::new(self.spec.clone(), self.inputs.clone()) }
    }
}

impl DisplayAs for FragmentExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FragmentExec:\n{}", self.spec.shown.trim_end())
    }
}

impl ExecutionPlan for FragmentExec {
    fn name(&self) -> &str {
        "FragmentExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let requirement = |whole: &bool| match whole {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        };
        InputDistributionRequirements::new(self.spec.whole.iter().map(requirement).collect())
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true; self.inputs.len()]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.inputs.len() {
            return internal_err!("a fragment has {} inputs", self.inputs.len());
        }
        Ok(Arc::new(FragmentExec { work: self.work.clone(), ..FragmentExec::new(self.spec.clone(), children) }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(work) = self.work.clone() else { return internal_err!("a fragment runs on an executor") };
        let (spec, inputs) = (self.spec.clone(), self.inputs.clone());
        let schema = spec.schema.clone();
        let (ended, ended_spec, task) = (work.clone(), spec.clone(), work.task.clone());
        let guard = CancelGuard { run: work.run.clone(), done: AtomicBool::new(false) };
        let starting = work.clone();
        let started = async move {
            let inside = starting.inside(&spec, &inputs, &context).await?;
            let batches = inside.plan.execute(partition, inside.context)?;
            check_schema(&spec, &batches)?;
            Ok::<SendableRecordBatchStream, DataFusionError>(batches)
        };
        let batches = futures::stream::once(started).try_flatten().map_err(engine::wire::to_travel);
        let end = futures::stream::once(async move {
            guard.done.store(true, Ordering::Relaxed);
            ended.site.prove(&ended_spec.functions);
            ended.site.flush(&ended.task.job).await;
            None
        });
        let batches = Tagged { inner: Box::pin(batches), task };
        let batches = batches.then(move |batch| {
            let work = work.clone();
            async move {
                if batch.is_err() {
                    work.site.flush(&work.task.job).await;
                }
                batch
            }
        });
        let batches = batches.map(Some).chain(end).filter_map(|batch| async move { batch });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = MetricsSet::new();
        if let Some(work) = &self.work {
            work.report(&mut metrics);
        }
        Some(metrics)
    }
}

fn check_schema(spec: &Spec, batches: &SendableRecordBatchStream) -> Result<()> {
    let found = batches.schema();
    let same = found.fields().len() == spec.schema.fields().len()
        && found.fields().iter().zip(spec.schema.fields()).all(|(a, b)| a.data_type() == b.data_type());
    if same { Ok(()) } else { internal_err!("a fragment gives {found}, planned was {}", spec.schema) }
}

/// Stops the kernels of a task whose reader went away before the end.
struct CancelGuard {
    run: Run,
    done: AtomicBool,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if !self.done.load(Ordering::Relaxed) {
            self.run.cancel();
        }
    }
}

impl Work {
    /// The operators, made when the first part needs them, and the context they run in.
    async fn inside(&self, spec: &Spec, inputs: &[Arc<dyn ExecutionPlan>], outer: &Arc<TaskContext>) -> Result<Inside> {
        let make = || async {
            let _ = self.before.set((compile_count(), self.site.fetched()));
            self.site.admit(&spec.functions).await.map_err(codec::wrap)?;
            self.site.fetch(&spec.blobs).await.map_err(codec::wrap)?;
            let context = self.run.context(outer);
            let inbox = self.site.inbox(&spec.blobs);
            let plan = codec::decode_inside(&spec.payload, inputs, inbox, &self.run, &self.parts, &context)?;
            Ok(Inside { plan, inputs: inputs.to_vec(), context })
        };
        self.inside.get_or_try_init(make).await.cloned()
    }

    /// What the operators counted, each named by its place, and what the run did.
    fn report(&self, metrics: &mut MetricsSet) {
        let mut push = |name: String, value: usize| metrics.push(count_metric(name, value as u64));
        let Some(inside) = self.inside.get() else { return };
        let part = self.parts.first().copied().unwrap_or(0);
        push(format!("{RUNS}{part}"), 1);
        push(format!("{ROWS_READ}{part}"), self.run.rows_read() as usize);
        let (compiled, fetched) = self.before.get().copied().unwrap_or_default();
        push(KERNELS_COMPILED.to_owned(), (compile_count() - compiled) as usize);
        push(BLOBS_FETCHED.to_owned(), (self.site.fetched() - fetched) as usize);
        for count in self.run.row_errors() {
            push(format!("{ROW_ERRORS}{part}.{}", write_error_count(&count)), count.rows as usize);
        }
        let mut place = 0;
        let mut pending = vec![&inside.plan];
        while let Some(node) = pending.pop() {
            if inside.inputs.iter().any(|input| Arc::ptr_eq(input, node)) {
                place += 1;
                continue;
            }
            if let Some(counted) = node.metrics() {
                for metric in counted.aggregate_by_name().iter() {
                    let value = metric.value();
                    if SHOWN.contains(&value.name()) {
                        push(format!("{place}.{}", value.name()), value.as_usize());
                    }
                }
            }
            place += 1;
            pending.extend(node.children().into_iter().rev());
        }
    }
}

/// How the names of counts begin whose sums over the tasks matter, each with the number of the task's first part behind it.
/// When an executor is lost Ballista runs parts again and counts both runs: how often a part ran is counted as well.
const RUNS: &str = "runs.";

/// Rows that the sources gave.
const ROWS_READ: &str = "rows_read.";

/// The name of the count of kernels that were compiled while the task ran.
pub(crate) const KERNELS_COMPILED: &str = "kernels_compiled";

/// The name of the count of captured values and functions that were fetched while the task ran.
pub(crate) const BLOBS_FETCHED: &str = "blobs_fetched";

/// Rows that failed; behind the number of the part comes what is counted.
const ROW_ERRORS: &str = "row_errors.";

/// What the tasks of a fragment counted.
#[derive(Default)]
pub(crate) struct Counts {
    /// By the number of the part: how often it ran, and the sums of what these runs counted.
    parts: BTreeMap<u64, (u64, BTreeMap<String, u64>)>,
}

impl Counts {
    /// Takes a count if it is one of those whose sums matter.
    pub fn add(&mut self, name: &str, value: u64) {
        let kind = [RUNS, ROWS_READ, ROW_ERRORS].into_iter().find(|kind| name.starts_with(kind));
        let Some(kind) = kind else { return };
        let rest = name.get(kind.len()..).unwrap_or_default();
        let (part, what) = rest.split_once('.').unwrap_or((rest, ""));
        let Ok(part) = part.parse() else { return };
        let (runs, sums) = self.parts.entry(part).or_default();
        match kind {
            RUNS => *runs += value,
            _ => *sums.entry(what.to_owned()).or_default() += value,
        }
    }

    /// The counts as if every part had run once, since a part counts the same each time. What failed rows there were is in
    /// the name, for [`read_error_count`]; rows that were read have none.
    pub fn once(self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (runs, sums) in self.parts.into_values() {
            for (what, sum) in sums {
                *counts.entry(what).or_insert(0) += sum / runs.max(1);
            }
        }
        counts
    }
}

/// What of an operator's own counts travels.
const SHOWN: [&str; 4] = ["output_rows", "elapsed_compute", "spill_count", "spilled_bytes"];

fn write_error_count(count: &ErrorCount) -> String {
    let mut writer = Writer::default();
    writer.text(&count.function);
    engine::wire::write_class(&mut writer, &count.class);
    writer.optional(count.file.as_deref(), Writer::text);
    writer.number(u64::from(count.line));
    to_digits(&writer.finish())
}

/// The count of failed rows that a name of [`Counts::once`] stands for.
pub(crate) fn read_error_count(digits: &str, rows: u64) -> Option<ErrorCount> {
    let bytes = from_digits(digits)?;
    let mut reader = Reader::new(&bytes);
    Some(ErrorCount {
        function: reader.text().ok()?,
        class: engine::wire::read_class(&mut reader).ok()?,
        file: reader.optional(Reader::text).ok()?,
        line: u32::try_from(reader.number().ok()?).ok()?,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_ran_twice_counts_once() {
        let class = ir::ExcKind::from_name("ValueError").unwrap().into();
        let count = ErrorCount { function: "f".to_owned(), class, file: None, line: 3, rows: 5 };
        let what = write_error_count(&count);
        let mut counts = Counts::default();
        for (name, value) in [("runs.0", 2), ("rows_read.0", 20), ("runs.1", 1), ("rows_read.1", 7), ("output_rows", 9)]
        {
            counts.add(name, value);
        }
        counts.add(&format!("row_errors.0.{what}"), 10);
        let once = counts.once();
        assert_eq!(once.get(""), Some(&17));
        assert_eq!(once.len(), 2);
        assert_eq!(read_error_count(&what, once[&what]).unwrap().rows, 5);
        assert!(read_error_count("", 17).is_none());
    }
}
