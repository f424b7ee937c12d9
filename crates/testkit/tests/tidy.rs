//! Checks of the project itself: which crate may name which, file headers and lengths, documents that must not go out of
//! date. Owns the lists of what is allowed; compiles nothing and runs nothing of the project.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of ours each crate may name; the reasons are in docs/decisions/0060-crate-edges.md.
const EDGES: &[(&str, &[&str])] = &[
    ("ir", &[]),
    ("runtime", &[]),
    ("bson-arrow", &[]),
    ("frontend", &["ir"]),
    ("codegen", &["ir", "runtime"]),
    ("engine", &["bson-arrow", "codegen", "ir", "runtime"]),
    ("cluster", &["engine", "ir"]),
    ("cli", &["cluster", "codegen", "engine", "frontend", "ir"]),
    ("python", &["bson-arrow", "cluster", "codegen", "engine", "frontend", "ir", "runtime"]),
    ("testkit", &["codegen", "engine", "frontend", "ir", "runtime"]),
];

/// Crates whose own tests must build without LLVM and DataFusion, so that the inner loop stays short: the table holds
/// for their dev-dependencies too.
const LIGHT: &[&str] = &["ir", "runtime", "bson-arrow", "frontend"];

/// Dependencies that only these crates of ours may name (testkit is free).
const OWNED: &[(&str, &[&str])] = &[
    ("inkwell", &["codegen"]),
    ("llvm-sys", &["codegen"]),
    // Ballista's interface is made of DataFusion's types.
    ("datafusion", &["engine", "cluster"]),
    ("datafusion-proto", &["cluster"]),
    ("mongodb", &["engine"]),
    ("ballista", &["cluster"]),
    ("ballista-core", &["cluster"]),
    ("ballista-executor", &["cluster"]),
    ("ballista-scheduler", &["cluster"]),
    ("pyo3", &["python"]),
    ("numpy", &["python"]),
    ("ruff_python_ast", &["frontend"]),
    ("ruff_python_parser", &["frontend"]),
    ("ruff_source_file", &["frontend"]),
    ("ruff_text_size", &["frontend"]),
];

const FILE_LINES_MAX: usize = 1_000;
/// Files that are longer all the same, with the length they must not grow beyond.
const LONG_FILES: &[(&str, usize)] = &[];

const DECISION_LINES_MAX: usize = 40;

/// Folders that are not ours.
const FOLDERS_SKIPPED: &[&str] = &["target", "dist", "__pycache__", "node_modules"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every text file of the project with its path from the root, sorted.
fn files() -> Vec<(String, String)> {
    let root = root();
    let mut found = vec![];
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
                if !hidden && !FOLDERS_SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name == ".git" {
                // A worktree of git: where it belongs is nobody's business.
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the project's files were not found");
    found
}

fn rust_files() -> Vec<(String, String)> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with all complaints at once.
fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The crates of the workspace as `cargo metadata` tells them: short name, and names of dependencies, each with whether
/// only tests use it.
fn packages() -> BTreeMap<String, Vec<(String, bool)>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let short = |name: &str| String::from(name.strip_prefix("fuseline-").unwrap_or(name));
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let dependencies = dependencies
                .map(|dependency| (short(dependency["name"].as_str().unwrap()), dependency["kind"] == "dev"))
                .collect();
            (short(package["name"].as_str().unwrap()), dependencies)
        })
        .collect()
}

