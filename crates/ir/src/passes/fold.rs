//! Constants and algebra: primitives of constants are computed by the interpreter's own functions, chains of `x + c` become
//! one sum, what was wrapped is unwrapped, branches on constants become jumps. Nothing that raises is folded, and nothing
//! whose last digit depends on the machine's C library.

use super::edit::{Substitution, new_value};
use crate::interp::{self, scalar};
use crate::module::{BlockId, Const, Func, Inst, Op, Term, Value};
use crate::prim::Prim;
use crate::types::{Elem, Type};

/// A longer text is not worth having in the module.
const TEXT_BYTES_MAX: usize = 256;

pub fn run(func: &mut Func) {
    let mut folder = Folder { same: Substitution::new(func), defined: vec![None; func.values.len()] };
    for block in crate::cfg::reverse_postorder(func) {
        folder.block(func, block);
    }
    folder.same.apply(func);
}

struct Folder {
    same: Substitution,
    /// The instruction that defines each value, with its arguments replaced.
    defined: Vec<Option<Inst>>,
}

/// What an instruction turns out to be.
enum Folded {
    Constant(Const),
    Same(Value),
    /// Another operation of other values, a constant the last of them.
    WithInt(Prim, Value, i64),
    Op(Op, Vec<Value>),
}

impl Folder {
    fn op(&self, value: Value) -> Option<&Op> {
        self.defined.get(value.index())?.as_ref().map(|inst| &inst.op)
    }

    fn args(&self, value: Value) -> &[Value] {
        self.defined.get(value.index()).and_then(Option::as_ref).map_or(&[], |inst| &inst.args)
    }

    fn constant(&self, value: Value) -> Option<&Const> {
        match self.op(value) {
            Some(Op::Const(value)) => Some(value),
            _ => None,
        }
    }

    fn int(&self, value: Value) -> Option<i64> {
        match self.constant(value) {
            Some(Const::Int(value)) => Some(*value),
            _ => None,
        }
    }

    fn block(&mut self, func: &mut Func, id: BlockId) {
        let old = std::mem::take(&mut func.blocks[id.index()].insts);
        let mut insts = Vec::with_capacity(old.len());
        for mut inst in old {
            inst.args.iter_mut().for_each(|arg| *arg = self.same.resolve(*arg));
            match self.fold(func, &inst) {
                None => {}
                Some(Folded::Same(value)) => {
                    // None of the rules takes away something that could raise.
                    self.same.replace(inst.result, value);
                    continue;
                }
                Some(Folded::Constant(value)) => {
                    inst.op = Op::Const(value);
                    inst.args.clear();
                }
                Some(Folded::Op(op, args)) => {
                    inst.op = op;
                    inst.args = args;
                }
                Some(Folded::WithInt(prim, value, int)) => {
                    let constant = new_value(func, Type::Int);
                    let made = Inst { result: constant, op: Op::Const(Const::Int(int)), args: vec![], span: inst.span };
                    self.defined.resize(func.values.len(), None);
                    self.defined[constant.index()] = Some(made.clone());
                    insts.push(made);
                    inst.op = Op::Prim(prim);
                    inst.args = vec![value, constant];
                }
            }
            self.defined[inst.result.index()] = Some(inst.clone());
            insts.push(inst);
        }
        let block = &mut func.blocks[id.index()];
        block.insts = insts;
        self.term(&mut block.term);
    }

    fn term(&self, term: &mut Term) {
        let Term::Branch { cond, then, otherwise } = term else { return };
        *cond = self.same.resolve(*cond);
        while let Some(Op::Prim(Prim::BoolNot)) = self.op(*cond) {
            *cond = self.args(*cond)[0];
            std::mem::swap(then, otherwise);
        }
        let taken = match self.constant(*cond) {
            Some(Const::Bool(true)) => then,
            Some(Const::Bool(false)) => otherwise,
            _ if then == otherwise => then,
            _ => return,
        };
        *term = Term::Jump(taken.clone());
    }

    fn fold(&self, func: &Func, inst: &Inst) -> Option<Folded> {
        let result = func.type_of(inst.result);
        match (&inst.op, inst.args.as_slice()) {
            (Op::Prim(prim), args) => self.constant_prim(*prim, args).or_else(|| self.algebra(*prim, args)),
            (Op::Select, [cond, then, otherwise]) => match self.constant(*cond) {
                Some(Const::Bool(true)) => Some(Folded::Same(*then)),
                Some(Const::Bool(false)) => Some(Folded::Same(*otherwise)),
                _ => (then == otherwise).then_some(Folded::Same(*then)),
            },
            (Op::Field(index), [whole]) if matches!(self.op(*whole), Some(Op::Tuple)) => {
                self.args(*whole).get(*index as usize).map(|field| Folded::Same(*field))
            }
            (Op::Widen, [inner]) if matches!(self.op(*inner), Some(Op::Widen)) => {
                Some(Folded::Op(Op::Widen, self.args(*inner).to_vec()))
            }
            (Op::IsVariant(_) | Op::Variant(_), [union]) => self.unwiden(func, &inst.op, *union),
            (Op::FromNp, [scalar]) if matches!(self.op(*scalar), Some(Op::ToNp)) => {
                let (inner, Type::Np(elem)) = (self.args(*scalar)[0], func.type_of(*scalar)) else { return None };
                let kept = matches!(
                    (func.type_of(inner), elem),
                    (Type::Bool, Elem::Bool) | (Type::Int, Elem::I64) | (Type::Float, Elem::F64)
                );
                kept.then_some(Folded::Same(inner))
            }
            (Op::ToNp, [number]) if matches!(self.op(*number), Some(Op::FromNp)) => {
                let inner = self.args(*number)[0];
                (func.type_of(inner) == result).then_some(Folded::Same(inner))
            }
            _ => None,
        }
    }

