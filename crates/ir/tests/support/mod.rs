//! What several tests of this crate share.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

mod everything;
mod generator;
mod values;

pub use everything::everything;
pub use generator::{arguments, module};
pub use values::read_values;

/// A small generator of numbers: the tests need the same ones on every run, not good ones.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The cases of the corpus: name, stage, input, expected.
pub fn corpus_cases() -> Vec<[String; 4]> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for case in text.split("\n== ").skip(1) {
            let (head, expected) = case.split_once("----\n").unwrap_or((case, ""));
            let mut parts = head.splitn(3, '\n');
            let mut part = || parts.next().unwrap_or_default().to_string();
            cases.push([part(), part(), part(), expected.trim_end().to_string()]);
        }
    }
    cases
}

/// The modules of the corpus that verify, by name of their case.
pub fn corpus_modules() -> Vec<(String, ir::Module)> {
    let modules = corpus_cases().into_iter().filter_map(|[name, _, input, _]| {
        let module = ir::text::parse(&input).ok().filter(|module| ir::verify(module).is_ok())?;
        Some((name, module))
    });
    modules.collect()
}

/// The modules that the corpus runs, with the lines of their calls.
pub fn corpus_runs() -> Vec<(String, ir::Module, Vec<String>)> {
    let runs = corpus_cases().into_iter().filter(|[_, stage, _, _]| stage == "run").filter_map(|case| {
        let [name, _, input, expected] = case;
        Some((name, ir::text::parse(&input).ok()?, expected.lines().map(str::to_string).collect()))
    });
    runs.collect()
}
