//! Memory: what a function may write that its caller can see, and what its result may refer to. Lists and arrays that the
//! function made itself may be written freely. The analysis asks of every value where the memory that can be reached from it
//! came from; it does not look into containers of references.

use std::collections::BTreeSet;

use super::{Facts, term_raises};
use crate::container::{ContainerOp, Effect};
use crate::module::{Func, FuncId, Inst, Module, Op, Target, Term, Value};
use crate::prim::Prim;
use crate::types::Type;

/// Where memory came from, as the function's caller sees it. Memory the function made itself is from nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    /// Arguments, by position.
    params: BTreeSet<usize>,
    /// Captured values, or what cannot be followed.
    elsewhere: bool,
}

impl Origins {
    pub fn is_empty(&self) -> bool {
        !self.elsewhere && self.params.is_empty()
    }

    /// Whether memory of the argument at this position may be among it.
    pub fn contains_param(&self, param: usize) -> bool {
        self.params.contains(&param) || self.elsewhere
    }

    /// Whether it may be memory other than that of the arguments.
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    fn add(&mut self, other: &Origins) -> bool {
        let before = (self.params.len(), self.elsewhere);
        self.params.extend(&other.params);
        self.elsewhere |= other.elsewhere;
        before != (self.params.len(), self.elsewhere)
    }
}

/// Whether values of the type hold a reference to memory that can change.
pub fn holds_reference(ty: &Type) -> bool {
    match ty {
        Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Object(_) | Type::Array { .. } => true,
        Type::Tuple(items) | Type::Union(items) => items.iter().any(holds_reference),
        Type::Record(record) => record.fields.iter().any(|(_, ty)| holds_reference(ty)),
        Type::None
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::Str
        | Type::Bytes
        | Type::Range
        | Type::Np(_)
        | Type::Exception => false,
    }
}

/// Whether the operation reads memory that can change. The shape of an array cannot.
pub fn reads_memory(op: &Op) -> bool {
    match op {
        Op::ListLen
        | Op::ListGet
        | Op::ListSlice
        | Op::ListConcat
        | Op::ListArgsort
        | Op::ArrayGet
        | Op::ObjectGet(_)
        | Op::Prim(Prim::StrJoin) => true,
        Op::Container(op) => op.effect() != Effect::Computes,
        op => op.writes_memory(),
    }
}

/// Works out the effects of one function from what is known of its callees; returns whether anything is new.
pub fn update(module: &Module, id: FuncId, facts: &mut Facts) -> bool {
    let func = module.func(id);
    let origins = value_origins(func, facts);
    let mut new = facts.func(id).clone();
    let mut changed = false;
    for block_id in super::reachable(func) {
        let block = func.block(block_id);
        for inst in &block.insts {
            if block.handler.is_none() {
                new.can_raise |= match &inst.op {
                    Op::Call(callee) => facts.can_raise(*callee) || facts.is_recursive(*callee),
                    op => op.can_raise(),
                };
            }
            let first = inst.args.first().map(|arg| &origins[arg.index()]);
            if let Op::Call(callee) = inst.op {
                let callee = facts.func(callee);
                changed |= new.writes.add(&seen_by_caller(&callee.writes, inst, &origins));
                new.reads_memory |= callee.reads_memory;
                new.logs |= callee.logs;
            } else if let Some(first) = first {
                if inst.op.writes_memory() {
                    changed |= new.writes.add(first);
                }
                new.logs |= inst.op == Op::Container(ContainerOp::LogWrite);
                new.reads_memory |= reads_memory(&inst.op) && !first.is_empty();
                // These read references in their second argument as well.
                new.reads_memory |=
                    matches!(inst.op, Op::Prim(Prim::StrJoin) | Op::Container(_)) && inst.args.len() > 1;
            }
        }
        new.can_raise |= block.handler.is_none() && term_raises(&block.term);
        if let Term::Return(value) = block.term {
            changed |= new.result.add(&origins[value.index()]);
        }
    }
    let known = facts.func(id);
    changed |= new.can_raise != known.can_raise || new.reads_memory != known.reads_memory || new.logs != known.logs;
    facts.funcs[id.index()] = new;
    changed
}

/// Origins in the callee's terms as origins in the caller's.
fn seen_by_caller(callee: &Origins, call: &Inst, origins: &[Origins]) -> Origins {
    let mut seen = Origins { params: BTreeSet::new(), elsewhere: callee.elsewhere };
    for param in &callee.params {
        match call.args.get(*param) {
            Some(arg) => seen.add(&origins[arg.index()]),
            None => std::mem::replace(&mut seen.elsewhere, true),
        };
    }
    seen
}

/// The origins of the memory reached from each value.
fn value_origins(func: &Func, facts: &Facts) -> Vec<Origins> {
    let mut origins = vec![Origins::default(); func.values.len()];
    let elsewhere = Origins { params: BTreeSet::new(), elsewhere: true };
    for (position, param) in func.params().iter().enumerate() {
        if holds_reference(func.type_of(*param)) {
            origins[param.index()].params.insert(position);
        }
    }
    // A reference stored into a container can come out of it anywhere.
    let stores_references = func.blocks.iter().flat_map(|block| &block.insts).any(|inst| {
        let stores = inst.op.writes_memory() || inst.op == Op::Container(ContainerOp::ObjectNew);
        let first = usize::from(inst.op.writes_memory());
        stores && inst.args.iter().skip(first).any(|value| holds_reference(func.type_of(*value)))
    });
    if stores_references {
        for (value, ty) in origins.iter_mut().zip(&func.values) {
            value.elsewhere = holds_reference(ty);
        }
    }
    let blocks = super::reachable(func);
    let mut changed = true;
    while changed {
        changed = false;
        for block_id in &blocks {
            let block = func.block(*block_id);
            for inst in &block.insts {
                if !holds_reference(func.type_of(inst.result)) {
                    continue;
                }
                let from = match &inst.op {
                    // What an exception carries is not followed.
                    Op::Capture(_) | Op::ExceptionObject(_) => elsewhere.clone(),
                    Op::Call(callee) => seen_by_caller(&facts.func(*callee).result, inst, &origins),
                    op if makes_copies(op) && !holds_references(func.type_of(inst.result)) => Origins::default(),
                    _ => {
                        let mut from = Origins::default();
                        for arg in &inst.args {
                            from.add(&origins[arg.index()]);
                        }
                        from
                    }
                };
                changed |= origins[inst.result.index()].add(&from);
            }
            for target in block.term.targets() {
                changed |= flow(func, target, 0, &mut origins);
            }
            if let Some(handler) = &block.handler {
                changed |= flow(func, handler, 1, &mut origins);
            }
        }
    }

    origins
}

/// Whether the result is new memory, with items of the arguments in it at most.
fn makes_copies(op: &Op) -> bool {
    match op {
        Op::ListSlice | Op::ListConcat => true,
        Op::Container(op) => op.effect() == Effect::Makes,
        _ => false,
    }
}

/// Whether what a container holds may be references.
fn holds_references(container: &Type) -> bool {
    match container {
        Type::List(item) | Type::Set { item, .. } => holds_reference(item),
        Type::Dict(key, value) => holds_reference(key) || holds_reference(value),
        _ => true,
    }
}

/// What a jump's arguments refer to, the target's parameters refer to.
fn flow(func: &Func, target: &Target, first: usize, origins: &mut [Origins]) -> bool {
    let mut changed = false;
    let params: &[Value] = &func.block(target.block).params;
    for (param, arg) in params.iter().skip(first).zip(&target.args) {
        let from = origins[arg.index()].clone();
        changed |= origins[param.index()].add(&from);
    }
    changed
}
