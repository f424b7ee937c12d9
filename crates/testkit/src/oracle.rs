//! CPython as the oracle: one long-lived process of `oracle.py`, asked in batches. Owns the line protocol; what the
//! answers mean is `value`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use crate::value::{Outcome, Value};

/// The environment variable that names the interpreter; `python3` when it is not set.
pub const PYTHON_VARIABLE: &str = "FUSELINE_PYTHON";

/// A running CPython.
pub struct Oracle {
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

/// A block of Python and the calls to make of it.
pub struct Request<'a> {
    pub source: &'a str,
    /// Each call with the answer that the page states for fuseline, to be evaluated.
    pub calls: Vec<(&'a str, Option<&'a str>)>,
    /// Hold integers to 64 bits and raise `OverflowError` outside, as the contract says.
    pub checked: bool,
}

/// CPython's answer to one call.
#[derive(Clone, Debug)]
pub struct Answer {
    pub program: Json,
    pub function: usize,
    /// For each parameter of the function, whether it has an annotation.
    pub annotated: Vec<bool>,
    pub captures: Vec<(String, Value)>,
    pub args: Vec<Value>,
    pub outcome: Outcome,
    pub repr: String,
    pub args_after: Vec<Value>,
    pub captures_after: Vec<Value>,
    pub expected: Option<Outcome>,
}

/// The answers to a block's calls, one each; or why the block cannot be run.
pub type BlockAnswers = Result<Vec<Result<Answer, String>>, String>;

impl Oracle {
    /// Starts the interpreter.
    pub fn start() -> Result<Oracle, String> {
        let python = std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".to_string());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle.py");
        let mut process = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start `{python}`: {error}"))?;
        let (Some(requests), Some(replies)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("`{python}` has no standard input and output"));
        };
        Ok(Oracle { process, requests, replies: BufReader::new(replies) })
    }

    /// Asks all at once: one round trip. The reply has one entry a request, each with one entry a call.
    pub fn ask(&mut self, requests: &[Request<'_>]) -> Result<Vec<BlockAnswers>, String> {
        let requests: Vec<Json> = requests.iter().map(request_json).collect();
        let line = json!({ "requests": requests }).to_string();
        writeln!(self.requests, "{line}").map_err(|error| format!("the oracle does not listen: {error}"))?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply).map_err(|error| format!("the oracle does not answer: {error}"))?;
        if reply.is_empty() {
            return Err("the oracle ended: see its standard error".to_string());
        }
        let reply: Json = serde_json::from_str(&reply).map_err(|error| format!("the oracle's reply: {error}"))?;
        let entries = reply.as_array().ok_or("the oracle's reply is not a list")?;
        Ok(entries.iter().map(block_answers).collect())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Best effort: the process ends by itself when its input closes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn request_json(request: &Request<'_>) -> Json {
    let calls: Vec<Json> =
        request.calls.iter().map(|(call, expected)| json!({ "call": call, "expected": expected })).collect();
    json!({ "source": request.source, "calls": calls, "checked": request.checked })
}

fn block_answers(entry: &Json) -> BlockAnswers {
    if let Some(error) = entry.get("error").and_then(Json::as_str) {
        return Err(error.to_string());
    }
    let calls = entry.get("calls").and_then(Json::as_array).ok_or("the oracle's entry has no calls")?;
    Ok(calls.iter().map(call_answer).collect())
}

fn call_answer(entry: &Json) -> Result<Answer, String> {
    if let Some(error) = entry.get("error").and_then(Json::as_str) {
        return Err(error.to_string());
    }
    let field = |name: &str| entry.get(name).ok_or_else(|| format!("the oracle's answer has no `{name}`"));
    let mut captures = Vec::new();
    for pair in field("captures")?.as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (pair.get(0).and_then(Json::as_str), pair.get(1)) else {
            return Err(format!("not a capture: {pair}"));
        };
        captures.push((name.to_string(), Value::from_json(value)?));
    }
    let after = field("after")?;
    Ok(Answer {
        program: field("functions")?.clone(),
        function: field("function")?.as_u64().unwrap_or(0) as usize,
        annotated: field("annotated")?.as_array().into_iter().flatten().filter_map(Json::as_bool).collect(),
        captures,
        args: read_list(field("args")?)?,
        outcome: Outcome::from_json(field("outcome")?)?,
        repr: field("repr")?.as_str().unwrap_or_default().to_string(),
        args_after: read_list(after.get("args").unwrap_or(&Json::Null))?,
        captures_after: read_list(after.get("captures").unwrap_or(&Json::Null))?,
        expected: entry.get("expected").map(Outcome::from_json).transpose()?,
    })
}

fn read_list(json: &Json) -> Result<Vec<Value>, String> {
    json.as_array().into_iter().flatten().map(Value::from_json).collect()
}
