//! Runs the sections of a language corpus: CPython, interpreter and machine code must agree on every call, and the
//! diagnostics must be those asserted. Owns the judgement; the page's grammar is `markdown`.

use std::collections::BTreeMap;

use frontend::Request;
use frontend::diagnostic::Diagnostic;
use frontend::file_program::file_program;
use frontend::render::position;
use ir::{RecordKind, Type};

use crate::compile::Subject;
use crate::jit::Ran;
use crate::markdown::{CallLine, Section};
use crate::oracle::{Answer, Oracle, Request as Question};
use crate::program::{argument_types, program, source_file};
use crate::value::{Outcome, Value};

/// CPython's answer to a call as a page states it, for pages that do not state it yet.
pub struct Blessing {
    pub line: usize,
    pub answer: String,
}

/// Runs a section and returns its failures, each a text that stands alone.
pub fn run_section(oracle: &mut Oracle, section: &Section) -> (Vec<String>, Vec<Blessing>) {
    let mut failures = Vec::new();
    let mut blessings = Vec::new();
    if !section.errors.is_empty() {
        check_diagnostics(section, &mut failures);
    }
    if !section.calls.is_empty() {
        match ask(oracle, section) {
            Ok(answers) => run_calls(section, &answers, &mut failures, &mut blessings),
            Err(error) => failures.push(error),
        }
    }
    (failures, blessings)
}

fn ask(oracle: &mut Oracle, section: &Section) -> Result<Vec<Result<Answer, String>>, String> {
    let calls = section.calls.iter().map(|call| (call.call.as_str(), call.fuseline.as_deref())).collect();
    let mut replies = oracle.ask(&[Question { source: &section.source, calls, checked: false }])?;
    replies.pop().unwrap_or_else(|| Err("the oracle gave no answer".to_string()))
}

fn run_calls(
    section: &Section,
    answers: &[Result<Answer, String>],
    failures: &mut Vec<String>,
    blessings: &mut Vec<Blessing>,
) {
    let mut subjects: BTreeMap<String, Result<Subject, String>> = BTreeMap::new();
    let types = types_of_functions(answers);
    for (call, answer) in section.calls.iter().zip(answers) {
        let complain = |what: String| format!("line {}: `{}`: {what}", call.line, call.call);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                failures.push(complain(format!("the oracle says: {error}")));
                continue;
            }
        };
        if let Some(what) = check_stated(call, answer, blessings) {
            failures.push(complain(what));
        }
        let mut compiled = |params: Vec<Option<Type>>| -> Result<Vec<String>, String> {
            // A function that returns a dict is one that is given to `map`.
            let row_result = matches!(answer.outcome, Outcome::Value(Value::Record(RecordKind::Dict, ..)));
            let key = format!("{} {params:?} {row_result} {:?}", function_name(answer), answer.captures);
            let request = Request { params, row_result, ..Request::default() };
            let subject = subjects
                .entry(key)
                .or_insert_with(|| Subject::compile(&program(&section.source, answer)?, answer.function, &request));
            match subject {
                Ok(subject) => Ok(judge(subject, call, answer)),
                Err(error) => Err(error.clone()),
            }
        };
        let outcome = param_types(answer, &types).and_then(&mut compiled).or_else(|error| {
            // What an annotation that is no type of ours leaves open the arguments tell, as in the Python package.
            if !error.contains("error[unsupported-annotation]") {
                return Err(error);
            }
            compiled(argument_types(&[&answer.args])?.into_iter().map(Some).collect())
        });
        match outcome {
            Ok(found) => failures.extend(found.into_iter().map(complain)),
            Err(error) => failures.push(complain(error)),
        }
    }
}

fn function_name(answer: &Answer) -> String {
    answer
        .program
        .get(answer.function)
        .and_then(|function| function.get("name"))
        .map_or_else(String::new, |name| name.to_string())
}

type CallsOfFunctions<'a> = BTreeMap<String, Vec<&'a [Value]>>;

fn types_of_functions(answers: &[Result<Answer, String>]) -> CallsOfFunctions<'_> {
    let mut calls: CallsOfFunctions<'_> = BTreeMap::new();
    for answer in answers.iter().flatten() {
        calls.entry(function_name(answer)).or_default().push(&answer.args);
    }
    calls
}

