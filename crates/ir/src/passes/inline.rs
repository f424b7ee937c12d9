//! Small functions into their callers. Errors stay what they were: an exception raised in the inlined body keeps its place
//! or, when it has none, gets that of the call, and goes to the handler of the block that called.

use std::collections::HashMap;

use super::edit::{map_uses, new_value, targets_mut};
use crate::cfg::{self, Dominators};
use crate::introspect::{Facts, call_groups};
use crate::module::{Block, BlockId, Func, FuncId, Module, Op, Target, Term, Value};
use crate::types::Type;

/// Functions of up to this many instructions are inlined everywhere.
const SMALL_INSTS: usize = 40;
/// Functions of up to this many are inlined where they are called only once.
const ONCE_INSTS: usize = 400;
/// A caller does not grow beyond this.
const CALLER_INSTS_MAX: usize = 4_000;
/// How many instructions a module gains at most, besides as many as it has. A long chain of calls would multiply.
const MODULE_INSTS_GAINED: usize = 20_000;

pub fn run(module: &mut Module) {
    let facts = Facts::new(module);
    let calls = call_counts(module);
    let mut budget = MODULE_INSTS_GAINED + module.funcs.iter().map(inst_count).sum::<usize>();
    // Callees come first, so what is inlined has had its own calls inlined already.
    for caller in call_groups(module).into_iter().flatten() {
        let mut size = inst_count(module.func(caller));
        if size > CALLER_INSTS_MAX {
            continue;
        }
        let mut func = module.func(caller).clone();
        // Only the calls that are there now: what an inlined body calls was considered before.
        let mut sites: Vec<(Value, FuncId)> = Vec::new();
        for inst in func.blocks.iter().flat_map(|block| &block.insts) {
            if let Op::Call(callee) = inst.op {
                sites.push((inst.result, callee));
            }
        }
        for (result, callee_id) in sites {
            let callee = module.func(callee_id);
            let callee_size = inst_count(callee);
            let limit = if calls[callee_id.index()] == 1 { ONCE_INSTS } else { SMALL_INSTS };
            if facts.is_recursive(callee_id)
                || callee_size > limit
                || size + callee_size > CALLER_INSTS_MAX
                || callee_size > budget
            {
                continue;
            }
            if let Some((block, position)) = find(&func, result) {
                size += callee_size;
                budget -= callee_size;
                inline_call(&mut func, block, position, callee);
            }
        }
        module.funcs[caller.index()] = func;
    }
}

/// How often each function is called; the entry once more, by the world outside.
fn call_counts(module: &Module) -> Vec<usize> {
    let mut counts = vec![0; module.funcs.len()];
    counts[module.entry.index()] += 1;
    for inst in module.funcs.iter().flat_map(|func| &func.blocks).flat_map(|block| &block.insts) {
        if let Op::Call(callee) = inst.op {
            counts[callee.index()] += 1;
        }
    }
    counts
}

pub fn inst_count(func: &Func) -> usize {
    func.blocks.iter().map(|block| block.insts.len() + 1).sum()
}

/// The block and position of the instruction with this result.
pub fn find(func: &Func, result: Value) -> Option<(BlockId, usize)> {
    func.blocks.iter().enumerate().find_map(|(index, block)| {
        let position = block.insts.iter().position(|inst| inst.result == result)?;
        Some((BlockId(index as u32), position))
    })
}

/// What became of a call.
pub struct Inlined {
    /// The block with what came after the call; its parameter is the call's result.
    pub after: BlockId,
    /// The new values, by those of the callee.
    pub values: HashMap<Value, Value>,
}

