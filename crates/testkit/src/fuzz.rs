//! Runs generated programs: interpreter, machine code and CPython with checked integers must agree. Owns the batches and
//! the reports; what is written is `generate`.

use std::collections::BTreeMap;

use crate::compile::Subject;
use crate::generate::{self, Program};
use crate::oracle::{Answer, Oracle, Request};
use crate::program::{argument_types, program};

/// How many programs CPython is asked at once.
const BATCH: u64 = 50;

/// What a run found.
#[derive(Default)]
pub struct Report {
    pub programs: u64,
    pub calls: u64,
    /// Programs that the compiler refused, by diagnostic: not wrong, but the language should cover what is generated.
    pub refused: BTreeMap<String, u64>,
    pub failures: Vec<String>,
}

/// Runs the programs of these seeds; stops early after `failures_max` failures.
pub fn run(oracle: &mut Oracle, seeds: std::ops::Range<u64>, failures_max: usize) -> Result<Report, String> {
    let mut report = Report::default();
    let mut next = seeds.start;
    while next < seeds.end && report.failures.len() < failures_max {
        let batch: Vec<(u64, Program)> =
            (next..seeds.end.min(next + BATCH)).map(|seed| (seed, generate::program(seed))).collect();
        next += BATCH;
        let requests: Vec<Request<'_>> = batch
            .iter()
            .map(|(_, program)| Request {
                source: &program.source,
                calls: program.calls.iter().map(|call| (call.as_str(), None)).collect(),
                checked: true,
            })
            .collect();
        let replies = oracle.ask(&requests)?;
        for ((seed, generated), answers) in batch.iter().zip(replies) {
            report.programs += 1;
            match answers {
                Ok(answers) => judge(*seed, generated, &answers, &mut report),
                Err(error) => report.failures.push(format!("seed {seed}: {error}\n{}", generated.source)),
            }
        }
    }
    Ok(report)
}

fn judge(seed: u64, generated: &Program, answers: &[Result<Answer, String>], report: &mut Report) {
    let complain = |what: String| format!("seed {seed}: {what}\n{}", generated.source);
    let Some(Ok(first)) = answers.first() else {
        let error = answers.first().map_or(String::new(), |answer| answer.as_ref().err().cloned().unwrap_or_default());
        return report.failures.push(complain(format!("the oracle says: {error}")));
    };
    let subject = program(&generated.source, first).and_then(|program| {
        let types = argument_types(&[&first.args])?;
        Subject::compile(&program, first.function, types.into_iter().map(Some).collect())
    });
    let subject = match subject {
        Ok(subject) => subject,
        // A diagnostic is an honest answer; an error of verifier or LLVM is not.
        Err(error) if error.starts_with("does not compile") => {
            let reason = error.split("error[").nth(1).and_then(|rest| rest.split_once(']'));
            let reason = reason.map_or(error.as_str(), |(code, _)| code).to_string();
            *report.refused.entry(reason).or_default() += 1;
            return;
        }
        Err(error) => return report.failures.push(complain(error)),
    };
    for (call, answer) in generated.calls.iter().zip(answers) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return report.failures.push(complain(format!("{call}: the oracle says: {error}"))),
        };
        report.calls += 1;
        for (engine, ran) in subject.call(&answer.args, &[]) {
            let problem = match ran {
                Ok(ran) if ran.outcome.same(&answer.outcome) => continue,
                Ok(ran) => format!("{call}: {engine} gives {}, CPython gives {}", ran.outcome, answer.outcome),
                Err(error) => format!("{call}: {engine}: {error}"),
            };
            return report.failures.push(complain(problem));
        }
    }
}
