//! Small changes that several passes make.

use crate::module::{Block, BlockId, Const, Func, Inst, Op, Target, Term, Value};
use crate::types::Type;

/// Values that stand for others.
pub struct Substitution {
    replaced: Vec<Option<Value>>,
}

impl Substitution {
    pub fn new(func: &Func) -> Substitution {
        Substitution { replaced: vec![None; func.values.len()] }
    }

    /// From now on `by` stands for `value`.
    pub fn replace(&mut self, value: Value, by: Value) {
        let by = self.resolve(by);
        if by != value {
            self.replaced[value.index()] = Some(by);
        }
    }

    /// What stands for the value in the end.
    pub fn resolve(&self, mut value: Value) -> Value {
        while let Some(by) = self.replaced.get(value.index()).copied().flatten() {
            value = by;
        }
        value
    }

    /// Replaces every use in the function.
    pub fn apply(&self, func: &mut Func) {
        for block in &mut func.blocks {
            map_uses(block, |value| self.resolve(value));
        }
    }
}

/// Changes every use of a value in the block; definitions stay.
pub fn map_uses(block: &mut Block, mut change: impl FnMut(Value) -> Value) {
    for arg in block.insts.iter_mut().flat_map(|inst| &mut inst.args) {
        *arg = change(*arg);
    }
    for target in targets_mut(&mut block.term).into_iter().chain(&mut block.handler) {
        target.args.iter_mut().for_each(|arg| *arg = change(*arg));
    }
    match &mut block.term {
        Term::Branch { cond: value, .. } | Term::Return(value) | Term::Reraise(value) => *value = change(*value),
        Term::Raise { message: Some(value), .. } => *value = change(*value),
        Term::Jump(_) | Term::Raise { message: None, .. } | Term::Unreachable => {}
    }
}

/// The targets of a terminator, to be changed.
pub fn targets_mut(term: &mut Term) -> Vec<&mut Target> {
    match term {
        Term::Jump(target) => vec![target],
        Term::Branch { then, otherwise, .. } => vec![then, otherwise],
        Term::Return(_) | Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => vec![],
    }
}

/// A new value of the function.
pub fn new_value(func: &mut Func, ty: Type) -> Value {
    func.values.push(ty);
    Value(func.values.len() as u32 - 1)
}

/// The constants of a function by value.
pub fn constants(func: &Func) -> Vec<Option<Const>> {
    let mut constants = vec![None; func.values.len()];
    for inst in func.blocks.iter().flat_map(|block| &block.insts) {
        if let Op::Const(value) = &inst.op {
            constants[inst.result.index()] = Some(value.clone());
        }
    }
    constants
}

/// How many edges lead to each block: jumps and handlers. The entry has one from the caller.
pub fn edge_counts(func: &Func) -> Vec<usize> {
    let mut counts = vec![0; func.blocks.len()];
    if let Some(entry) = counts.first_mut() {
        *entry = 1;
    }
    for block in &func.blocks {
        for target in block.term.targets().into_iter().chain(&block.handler) {
            counts[target.block.index()] += 1;
        }
    }
    counts
}

/// For each value whether a block other than the one that defines it uses it.
pub fn used_elsewhere(func: &Func) -> Vec<bool> {
    let mut home = vec![None; func.values.len()];
    for (index, block) in func.blocks.iter().enumerate() {
        for value in block.params.iter().chain(block.insts.iter().map(|inst| &inst.result)) {
            home[value.index()] = Some(index);
        }
    }
    let mut elsewhere = vec![false; func.values.len()];
    for (index, block) in func.blocks.iter().enumerate() {
        for value in uses(block) {
            elsewhere[value.index()] |= home[value.index()] != Some(index);
        }
    }
    elsewhere
}

/// Every value the block uses, with repetition.
pub fn uses(block: &Block) -> Vec<Value> {
    let mut uses: Vec<Value> = block.insts.iter().flat_map(|inst| inst.args.iter().copied()).collect();
    uses.extend(block.term.uses());
    uses.extend(block.handler.iter().flat_map(|handler| handler.args.iter().copied()));
    uses
}

/// Keeps these blocks only, in order, and numbers them anew. No kept block may lead to another.
pub fn keep_blocks(func: &mut Func, keep: &[bool]) {
    let mut numbers = Vec::with_capacity(keep.len());
    let mut next = 0;
    for kept in keep {
        numbers.push(BlockId(next));
        next += u32::from(*kept);
    }
    let mut index = 0;
    func.blocks.retain(|_| {
        index += 1;
        keep[index - 1]
    });
    for block in &mut func.blocks {
        for target in targets_mut(&mut block.term).into_iter().chain(&mut block.handler) {
            target.block = numbers[target.block.index()];
        }
    }
}

/// Numbers the values anew in the order of their definitions, without gaps.
pub fn renumber_values(func: &mut Func) {
    let mut numbers = vec![None; func.values.len()];
    let mut values = Vec::new();
    for block in &func.blocks {
        for value in block.params.iter().chain(block.insts.iter().map(|inst| &inst.result)) {
            numbers[value.index()] = Some(Value(values.len() as u32));
            values.push(func.values[value.index()].clone());
        }
    }
    let number = |value: Value| numbers[value.index()].unwrap_or(value);
    for block in &mut func.blocks {
        map_uses(block, number);
        block.params.iter_mut().for_each(|param| *param = number(*param));
        block.insts.iter_mut().for_each(|inst: &mut Inst| inst.result = number(inst.result));
    }
    func.values = values;
}