#[test]
fn crates_name_only_what_they_may() {
    let packages = packages();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        EDGES.iter().map(|(name, edges)| (*name, edges.iter().copied().collect())).collect();
    let mut complaints = vec![];
    for (name, dependencies) in &packages {
        let Some(edges) = allowed.get(name.as_str()) else {
            complaints.push(format!("crate `{name}` is not in the table of edges"));
            continue;
        };
        for (dependency, for_tests) in dependencies {
            let free = *for_tests && !LIGHT.contains(&name.as_str());
            if packages.contains_key(dependency) && !edges.contains(dependency.as_str()) && !free {
                complaints.push(format!("`{name}` must not name `{dependency}`"));
            }
            if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| owned == dependency)
                && !owners.contains(&name.as_str())
                && name != "testkit"
            {
                complaints.push(format!("`{name}` must not name `{dependency}`: only {owners:?} may"));
            }
        }
    }
    for name in allowed.keys().filter(|name| !packages.contains_key(**name)) {
        complaints.push(format!("crate `{name}` of the table of edges does not exist"));
    }
    report(complaints);
}

#[test]
fn every_rust_file_says_what_it_owns() {
    let without = rust_files().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    report(
        without.map(|(path, _)| format!("{path}: starts without `//!`: say what it owns and must not know")).collect(),
    );
}

#[test]
fn files_stay_short() {
    let limits: BTreeMap<&str, usize> = LONG_FILES.iter().copied().collect();
    let mut complaints = vec![];
    for (path, text) in rust_files() {
        let (lines, limit) = (text.lines().count(), limits.get(path.as_str()).copied().unwrap_or(FILE_LINES_MAX));
        if lines > limit {
            complaints.push(format!("{path}: {lines} lines, at most {limit}: split it by what its parts own"));
        }
        if limit != FILE_LINES_MAX && lines <= FILE_LINES_MAX {
            complaints.push(format!("{path}: is short now: take it off the list of long files"));
        }
    }
    report(complaints);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Written in two parts, so that this file does not name them either.
    let banned: Vec<String> = [
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("../sha", "red"),
        (".lib", "rary/"),
        ("static.rust-", "lang.org"),
        ("index.crates", ".io"),
        ("files.python", "hosted"),
        ("pypi.", "org"),
        ("deb.", "debian.org"),
    ]
    .iter()
    .map(|(start, end)| format!("{start}{end}"))
    .collect();
    let mut complaints = vec![];
    for (path, text) in files().into_iter().filter(|(path, _)| path != "Cargo.lock") {
        for (number, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                complaints.push(format!("{path}:{}: names `{word}`", number + 1));
            }
        }
    }
    report(complaints);
}

#[test]
fn no_work_is_left_to_do_later() {
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut complaints = vec![];
    for (path, text) in files() {
        let is_code = path.ends_with(".rs") || path.ends_with(".py") || path.starts_with("scripts/");
        for (number, line) in text.lines().enumerate().filter(|_| is_code) {
            if words.iter().any(|word| line.contains(word.as_str())) {
                complaints.push(format!("{path}:{}: do it, or write a decision", number + 1));
            }
        }
    }
    report(complaints);
}

#[test]
fn decisions_are_short_and_numbered() {
    let mut numbers = BTreeSet::new();
    let mut complaints = vec![];
    for (path, text) in files() {
        let Some(name) = path.strip_prefix("docs/decisions/").filter(|name| *name != "README.md") else { continue };
        match name.split_once('-') {
            Some((number, _)) if number.len() == 4 && number.parse::<u16>().is_ok() && name.ends_with(".md") => {
                if !numbers.insert(String::from(number)) {
                    complaints.push(format!("{path}: the number {number} is taken"));
                }
            }
            _ => complaints.push(format!("{path}: is not named `NNNN-title.md`")),
        }
        if text.lines().count() > DECISION_LINES_MAX {
            complaints.push(format!("{path}: longer than {DECISION_LINES_MAX} lines"));
        }
    }
    report(complaints);
}

/// The places inside the project that the links of a Markdown text point to.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#') && !target.contains(' '))
        .map(|target| String::from(target.split('#').next().unwrap_or(target)))
        .collect()
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut complaints = vec![];
    for (path, text) in files().into_iter().filter(|(path, _)| path.ends_with(".md") && !path.starts_with("tests/")) {
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        for target in links(&text).into_iter().filter(|target| !folder.join(target).exists()) {
            complaints.push(format!("{path}: links to `{target}`, which does not exist"));
        }
    }
    report(complaints);
}

