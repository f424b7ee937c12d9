//! Documents that are tests: the pages of docs/errors run like the language corpus; the lists of diagnostics, decisions and
//! differences from CPython are made from what exists. `FUSELINE_BLESS=1` writes them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use testkit::corpus::run_section;
use testkit::markdown::{self, Section};
use testkit::oracle::Oracle;

/// Diagnostics that only live Python objects, the columns of a dataset or our own mistakes lead to: their pages have no
/// example that a file alone could show.
const NOT_FROM_A_FILE: &[&str] = &["internal", "source-not-found", "unknown-field"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages of a folder but its README, each with its sections.
fn pages(folder: &str) -> Vec<(String, String, Vec<Section>)> {
    let pages = markdown::discover(&root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let pages = pages.into_iter().filter(|path| name(path) != "README.md");
    let found: Vec<_> = pages
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let sections = match text.contains("```") {
                true => markdown::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                false => vec![],
            };
            (name(&path), text, sections)
        })
        .collect();
    assert!(!found.is_empty(), "{folder} has no pages");
    found
}

/// Compares a generated document with what is committed, or writes it.
fn compare(path: &str, generated: &str) {
    let file = root().join(path);
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    if committed == generated {
        return;
    }
    if std::env::var_os("FUSELINE_BLESS").is_some() {
        return std::fs::write(&file, generated).unwrap();
    }
    let line = committed.lines().zip(generated.lines()).take_while(|(old, new)| old == new).count() + 1;
    panic!("{path} is out of date from line {line} on: run this test with FUSELINE_BLESS=1");
}

#[test]
fn the_pages_of_the_diagnostics_are_true() {
    let mut oracle = Oracle::start().unwrap();
    let mut failures = vec![];
    for (name, _, sections) in pages("docs/errors") {
        let code = name.trim_end_matches(".md");
        if !NOT_FROM_A_FILE.contains(&code)
            && !sections.iter().any(|section| section.errors.iter().any(|error| error.code == code))
        {
            failures.push(format!("{name}: no section shows `{code}`"));
        }
        for section in sections {
            let (found, blessings) = run_section(&mut oracle, &section);
            failures.extend(found.into_iter().map(|failure| format!("{name}: {failure}")));
            let unstated =
                blessings.iter().map(|blessing| format!("{name}:{}: the answer is {}", blessing.line, blessing.answer));
            failures.extend(unstated);
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn the_list_of_diagnostics_is_complete() {
    let mut text = String::from(
        "# Diagnostics\n\nWhat `fuseline check` and `fl.CompileError` say, by code. Each page has an example that is run as a \
         test.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for (name, page, _) in pages("docs/errors") {
        let code = name.trim_end_matches(".md");
        assert_eq!(page.lines().next(), Some(format!("# `{code}`").as_str()), "{name}");
        // The first sentence of the page is its summary.
        let prose: Vec<&str> = page.lines().skip(2).take_while(|line| !line.is_empty()).collect();
        let summary = prose.join(" ");
        let summary = summary.split_once(". ").map_or(summary.as_str(), |(first, _)| first).trim_end_matches('.');
        text.push_str(&format!("| [`{code}`]({name}) | {summary} |\n"));
    }
    compare("docs/errors/README.md", &text);
}

#[test]
fn the_list_of_decisions_is_complete() {
    let mut text = String::from(
        "# Decisions\n\nOne page of at most 40 lines for each: the question, what was measured, the choice.\n\n\
         | number | decision |\n| --- | --- |\n",
    );
    for (name, page, _) in pages("docs/decisions") {
        let heading = page.lines().next().and_then(|line| line.strip_prefix("# "));
        let (number, title) = heading
            .and_then(|heading| heading.split_once([':', '.', ' ']))
            .unwrap_or_else(|| panic!("{name}: the first line is not `# NNNN: title`"));
        assert!(name.starts_with(number), "{name}: the heading says {number}");
        text.push_str(&format!("| {number} | [{}]({name}) |\n", title.trim()));
    }
    compare("docs/decisions/README.md", &text);
}

#[test]
fn each_difference_from_cpython_lists_its_tests() {
    let path = "docs/differences-from-cpython.md";
    let sections: Vec<(String, Section)> = pages("tests/lang")
        .into_iter()
        .flat_map(|(name, _, sections)| sections.into_iter().map(move |section| (name.clone(), section)))
        .collect();
    let committed = std::fs::read_to_string(root().join(path)).unwrap();
    let (mut text, mut numbers, mut copying) = (String::new(), vec![], true);
    for line in committed.lines() {
        if line == "<!-- end -->" {
            copying = true;
        }
        if copying {
            text.push_str(line);
            text.push('\n');
        }
        if let Some(number) =
            line.strip_prefix("<!-- sections that differ: ").and_then(|rest| rest.strip_suffix(" -->"))
        {
            let number: u32 = number.parse().unwrap();
            numbers.push(number);
            copying = false;
            for (page, section) in sections.iter().filter(|(_, section)| section.differs == Some(number)) {
                text.push_str(&format!("- [tests/lang/{page}](../tests/lang/{page}): {}\n", section.heading));
            }
        }
    }
    let unknown = sections.iter().find(|(_, section)| section.differs.is_some_and(|number| !numbers.contains(&number)));
    assert!(unknown.is_none(), "a section shows a difference that {path} does not have: {unknown:?}");
    compare(path, &text);
}
