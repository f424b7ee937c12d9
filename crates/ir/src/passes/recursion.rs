//! Small pure functions that call themselves, inlined into themselves. Each level of inlining lays the calls of one level
//! beside those of the next, and where two are equal, `common` merges them: `fib(n - 1) + fib(n - 2)` becomes one body that
//! calls `fib(n - 4)` and `fib(n - 5)`. A C compiler may not do that, for it does not know that a call is pure.
//!
//! After a call is inlined each way out of the inlined body gets its own copy of what follows, so that a call made on that
//! way is seen to be equal to a later one.

use std::collections::HashMap;

use super::inline::{find, inline_call, inst_count, split_for_each_edge};
use super::{blocks, common, dead, fold, ranges};
use crate::cfg;
use crate::introspect::{Facts, holds_reference};
use crate::module::{Func, FuncId, Module, Op, Value};

/// Only functions of up to this many instructions are inlined into themselves.
const SMALL_INSTS: usize = 40;
/// A function does not grow beyond this.
const GROWN_INSTS_MAX: usize = 240;
/// How many levels of calls are inlined.
const LEVELS: u32 = 3;

pub fn run(module: &mut Module) {
    let facts = Facts::new(module);
    for index in 0..module.funcs.len() {
        let id = FuncId(index as u32);
        if is_candidate(module, id, &facts) {
            grow(&mut module.funcs[index], id, &facts);
        }
    }
}

/// Whether merging equal calls is right and there can be some.
fn is_candidate(module: &Module, id: FuncId, facts: &Facts) -> bool {
    let func = module.func(id);
    let self_calls = self_calls(func, id).len();
    let other_recursion = func.blocks.iter().flat_map(|block| &block.insts).any(|inst| match inst.op {
        Op::Call(callee) => callee != id && facts.is_recursive(callee),
        _ => false,
    });
    self_calls >= 2
        && !other_recursion
        && facts.is_pure(id)
        && facts.memory_is_still(func)
        && !facts.has_loops(id)
        && !holds_reference(&func.result)
        && func.blocks.iter().all(|block| block.handler.is_none())
        && inst_count(func) <= SMALL_INSTS
}

/// The results of the calls of the function itself, in the order they are reached.
fn self_calls(func: &Func, id: FuncId) -> Vec<Value> {
    let insts = cfg::reverse_postorder(func).into_iter().flat_map(|block| &func.block(block).insts);
    insts.filter(|inst| inst.op == Op::Call(id)).map(|inst| inst.result).collect()
}

fn grow(func: &mut Func, id: FuncId, facts: &Facts) {
    tidy(func, facts);
    let original = func.clone();
    // How many inlined bodies a call is inside of.
    let mut levels: HashMap<Value, u32> = HashMap::new();
    loop {
        let level = |value: &Value| levels.get(value).copied().unwrap_or(0);
        let Some(call) = self_calls(func, id).into_iter().min_by_key(level) else { break };
        let call_level = level(&call);
        if call_level >= LEVELS || inst_count(func) + inst_count(&original) > GROWN_INSTS_MAX {
            break;
        }
        let Some((block, position)) = find(func, call) else { break };
        let inlined = inline_call(func, block, position, &original);
        for new in inlined.values.values() {
            levels.insert(*new, call_level + 1);
        }
        // The inlined body may have joined its ways out before it returned.
        blocks::thread_jumps(func);
        for copy in split_for_each_edge(func, inlined.after, GROWN_INSTS_MAX) {
            for (old, new) in copy {
                let level = levels.get(&old).copied().unwrap_or(0);
                levels.insert(new, level);
            }
        }
        tidy(func, facts);
    }
    dead::run_func(func, facts);
}

/// Brings equal calls together; values keep their numbers.
fn tidy(func: &mut Func, facts: &Facts) {
    fold::run(func);
    common::run(func, facts);
    ranges::decide_comparisons(func);
    fold::run(func);
    blocks::run(func);
    common::run(func, facts);
    dead::sweep(func, facts);
}
