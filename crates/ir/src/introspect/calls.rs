//! The call graph.

use std::collections::BTreeSet;

use crate::graph;
use crate::module::{Func, FuncId, Module, Op};

/// The functions that the reachable blocks call.
pub fn callees(func: &Func) -> BTreeSet<FuncId> {
    let insts = super::reachable(func).into_iter().flat_map(|block| &func.block(block).insts);
    insts.filter_map(|inst| if let Op::Call(callee) = inst.op { Some(callee) } else { None }).collect()
}

/// The functions in groups that call each other in cycles; every group comes after those it calls.
pub fn groups(module: &Module) -> Vec<Vec<FuncId>> {
    let edges: Vec<Vec<usize>> =
        module.funcs.iter().map(|func| callees(func).into_iter().map(FuncId::index).collect()).collect();
    let components = graph::components(&edges);
    components.into_iter().map(|group| group.into_iter().map(|index| FuncId(index as u32)).collect()).collect()
}