#[test]
fn every_diagnostic_has_a_page_and_every_page_a_diagnostic() {
    let used: BTreeSet<String> = rust_files()
        .iter()
        .filter(|(path, _)| path.starts_with("crates/frontend/src/"))
        .flat_map(|(_, text)| codes(text))
        .collect();
    let pages: BTreeSet<String> = files()
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("docs/errors/")?.strip_suffix(".md").map(String::from))
        .filter(|name| name != "README")
        .collect();
    assert!(used.len() > 3, "the diagnostics' codes were not found: {used:?}");
    let without = used.difference(&pages).map(|code| format!("`{code}` has no page docs/errors/{code}.md"));
    let unused = pages.difference(&used).map(|code| format!("docs/errors/{code}.md: nothing says `{code}`"));
    report(without.chain(unused).collect());
}

/// The diagnostic codes in a source file of the frontend: the string literals of small words joined by hyphens.
fn codes(text: &str) -> BTreeSet<String> {
    const OTHERS: &[&str] = &["fuseline-compile"];
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |word: &&str| {
        let words = word.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()));
        words && (word.contains('-') || *word == "internal") && !OTHERS.contains(word)
    };
    code.split('"').filter(is_code).map(String::from).collect()
}

/// The rows of the table of phases in ARCHITECTURE.md, each cut into cells.
fn phase_rows(text: &str) -> Vec<Vec<String>> {
    let start = text.find("| phase |").expect("ARCHITECTURE.md has no table of phases");
    let rows = text[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| String::from(cell.trim())).collect()).collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(String::from).collect()
}

#[test]
fn the_table_of_phases_is_true() {
    let rows = phase_rows(&read("ARCHITECTURE.md"));
    assert!(rows.len() >= 5, "the table of phases has {} rows", rows.len());
    let mut complaints = vec![];
    for row in &rows {
        let [phase, _, entry, command, corpus] = row.as_slice() else {
            complaints.push(format!("a row with {} cells: {row:?}", row.len()));
            continue;
        };
        // `function` in `crates/x/src/y.rs`
        match quoted(entry).as_slice() {
            [function, file] if defines(file, function) => {}
            other => complaints.push(format!("{phase}: {other:?} are not a function and its file")),
        }
        for command in quoted(command).into_iter().filter(|command| !command_exists(command)) {
            complaints.push(format!("{phase}: there is no command `{command}`"));
        }
        for folder in quoted(corpus) {
            if !std::fs::read_dir(root().join(&folder)).is_ok_and(|mut entries| entries.next().is_some()) {
                complaints.push(format!("{phase}: the corpus folder `{folder}` is missing or empty"));
            }
        }
    }
    report(complaints);
}

fn defines(file: &str, function: &str) -> bool {
    let name = function.rsplit("::").next().unwrap_or(function);
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    [format!("fn {name}("), format!("fn {name}<")].iter().any(|definition| text.contains(definition))
}

/// Whether a command of the table exists: one of `fuseline`, a test to be run by cargo, or a method of the Python package.
fn command_exists(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let arguments = read("crates/cli/src/args.rs");
    match words.as_slice() {
        ["fuseline", "compile", _, "--emit", kind] => arguments.contains(&format!("  --emit {kind} ")),
        ["fuseline", name, ..] => arguments.contains(&format!("Some(\"{name}\")")),
        ["cargo", "test", "-p", package, "--test", test] => {
            let name = package.strip_prefix("fuseline-").unwrap_or(package);
            root().join(format!("crates/{name}/tests/{test}.rs")).is_file()
        }
        [method] => method.strip_suffix("()").and_then(|method| method.rsplit('.').next()).is_some_and(|method| {
            let definition = format!("def {method}(");
            files().iter().any(|(path, text)| path.starts_with("python/fuseline/") && text.contains(&definition))
        }),
        _ => false,
    }
}
