//! Random modules that verify: loops that end, recursion that ends, handlers, raises, arrays. Every instruction has a
//! place of its own, so that an error's origin can be told.

use ir::{
    Const, ContainerOp, Elem, ExcClass, ExcKind, FuncBuilder, FuncId, Module, ModuleBuilder, Op, Prim, Span, Target,
    Type, Value,
};

use super::Random;

const PRIMS: &[Prim] = &[
    Prim::IntAdd,
    Prim::IntSub,
    Prim::IntMul,
    Prim::IntNeg,
    Prim::IntAbs,
    Prim::IntFloorDiv,
    Prim::IntMod,
    Prim::IntTrueDiv,
    Prim::IntAnd,
    Prim::IntOr,
    Prim::IntShl,
    Prim::IntShr,
    Prim::IntEq,
    Prim::IntNe,
    Prim::IntLt,
    Prim::IntLe,
    Prim::IntGt,
    Prim::IntGe,
    Prim::IntAddWrap,
    Prim::IntMulWrap,
    Prim::BoolNot,
    Prim::BoolToInt,
    Prim::IntToFloat,
    Prim::FloatToInt,
    Prim::FloatAdd,
    Prim::FloatMul,
    Prim::FloatDiv,
    Prim::FloatLt,
    Prim::IntFloatLt,
    Prim::MathSqrt,
    Prim::MathFloor,
];
const INTS: &[i64] = &[0, 1, -1, 2, 3, 10, i64::MAX, i64::MIN, 1 << 40];
const FLOATS: &[f64] = &[0.0, -0.0, 1.0, 2.5, -1e10, f64::INFINITY, f64::NAN];

/// The class of exceptions that carry a number.
const CARRIER: ExcClass = ExcClass::Own(0);
const CARRIED: &str = "Carried";

fn array() -> Type {
    Type::Array { elem: Elem::I64, ndim: 1 }
}

/// The parameter types of every generated function; the int is the depth left for recursion.
pub fn param_types() -> Vec<Type> {
    vec![Type::Int, Type::Int, Type::Float, Type::Bool, array()]
}

struct Generator<'a> {
    random: &'a mut Random,
    b: FuncBuilder,
    /// Values that may be used in the current block.
    scope: Vec<Value>,
    callees: Vec<FuncId>,
    own: Option<FuncId>,
    /// Small, without loops, handlers and arrays: what may be inlined into itself.
    is_plain: bool,
    line: u32,
    budget: usize,
}

/// A module whose last function is the entry; each calls those before it, some themselves.
pub fn module(random: &mut Random) -> Module {
    let mut module = ModuleBuilder::new();
    module.file("generated.py");
    module.class(ir::Class { name: CARRIED.into(), fields: vec![("n".into(), Type::Int)], is_dataclass: false });
    let parents = vec![ExcKind::ArithmeticError.into()];
    module.exception(ir::ExceptionClass { name: "Carrier".into(), parents, object: Some(CARRIED.into()) });
    let mut callees = Vec::new();
    for index in 0..3 {
        let id = module.declare();
        let own = (random.below(2) == 0).then_some(id);
        let is_plain = own.is_some() && random.below(2) == 0;
        let names = ["depth", "i", "x", "c", "a"];
        let params: Vec<(&str, Type)> = names.into_iter().zip(param_types()).collect();
        let b = FuncBuilder::new(&format!("f{index}"), &params, Type::Int, Span { file: 0, line: 1, column: 1 });
        let scope = b.func().params().to_vec();
        let mut generator = Generator {
            random,
            b,
            scope,
            callees: callees.clone(),
            own,
            is_plain,
            line: 100 * index,
            budget: if is_plain { 5 } else { 14 },
        };
        if own.is_some() {
            generator.stop_at_depth();
        }
        if is_plain {
            generator.callees.clear();
            generator.call();
            generator.statements(1);
            generator.call();
        }
        generator.statements(3);
        let result = generator.pick(&Type::Int);
        generator.b.ret(result);
        module.define(id, generator.b.finish());
        callees.push(id);
    }
    module.finish(FuncId(2))
}

