//! Which arrays of a function lie row by row without gaps, so that their strides need not be looked at. Owns that
//! analysis, which looks through calls; knows nothing of LLVM.

use ir::{Func, Module, Op, Term, Type, Value, View};

use crate::facts::holds_array;

/// Of each function, by number: whether what it returns lies without gaps when all the arrays do that it is given.
pub fn returned(module: &Module) -> Vec<bool> {
    let mut returned: Vec<bool> = module.funcs.iter().map(|func| holds_array(&func.result)).collect();
    // What holds for all only ever turns out not to, so this ends.
    loop {
        let mut changed = false;
        for (index, func) in module.funcs.iter().enumerate() {
            if returned[index] {
                let values = values(func, true, &returned);
                let all = func.blocks.iter().all(|block| match block.term {
                    Term::Return(value) => values[value.index()],
                    Term::Jump(_) | Term::Branch { .. } | Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => {
                        true
                    }
                });
                returned[index] = all;
                changed |= !all;
            }
        }
        if !changed {
            return returned;
        }
    }
}

/// Of each value of the function, by number: whether every array in it lies without gaps. `given`: those of the
/// parameters and captures do.
pub fn values(func: &Func, given: bool, returned: &[bool]) -> Vec<bool> {
    let mut known: Vec<bool> = func.values.iter().map(holds_array).collect();
    if !given {
        for param in func.params() {
            known[param.index()] = false;
        }
    }
    let mut changed = true;
    while changed {
        changed = false;
        for block in &func.blocks {
            for inst in &block.insts {
                let of = |value: &Value| known[value.index()] || !holds_array(func.type_of(*value));
                let holds = match &inst.op {
                    Op::Capture(_) => given,
                    Op::ArrayZeros | Op::ArrayView(View::Flat) => true,
                    Op::ArrayRow | Op::Tuple | Op::Field(_) | Op::Select => inst.args.iter().all(of),
                    Op::Call(callee) => returned[callee.index()] && inst.args.iter().all(of),
                    Op::ArrayView(View::Fold) => inst.args.iter().all(of),
                    Op::ArrayView(View::Slice(0)) => inst.args.iter().all(of) && is_one(func, inst.args.get(3)),
                    _ => false,
                };
                if known[inst.result.index()] && !holds {
                    known[inst.result.index()] = false;
                    changed = true;
                }
            }
            let jumps = block.term.targets().into_iter().map(|target| (target, 0));
            for (target, first) in jumps.chain(block.handler.iter().map(|target| (target, 1))) {
                let params = func.block(target.block).params.iter().skip(first);
                for (param, arg) in params.zip(&target.args) {
                    if known[param.index()] && !known[arg.index()] {
                        known[param.index()] = false;
                        changed = true;
                    }
                }
            }
        }
    }
    known
}

/// Whether the arguments of a call lie without gaps.
pub fn arguments(func: &Func, known: &[bool], args: &[Value]) -> bool {
    args.iter().all(|arg| known[arg.index()] || !mentions_array(func.type_of(*arg)))
}

fn mentions_array(ty: &Type) -> bool {
    match ty {
        Type::Array { .. } => true,
        Type::Union(items) | Type::Tuple(items) => items.iter().any(mentions_array),
        Type::Record(record) => record.fields.iter().any(|(_, ty)| mentions_array(ty)),
        Type::List(item) => mentions_array(item),
        _ => false,
    }
}

fn is_one(func: &Func, value: Option<&Value>) -> bool {
    let Some(value) = value else { return false };
    func.blocks
        .iter()
        .flat_map(|block| &block.insts)
        .any(|inst| inst.result == *value && inst.op == Op::Const(ir::Const::Int(1)))
}
