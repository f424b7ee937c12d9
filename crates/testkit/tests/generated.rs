//! Generated programs with fixed seeds: interpreter == machine code == CPython. `FUSELINE_PROGRAMS` sets how many,
//! `FUSELINE_SEED` the first; `scripts/fuzz` runs without end.

use std::collections::BTreeMap;

use testkit::fuzz::{self, Report, Style};
use testkit::{generate, operands};

const PROGRAMS: u64 = 20_000;
const OPERATIONS: u64 = 4_000;
const FAILURES_SHOWN: usize = 10;
const REASONS_SHOWN: usize = 40;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or(default))
}

/// Why programs were refused, often reasons first, each with the seed of the first program.
fn reasons(refused: &[String]) -> Vec<(&str, (usize, &str))> {
    let mut found: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for line in refused {
        let (seed, reason) = line.split_once(": ").unwrap_or(("", line));
        found.entry(reason).or_insert((0, seed)).0 += 1;
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    found
}

/// Runs the programs and shows what was found. At most `refused_max` of a hundred may be refused.
fn run(style: Style, count: u64, refused_max: u64) -> Result<Report, String> {
    let (first, count) = (number("FUSELINE_SEED", 0), number("FUSELINE_PROGRAMS", count));
    let report = fuzz::run(style, first..first + count, FAILURES_SHOWN)?;
    println!("{} programs, {} calls, {} refused", report.programs, report.calls, report.refused.len());
    for (reason, (count, seed)) in reasons(&report.refused).into_iter().take(REASONS_SHOWN) {
        println!("refused {count} times, first {seed}: {reason}");
    }
    for failure in &report.failures {
        println!("\n{failure}");
    }
    assert!(report.failures.is_empty(), "{} of {} programs differ", report.failures.len(), report.programs);
    // Refusals are honest, but a generator whose programs are refused tests nothing.
    let refused = report.refused.len() as u64;
    assert!(refused * 100 <= report.programs * refused_max, "{refused} of {} programs were refused", report.programs);
    Ok(report)
}

#[test]
fn generated_programs_give_the_answers_of_cpython() -> Result<(), String> {
    let report = run(Style { program: generate::program, may_defer: false }, PROGRAMS, 5)?;
    // Nearly every int is computed, not a literal.
    assert!(report.literal_floats * 200 <= report.calls, "{} ints became floats", report.literal_floats);
    Ok(())
}

#[test]
fn operations_on_operands_of_several_types_give_the_answers_of_cpython() -> Result<(), String> {
    run(Style { program: operands::program, may_defer: true }, OPERATIONS, 50).map(drop)
}
