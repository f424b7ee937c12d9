//! Regular expressions against CPython: the patterns of `tests/re` and random ones, each on many texts. The random ones are
//! as many as `FUSELINE_PATTERNS` says, from the seed `FUSELINE_NOISE_SEED`.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use runtime::regex::{FULLMATCH, MATCH, SEARCH};
use serde_json::Value as Json;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn ints(json: &Json) -> Vec<i64> {
    json.as_array().map(|items| items.iter().filter_map(Json::as_i64).collect()).unwrap_or_default()
}

/// What differs between our answers for a text and CPython's.
fn differences(program: &str, answer: &Json) -> Vec<String> {
    let text = answer["text"].as_str().expect("a text");
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{what} of {text:?}: ours {ours}, CPython {theirs}"));
        }
    };
    for (index, mode) in [SEARCH, MATCH, FULLMATCH].into_iter().enumerate() {
        let ours = runtime::regex::find(program, text, 0, mode).expect("a match or none");
        compare(
            ["search", "match", "fullmatch"][index],
            format!("{ours:?}"),
            format!("{:?}", ints(&answer["single"][index])),
        );
    }
    let theirs: Vec<i64> = answer["all"].as_array().expect("matches").iter().flat_map(ints).collect();
    let ours = runtime::regex::find_spans(program, text, 0).expect("matches");
    compare("finditer", format!("{ours:?}"), format!("{theirs:?}"));
    let pieces: Vec<&str> = answer["split"].as_array().expect("pieces").iter().filter_map(Json::as_str).collect();
    let ours = runtime::regex::split(program, text, 0).expect("pieces");
    compare("split", format!("{ours:?}"), format!("{pieces:?}"));
    let mut replaced = String::new();
    runtime::regex::substitute(program, "1L<1G01L>", text, 0, &mut replaced).expect("a text");
    compare("sub", replaced, answer["sub"].as_str().expect("a text").to_owned());
    found
}

#[test]
fn patterns_match_what_cpython_matches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var("FUSELINE_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(&python)
        .args(["-X", "utf8"])
        .arg(root.join("patterns.py"))
        .arg(root.join("../../tests/re"))
        .args([setting("FUSELINE_PATTERNS", 3_000), setting("FUSELINE_NOISE_SEED", 7)].map(|n| n.to_string()))
        .output()
        .expect("CPython starts (set FUSELINE_PYTHON)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let (mut failures, mut refused, mut count) = (Vec::new(), 0, 0);
    for line in lines.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        let pattern = case["pattern"].as_str().expect("a pattern");
        count += 1;
        match (frontend::pattern::read(pattern, 0), case["answers"].as_array()) {
            (Ok(read), Some(answers)) => {
                let found: Vec<String> =
                    answers.iter().flat_map(|answer| differences(&read.program, answer)).take(2).collect();
                if !found.is_empty() {
                    failures.push(format!("{pattern:?}\n    {}", found.join("\n    ")));
                }
            }
            // What we refuse that CPython takes says that it cannot be compiled.
            (Err(refusal), Some(_)) if refusal.message.contains("cannot be compiled") => refused += 1,
            (Err(refusal), Some(_)) => failures.push(format!("{pattern:?} is refused: {}", refusal.message)),
            (Ok(_), None) => failures.push(format!("{pattern:?} is taken; CPython says {}", case["error"])),
            (Err(refusal), None) => {
                let theirs = case["error"].as_str().expect("a message");
                if !theirs.starts_with(&refusal.message) {
                    failures.push(format!("{pattern:?}: we say {:?}, CPython {theirs:?}", refusal.message));
                }
            }
        }
    }
    println!("{count} patterns, {refused} refused by us alone");
    if !failures.is_empty() {
        panic!("{} of {count} patterns differ:\n{}", failures.len(), failures[..failures.len().min(25)].join("\n"));
    }
}
