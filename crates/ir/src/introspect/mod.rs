//! What is known of a function without running it: the fields it reads, whether it can raise, what it writes, what it
//! costs. Every answer errs on the safe side: a function said to be pure is pure. The module must be verified.
//!
//! [`Facts`] looks at a module once, callees before callers; [`columns_read`] answers for one parameter.

mod calls;
mod columns;
mod effects;

use crate::cfg;
use crate::container::{ContainerOp, Effect};
use crate::module::{BlockId, Func, FuncId, Module, Op, Term};
use crate::types::Type;

pub use calls::groups as call_groups;
pub use columns::columns_read;
pub use effects::{Origins, holds_reference};

/// What is known of each function of a module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    funcs: Vec<FuncFacts>,
}

/// What is known of one function.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FuncFacts {
    /// An exception may leave the function.
    pub can_raise: bool,
    /// The memory, seen by its caller, that the function may write.
    pub writes: Origins,
    /// It may write to the log.
    pub logs: bool,
    /// The memory that its result may refer to.
    pub result: Origins,
    /// It may read memory that somebody else can write.
    pub reads_memory: bool,
    /// It may call itself, directly or not.
    pub is_recursive: bool,
    /// It has a loop of its own.
    pub has_loops: bool,
    /// It surely ends: no loop, no recursion, neither here nor in what it calls.
    pub terminates: bool,
    /// An estimate of the work of one call, in simple instructions.
    pub cost: u64,
}

/// How often a loop's body is taken to run.
const LOOP_RUNS: u64 = 16;
/// What calling into a recursive function is taken to cost.
const RECURSION_COST: u64 = 1_000;

impl Facts {
    pub fn new(module: &Module) -> Facts {
        let mut facts = Facts { funcs: vec![FuncFacts::default(); module.funcs.len()] };
        for group in calls::groups(module) {
            let is_recursive = group.len() > 1 || calls::callees(module.func(group[0])).contains(&group[0]);
            for id in &group {
                facts.funcs[id.index()].is_recursive = is_recursive;
                facts.funcs[id.index()].has_loops = has_loops(module.func(*id));
            }
            // Inside a cycle the effects feed each other: again until nothing is new.
            let mut changed = true;
            while changed {
                changed = false;
                for id in &group {
                    changed |= effects::update(module, *id, &mut facts);
                }
            }
            for id in &group {
                facts.finish(module, *id);
            }
        }
        facts
    }

    pub fn func(&self, id: FuncId) -> &FuncFacts {
        &self.funcs[id.index()]
    }

    /// Whether an exception may leave the function.
    pub fn can_raise(&self, id: FuncId) -> bool {
        self.func(id).can_raise
    }

    /// Whether nothing outside can tell that the function ran, but by its result, an exception or the time it took.
    pub fn is_pure(&self, id: FuncId) -> bool {
        self.func(id).writes.is_empty() && !self.func(id).logs
    }

    /// Whether the function may change the list or array that is (or is part of) the argument at this position.
    pub fn writes_param(&self, id: FuncId, param: usize) -> bool {
        self.func(id).writes.contains_param(param)
    }

    pub fn is_recursive(&self, id: FuncId) -> bool {
        self.func(id).is_recursive
    }

    pub fn has_loops(&self, id: FuncId) -> bool {
        self.func(id).has_loops
    }

    pub fn cost(&self, id: FuncId) -> u64 {
        self.func(id).cost
    }

    /// Whether executing the operation again with the same arguments gives the same value, with nothing to notice but the
    /// exception it may raise. `memory_is_still`: nothing in the function writes memory.
    pub fn is_repeatable(&self, op: &Op, result: &Type, memory_is_still: bool) -> bool {
        match op {
            // Two new lists are two even when equal: a store to one is not seen in the other.
            Op::ListNew | Op::ListSlice | Op::ListConcat | Op::ListArgsort | Op::ArrayZeros => false,
            Op::Container(op) if op.effect() == Effect::Makes => false,
            Op::Prim(_) | Op::Call(_) if effects::holds_reference(result) => false,
            Op::Call(callee) => {
                let callee = self.func(*callee);
                callee.writes.is_empty() && !callee.logs && (memory_is_still || !callee.reads_memory)
            }
            op if op.writes_memory() => false,
            op => memory_is_still || !effects::reads_memory(op),
        }
    }