/// The types to compile a call for: an annotated parameter takes its annotation.
fn param_types(answer: &Answer, calls: &CallsOfFunctions<'_>) -> Result<Vec<Option<Type>>, String> {
    let mut own: Vec<&[Value]> = vec![&answer.args];
    own.extend(calls.get(&function_name(answer)).into_iter().flatten());
    let types = argument_types(&own)?;
    Ok(types.into_iter().zip(&answer.annotated).map(|(ty, annotated)| (!annotated).then_some(ty)).collect())
}

fn check_stated(call: &CallLine, answer: &Answer, blessings: &mut Vec<Blessing>) -> Option<String> {
    let shown = match &answer.outcome {
        Outcome::Raises { .. } => answer.outcome.to_string(),
        Outcome::Value(_) => answer.repr.clone(),
    };
    match call.stated.as_deref() {
        None | Some("") => {
            blessings.push(Blessing { line: call.line, answer: shown });
            None
        }
        Some(stated) if stated == shown || shown.starts_with(&format!("{stated} line ")) => None,
        Some(stated) => Some(format!("the page says `{stated}`, CPython says `{shown}`")),
    }
}

/// Compares every engine's answer with CPython's, or with the one stated where the two are meant to differ.
fn judge(subject: &Subject, call: &CallLine, answer: &Answer) -> Vec<String> {
    let expected = answer.expected.as_ref().unwrap_or(&answer.outcome);
    let captures: Vec<Value> = answer.captures.iter().map(|(_, value)| value.clone()).collect();
    let mut failures = Vec::new();
    for (engine, ran) in subject.call(&answer.args, &captures) {
        match ran {
            Err(error) => failures.push(format!("{engine}: {error}")),
            Ok(ran) if !ran.outcome.same(expected) => {
                let whose = if call.fuseline.is_some() { "the page" } else { "CPython" };
                failures.push(format!("{engine} gives {}, {whose} gives {expected}", ran.outcome));
            }
            Ok(ran) if call.fuseline.is_none() => failures.extend(check_stores(engine, &ran, answer)),
            Ok(_) => {}
        }
    }
    failures
}

fn check_stores(engine: &str, ran: &Ran, answer: &Answer) -> Option<String> {
    let pairs =
        [("argument", &ran.args_after, &answer.args_after), ("capture", &ran.captures_after, &answer.captures_after)];
    for (what, ours, theirs) in pairs {
        for (position, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            if !ours.same(theirs) {
                return Some(format!("{engine} leaves {what} {position} as {ours}, CPython as {theirs}"));
            }
        }
    }
    None
}

/// Compiles every function of the block whose parameters have types: each diagnostic must be asserted, each assertion met.
fn check_diagnostics(section: &Section, failures: &mut Vec<String>) {
    let file = source_file(&section.source);
    let found = diagnostics_of(&section.source);
    let mut unmet: Vec<_> = section.errors.iter().collect();
    for diagnostic in &found {
        let line = position(&file, diagnostic.place.start).line as usize;
        let met = unmet.iter().position(|assertion| {
            assertion.line == line
                && assertion.code == diagnostic.code
                && diagnostic.message.contains(assertion.part.as_str())
        });
        match met {
            Some(index) => {
                unmet.remove(index);
            }
            None => failures.push(format!(
                "line {}: not asserted: error[{}]: {}",
                section.source_line + line,
                diagnostic.code,
                diagnostic.message
            )),
        }
    }
    for assertion in unmet {
        failures.push(format!(
            "line {}: asserted but not found: error[{}]: {}",
            section.source_line + assertion.line,
            assertion.code,
            assertion.part
        ));
    }
}

fn diagnostics_of(source: &str) -> Vec<Diagnostic> {
    let file = file_program(source_file(source));
    let mut found = file.diagnostics;
    for (index, function) in file.functions.iter().enumerate() {
        found.extend(function.diagnostics.iter().cloned());
        if function.has_types() {
            found.extend(frontend::compile(&file.program, index, &function.request()).diagnostics);
        }
    }
    let mut unique: Vec<Diagnostic> = Vec::new();
    for diagnostic in found {
        if !unique.contains(&diagnostic) {
            unique.push(diagnostic);
        }
    }
    unique
}
