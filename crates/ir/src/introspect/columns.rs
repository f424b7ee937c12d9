//! The fields of a record parameter that are read.

use std::collections::{BTreeSet, HashMap};

use crate::module::{Func, FuncId, Module, Op, Target, Term, Value};
use crate::types::Type;

/// The fields of the record at parameter `param` that the function may read, following calls; all of them when the record
/// goes where it cannot be followed (it is returned, stored in a list, compared as a whole). Empty for a parameter that is
/// no record.
pub fn columns_read(module: &Module, func: FuncId, param: usize) -> BTreeSet<usize> {
    let start = module.funcs.get(func.index()).and_then(|func| func.params().get(param).copied());
    let Some(start) = start else { return BTreeSet::new() };
    let field_count = field_count(module.func(func).type_of(start));
    let mut search =
        Search { module, seen: BTreeSet::new(), pending: Vec::new(), fields: BTreeSet::new(), escaped: false };
    search.add(func, start);
    let mut uses = HashMap::new();
    while let Some((id, value)) = search.pending.pop() {
        let func = module.func(id);
        let uses = uses.entry(id).or_insert_with(|| uses_of(func));
        for site in uses.get(&value).into_iter().flatten() {
            search.follow(id, func, value, *site);
        }
    }
    if search.escaped { (0..field_count).collect() } else { search.fields }
}

fn field_count(ty: &Type) -> usize {
    match ty {
        Type::Record(record) => record.fields.len(),
        Type::Union(variants) => variants.iter().map(field_count).max().unwrap_or(0),
        _ => 0,
    }
}

/// Where a value is used: the block, and the instruction or (past the last) the terminator and handler.
type Site = (usize, usize);

fn uses_of(func: &Func) -> HashMap<Value, Vec<Site>> {
    let mut uses: HashMap<Value, Vec<Site>> = HashMap::new();
    for block in super::reachable(func) {
        let (index, block) = (block.index(), func.block(block));
        for (position, inst) in block.insts.iter().enumerate() {
            for arg in &inst.args {
                uses.entry(*arg).or_default().push((index, position));
            }
        }
        let handler_args = block.handler.iter().flat_map(|target| target.args.iter().copied());
        for value in block.term.uses().into_iter().chain(handler_args) {
            uses.entry(value).or_default().push((index, block.insts.len()));
        }
    }
    uses
}

struct Search<'a> {
    module: &'a Module,
    seen: BTreeSet<(FuncId, Value)>,
    pending: Vec<(FuncId, Value)>,
    fields: BTreeSet<usize>,
    escaped: bool,
}

impl Search<'_> {
    /// The value is the record.
    fn add(&mut self, func: FuncId, value: Value) {
        if self.seen.insert((func, value)) {
            self.pending.push((func, value));
        }
    }

    fn follow(&mut self, id: FuncId, func: &Func, value: Value, (block, position): Site) {
        let block = &func.blocks[block];
        let Some(inst) = block.insts.get(position) else {
            if matches!(block.term, Term::Return(returned) if returned == value) {
                self.escaped = true;
            }
            for target in block.term.targets() {
                self.jump(id, func, value, target, 0);
            }
            if let Some(handler) = &block.handler {
                self.jump(id, func, value, handler, 1);
            }
            return;
        };
        match &inst.op {
            Op::Field(index) => {
                self.fields.insert(*index as usize);
            }
            Op::IsVariant(_) => {}
            Op::Select | Op::Variant(_) => self.add(id, inst.result),
            Op::Call(callee) => {
                let params = self.module.func(*callee).params().to_vec();
                for (param, arg) in params.into_iter().zip(&inst.args) {
                    if *arg == value {
                        self.add(*callee, param);
                    }
                }
            }
            _ => self.escaped = true,
        }
    }

    fn jump(&mut self, id: FuncId, func: &Func, value: Value, target: &Target, first: usize) {
        for (param, arg) in func.block(target.block).params.iter().skip(first).zip(&target.args) {
            if *arg == value {
                self.add(id, *param);
            }
        }
    }
}
