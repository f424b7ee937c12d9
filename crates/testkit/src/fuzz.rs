//! Runs generated programs: interpreter, machine code and CPython with checked integers must agree. Owns the batches, the
//! verdicts and the reports; what is written is `generate`, how a failure gets small is `shrink`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use frontend::Request;

use crate::compile::{Machines, Subject};
use crate::generate::Program;
use crate::oracle::{Answer, BlockAnswers, Oracle, Request as Question};
use crate::program::{argument_types, program};
use crate::shrink::shrink;
use crate::value::{Outcome, Value};

/// How many programs CPython is asked at once.
const BATCH: u64 = 50;

/// A program that takes longer has a loop that never ends.
const SECONDS_MAX: u64 = 60;

/// Which programs are run.
#[derive(Clone, Copy)]
pub struct Style {
    /// The program of a seed.
    pub program: fn(u64) -> Program,
    /// What the types forbid waits until it is reached.
    pub may_defer: bool,
}

/// What a run found.
#[derive(Default)]
pub struct Report {
    pub programs: u64,
    pub calls: u64,
    /// Programs that the compiler refused, with the diagnostic: not wrong, but the language should cover what is generated.
    pub refused: Vec<String>,
    /// Each a section for `tests/lang`, as small as it could be made.
    pub failures: Vec<String>,
    /// Answers in which an int of CPython's is the equal float: difference 2, where returns or branches meet.
    pub literal_floats: u64,
}

impl Report {
    fn add(&mut self, other: Report) {
        self.programs += other.programs;
        self.calls += other.calls;
        self.refused.extend(other.refused);
        self.failures.extend(other.failures);
        self.literal_floats += other.literal_floats;
    }
}

/// What came of one program.
enum Verdict {
    Agrees {
        calls: u64,
        literal_floats: u64,
    },
    Refused(String),
    /// The call that differs, its answer by CPython, and what is wrong.
    Differs {
        call: String,
        answer: String,
        problem: String,
    },
}

/// Runs the programs of these seeds on all processors; each stops early after `failures_max` failures.
pub fn run(style: Style, seeds: std::ops::Range<u64>, failures_max: usize) -> Result<Report, String> {
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = seeds.end.saturating_sub(seeds.start).div_ceil(workers);
    let watch = Watch::start();
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let start = (seeds.start + worker * share).min(seeds.end);
                let own = start..(start + share).min(seeds.end);
                let turn = watch.turn();
                scope.spawn(move || run_here(style, &mut Oracle::start()?, own, failures_max, &turn))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a worker panicked".to_string())).collect::<Vec<_>>()
    });
    let mut report = Report::default();
    for part in parts {
        report.add(part??);
    }
    Ok(report)
}

/// Ends the process when a program hangs: there is no way to stop machine code that does not look at its cancel flag.
struct Watch {
    started: Instant,
    is_over: Arc<AtomicBool>,
    turns: Arc<std::sync::Mutex<Vec<Arc<Turn>>>>,
}

/// The program that a worker is at, and since when, in seconds of the watch.
#[derive(Default)]
struct Turn {
    seed: AtomicU64,
    since: AtomicU64,
}

