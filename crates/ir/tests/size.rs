//! Large modules: everything takes time in proportion to their size. What is quadratic would take minutes here.

use ir::introspect::Facts;
use ir::{FuncBuilder, FuncId, Module, ModuleBuilder, Prim, Span, Type};

/// A chain of blocks; each may leave to the last one, or go back to the first.
fn long_function(blocks: usize) -> Module {
    let mut module = ModuleBuilder::new();
    let mut b = FuncBuilder::new("chain", &[("x", Type::Int)], Type::Int, Span::default());
    let (first, last) = (b.block(), b.block());
    let (start, result) = (b.block_param(first, Type::Int), b.block_param(last, Type::Int));
    let x = b.param(0);
    b.jump(first, &[x]);
    b.switch_to(first);
    let mut value = start;
    for index in 0..blocks {
        let limit = b.int(index as i64);
        value = b.prim(Prim::IntAdd, &[value, limit]);
        let small = b.prim(Prim::IntLt, &[value, limit]);
        let next = b.block();
        let param = b.block_param(next, Type::Int);
        let away = if index % 2 == 0 { last } else { first };
        b.branch_with(small, next, &[value], away, &[value]);
        b.switch_to(next);
        value = param;
    }
    b.ret(value);
    b.switch_to(last);
    b.ret(result);
    let entry = module.add(b.finish());
    module.finish(entry)
}

/// Functions that each call the one after, with loops of their own; the last calls the first when `cyclic`.
fn many_functions(count: usize, cyclic: bool) -> Module {
    let mut module = ModuleBuilder::new();
    let ids: Vec<FuncId> = (0..count).map(|_| module.declare()).collect();
    for (index, id) in ids.iter().enumerate() {
        let list = Type::List(Box::new(Type::Int));
        let mut b = FuncBuilder::new("f", &[("a", list), ("x", Type::Int)], Type::Int, Span::default());
        let (a, x) = (b.param(0), b.param(1));
        b.list_append(a, x);
        let next = ids.get(index + 1).or(if cyclic { ids.first() } else { None });
        let result = next.map_or(x, |next| b.call(*next, &[a, x], Type::Int));
        let sum = b.prim(Prim::IntAdd, &[result, x]);
        b.ret(sum);
        module.define(*id, b.finish());
    }
    module.finish(FuncId(0))
}

fn everything_works(mut module: Module) {
    assert_eq!(ir::verify(&module), Ok(()));
    assert_eq!(ir::text::parse(&ir::text::print(&module)).as_ref(), Ok(&module));
    assert_eq!(ir::wire::decode_verified(&ir::wire::encode(&module)).as_ref(), Ok(&module));
    let facts = Facts::new(&module);
    assert!(facts.can_raise(module.entry));
    ir::passes::optimize(&mut module);
    assert_eq!(ir::verify(&module), Ok(()));
}

#[test]
fn a_function_of_many_blocks() {
    everything_works(long_function(5_000));
}

#[test]
fn a_module_of_many_functions() {
    everything_works(many_functions(2_000, false));
    everything_works(many_functions(2_000, true));
}
