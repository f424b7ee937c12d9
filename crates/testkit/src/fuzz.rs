//! Runs generated programs: interpreter, machine code and CPython with checked integers must agree. Owns the batches and
//! the reports; what is written is `generate`.

use frontend::Request;

use crate::compile::Subject;
use crate::generate::{self, Program};
use crate::oracle::{Answer, Oracle, Request as Question};
use crate::program::{argument_types, program};
use crate::value::{Outcome, Value};

/// How many programs CPython is asked at once.
const BATCH: u64 = 50;

/// What a run found.
#[derive(Default)]
pub struct Report {
    pub programs: u64,
    pub calls: u64,
    /// Programs that the compiler refused, with the diagnostic: not wrong, but the language should cover what is generated.
    pub refused: Vec<String>,
    pub failures: Vec<String>,
    /// Answers in which an int of CPython's is the equal float: difference 2, where returns or branches meet.
    pub literal_floats: u64,
}

/// Runs the programs of these seeds; stops early after `failures_max` failures.
pub fn run(oracle: &mut Oracle, seeds: std::ops::Range<u64>, failures_max: usize) -> Result<Report, String> {
    let mut report = Report::default();
    let mut next = seeds.start;
    while next < seeds.end && report.failures.len() < failures_max {
        let batch: Vec<(u64, Program)> =
            (next..seeds.end.min(next + BATCH)).map(|seed| (seed, generate::program(seed))).collect();
        next += BATCH;
        let requests: Vec<Question<'_>> = batch
            .iter()
            .map(|(_, program)| Question {
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
        let params = types.into_iter().map(Some).collect();
        Subject::compile(&program, first.function, &Request { params, ..Request::default() })
    });
    let subject = match subject {
        Ok(subject) => subject,
        // A diagnostic is an honest answer; an error of verifier or LLVM is not.
        Err(error) if error.starts_with("does not compile") => {
            let reason = error.split("error[").nth(1).and_then(|rest| rest.lines().next());
            let reason = format!("seed {seed}: {}", reason.unwrap_or(&error));
            report.refused.push(reason);
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
                Ok(ran) if is_literal_that_became_float(&answer.outcome, &ran.outcome) => {
                    report.literal_floats += 1;
                    continue;
                }
                Ok(ran) => format!("{call}: {engine} gives {}, CPython gives {}", ran.outcome, answer.outcome),
                Err(error) => format!("{call}: {engine}: {error}"),
            };
            return report.failures.push(complain(problem));
        }
    }
}

/// Difference 2: an int literal that met a float. Which ints were literals cannot be seen here, so it is only counted.
fn is_literal_that_became_float(theirs: &Outcome, ours: &Outcome) -> bool {
    fn alike(theirs: &Value, ours: &Value) -> bool {
        match (theirs, ours) {
            (Value::Int(a), Value::Float(b)) => *a as f64 == *b && a.unsigned_abs() < 1 << 53,
            (Value::Tuple(a), Value::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
            (a, b) => a.same(b),
        }
    }
    matches!((theirs, ours), (Outcome::Value(a), Outcome::Value(b)) if alike(a, b))
}
