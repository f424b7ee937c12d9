//! What several tests of this crate share.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

mod everything;
mod values;

pub use everything::everything;
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

/// The modules of the corpus that verify, by name of their case.
pub fn corpus_modules() -> Vec<(String, ir::Module)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir");
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for case in text.split("\n== ").skip(1) {
            let mut parts = case.splitn(3, '\n');
            let name = parts.next().unwrap_or_default().to_string();
            let input = parts.nth(1).and_then(|rest| rest.split("----\n").next()).unwrap_or_default();
            if let Some(module) = ir::text::parse(input).ok().filter(|module| ir::verify(module).is_ok()) {
                modules.push((name, module));
            }
        }
    }
    modules
}
