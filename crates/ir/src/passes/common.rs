//! Equal values are computed once: an instruction whose operation and arguments are those of one that comes before it on
//! every path gives way to it. Calls of pure functions take part. The earlier one has raised if the later would have.
//! Constants move to the entry block, where they serve everybody.

use std::collections::HashMap;

use super::edit::Substitution;
use crate::cfg::{self, Dominators};
use crate::introspect::Facts;
use crate::module::{Block, BlockId, Const, Func, Op, Target, Term, Value};
use crate::types::Type;

pub fn run(func: &mut Func, facts: &Facts) {
    gather_constants(func);
    merge_equal(func, facts);
}

fn gather_constants(func: &mut Func) {
    let mut same = Substitution::new(func);
    let mut known: HashMap<Const, Value> = HashMap::new();
    let mut gathered = Vec::new();
    for block in &mut func.blocks {
        block.insts.retain(|inst| {
            let Op::Const(value) = &inst.op else { return true };
            match known.get(value) {
                Some(first) => same.replace(inst.result, *first),
                None => {
                    known.insert(value.clone(), inst.result);
                    gathered.push(inst.clone());
                }
            }
            false
        });
    }
    if let Some(entry) = func.blocks.first_mut() {
        if entry.handler.is_some() && !gathered.is_empty() {
            split_entry(func);
        }
        func.blocks[0].insts.splice(0..0, gathered);
    }
    same.apply(func);
}

/// Leaves an entry block with parameters alone, so that what is put into it is defined in handlers too.
fn split_entry(func: &mut Func) {
    let next = BlockId(func.blocks.len() as u32);
    let entry = &mut func.blocks[0];
    let rest = Block {
        params: Vec::new(),
        insts: std::mem::take(&mut entry.insts),
        term: std::mem::replace(&mut entry.term, Term::Jump(Target { block: next, args: Vec::new() })),
        handler: entry.handler.take(),
        term_span: entry.term_span,
    };
    func.blocks.push(rest);
}

/// What equal instructions share. Those with one key are kept in the order they are met; a block comes after those that
/// dominate it.
type Key = (Op, Vec<Value>, Type);

fn merge_equal(func: &mut Func, facts: &Facts) {
    let memory_is_still = facts.memory_is_still(func);
    let dominators = Dominators::new(func);
    let mut same = Substitution::new(func);
    let mut known: HashMap<Key, Vec<(BlockId, Value)>> = HashMap::new();
    for id in cfg::reverse_postorder(func) {
        let mut insts = std::mem::take(&mut func.blocks[id.index()].insts);
        insts.retain_mut(|inst| {
            inst.args.iter_mut().for_each(|arg| *arg = same.resolve(*arg));
            let ty = func.type_of(inst.result);
            if !facts.is_repeatable(&inst.op, ty, memory_is_still) {
                return true;
            }
            let key = (inst.op.clone(), inst.args.clone(), ty.clone());
            let earlier = known.entry(key).or_default();
            let found = earlier.iter().find(|(above, _)| *above == id || dominators.end_dominates(*above, id));
            match found {
                Some((_, value)) => {
                    same.replace(inst.result, *value);
                    false
                }
                None => {
                    earlier.push((id, inst.result));
                    true
                }
            }
        });
        func.blocks[id.index()].insts = insts;
    }
    same.apply(func);
}
