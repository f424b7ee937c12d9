//! One module with everything in it.

use ir::Value;
use ir::{
    Elem, ExcKind, FuncBuilder, Module, ModuleBuilder, Op, Prim, RecordKind, RecordType, Span, Target, Term, Type,
};

fn span(file: u16, line: u32, column: u32) -> Span {
    Span { file, line, column }
}

fn record() -> Type {
    Type::Record(std::sync::Arc::new(RecordType {
        kind: RecordKind::Dict,
        name: String::new(),
        fields: vec![("a".into(), Type::Int), ("b c\n".into(), Type::Float.optional())],
    }))
}

/// A module with every form of instruction, constant, type and name. It is not meant to verify.
pub fn everything() -> Module {
    let mut module = ModuleBuilder::new();
    module.file("a \"quoted\"\\ name\u{1}\u{a0}é.py");
    module.file("b.py");
    let limit = module.capture("limit", &Type::Float.optional());
    module.capture("<odd name>", &Type::Array { elem: Elem::F32, ndim: 2 });
    let set = Type::Set { item: Box::new(Type::Bytes), frozen: true };
    let node = Type::Object("Node#1".into());
    let dict = Type::Dict(Box::new(Type::Str), Box::new(node.optional()));
    module.class(ir::Class { name: "Node#1".into(), fields: vec![("next".into(), dict)], is_dataclass: true });
    module.class(ir::Class { name: "Empty".into(), fields: vec![], is_dataclass: false });
    for (name, object) in [("Odd error", Some("Node#1".into())), ("Plain", None)] {
        let parents = vec![ExcKind::ValueError.into(), ExcKind::KeyError.into()];
        module.exception(ir::ExceptionClass { name: name.into(), parents, object });
    }
    let mut b =
        FuncBuilder::new("<lambda>", &[("x", Type::Int), ("größe", record())], Type::Tuple(vec![]), span(1, 2, 3));
    for float in [0.0, -0.0, 1.5, 1e300, 5e-324, 0.1, 1e16, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN] {
        b.float(float);
    }
    b.float(f64::from_bits(0x7ff0_0000_0000_0001));
    b.none();
    b.bool(true);
    b.bool(false);
    b.int(i64::MIN);
    b.set_span(span(0, 7, 1));
    b.int(i64::MAX);
    b.str("tab\t nl\n cr\r nul\0 bell\u{7} quote\" \\ é 🦀 # no comment");
    b.capture(limit, Type::Float);
    for prim in Prim::ALL {
        b.prim(*prim, &[Value(0), Value(1)]);
    }
    for (_, op) in ir::ops::ALL {
        b.inst(op.clone(), &[Value(0)], Type::Np(Elem::U16));
        b.inst(op.clone(), &[], Type::List(Box::new(Type::Range)));
    }
    for op in ir::ContainerOp::ALL {
        b.container(*op, &[Value(0), Value(1)], set.clone());
    }
    b.constant(ir::Const::Bytes(std::sync::Arc::from([0u8, 255, 16])));
    b.constant(ir::Const::Bytes(std::sync::Arc::from([])));
    for class in ExcKind::ALL {
        b.inst(Op::ExceptionIs((*class).into()), &[Value(3)], Type::Exception);
    }
    b.set_span(span(1, 8, 0));
    let (next, last) = (b.block(), b.block());
    b.block_param(next, Type::Tuple(vec![Type::Int]));
    b.set_block_handler(next, Some(Target { block: last, args: vec![Value(0), Value(1)] }));
    b.branch_with(Value(0), next, &[Value(1)], last, &[]);
    b.switch_to(next);
    b.jump(next, &[Value(0), Value(900_000)]);
    for term in [
        Term::Return(Value(0)),
        Term::Raise { class: ExcKind::ValueError.into(), message: Some(Value(1)) },
        Term::Raise { class: ExcKind::KeyError.into(), message: None },
        Term::Reraise(Value(2)),
        Term::Unreachable,
    ] {
        b.terminate(term);
    }
    let mut func = b.finish();
    func.values.push(Type::Union(vec![Type::Int, Type::Int]));
    func.blocks[1].insts.push(ir::Inst { result: Value(7777), op: Op::Select, args: vec![], span: Span::default() });
    module.add(func);
    let entry = module.declare();
    module.finish(entry)
}
