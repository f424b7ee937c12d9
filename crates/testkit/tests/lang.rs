//! The language corpus: every section of `tests/lang/*.md` is a test. `FUSELINE_BLESS=1` writes CPython's answer behind
//! the calls that do not state one. Arguments filter by `page: heading`.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testkit::corpus::{Blessing, run_section};
use testkit::markdown;
use testkit::oracle::Oracle;

/// A section that takes longer has a loop that never ends.
const SECTION_SECONDS_MAX: u64 = 120;

static CURRENT: Mutex<String> = Mutex::new(String::new());
static STARTED: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/lang");
    let pages = markdown::discover(&folder).expect("tests/lang is a folder");
    let mut oracle = Oracle::start().expect("CPython starts");
    watch();
    let mut tally = Tally::default();
    for page in pages {
        run_page(&page, &filters, &mut oracle, &mut tally);
    }
    tally.report()
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failures: Vec<(String, Vec<String>)>,
    skipped: usize,
}

impl Tally {
    fn report(&self) -> ExitCode {
        for (name, failures) in &self.failures {
            println!("\n---- {name}");
            for failure in failures {
                println!("{failure}");
            }
        }
        let verdict = if self.failures.is_empty() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {verdict}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out",
            self.passed,
            self.failures.len(),
            self.skipped
        );
        // A corpus without a section is a corpus that was not found.
        if self.failures.is_empty() && self.passed + self.skipped > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn run_page(page: &PathBuf, filters: &[String], oracle: &mut Oracle, tally: &mut Tally) {
    let name = page.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(page).expect("the page is text");
    let sections = match markdown::parse(&text) {
        Ok(sections) => sections,
        Err(error) => {
            println!("test {name} ... FAILED");
            return tally.failures.push((name, vec![error]));
        }
    };
    let mut blessings = Vec::new();
    for section in &sections {
        let title = format!("{name}: {}", section.heading);
        if !filters.is_empty() && !filters.iter().any(|filter| title.contains(filter.as_str())) {
            tally.skipped += 1;
            continue;
        }
        print!("test {title} ... ");
        // What is on the screen when the process dies names the culprit.
        std::io::stdout().flush().expect("standard output is open");
        begin(&title);
        let (failures, blessed) = run_section(oracle, section);
        STARTED.store(0, Ordering::SeqCst);
        blessings.extend(blessed);
        println!("{}", if failures.is_empty() { "ok" } else { "FAILED" });
        if failures.is_empty() {
            tally.passed += 1;
        } else {
            tally.failures.push((format!("{title} (line {})", section.line), failures));
        }
    }
    if std::env::var_os("FUSELINE_BLESS").is_some() && !blessings.is_empty() {
        std::fs::write(page, bless(&text, &blessings)).expect("the page can be written");
    }
}

fn bless(text: &str, blessings: &[Blessing]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    for Blessing { line, answer } in blessings {
        let Some(line) = lines.get_mut(line - 1) else { continue };
        *line = match line.rsplit_once("  # ") {
            Some((call, rest)) => format!("{call}  # {answer}{rest}"),
            None => format!("{line}  # {answer}"),
        };
    }
    lines.join("\n") + "\n"
}

fn seconds_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn begin(title: &str) {
    *CURRENT.lock().expect("nobody panics while holding it") = title.to_string();
    STARTED.store(seconds_now(), Ordering::SeqCst);
}

/// Ends the process when a section hangs: there is no way to stop machine code that does not look at its cancel flag.
fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let started = STARTED.load(Ordering::SeqCst);
            if started != 0 && seconds_now().saturating_sub(started) > SECTION_SECONDS_MAX * testkit::patience() {
                println!("\nhangs: {}", CURRENT.lock().expect("nobody panics while holding it"));
                std::process::exit(1);
            }
        }
    });
}
