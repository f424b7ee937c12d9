//! Removes what nothing needs: blocks that are not reached, handlers of blocks that cannot raise, values that are not
//! used, block parameters that always get the same argument, functions that are not called. An instruction that may
//! raise, write memory or run forever is needed.

use super::edit::{Substitution, keep_blocks, renumber_values, targets_mut};
use crate::cfg;
use crate::introspect::Facts;
use crate::module::{Block, Func, FuncId, Inst, Module, Op, Target, Term, Value};

pub fn run(module: &mut Module) {
    super::each(module, run_func);
    remove_functions(module);
}

/// Cleans one function and numbers its values anew.
pub fn run_func(func: &mut Func, facts: &Facts) {
    sweep(func, facts);
    renumber_values(func);
}

/// Cleans one function; values keep their numbers.
pub fn sweep(func: &mut Func, facts: &Facts) {
    for block in &mut func.blocks {
        if block.handler.is_some() && !can_raise(block, facts) {
            block.handler = None;
        }
    }
    let mut reachable = vec![false; func.blocks.len()];
    cfg::reverse_postorder(func).iter().for_each(|block| reachable[block.index()] = true);
    keep_blocks(func, &reachable);
    merge_parameters(func);
    remove_values(func, facts);
}

/// Whether control can go from the block to its handler.
fn can_raise(block: &Block, facts: &Facts) -> bool {
    let term_raises = matches!(block.term, Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable);
    term_raises || block.insts.iter().any(|inst| inst_can_raise(inst, facts))
}

pub fn inst_can_raise(inst: &Inst, facts: &Facts) -> bool {
    match &inst.op {
        Op::Call(callee) => facts.can_raise(*callee) || facts.is_recursive(*callee),
        op => op.can_raise(),
    }
}

/// Whether the instruction does more than give a value.
fn has_effect(inst: &Inst, facts: &Facts) -> bool {
    let by_itself = match &inst.op {
        Op::Call(callee) => !facts.is_pure(*callee) || !facts.func(*callee).terminates,
        op => op.writes_memory(),
    };
    by_itself || inst_can_raise(inst, facts)
}

/// The arguments that each block's parameters get, a list per edge; `None` stands for the exception.
fn incoming(func: &Func) -> Vec<Vec<Vec<Option<Value>>>> {
    let mut incoming = vec![Vec::new(); func.blocks.len()];
    let args = |target: &Target| target.args.iter().copied().map(Some).collect::<Vec<_>>();
    for block in &func.blocks {
        for target in block.term.targets() {
            incoming[target.block.index()].push(args(target));
        }
        if let Some(handler) = &block.handler {
            let all = std::iter::once(None).chain(args(handler)).collect();
            incoming[handler.block.index()].push(all);
        }
    }
    incoming
}

/// How often the parameters are gone through; a chain of loops inside loops is seldom deeper.
const MERGE_ROUNDS_MAX: usize = 16;

/// A parameter that gets one value on every edge (or itself, around a loop) is that value.
fn merge_parameters(func: &mut Func) {
    let incoming = incoming(func);
    let mut same = Substitution::new(func);
    for _ in 0..MERGE_ROUNDS_MAX {
        let mut changed = false;
        for (block, edges) in func.blocks.iter().zip(&incoming).skip(1) {
            for (position, param) in block.params.iter().enumerate() {
                if same.resolve(*param) != *param {
                    continue;
                }
                let given = edges.iter().map(|edge| edge.get(position).copied().flatten().map(|arg| same.resolve(arg)));
                let mut others: Vec<Option<Value>> = given.filter(|arg| *arg != Some(*param)).collect();
                others.dedup();
                if let [Some(only)] = others.as_slice() {
                    same.replace(*param, *only);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    same.apply(func);
}

/// Removes the instructions and parameters whose values nothing needs.
fn remove_values(func: &mut Func, facts: &Facts) {
    let live = live_values(func, facts);
    let kept: Vec<Vec<bool>> =
        func.blocks.iter().map(|block| block.params.iter().map(|param| live[param.index()]).collect()).collect();
    for block in &mut func.blocks {
        block.insts.retain(|inst| live[inst.result.index()] || has_effect(inst, facts));
        block.params.retain(|param| live[param.index()]);
        for target in targets_mut(&mut block.term) {
            retain_args(&mut target.args, &kept[target.block.index()]);
        }
        if let Some(handler) = &mut block.handler {
            retain_args(&mut handler.args, &kept[handler.block.index()][1..]);
        }
    }
}

fn retain_args(args: &mut Vec<Value>, kept: &[bool]) {
    let mut index = 0;
    args.retain(|_| {
        index += 1;
        kept[index - 1]
    });
}

fn live_values(func: &Func, facts: &Facts) -> Vec<bool> {
    /// Where a value comes from: what it needs.
    enum Source<'a> {
        Inst(&'a Inst),
        Param(usize, usize),
    }
    let incoming = incoming(func);
    let mut sources: Vec<Option<Source<'_>>> = (0..func.values.len()).map(|_| None).collect();
    let mut pending: Vec<Value> = func.params().to_vec();
    for (index, block) in func.blocks.iter().enumerate() {
        for (position, param) in block.params.iter().enumerate() {
            sources[param.index()] = Some(Source::Param(index, position));
        }
        for inst in &block.insts {
            sources[inst.result.index()] = Some(Source::Inst(inst));
            if has_effect(inst, facts) {
                pending.extend(&inst.args);
            }
        }
        pending.extend(match &block.term {
            Term::Branch { cond, .. } => Some(*cond),
            Term::Return(value) | Term::Reraise(value) => Some(*value),
            Term::Raise { message, .. } => *message,
            Term::Jump(_) | Term::Unreachable => None,
        });
        // A handler's first parameter stays whether it is used or not.
        pending.extend(block.handler.iter().filter_map(|handler| func.block(handler.block).params.first()));
    }
    let mut live = vec![false; func.values.len()];
    while let Some(value) = pending.pop() {
        if std::mem::replace(&mut live[value.index()], true) {
            continue;
        }
        match &sources[value.index()] {
            Some(Source::Inst(inst)) => pending.extend(&inst.args),
            Some(Source::Param(block, position)) => {
                pending.extend(incoming[*block].iter().filter_map(|edge| edge.get(*position).copied().flatten()));
            }
            None => {}
        }
    }
    live
}

/// Removes the functions that the entry does not reach. Captures stay: they are the module's interface.
fn remove_functions(module: &mut Module) {
    let mut reached = vec![false; module.funcs.len()];
    let mut pending = vec![module.entry];
    while let Some(id) = pending.pop() {
        if std::mem::replace(&mut reached[id.index()], true) {
            continue;
        }
        let insts = module.func(id).blocks.iter().flat_map(|block| &block.insts);
        pending.extend(insts.filter_map(|inst| if let Op::Call(callee) = inst.op { Some(callee) } else { None }));
    }
    let mut numbers = Vec::new();
    let mut next = 0;
    for reached in &reached {
        numbers.push(FuncId(next));
        next += u32::from(*reached);
    }
    let mut index = 0;
    module.funcs.retain(|_| {
        index += 1;
        reached[index - 1]
    });
    for inst in module.funcs.iter_mut().flat_map(|func| &mut func.blocks).flat_map(|block| &mut block.insts) {
        if let Op::Call(callee) = &mut inst.op {
            *callee = numbers[callee.index()];
        }
    }
    module.entry = numbers[module.entry.index()];
}