impl Watch {
    fn start() -> Watch {
        let watch = Watch { started: Instant::now(), is_over: Arc::default(), turns: Arc::default() };
        let (started, is_over, turns) = (watch.started, watch.is_over.clone(), watch.turns.clone());
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(500));
                let now = started.elapsed().as_secs();
                for turn in turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
                    let since = turn.since.load(Ordering::Relaxed);
                    if since != 0 && now.saturating_sub(since) > SECONDS_MAX * crate::patience() {
                        println!("seed {} hangs", turn.seed.load(Ordering::Relaxed));
                        std::process::exit(1);
                    }
                }
            }
        });
        watch
    }

    fn turn(&self) -> impl Fn(Option<u64>) + Send + use<> {
        let (turn, started) = (Arc::new(Turn::default()), self.started);
        self.turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(turn.clone());
        move |seed| {
            turn.seed.store(seed.unwrap_or(0), Ordering::Relaxed);
            turn.since.store(seed.map_or(0, |_| started.elapsed().as_secs().max(1)), Ordering::Relaxed);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn run_here(
    style: Style,
    oracle: &mut Oracle,
    seeds: std::ops::Range<u64>,
    failures_max: usize,
    turn: &impl Fn(Option<u64>),
) -> Result<Report, String> {
    let mut report = Report::default();
    let mut next = seeds.start;
    while next < seeds.end && report.failures.len() < failures_max {
        let batch: Vec<(u64, Program)> =
            (next..seeds.end.min(next + BATCH)).map(|seed| (seed, (style.program)(seed))).collect();
        next += BATCH;
        turn(Some(next));
        let replies = ask(oracle, batch.iter().map(|(_, program)| program))?;
        for ((seed, generated), answers) in batch.iter().zip(replies) {
            report.programs += 1;
            turn(Some(*seed));
            match judge(style, generated, &answers, machines(*seed)) {
                Verdict::Agrees { calls, literal_floats } => {
                    report.calls += calls;
                    report.literal_floats += literal_floats;
                }
                Verdict::Refused(reason) => report.refused.push(format!("seed {seed}: {reason}")),
                Verdict::Differs { .. } => {
                    // Many small steps, each of which ends.
                    turn(None);
                    report.failures.push(smallest_section(style, oracle, *seed, generated));
                }
            }
            turn(None);
        }
    }
    Ok(report)
}

/// Which machine code a program is made into: each of them in turn, so that more programs fit into the time; all of them
/// where `FUSELINE_ENGINES` is `all`.
fn machines(seed: u64) -> Machines {
    let all = std::env::var_os("FUSELINE_ENGINES").is_some_and(|value| value == "all");
    if all { Machines::All } else { Machines::One(seed) }
}

fn ask<'a>(oracle: &mut Oracle, programs: impl Iterator<Item = &'a Program>) -> Result<Vec<BlockAnswers>, String> {
    let requests: Vec<Question<'_>> = programs
        .map(|program| Question {
            source: &program.source,
            calls: program.calls.iter().map(|call| (call.as_str(), None)).collect(),
            checked: true,
        })
        .collect();
    oracle.ask(&requests)
}

/// The failure as a section of the corpus.
fn smallest_section(style: Style, oracle: &mut Oracle, seed: u64, failing: &Program) -> String {
    let mut verdict_of = |program: &Program| {
        let answers = ask(oracle, std::iter::once(program)).ok()?.pop()?;
        // What CPython cannot run any more is no smaller case of the same fault.
        answers.as_ref().ok()?.iter().all(Result::is_ok).then(|| judge(style, program, &answers, machines(seed)))
    };
    // The same fault, as far as its first words and the exceptions in it tell.
    let fault = |problem: &str| {
        let is_telling = |(place, word): &(usize, &str)| *place < 3 || word.ends_with("Error");
        problem.split([' ', ',']).enumerate().filter(is_telling).map(|(_, word)| word.to_string()).collect::<Vec<_>>()
    };
    let wanted = match verdict_of(failing) {
        Some(Verdict::Differs { problem, .. }) => fault(&problem),
        _ => Vec::new(),
    };
    let still_fails = |verdict| matches!(verdict, Some(Verdict::Differs { problem, .. }) if fault(&problem) == wanted);
    let small = shrink(failing, |program| still_fails(verdict_of(program)));
    let (call, answer, problem) = match verdict_of(&small) {
        Some(Verdict::Differs { call, answer, problem }) => (call, answer, problem),
        _ => (String::new(), String::new(), "CPython cannot run the program".to_string()),
    };
    format!("## Seed {seed}\n\n{problem}\n\n```python\n{}```\n\n```calls\n{call}  # {answer}\n```\n", small.source)
}

fn judge(style: Style, generated: &Program, answers: &BlockAnswers, machines: Machines) -> Verdict {
    let differs = |call: &str, answer: &str, problem: String| Verdict::Differs {
        call: call.to_string(),
        answer: answer.to_string(),
        problem,
    };
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => return differs("", "", format!("the oracle says: {error}")),
    };
    let Some(Ok(first)) = answers.first() else {
        let error = answers.first().and_then(|answer| answer.as_ref().err().cloned());
        return differs("", "", format!("the oracle says: {}", error.unwrap_or_default()));
    };
    let subject = program(&generated.source, first).and_then(|program| {
        let types = argument_types(&[&first.args])?.into_iter().zip(&first.annotated);
        let params = types.map(|(ty, annotated)| (!annotated).then_some(ty)).collect();
        Subject::compile_for(
            &program,
            first.function,
            &Request { params, may_defer: style.may_defer, ..Request::default() },
            machines,
        )
    });
    let subject = match subject {
        Ok(subject) => subject,
        // A diagnostic is an honest answer; an error of verifier or LLVM is not.
        Err(error)
            if error.starts_with("does not compile") && !error.contains("error[internal]")
                || error.starts_with("no type for") =>
        {
            let reason = error.split("error[").nth(1).and_then(|rest| rest.lines().next());
            return Verdict::Refused(reason.unwrap_or(&error).to_string());
        }
        Err(error) => return differs(generated.calls.first().map_or("", String::as_str), &first.repr, error),
    };
    let (mut calls, mut literal_floats) = (0, 0);
    for (call, answer) in generated.calls.iter().zip(answers) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return differs(call, "", format!("the oracle says: {error}")),
        };
        calls += 1;
        match compare(generated, &subject, answer) {
            Ok(literal_float) => literal_floats += u64::from(literal_float),
            Err(problem) => return differs(call, &expectation(answer), problem),
        }
    }
    Verdict::Agrees { calls, literal_floats }
}