    /// A test of, or a way into, a union that was just made.
    fn unwiden(&self, func: &Func, op: &Op, union: Value) -> Option<Folded> {
        if !matches!(self.op(union), Some(Op::Widen)) {
            return None;
        }
        let inner = *self.args(union).first()?;
        let variant = |index: &u32| func.type_of(union).variants().get(*index as usize);
        let from = func.type_of(inner);
        match op {
            Op::IsVariant(index) if !from.variants().contains(variant(index)?) => {
                Some(Folded::Constant(Const::Bool(false)))
            }
            Op::IsVariant(index) => match from.tag_of(variant(index)?) {
                Some(tag) => Some(Folded::Op(Op::IsVariant(tag as u32), vec![inner])),
                None => Some(Folded::Constant(Const::Bool(true))),
            },
            Op::Variant(index) if from == variant(index)? => Some(Folded::Same(inner)),
            Op::Variant(index) => {
                let tag = from.tag_of(variant(index)?)?;
                Some(Folded::Op(Op::Variant(tag as u32), vec![inner]))
            }
            _ => None,
        }
    }

    fn constant_prim(&self, prim: Prim, args: &[Value]) -> Option<Folded> {
        if !is_exact(prim) {
            return None;
        }
        let args: Option<Vec<interp::Value>> =
            args.iter().map(|arg| self.constant(*arg).map(interp::constant)).collect();
        let value = match scalar::eval(prim, &args?)?.ok()? {
            interp::Value::None => Const::None,
            interp::Value::Bool(value) => Const::Bool(value),
            interp::Value::Int(value) => Const::Int(value),
            interp::Value::Float(value) => Const::Float(value),
            interp::Value::Str(text) if text.len() <= TEXT_BYTES_MAX => Const::Str(text),
            _ => return None,
        };
        Some(Folded::Constant(value))
    }

    /// Sums with a constant are brought to one form, `x + c` or `x - c` with `c` above 0. Exact integers make that right
    /// with overflow too: when `x + a` was in range, `(x + a) + b` is out of it exactly when `x + (a + b)` is.
    fn algebra(&self, prim: Prim, args: &[Value]) -> Option<Folded> {
        let (a, b) = match args {
            [a, b] => (*a, *b),
            [a] if prim == Prim::BoolNot && matches!(self.op(*a), Some(Op::Prim(Prim::BoolNot))) => {
                return self.args(*a).first().map(|inner| Folded::Same(*inner));
            }
            _ => return None,
        };
        match prim {
            Prim::IntAdd | Prim::IntSub => {
                let (base, offset) = self.sum(prim, a, b)?;
                let (root, offset) = match self.op(base) {
                    Some(Op::Prim(inner @ (Prim::IntAdd | Prim::IntSub))) => {
                        let inner_args = self.args(base);
                        match inner_args {
                            [x, y] => self
                                .sum(*inner, *x, *y)
                                .and_then(|(root, inner)| Some((root, inner.checked_add(offset)?)))
                                .unwrap_or((base, offset)),
                            _ => (base, offset),
                        }
                    }
                    _ => (base, offset),
                };
                match offset {
                    0 => Some(Folded::Same(root)),
                    i64::MIN => None,
                    offset if offset > 0 => Some(Folded::WithInt(Prim::IntAdd, root, offset)),
                    offset => Some(Folded::WithInt(Prim::IntSub, root, -offset)),
                }
                .filter(|folded| !self.is_already(folded, prim, a, b))
            }
            Prim::IntMul | Prim::IntMulWrap if self.int(b) == Some(1) => Some(Folded::Same(a)),
            Prim::IntMul | Prim::IntMulWrap if self.int(a) == Some(1) => Some(Folded::Same(b)),
            Prim::IntFloorDiv | Prim::IntFloorDivWrap if self.int(b) == Some(1) => Some(Folded::Same(a)),
            Prim::IntAddWrap | Prim::IntSubWrap if self.int(b) == Some(0) => Some(Folded::Same(a)),
            Prim::FloatMul | Prim::FloatDiv | Prim::FloatDivIeee if self.constant(b) == Some(&Const::Float(1.0)) => {
                Some(Folded::Same(a))
            }
            Prim::FloatMul if self.constant(a) == Some(&Const::Float(1.0)) => Some(Folded::Same(b)),
            _ => None,
        }
    }

    /// A sum or difference as a value and a constant that is added to it.
    fn sum(&self, prim: Prim, a: Value, b: Value) -> Option<(Value, i64)> {
        match (prim, self.int(a), self.int(b)) {
            (Prim::IntAdd, _, Some(b)) => Some((a, b)),
            (Prim::IntAdd, Some(a), None) => Some((b, a)),
            (Prim::IntSub, _, Some(b)) => Some((a, b.checked_neg()?)),
            _ => None,
        }
    }

    /// Whether the instruction has the folded form already.
    fn is_already(&self, folded: &Folded, prim: Prim, a: Value, b: Value) -> bool {
        matches!(folded, Folded::WithInt(p, root, offset) if *p == prim && *root == a && self.int(b) == Some(*offset))
    }
}

/// Whether the primitive gives the same bits on every machine.
fn is_exact(prim: Prim) -> bool {
    match prim {
        Prim::FloatPow | Prim::FloatPowIeee | Prim::MathPow => false,
        Prim::MathSqrt
        | Prim::MathFloor
        | Prim::MathCeil
        | Prim::MathTrunc
        | Prim::MathCopysign
        | Prim::MathDegrees
        | Prim::MathRadians => true,
        prim => !prim.name().starts_with("math.") || prim.result() != Type::Float,
    }
}
