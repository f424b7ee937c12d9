//! What did not fit, on its way from an executor: a count of the scan whose name says the reason.

use std::collections::HashMap;

use bson_arrow::{Mismatch, ReasonCount, found_type};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};

use crate::run::RunState;
use crate::wire::bytes::{Reader, Writer, from_digits, to_digits};

/// How the names of such counts begin.
pub const MISMATCHES: &str = "mismatches.";

/// How the name of the count begins that says how often a part has counted the reason behind it: an executor that is lost
/// makes others read its parts again, and both readings are counted.
pub const MISMATCH_RUNS: &str = "mismatch_runs.";

/// The counts of one part, which follow those of the run that reads it.
pub(super) struct Account {
    /// The function users called.
    name: String,
    part: usize,
    metrics: ExecutionPlanMetricsSet,
    /// By the name of the reason.
    counts: HashMap<String, Count>,
}

impl Account {
    pub fn new(name: &str, part: usize, metrics: &ExecutionPlanMetricsSet) -> Account {
        Account { name: name.to_owned(), part, metrics: metrics.clone(), counts: HashMap::new() }
    }

    /// Brings the counts up to what the run has counted so far.
    pub fn follow(&mut self, run: &RunState) {
        for reason in run.mismatches() {
            let name = name_of(&self.name, &reason);
            let (metrics, part) = (&self.metrics, self.part);
            let counter = |name: String| MetricBuilder::new(metrics).counter(name, part);
            let count = self.counts.entry(name).or_insert_with_key(|name| {
                counter(format!("{MISMATCH_RUNS}{name}")).add(1);
                counter(format!("{MISMATCHES}{name}"))
            });
            count.add((reason.count as usize).saturating_sub(count.value()));
        }
    }
}

/// Counts in `run` what a count stands for whose name is [`MISMATCHES`] and these digits; `false` if they are none of ours.
pub(crate) fn count(run: &RunState, digits: &str, value: u64) -> bool {
    let Some((function, reason)) = reason_of(digits, value) else { return false };
    run.count_error(&function, ir::ExcKind::TypeError.into(), None, 0, value);
    run.count_mismatches(&[reason], 0, Vec::new());
    true
}

/// The digits in which a reason travels.
fn name_of(function: &str, reason: &ReasonCount) -> String {
    let mut writer = Writer::default();
    writer.text(function);
    for text in [&reason.field, &reason.expected, &reason.first.path, &reason.first.found] {
        writer.text(text);
    }
    writer.text(reason.found_type);
    writer.number(reason.first.document);
    to_digits(&writer.finish())
}

fn reason_of(digits: &str, count: u64) -> Option<(String, ReasonCount)> {
    let bytes = from_digits(digits)?;
    let mut reader = Reader::new(&bytes);
    let mut text = || reader.text().ok();
    let (function, field, expected, path, found) = (text()?, text()?, text()?, text()?, text()?);
    let found_type = found_type(&text()?)?;
    let document = reader.number().ok()?;
    reader.end().ok()?;
    let first = Mismatch { document, path, expected: expected.clone(), found_type, found };
    Some((function, ReasonCount { field, expected, found_type, count, first }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(count: u64) -> ReasonCount {
        let first = Mismatch {
            document: 7,
            path: "a.b[3]".to_owned(),
            expected: "Int64".to_owned(),
            found_type: "string",
            found: "string".to_owned(),
        };
        let (field, expected) = ("a.b[]".to_owned(), first.expected.clone());
        ReasonCount { field, expected, found_type: first.found_type, count, first }
    }

    #[test]
    fn a_reason_arrives_as_it_was() {
        let (here, there) = (RunState::new(1, false), RunState::new(1, false));
        let metrics = ExecutionPlanMetricsSet::new();
        let mut account = Account::new("read_mongo", 0, &metrics);
        for _ in 0..2 {
            there.count_mismatches(&[reason(2)], 0, Vec::new());
            account.follow(&there);
            account.follow(&there);
        }
        let mut runs = 0;
        for metric in metrics.clone_inner().iter() {
            let (name, value) = (metric.value().name(), metric.value().as_usize() as u64);
            match name.strip_prefix(MISMATCHES) {
                Some(digits) => assert!(count(&here, digits, value)),
                None => runs += value * u64::from(name.starts_with(MISMATCH_RUNS)),
            }
        }
        assert_eq!(runs, 1);
        assert_eq!(here.mismatches(), [reason(4)]);
        assert_eq!(crate::run::report_of(&here).row_errors[0].rows, 4);
    }

    #[test]
    fn other_digits_are_none() {
        let run = RunState::new(1, false);
        for name in ["", "0", "zz", "00ff"] {
            assert!(!count(&run, name, 1), "{name}");
        }
        assert!(run.mismatches().is_empty());
    }
}