impl Generator<'_> {
    fn place(&mut self) {
        self.line += 1;
        self.b.set_span(Span { file: 0, line: self.line, column: 1 });
    }

    /// `if depth <= 0: return i`.
    fn stop_at_depth(&mut self) {
        let (depth, i) = (self.scope[0], self.scope[1]);
        let zero = self.b.int(0);
        let done = self.b.prim(Prim::IntLe, &[depth, zero]);
        let (stop, go) = (self.b.block(), self.b.block());
        self.b.branch(done, stop, go);
        self.b.switch_to(stop);
        self.b.ret(i);
        self.b.switch_to(go);
    }

    fn pick(&mut self, ty: &Type) -> Value {
        let fitting: Vec<Value> = self.scope.iter().copied().filter(|value| self.b.type_of(*value) == ty).collect();
        let is_scalar = matches!(ty, Type::Int | Type::Float | Type::Bool);
        if is_scalar && (fitting.is_empty() || self.random.below(4) == 0) {
            let constant = match ty {
                Type::Int => Const::Int(INTS[self.random.below(INTS.len())]),
                Type::Float => Const::Float(FLOATS[self.random.below(FLOATS.len())]),
                _ => Const::Bool(self.random.below(2) == 0),
            };
            return self.b.constant(constant);
        }
        fitting[self.random.below(fitting.len())]
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..=self.random.below(4) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            self.place();
            match self.random.below(if depth > 0 { 14 } else { 8 }) {
                6 if self.is_plain => self.call(),
                8..11 if self.is_plain => self.choice(depth),
                _ if self.is_plain => self.prim(),
                0..6 => self.prim(),
                6 => self.call(),
                7 => self.array_access(),
                8..11 => self.choice(depth),
                11 => self.counted_loop(depth),
                _ => self.attempt(depth),
            }
        }
    }

    fn prim(&mut self) {
        let prim = PRIMS[self.random.below(PRIMS.len())];
        let args: Vec<Value> = prim.params().iter().map(|ty| self.pick(ty)).collect();
        let value = self.b.prim(prim, &args);
        self.scope.push(value);
    }

    fn call(&mut self) {
        let mut args: Vec<Value> = param_types().iter().map(|ty| self.pick(ty)).collect();
        let recursive = self.own.is_some() && (self.is_plain || self.random.below(2) == 0);
        let callee = match (recursive, self.own) {
            (true, Some(own)) => {
                let less = self.b.int(1 + self.random.below(2) as i64);
                let depth = self.b.func().params()[0];
                args[0] = self.b.prim(Prim::IntSub, &[depth, less]);
                own
            }
            _ if self.callees.is_empty() => return self.prim(),
            _ => {
                args[0] = self.b.int(3);
                self.callees[self.random.below(self.callees.len())]
            }
        };
        let value = self.b.call(callee, &args, Type::Int);
        self.scope.push(value);
    }

    fn array_access(&mut self) {
        let (array, index) = (self.pick(&array()), self.b.int(self.random.below(4) as i64 - 1));
        if self.random.below(3) == 0 {
            let value = self.pick(&Type::Int);
            let value = self.b.to_np(value, Elem::I64);
            self.b.array_set(array, &[index], value);
        } else {
            let value = self.b.array_get(array, &[index]);
            let value = self.b.from_np(value);
            self.scope.push(value);
        }
    }

    /// `if c: .. else: ..`, with a value from each side; one side may raise.
    fn choice(&mut self, depth: usize) {
        let cond = self.pick(&Type::Bool);
        let (then, otherwise, after) = (self.b.block(), self.b.block(), self.b.block());
        let merged = self.b.block_param(after, Type::Int);
        self.b.branch(cond, then, otherwise);
        for side in [then, otherwise] {
            let outer = self.scope.len();
            self.b.switch_to(side);
            self.statements(depth - 1);
            let value = self.pick(&Type::Int);
            if side == otherwise && self.random.below(6) == 0 {
                self.place();
                self.b.raise(ExcKind::KeyError, None);
            } else if side == otherwise && !self.is_plain && self.random.below(4) == 0 {
                self.place();
                let message = self.b.str("carried");
                let object = self.b.container(ContainerOp::ObjectNew, &[value], Type::Object(CARRIED.into()));
                let exception = self.b.inst(Op::ExceptionNew(CARRIER), &[message, object], Type::Exception);
                self.b.reraise(exception);
            } else {
                self.b.jump(after, &[value]);
            }
            self.scope.truncate(outer);
        }
        self.b.switch_to(after);
        self.scope.push(merged);
    }

    fn counted_loop(&mut self, depth: usize) {
        let (head, body, after) = (self.b.block(), self.b.block(), self.b.block());
        let counter = self.b.block_param(head, Type::Int);
        let carried = self.b.block_param(head, Type::Int);
        let (zero, start) = (self.b.int(0), self.pick(&Type::Int));
        let stop = self.b.int(self.random.below(4) as i64);
        self.b.jump(head, &[zero, start]);
        self.b.switch_to(head);
        let go = self.b.prim(Prim::IntLt, &[counter, stop]);
        self.b.branch(go, body, after);
        let outer = self.scope.len();
        self.scope.extend([counter, carried]);
        self.b.switch_to(body);
        self.statements(depth - 1);
        let next_carried = self.pick(&Type::Int);
        let one = self.b.int(1);
        let next = self.b.prim(Prim::IntAdd, &[counter, one]);
        self.b.jump(head, &[next, next_carried]);
        self.scope.truncate(outer);
        self.b.switch_to(after);
        self.scope.push(carried);
    }

    /// `try: .. except ArithmeticError: ..`, the rest raised again.
    fn attempt(&mut self, depth: usize) {
        let (caught, take, pass, after) = (self.b.block(), self.b.block(), self.b.block(), self.b.block());
        let exception = self.b.block_param(caught, Type::Exception);
        let before = self.b.block_param(caught, Type::Int);
        let merged = self.b.block_param(after, Type::Int);
        let kept = self.pick(&Type::Int);
        let outer_handler = self.b.set_handler(Some(Target { block: caught, args: vec![kept] }));
        let inside = self.b.block();
        self.b.jump(inside, &[]);
        self.b.switch_to(inside);
        let outer = self.scope.len();
        self.statements(depth - 1);
        let value = self.pick(&Type::Int);
        self.b.jump(after, &[value]);
        self.scope.truncate(outer);
        self.b.set_handler(outer_handler);
        self.b.switch_to(caught);
        let is_arithmetic = self.b.inst(Op::ExceptionIs(ExcKind::ArithmeticError.into()), &[exception], Type::Bool);
        self.b.branch(is_arithmetic, take, pass);
        self.b.switch_to(take);
        let (carries, plain) = (self.b.block(), self.b.block());
        let is_carrier = self.b.inst(Op::ExceptionIs(CARRIER), &[exception], Type::Bool);
        self.b.branch(is_carrier, carries, plain);
        self.b.switch_to(carries);
        let object = self.b.inst(Op::ExceptionObject(CARRIER), &[exception], Type::Object(CARRIED.into()));
        let number = self.b.inst(Op::ObjectGet(0), &[object], Type::Int);
        let sum = self.b.prim(Prim::IntAddWrap, &[before, number]);
        self.b.inst(Op::ObjectSet(0), &[object, sum], Type::None);
        let number = self.b.inst(Op::ObjectGet(0), &[object], Type::Int);
        self.b.jump(after, &[number]);
        self.b.switch_to(plain);
        self.b.jump(after, &[before]);
        self.b.switch_to(pass);
        self.b.reraise(exception);
        self.b.switch_to(after);
        self.scope.push(merged);
    }
}

/// Arguments for a generated function.
pub fn arguments(random: &mut Random) -> Vec<ir::interp::Value> {
    use ir::interp::{Array, Value};
    vec![
        Value::Int(random.below(6) as i64),
        Value::Int(INTS[random.below(INTS.len())]),
        Value::Float(FLOATS[random.below(FLOATS.len())]),
        Value::Bool(random.below(2) == 0),
        Value::Array(Array::new(Elem::I64, vec![3], vec![5, 1, random.below(100) as u64])),
    ]
}
