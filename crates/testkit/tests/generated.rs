//! Generated programs with fixed seeds: interpreter == machine code == CPython. `FUSELINE_PROGRAMS` sets how many,
//! `FUSELINE_SEED` the first; `scripts/fuzz` runs without end.

use testkit::fuzz;

const PROGRAMS: u64 = 2_000;
const FAILURES_SHOWN: usize = 10;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or(default))
}

#[test]
fn generated_programs_give_the_answers_of_cpython() {
    let (first, count) = (number("FUSELINE_SEED", 0), number("FUSELINE_PROGRAMS", PROGRAMS));
    let report = fuzz::run(first..first + count, FAILURES_SHOWN).expect("the oracle answers");
    println!("{} programs, {} calls, {} refused", report.programs, report.calls, report.refused.len());
    for refused in report.refused.iter().take(FAILURES_SHOWN) {
        println!("refused: {refused}");
    }
    for failure in &report.failures {
        println!("\n{failure}");
    }
    assert!(report.failures.is_empty(), "{} of {} programs differ", report.failures.len(), report.programs);
    // Nearly every int is computed, not a literal.
    assert!(report.literal_floats * 200 <= report.calls, "{} ints became floats", report.literal_floats);
    // Refusals are honest, but a generator whose programs are refused tests nothing.
    let refused = report.refused.len() as u64;
    assert!(refused * 20 <= report.programs, "{refused} of {} programs were refused", report.programs);
}
