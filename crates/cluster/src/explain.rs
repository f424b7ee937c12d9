//! The stages of a job that ran, with the rows and times of every operator, fragments opened.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::fragment::{BLOBS_FETCHED, KERNELS_COMPILED};
use crate::site::{TASK_BYTES, TASK_NANOSECONDS};
use ballista_core::serde::protobuf::{JobStageMetrics, OperatorWithMetrics, operator_metric::Metric};

/// One block a stage: what all its tasks did together, then the operators as `explain` shows them, each with what it counted.
pub(crate) fn stages(stages: &[JobStageMetrics]) -> String {
    let mut out = String::new();
    for stage in stages {
        let counted: Vec<BTreeMap<String, u64>> = stage.operators.iter().map(named).collect();
        let sum = |name: &str| counted.iter().filter_map(|counts| counts.get(name)).sum::<u64>();
        let spilled: u64 = counted.iter().flatten().filter(|(name, _)| is_spill(name)).map(|(_, bytes)| bytes).sum();
        let rows = counted.first().and_then(|writer| writer.get("output_rows")).copied().unwrap_or(0);
        let (bytes, time) = (sum(TASK_BYTES), Duration::from_nanos(sum(TASK_NANOSECONDS)));
        // Writing into a string does not fail.
        let _ = writeln!(
            out,
            "stage {}: {} parts, rows={rows}, bytes={bytes}, time={time:?}, spilled_bytes={spilled}",
            stage.stage_id, stage.partitions
        );
        for (name, text) in [(KERNELS_COMPILED, "kernels compiled"), (BLOBS_FETCHED, "large values fetched")] {
            if sum(name) > 0 {
                let _ = writeln!(out, "  {text}: {}", sum(name));
            }
        }
        for operator in &stage.operators {
            write_operator(&mut out, operator);
        }
    }
    out
}

/// Whether the count is one of bytes written because memory was short; those of fragments begin with their operator's place.
fn is_spill(name: &str) -> bool {
    name.rsplit('.').next() == Some("spilled_bytes")
}

fn write_operator(out: &mut String, operator: &OperatorWithMetrics) {
    let indent = "  ".repeat(operator.depth as usize + 1);
    let counted = named(operator);
    let Some(inside) = operator.operator_desc.strip_prefix("FragmentExec:\n") else {
        let text = operator.operator_desc.lines().next().unwrap_or_default();
        let _ = writeln!(out, "{indent}{text}{}", shown(&counted, ""));
        return;
    };
    for (place, line) in inside.lines().enumerate() {
        let _ = writeln!(out, "{indent}{line}{}", shown(&counted, &format!("{place}.")));
    }
}

/// The sums over all tasks, by name.
fn named(operator: &OperatorWithMetrics) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for metric in &operator.metrics {
        let (name, value) = match &metric.metric {
            Some(Metric::OutputRows(value)) => ("output_rows".to_owned(), *value),
            Some(Metric::ElapseTime(value)) => ("elapsed_compute".to_owned(), *value),
            Some(Metric::SpillCount(value)) => ("spill_count".to_owned(), *value),
            Some(Metric::SpilledBytes(value)) => ("spilled_bytes".to_owned(), *value),
            Some(Metric::OutputBytes(value)) => ("output_bytes".to_owned(), *value),
            Some(Metric::Count(count)) => (count.name.clone(), count.value),
            _ => continue,
        };
        *sums.entry(name).or_insert(0) += value;
    }
    sums
}

fn shown(counted: &BTreeMap<String, u64>, prefix: &str) -> String {
    let value = |name: &str| counted.get(&format!("{prefix}{name}")).copied();
    let mut parts = Vec::new();
    if let Some(rows) = value("output_rows") {
        parts.push(format!("rows={rows}"));
    }
    if let Some(bytes) = value("output_bytes") {
        parts.push(format!("bytes={bytes}"));
    }
    if let Some(nanoseconds) = value("elapsed_compute") {
        parts.push(format!("time={:?}", Duration::from_nanos(nanoseconds)));
    }
    if let Some(bytes) = value("spilled_bytes").filter(|bytes| *bytes > 0) {
        parts.push(format!("spilled_bytes={bytes}"));
    }
    if parts.is_empty() { String::new() } else { format!(", metrics=[{}]", parts.join(", ")) }
}