/// Replaces the call at this position by the callee's blocks.
pub fn inline_call(func: &mut Func, at: BlockId, position: usize, callee: &Func) -> Inlined {
    let block = &mut func.blocks[at.index()];
    let after_insts = block.insts.split_off(position + 1);
    let call = block.insts.pop();
    let (args, result, span) =
        call.map_or((Vec::new(), None, block.term_span), |call| (call.args, Some(call.result), call.span));
    let handler = block.handler.clone();
    let after_term = std::mem::replace(&mut block.term, Term::Unreachable);
    let after_span = std::mem::replace(&mut block.term_span, span);

    let after = BlockId(func.blocks.len() as u32);
    func.blocks.push(Block {
        params: result.into_iter().collect(),
        insts: after_insts,
        term: after_term,
        handler: handler.clone(),
        term_span: after_span,
    });
    let mut values: HashMap<Value, Value> = callee.params().iter().copied().zip(args).collect();
    let mut blocks = callee.blocks.clone();
    if let Some(entry) = blocks.first_mut() {
        entry.params.clear();
    }
    let entry = clone_blocks(func, blocks, &callee.values, &mut values, |block, offset| BlockId(block.0 + offset));
    for block in &mut func.blocks[entry.index()..] {
        if let Term::Return(value) = block.term {
            block.term = Term::Jump(Target { block: after, args: vec![value] });
        }
        if block.handler.is_none() {
            block.handler = handler.clone();
        }
        for place in block.insts.iter_mut().map(|inst| &mut inst.span).chain([&mut block.term_span]) {
            if place.line == 0 {
                *place = span;
            }
        }
    }
    func.blocks[at.index()].term = Term::Jump(Target { block: entry, args: vec![] });
    Inlined { after, values }
}

/// Appends the blocks with new values, of the types that `types` has for the old ones, for what they define; `values` says
/// what stands for the rest and learns the new ones. `place` gives the number of a target from its old one and the number
/// of the first new block, which is returned.
fn clone_blocks(
    func: &mut Func,
    blocks: Vec<Block>,
    types: &[Type],
    values: &mut HashMap<Value, Value>,
    place: impl Fn(BlockId, u32) -> BlockId,
) -> BlockId {
    let offset = func.blocks.len() as u32;
    for value in blocks.iter().flat_map(|block| block.params.iter().chain(block.insts.iter().map(|inst| &inst.result)))
    {
        let new = new_value(func, types[value.index()].clone());
        values.insert(*value, new);
    }
    let new = |value: Value| values.get(&value).copied().unwrap_or(value);
    for mut block in blocks {
        map_uses(&mut block, new);
        for value in block.params.iter_mut().chain(block.insts.iter_mut().map(|inst| &mut inst.result)) {
            *value = new(*value);
        }
        for target in targets_mut(&mut block.term).into_iter().chain(&mut block.handler) {
            target.block = place(target.block, offset);
        }
        func.blocks.push(block);
    }
    BlockId(offset)
}

/// Gives each edge to the block, but one, a copy of it and of all that follows only from it, so that each goes on with
/// what it knows. Returns the values of the copies, by those they are copies of, a map per copy; none when the copies
/// would have more instructions than `insts_max`.
pub fn split_for_each_edge(func: &mut Func, at: BlockId, insts_max: usize) -> Vec<HashMap<Value, Value>> {
    let dominators = Dominators::new(func);
    let order = cfg::reverse_postorder(func);
    let (region, outside): (Vec<BlockId>, Vec<BlockId>) =
        order.into_iter().partition(|block| dominators.dominates(at, *block));
    // An edge is a block and the position of the target among those of its terminator.
    let mut edges = Vec::new();
    for block in outside {
        for (position, target) in func.block(block).term.targets().into_iter().enumerate() {
            if target.block == at {
                edges.push((block, position));
            }
        }
    }
    let size: usize = region.iter().map(|block| func.block(*block).insts.len() + 1).sum();
    if size * edges.len().saturating_sub(1) > insts_max {
        return Vec::new();
    }
    let numbers: HashMap<BlockId, u32> = region.iter().enumerate().map(|(new, old)| (*old, new as u32)).collect();
    let blocks: Vec<Block> = region.iter().map(|block| func.block(*block).clone()).collect();
    let types = func.values.clone();
    let mut copies = Vec::new();
    for (block, position) in edges.into_iter().skip(1) {
        let mut values = HashMap::new();
        let place = |block: BlockId, offset: u32| numbers.get(&block).map_or(block, |new| BlockId(offset + new));
        let first = clone_blocks(func, blocks.clone(), &types, &mut values, place);
        if let Some(target) = targets_mut(&mut func.blocks[block.index()].term).into_iter().nth(position) {
            target.block = first;
        }
        copies.push(values);
    }
    copies
}
