//! Arithmetic on Python values, by CPython's rules. NumPy scalars are `numpy`, sequences are `sequence`.

use ir::{Const, ExcKind, Op, Prim, Type};

use super::elementwise::Node;
use super::{Edge, Lowered, Lowerer, Val};
use crate::parse::ast::{Operator, UnaryOp};
use crate::shape::{Origin, Shape, python_name};

/// How the operator is written.
pub fn symbol(op: Operator) -> &'static str {
    match op {
        Operator::Add => "+",
        Operator::Sub => "-",
        Operator::Mult => "*",
        Operator::MatMult => "@",
        Operator::Div => "/",
        Operator::Mod => "%",
        Operator::Pow => "**",
        Operator::LShift => "<<",
        Operator::RShift => ">>",
        Operator::BitOr => "|",
        Operator::BitXor => "^",
        Operator::BitAnd => "&",
        Operator::FloorDiv => "//",
    }
}

/// Python's `bool`, `int` and `float`.
pub fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Int | Type::Float)
}

/// Python's `bool` and `int`.
pub fn is_integer(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Int)
}

impl Lowerer<'_, '_> {
    /// `left op right`; `augmented` only changes messages.
    pub fn binary(&mut self, op: Operator, left: &Val, right: &Val, augmented: bool) -> Lowered<Val> {
        self.dispatch(&[left.clone(), right.clone()], &mut |lowerer, vals| match vals {
            [left, right] => lowerer.binary_plain(op, left, right, augmented),
            _ => Err(super::Stop::Failed),
        })
    }

    fn binary_plain(&mut self, op: Operator, left: &Val, right: &Val, augmented: bool) -> Lowered<Val> {
        if let Some(val) = self.datetime_binary(op, left, right)? {
            return Ok(val);
        }
        if augmented && let Some(val) = self.in_place_of_class(op, left, right)? {
            return Ok(val);
        }
        if let Some(val) = self.operator_of_class(op, left, right)? {
            return Ok(val);
        }
        if *left.ty() == Type::Str && op == Operator::Mod && self.is_int_member(right.ty()) {
            return self.fail(
                "unsupported-operation",
                "the text of a member of an `IntEnum` differs between versions of Python",
                Some("use its `name` or `value`".to_owned()),
            );
        }
        // `"%s" % member` has the text of the member, not its value.
        let is_filled = *left.ty() == Type::Str && op == Operator::Mod;
        if !is_filled && (self.is_mixed_member(left.ty()) || self.is_mixed_member(right.ty())) {
            let left = self.without_enum(left)?;
            let right =
                if *left.ty() == Type::Str && op == Operator::Mod { right.clone() } else { self.without_enum(right)? };
            return self.binary_plain(op, &left, &right, augmented);
        }
        let (a, b) = (left.ty(), right.ty());
        let numeric = |ty: &Type| is_number(ty) || matches!(ty, Type::Np(_));
        if matches!(a, Type::Array { .. }) || matches!(b, Type::Array { .. }) {
            let node = self.array_binary(op, Node::Val(left.clone()), Node::Val(right.clone()))?;
            return self.force(node);
        }
        match (numeric(a), numeric(b)) {
            (true, true) if is_number(a) && is_number(b) => self.arithmetic(op, left, right),
            (true, true) => self.np_arithmetic(op, left, right),
            (true, false) | (false, true) if matches!(a, Type::Np(_)) || matches!(b, Type::Np(_)) => {
                self.refuse_beside_scalar(op, left, right)?;
                match self.sequence_binary(op, left, right)? {
                    Some(val) => Ok(val),
                    None => self.unsupported_operands(op, left, right, augmented),
                }
            }
            _ => match self.sequence_binary(op, left, right)? {
                Some(val) => Ok(val),
                None if super::sets::is_table(a) || super::sets::is_table(b) => {
                    self.table_binary(op, left, right, augmented)
                }
                None => self.unsupported_operands(op, left, right, augmented),
            },
        }
    }

    pub fn unsupported_operands(&mut self, op: Operator, left: &Val, right: &Val, augmented: bool) -> Lowered<Val> {
        let symbol = match (op, augmented) {
            (Operator::Pow, false) => "** or pow()".to_owned(),
            (op, false) => symbol(op).to_owned(),
            (op, true) => format!("{}=", symbol(op)),
        };
        let (a, b) = (python_name(left.ty()), python_name(right.ty()));
        self.clash(format!("unsupported operand type(s) for {symbol}: '{a}' and '{b}'"))
    }