    /// Whether nothing in the function, or in what it calls, writes memory.
    pub fn memory_is_still(&self, func: &Func) -> bool {
        func.blocks.iter().flat_map(|block| &block.insts).all(|inst| match &inst.op {
            Op::Call(callee) => self.is_pure(*callee),
            op => !op.writes_memory(),
        })
    }

    /// What follows once the effects are known.
    fn finish(&mut self, module: &Module, id: FuncId) {
        let func = module.func(id);
        let callees = calls::callees(func);
        let facts = self.func(id);
        let ends = callees.iter().all(|callee| self.func(*callee).terminates);
        let terminates = ends && !facts.has_loops && !facts.is_recursive;
        let cost = self.cost_of(func);
        let facts = &mut self.funcs[id.index()];
        facts.terminates = terminates;
        facts.cost = cost;
    }

    fn cost_of(&self, func: &Func) -> u64 {
        let in_loop = cfg::blocks_in_cycles(func);
        let mut cost: u64 = 0;
        for block_id in cfg::reverse_postorder(func) {
            let mut block_cost: u64 = 1;
            for inst in &func.block(block_id).insts {
                block_cost = block_cost.saturating_add(match &inst.op {
                    Op::Call(callee) if self.func(*callee).is_recursive => RECURSION_COST,
                    Op::Call(callee) => self.func(*callee).cost.saturating_add(2),
                    op => op_cost(op),
                });
            }
            let runs = if in_loop[block_id.index()] { LOOP_RUNS } else { 1 };
            cost = cost.saturating_add(block_cost.saturating_mul(runs));
        }
        cost
    }
}

/// A rough weight: what calls the runtime or the C library counts for more.
fn op_cost(op: &Op) -> u64 {
    match op {
        Op::Prim(prim) => match prim.name().split('.').next() {
            Some("str") => 20,
            Some("math") => 15,
            _ if prim.params().contains(&Type::Str) || prim.result() == Type::Str => 40,
            _ => 1,
        },
        Op::ListNew | Op::ListSlice | Op::ListConcat | Op::ArrayZeros => 50,
        Op::ListArgsort => 200,
        Op::Container(ContainerOp::RefIs) | Op::ObjectGet(_) | Op::ObjectSet(_) => 1,
        Op::Container(op) if op.effect() == Effect::Makes => 100,
        Op::Container(_) => 20,
        Op::ListAppend => 5,
        Op::Const(_)
        | Op::Call(_)
        | Op::Capture(_)
        | Op::Select
        | Op::Tuple
        | Op::Field(_)
        | Op::Widen
        | Op::IsVariant(_)
        | Op::Variant(_)
        | Op::ToNp
        | Op::FromNp
        | Op::ListLen
        | Op::ListGet
        | Op::ListSet
        | Op::ArrayShape(_)
        | Op::ArrayGet
        | Op::ArraySet
        | Op::ArrayRow
        | Op::ArrayView(_)
        | Op::ArrayStride(_)
        | Op::ArrayIsFlat
        | Op::ArrayOverlaps
        | Op::ExceptionNew(_)
        | Op::ExceptionIs(_)
        | Op::ExceptionMessage
        | Op::ExceptionObject(_) => 1,
    }
}

/// Whether a reachable block leads back to itself.
fn has_loops(func: &Func) -> bool {
    cfg::blocks_in_cycles(func).contains(&true)
}

/// Whether the terminator raises.
fn term_raises(term: &Term) -> bool {
    match term {
        Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => true,
        Term::Jump(_) | Term::Branch { .. } | Term::Return(_) => false,
    }
}

/// The reachable blocks.
fn reachable(func: &Func) -> Vec<BlockId> {
    cfg::reverse_postorder(func)
}
