//! Passes: verified modules to verified modules that mean the same and do less. Each pass is one file and one row of
//! [`ALL`]; [`optimize`] runs them in the order that pays. What LLVM does as well is done here only where the IR knows
//! more (purity of calls, exact integers) or where it makes the rest smaller.

mod blocks;
mod common;
mod dead;
mod edit;
mod fold;
pub mod generator;
mod inline;
mod ranges;
mod recursion;

use crate::introspect::Facts;
use crate::module::{Func, Module};
use crate::verify::{VerifyError, verify};

/// A pass with its name.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub name: &'static str,
    run: fn(&mut Module),
}

/// Every pass.
pub const ALL: &[Pass] = &[
    // Unreachable blocks, unused values, parameters and functions.
    Pass { name: "dead", run: dead::run },
    // Constants and algebra.
    Pass { name: "fold", run: |module| each(module, |func, _| fold::run(func)) },
    // Merging and threading of blocks.
    Pass { name: "blocks", run: |module| each(module, |func, _| blocks::run(func)) },
    // Equal values are computed once.
    Pass { name: "common", run: |module| each(module, common::run) },
    // Comparisons that the ranges of ints decide.
    Pass { name: "ranges", run: |module| each(module, |func, _| ranges::decide_comparisons(func)) },
    // Overflow checks that the ranges of ints make needless.
    Pass { name: "overflow", run: |module| each(module, |func, _| ranges::drop_overflow_checks(func)) },
    // Small functions into their callers.
    Pass { name: "inline", run: inline::run },
    // Small pure functions into themselves.
    Pass { name: "recursion", run: recursion::run },
];

/// The passes in the order of [`optimize`].
const ORDER: &[&str] = &[
    "fold",
    "blocks",
    "dead",
    "inline",
    "common",
    "fold",
    "ranges",
    "blocks",
    "dead",
    "recursion",
    "common",
    "fold",
    "ranges",
    "blocks",
    "overflow",
    "dead",
];

impl Pass {
    /// The pass with this name.
    pub fn from_name(name: &str) -> Option<Pass> {
        ALL.iter().copied().find(|pass| pass.name == name)
    }

    /// Runs the pass over a verified module.
    pub fn run(self, module: &mut Module) {
        (self.run)(module);
    }
}

/// Runs every pass over a verified module.
pub fn optimize(module: &mut Module) {
    for pass in ORDER.iter().filter_map(|name| Pass::from_name(name)) {
        pass.run(module);
    }
}

/// As [`optimize`], but verifies before and after each pass; the error names the pass that broke the module.
pub fn optimize_checked(module: &mut Module) -> Result<(), (&'static str, Vec<VerifyError>)> {
    verify(module).map_err(|errors| ("before", errors))?;
    for pass in ORDER.iter().filter_map(|name| Pass::from_name(name)) {
        pass.run(module);
        verify(module).map_err(|errors| (pass.name, errors))?;
    }
    Ok(())
}

/// Runs a pass over every function. What it does must leave the facts true.
fn each(module: &mut Module, mut pass: impl FnMut(&mut Func, &Facts)) {
    let facts = Facts::new(module);
    for func in &mut module.funcs {
        pass(func, &facts);
    }
}