/// How the corpus writes the answer.
fn expectation(answer: &Answer) -> String {
    match &answer.outcome {
        Outcome::Raises { class, line } => format!("{class} line {line}"),
        Outcome::Value(_) => answer.repr.clone(),
    }
}

/// Whether a literal became a float on the way to the same answer; or what an engine does otherwise than CPython, be it its
/// answer or what it leaves in the arguments.
fn compare(generated: &Program, subject: &Subject, answer: &Answer) -> Result<bool, String> {
    let mut literal_float = false;
    let captures: Vec<Value> = answer.captures.iter().map(|(_, value)| value.clone()).collect();
    for (engine, ran) in subject.call(&answer.args, &captures) {
        let ran = ran.map_err(|error| format!("{engine}: {error}"))?;
        if refuses(&ran.outcome) && !refuses(&answer.outcome) {
            continue;
        }
        if !ran.outcome.same(&answer.outcome) {
            if !is_other_zero(generated, &answer.outcome, &ran.outcome)
                && !is_literal_that_became_float(&answer.outcome, &ran.outcome)
            {
                return Err(format!("{engine} gives {}, CPython gives {}", ran.outcome, answer.outcome));
            }
            literal_float = true;
        }
        let ours = ran.args_after.iter().chain(&ran.captures_after);
        for (ours, theirs) in ours.zip(answer.args_after.iter().chain(&answer.captures_after)) {
            if !ours.same(theirs) {
                return Err(format!("{engine} leaves {ours} in an argument or a global, CPython leaves {theirs}"));
            }
        }
    }
    Ok(literal_float)
}

/// Whether the call has met what only the run tells and compiled code does not do, such as an array without items.
fn refuses(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Raises { class, .. } if class == "NotImplementedError")
}

/// Difference 3: which of two zeros `min` and `max` of NumPy take depends on the processor.
fn is_other_zero(generated: &Program, theirs: &Outcome, ours: &Outcome) -> bool {
    fn alike(theirs: &Value, ours: &Value) -> bool {
        let both_zero = |a: f64, b: f64| a == 0.0 && b == 0.0;
        match (theirs, ours) {
            (Value::Tuple(a), Value::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
            (Value::Float(a), Value::Float(b)) if both_zero(*a, *b) => true,
            (Value::Np(elem, a), Value::Np(other, b))
                if elem == other && elem.is_float() && both_zero(f64::from_bits(*a), f64::from_bits(*b)) =>
            {
                true
            }
            (a, b) => a.same(b),
        }
    }
    let takes_extremes = [".min(", ".max(", "minimum(", "maximum("].iter().any(|name| generated.source.contains(name));
    takes_extremes && matches!((theirs, ours), (Outcome::Value(a), Outcome::Value(b)) if alike(a, b))
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