    /// A `bool` or `int` as an `int`.
    pub fn as_int(&mut self, val: &Val) -> Lowered<Val> {
        match (val.ty(), val.known_int()) {
            (Type::Bool, Some(known)) => Ok(self.int(known)),
            (Type::Bool, None) => {
                let shape = Shape { ty: Type::Int, origin: Origin { non_negative: true, ..Origin::default() } };
                Ok(self.emit(Op::Prim(Prim::BoolToInt), &[val], shape))
            }
            _ => Ok(val.clone()),
        }
    }

    /// A Python number as a `float`, as arithmetic with a float converts it.
    pub fn as_float(&mut self, val: &Val) -> Lowered<Val> {
        if *val.ty() == Type::Float {
            return Ok(val.clone());
        }
        if let Some(known) = val.known_int() {
            return Ok(self.float(known as f64));
        }
        let int = self.as_int(val)?;
        Ok(self.prim(Prim::IntToFloat, &[&int]))
    }

    fn arithmetic(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Val> {
        if *left.ty() == Type::Float || *right.ty() == Type::Float {
            return self.float_arithmetic(op, left, right);
        }
        if *left.ty() == Type::Bool
            && *right.ty() == Type::Bool
            && matches!(op, Operator::BitAnd | Operator::BitOr | Operator::BitXor)
        {
            return Ok(self.bool_logic(op, left, right));
        }
        let (a, b) = (self.as_int(left)?, self.as_int(right)?);
        if let Some(folded) = fold(op, &a, &b) {
            return Ok(self.literal(Const::Int(folded)));
        }
        let sign = |keeps: bool| {
            let non_negative = keeps && a.shape.origin.non_negative && b.shape.origin.non_negative;
            Shape { ty: Type::Int, origin: Origin { non_negative, ..Origin::default() } }
        };
        let (prim, shape) = match op {
            Operator::Add => (Prim::IntAdd, sign(true)),
            Operator::Sub => (Prim::IntSub, sign(false)),
            Operator::Mult => (Prim::IntMul, sign(true)),
            Operator::Div => (Prim::IntTrueDiv, Shape::from(Type::Float)),
            Operator::FloorDiv => (Prim::IntFloorDiv, sign(true)),
            Operator::Mod => (Prim::IntMod, sign(true)),
            Operator::BitAnd => (Prim::IntAnd, sign(true)),
            Operator::BitOr => (Prim::IntOr, sign(true)),
            Operator::BitXor => (Prim::IntXor, sign(true)),
            Operator::LShift => (Prim::IntShl, sign(true)),
            Operator::RShift => (Prim::IntShr, sign(true)),
            Operator::Pow => return self.int_power(&a, &b),
            Operator::MatMult => return self.unsupported_operands(op, left, right, false),
        };
        Ok(self.emit(Op::Prim(prim), &[&a, &b], shape))
    }

    /// `&`, `|` and `^` of two bools give a bool.
    fn bool_logic(&mut self, op: Operator, left: &Val, right: &Val) -> Val {
        match op {
            Operator::BitAnd => {
                let no = self.bool(false);
                self.select(left, right, &no)
            }
            Operator::BitOr => {
                let yes = self.bool(true);
                self.select(left, &yes, right)
            }
            _ => {
                let flipped = self.not(right);
                self.select(left, &flipped, right)
            }
        }
    }

    fn float_arithmetic(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Val> {
        let prim = match op {
            Operator::Add => Prim::FloatAdd,
            Operator::Sub => Prim::FloatSub,
            Operator::Mult => Prim::FloatMul,
            Operator::Div => Prim::FloatDiv,
            Operator::FloorDiv => Prim::FloatFloorDiv,
            Operator::Mod => Prim::FloatMod,
            Operator::Pow => Prim::FloatPow,
            _ => return self.unsupported_operands(op, left, right, false),
        };
        let (a, b) = (self.as_float(left)?, self.as_float(right)?);
        Ok(self.prim(prim, &[&a, &b]))
    }

    /// `int ** int` is an `int`, but a `float` when the exponent is negative.
    fn int_power(&mut self, base: &Val, exponent: &Val) -> Lowered<Val> {
        let non_negative = exponent.shape.origin.non_negative;
        if non_negative {
            let keeps = base.shape.origin.non_negative;
            let shape = Shape { ty: Type::Int, origin: Origin { non_negative: keeps, ..Origin::default() } };
            return Ok(self.emit(Op::Prim(Prim::IntPow), &[base, exponent], shape));
        }
        let zero = self.int(0);
        let cond = match exponent.known_int() {
            Some(known) => self.bool(known >= 0),
            None => self.prim(Prim::IntGe, &[exponent, &zero]),
        };
        let (integral, fractional) = self.branch(&cond)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(edge) = integral {
            self.attach(edge);
            let power = self.prim(Prim::IntPow, &[base, exponent]);
            edges.extend(self.detach().map(|edge| (edge, power)));
        }
        if let Some(edge) = fractional {
            self.attach(edge);
            let (a, b) = (self.as_float(base)?, self.as_float(exponent)?);
            let power = self.prim(Prim::FloatPow, &[&a, &b]);
            edges.extend(self.detach().map(|edge| (edge, power)));
        }
        self.join_values(edges)
    }

    /// `op val`, but `not`.
    pub fn unary(&mut self, op: UnaryOp, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| lowerer.unary_plain(op, &val))
    }

    fn unary_plain(&mut self, op: UnaryOp, val: &Val) -> Lowered<Val> {
        let special = match op {
            UnaryOp::USub => "__neg__",
            UnaryOp::UAdd => "__pos__",
            UnaryOp::Invert => "__invert__",
            UnaryOp::Not => "",
        };
        if let Some(val) = self.special(val, special)? {
            return Ok(val);
        }
        match (op, val.ty()) {
            (UnaryOp::USub, ty) if super::datetime::datetime_class(ty) == Some(super::datetime::DELTA) => {
                self.datetime_method(val, "__neg__", &[], &[])
            }
            (UnaryOp::UAdd, ty) if super::datetime::datetime_class(ty) == Some(super::datetime::DELTA) => {
                Ok(val.clone())
            }
            (UnaryOp::Not, _) => {
                let truth = self.truth(val)?;
                Ok(self.not(&truth))
            }
            (UnaryOp::UAdd, Type::Bool | Type::Int) => self.as_int(val),
            (UnaryOp::UAdd, Type::Float) => Ok(val.clone()),
            (UnaryOp::USub, Type::Bool | Type::Int) => match val.known_int().and_then(i64::checked_neg) {
                Some(known) => Ok(self.literal(Const::Int(known))),
                None => {
                    let int = self.as_int(val)?;
                    Ok(self.prim(Prim::IntNeg, &[&int]))
                }
            },
            (UnaryOp::USub, Type::Float) => match &val.known {
                Some(Const::Float(known)) => Ok(self.literal(Const::Float(-known))),
                _ => Ok(self.prim(Prim::FloatNeg, &[val])),
            },
            (UnaryOp::Invert, Type::Bool | Type::Int) => {
                let int = self.as_int(val)?;
                Ok(self.prim(Prim::IntNot, &[&int]))
            }
            (_, Type::Np(_)) => self.np_unary(op, val),
            (_, ty) if self.is_int_member(ty) => {
                let number = self.without_enum(val)?;
                self.unary_plain(op, &number)
            }
            (_, Type::Array { .. }) => {
                let node = self.array_unary(op, Node::Val(val.clone()))?;
                self.force(node)
            }
            (op, ty) => {
                let symbol = match op {
                    UnaryOp::Invert => "~",
                    UnaryOp::UAdd => "+",
                    UnaryOp::USub | UnaryOp::Not => "-",
                };
                let message = format!("bad operand type for unary {symbol}: '{}'", python_name(ty));
                self.clash_of(ExcKind::TypeError, "type-mismatch", message)
            }
        }
    }

    /// `abs(val)` of a plain value.
    pub fn absolute(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            ty if super::datetime::datetime_class(ty) == Some(super::datetime::DELTA) => {
                self.datetime_method(val, "__abs__", &[], &[])
            }
            Type::Bool => self.as_int(val),
            Type::Int => {
                let shape = Shape { ty: Type::Int, origin: Origin { non_negative: true, ..Origin::default() } };
                Ok(self.emit(Op::Prim(Prim::IntAbs), &[val], shape))
            }
            Type::Float => Ok(self.prim(Prim::FloatAbs, &[val])),
            Type::Np(elem) => self.np_absolute(val, *elem),
            Type::Array { .. } => self.elementwise_named("abs", val),
            other => {
                let message = format!("bad operand type for abs(): '{}'", python_name(other));
                self.clash(message)
            }
        }
    }
}

/// The result of an operation on two constants of the program's text, where it is an int.
fn fold(op: Operator, a: &Val, b: &Val) -> Option<i64> {
    let (a, b) = (a.known_int()?, b.known_int()?);
    match op {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mult => a.checked_mul(b),
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Operator::LShift => a.checked_mul(1_i64.checked_shl(u32::try_from(b).ok()?).filter(|one| *one > 0)?),
        _ => None,
    }
}
