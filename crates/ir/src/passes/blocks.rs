//! Fewer blocks: a jump to a block that does nothing goes where that leads, and a block that only one jump leads to becomes
//! part of the one that jumps.

use super::edit::{Substitution, constants, edge_counts, targets_mut, used_elsewhere};
use crate::cfg;
use crate::module::{Block, BlockId, Const, Func, Target, Term, Value};

/// How many empty blocks one jump is led through.
const STEPS_MAX: usize = 64;

pub fn run(func: &mut Func) {
    thread_jumps(func);
    merge_blocks(func);
}

/// Redirects jumps to blocks without instructions. Such a block may choose by a parameter that the jump gives a constant.
pub fn thread_jumps(func: &mut Func) {
    let constants = constants(func);
    let elsewhere = used_elsewhere(func);
    let snapshot: Vec<Block> = func.blocks.clone();
    let through = |target: &Target| -> Option<Target> {
        let block = snapshot.get(target.block.index())?;
        if !block.insts.is_empty() || block.params.iter().any(|param| elsewhere[param.index()]) {
            return None;
        }
        let given = |value: Value| match block.params.iter().position(|param| *param == value) {
            Some(position) => target.args.get(position).copied().unwrap_or(value),
            None => value,
        };
        let next = match &block.term {
            Term::Jump(next) => next,
            Term::Branch { cond, then, otherwise } => match constants.get(given(*cond).index())? {
                Some(Const::Bool(true)) => then,
                Some(Const::Bool(false)) => otherwise,
                _ => return None,
            },
            Term::Return(_) | Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => return None,
        };
        Some(Target { block: next.block, args: next.args.iter().map(|arg| given(*arg)).collect() })
    };
    for block in &mut func.blocks {
        for target in targets_mut(&mut block.term) {
            // Empty blocks can form a ring, so the number of steps is bounded.
            for _ in 0..STEPS_MAX {
                match through(target) {
                    Some(next) => *target = next,
                    None => break,
                }
            }
        }
        if let Term::Branch { then, otherwise, .. } = &block.term
            && then == otherwise
        {
            block.term = Term::Jump(then.clone());
        }
    }
}

/// Joins each block with the one it jumps to, where nothing else leads there and their handlers agree.
fn merge_blocks(func: &mut Func) {
    let mut same = Substitution::new(func);
    let edges = edge_counts(func);
    let mut handles = vec![false; func.blocks.len()];
    for handler in func.blocks.iter().filter_map(|block| block.handler.as_ref()) {
        handles[handler.block.index()] = true;
    }
    // Blocks that are not reached can form a ring, where each would become part of itself.
    for index in cfg::reverse_postorder(func).into_iter().map(BlockId::index) {
        while let Term::Jump(target) = &func.blocks[index].term {
            let next = target.block.index();
            if next == index || next == 0 || edges[next] != 1 || handles[next] {
                break;
            }
            let Some(handler) = common_handler(&func.blocks[index], &func.blocks[next]) else { break };
            let args = target.args.clone();
            let taken = std::mem::replace(&mut func.blocks[next], emptied());
            for (param, arg) in taken.params.iter().zip(args) {
                same.replace(*param, arg);
            }
            let block = &mut func.blocks[index];
            block.insts.extend(taken.insts);
            block.term = taken.term;
            block.term_span = taken.term_span;
            block.handler = handler;
        }
    }
    same.apply(func);
}

/// What is left of a block that became part of another; nothing leads to it.
fn emptied() -> Block {
    Block { params: vec![], insts: vec![], term: Term::Unreachable, handler: None, term_span: Default::default() }
}

/// The handler that serves both blocks, if one does: both have it, or the second has none and cannot raise, or the first
/// has none and does nothing. (What the first computes would no longer be defined in the second's handler.)
fn common_handler(first: &Block, second: &Block) -> Option<Option<Target>> {
    if first.handler == second.handler {
        return Some(first.handler.clone());
    }
    let second_raises = matches!(second.term, Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable)
        || second.insts.iter().any(|inst| inst.op.can_raise());
    if second.handler.is_none() && !second_raises {
        return Some(first.handler.clone());
    }
    // What the second's handler is given must be defined before the first begins, so not as a parameter of the second.
    let given_early = second.handler.iter().all(|handler| !handler.args.iter().any(|arg| second.params.contains(arg)));
    (first.handler.is_none() && first.insts.is_empty() && given_early).then(|| second.handler.clone())
}
