//! NumPy scalars: their arithmetic by NumPy 2's rules. A value is taken out of its NumPy type, computed on, and put back
//! into the result's type, which wraps or rounds it. Python numbers adapt to the NumPy type they meet.

use ir::{Elem, ExcKind, Op, Prim, Type};

use super::number::symbol;
use super::value::Static;
use super::{Lowered, Lowerer, Val, Var};
use crate::parse::ast::{CmpOp, Operator, UnaryOp};
use crate::shape::{Origin, Shape, python_name};

/// The type that two NumPy types have in common.
pub fn promote(a: Elem, b: Elem) -> Elem {
    if a == b {
        return a;
    }
    match (a, b) {
        (Elem::Bool, other) | (other, Elem::Bool) => other,
        (Elem::F64, _) | (_, Elem::F64) => Elem::F64,
        // A float32 holds 16-bit ints only.
        (Elem::F32, int) | (int, Elem::F32) => {
            if int.size_bytes() <= 2 {
                Elem::F32
            } else {
                Elem::F64
            }
        }
        (a, b) if a.is_signed() == b.is_signed() => {
            if a.size_bytes() > b.size_bytes() {
                a
            } else {
                b
            }
        }
        (a, b) => {
            let (signed, unsigned) = if a.is_signed() { (a, b) } else { (b, a) };
            if signed.size_bytes() > unsigned.size_bytes() {
                return signed;
            }
            match unsigned.size_bytes() {
                1 => Elem::I16,
                2 => Elem::I32,
                4 => Elem::I64,
                _ => Elem::F64,
            }
        }
    }
}

/// The type of an operation on a NumPy scalar and a Python number, which has no size of its own.
pub fn adapt(elem: Elem, python: &Type) -> Elem {
    match python {
        Type::Float if !elem.is_float() => Elem::F64,
        Type::Int if elem == Elem::Bool => Elem::I64,
        _ => elem,
    }
}

/// The element type as the program names it.
pub fn dtype(elem: Elem) -> Static {
    Static::Member("numpy".to_owned(), elem.name().to_owned())
}

/// The least and the greatest value of an integer type; those of `uint64` as far as 64 signed bits go.
fn int_range(elem: Elem) -> Option<(i64, i64)> {
    Some(match elem {
        Elem::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        Elem::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Elem::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Elem::U8 => (0, i64::from(u8::MAX)),
        Elem::U16 => (0, i64::from(u16::MAX)),
        Elem::U32 => (0, i64::from(u32::MAX)),
        Elem::U64 => (0, i64::MAX),
        Elem::I64 | Elem::Bool | Elem::F32 | Elem::F64 => return None,
    })
}

/// What NumPy makes an array of, beside a scalar.
fn is_array_like(ty: &Type) -> bool {
    let is_named_tuple = matches!(ty, Type::Record(record) if record.kind == ir::RecordKind::NamedTuple);
    let is_sequence = matches!(ty, Type::List(_) | Type::Tuple(_) | Type::Range | Type::Array { .. });
    is_sequence || is_named_tuple || ty.tuple_item().is_some()
}

fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::Str | Type::Bytes)
}

impl Lowerer<'_, '_> {
    /// An operation on a NumPy scalar that gives an array, or an error of NumPy's own class: neither is there.
    fn beside_scalar<T>(&mut self, symbol: &str, other: &Type) -> Lowered<T> {
        let message = format!("a NumPy scalar and a `{}` cannot be combined by `{symbol}` here", python_name(other));
        self.fail("unsupported-operation", message, Some("convert with `int()` or `float()` first".to_owned()))
    }

    /// Refuses an arithmetic operation on a NumPy scalar and what is no number, unless CPython's answer is Python's own.
    pub fn refuse_beside_scalar(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<()> {
        let (other, is_left) = match (left.ty(), right.ty()) {
            (Type::Np(_), other) => (other, true),
            (other, Type::Np(_)) => (other, false),
            _ => return Ok(()),
        };
        let is_repeated = op == Operator::Mult && !matches!(other, Type::Range);
        let is_of_text = !is_left && (op == Operator::Mod || op == Operator::Add && *other == Type::Str);
        match is_array_like(other) && !is_repeated || is_text(other) && !is_repeated && !is_of_text {
            true => self.beside_scalar(symbol(op), other),
            false => Ok(()),
        }
    }

    /// A comparison of a NumPy scalar with a text or a sequence.
    pub fn compare_beside_scalar(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let other = match (left.ty(), right.ty()) {
            (Type::Np(_), other) | (other, Type::Np(_)) => other,
            _ => return Ok(None),
        };
        match op {
            CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn => Ok(None),
            CmpOp::Eq | CmpOp::NotEq if is_text(other) => {
                let differs = self.bool(op == CmpOp::NotEq);
                Ok(Some(self.np_scalar(&differs, Elem::Bool)))
            }
            _ if is_text(other) || is_array_like(other) => self.beside_scalar(super::compare::cmp_symbol(op), other),
            _ => Ok(None),
        }
    }

    /// Refuses the search for a sequence among NumPy scalars, and for a scalar among sequences: NumPy compares item by item.
    pub fn refuse_among_scalars(&mut self, element: &Type, wanted: &Type) -> Lowered<()> {
        let is_scalar = |ty: &Type| ty.variants().iter().any(|ty| matches!(ty, Type::Np(_)));
        for (scalar, other) in [(element, wanted), (wanted, element)] {
            if is_scalar(scalar)
                && let Some(sequence) = other.variants().iter().find(|ty| is_array_like(ty))
            {
                return self.beside_scalar("==", sequence);
            }
        }
        Ok(())
    }

    /// `scalar[index]`: an array of the scalar for some indices, an error for all others.
    pub fn load_scalar(&mut self, index: &super::index::Index) -> Lowered<Val> {
        use super::index::Index;
        let is_position = |val: &Val| matches!(val.ty(), Type::Int | Type::Float | Type::Str);
        let is_error = match index {
            Index::Item(val) => is_position(val),
            Index::Items(vals) => !vals.is_empty() && vals.iter().all(is_position),
            Index::Slice(_) => true,
            Index::Parts(parts) => parts.iter().all(|part| matches!(part, super::index::Part::Slice(_))),
        };
        if is_error {
            return self.clash_of(ExcKind::IndexError, "type-mismatch", "invalid index to scalar variable.");
        }
        self.fail("unsupported-operation", "this index of a NumPy scalar cannot be compiled", None)
    }

    fn np_elem(left: &Val, right: &Val) -> Elem {
        match (left.ty(), right.ty()) {
            (Type::Np(a), Type::Np(b)) => promote(*a, *b),
            (Type::Np(elem), python) | (python, Type::Np(elem)) => adapt(*elem, python),
            _ => Elem::F64,
        }
    }

    /// Whether CPython may have a Python number here: a literal that merged with a NumPy scalar.
    fn may_be_python(val: &Val) -> bool {
        !matches!(val.ty(), Type::Np(_)) || val.shape.origin.python
    }

    /// The operand as a Python number of the kind that the operation computes in.
    pub fn np_operand(&mut self, val: &Val, elem: Elem) -> Lowered<Val> {
        if let (Type::Int, Some((low, high))) = (val.ty(), int_range(elem)) {
            let fits = match val.known_int() {
                Some(known) => self.bool((low..=high).contains(&known)),
                None => self.in_range(val, low, high),
            };
            let message = format!("Python integer out of bounds for {}", elem.name());
            self.require(&fits, ExcKind::OverflowError, &message)?;
        }
        let python = self.python_number(val);
        let number = match elem.python_type() {
            Type::Float => self.as_float(&python)?,
            Type::Int => self.as_int(&python)?,
            _ => python,
        };
        // A Python float that meets a float32 is one, too.
        if elem == Elem::F32 && *val.ty() != Type::Np(Elem::F32) {
            let rounded = self.np_scalar(&number, elem);
            return Ok(self.python_number(&rounded));
        }
        Ok(number)
    }

    fn in_range(&mut self, val: &Val, low: i64, high: i64) -> Val {
        let (low, high) = (self.int(low), self.int(high));
        let above = self.prim(Prim::IntGe, &[val, &low]);
        let below = self.prim(Prim::IntLe, &[val, &high]);
        let no = self.bool(false);
        self.select(&above, &below, &no)
    }

    /// A bound of `clip`: a Python `int` beyond the element type is its least or greatest value.
    pub fn clip_bound(&mut self, array: &Val, bound: Val, is_least: bool) -> Lowered<Val> {
        let elem = match *array.ty() {
            Type::Array { elem, .. } | Type::Np(elem) => elem,
            _ => return Ok(bound),
        };
        let (Type::Int, Some((low, high))) = (bound.ty(), int_range(elem)) else { return Ok(bound) };
        let limit = self.int(if is_least { low } else { high });
        let op = if is_least { Prim::IntGt } else { Prim::IntLt };
        let inside = self.prim(op, &[&bound, &limit]);
        Ok(self.select(&inside, &bound, &limit))
    }

    pub fn np_scalar(&mut self, val: &Val, elem: Elem) -> Val {
        self.emit(Op::ToNp, &[val], Type::Np(elem))
    }

    pub fn np_arithmetic(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Val> {
        let elem = Self::np_elem(left, right);
        let python = Self::may_be_python(left) && Self::may_be_python(right);
        if op == Operator::Div && !elem.is_float() {
            return self.np_compute(op, left, right, Elem::F64, python);
        }
        if elem == Elem::Bool {
            return self.np_bool_arithmetic(op, left, right);
        }
        self.np_compute(op, left, right, elem, python)
    }

    /// `python`: in CPython both operands may be Python numbers, so what raises there has to raise here.
    fn np_compute(&mut self, op: Operator, left: &Val, right: &Val, elem: Elem, python: bool) -> Lowered<Val> {
        let (a, b) = (self.np_operand(left, elem)?, self.np_operand(right, elem)?);
        let prim = match (elem.is_float(), op, python) {
            (true, Operator::Add, _) => Prim::FloatAdd,
            (true, Operator::Sub, _) => Prim::FloatSub,
            (true, Operator::Mult, _) => Prim::FloatMul,
            (true, Operator::Div, false) => Prim::FloatDivIeee,
            (true, Operator::Div, true) => Prim::FloatDiv,
            (true, Operator::FloorDiv, false) => Prim::FloatFloorDivIeee,
            (true, Operator::FloorDiv, true) => Prim::FloatFloorDiv,
            (true, Operator::Mod, false) => Prim::FloatModIeee,
            (true, Operator::Mod, true) => Prim::FloatMod,
            (true, Operator::Pow, false) if elem == Elem::F64 => Prim::FloatPowIeee,
            (true, Operator::Pow, true) if elem == Elem::F64 => Prim::FloatPow,
            (false, Operator::Add, false) => Prim::IntAddWrap,
            (false, Operator::Add, true) => Prim::IntAdd,
            (false, Operator::Sub, false) => Prim::IntSubWrap,
            (false, Operator::Sub, true) => Prim::IntSub,
            (false, Operator::Mult, false) => Prim::IntMulWrap,
            (false, Operator::Mult, true) => Prim::IntMul,
            (false, Operator::FloorDiv, false) => Prim::IntFloorDivWrap,
            (false, Operator::FloorDiv, true) => Prim::IntFloorDiv,
            (false, Operator::Mod, false) => Prim::IntModWrap,
            (false, Operator::Mod, true) => Prim::IntMod,
            (false, Operator::Pow, true) => Prim::IntPow,
            (false, Operator::Pow, false) => return self.np_int_power(&a, &b, elem),
            (false, Operator::LShift | Operator::RShift, false) => return self.np_shift(op, &a, &b, elem),
            (false, Operator::BitAnd, _) => Prim::IntAnd,
            (false, Operator::BitOr, _) => Prim::IntOr,
            (false, Operator::BitXor, _) => Prim::IntXor,
            _ => {
                let message = format!("`{}` on `numpy.{}` cannot be compiled", symbol(op), elem.name());
                let help = Some("convert with `int()` or `float()` first".to_owned());
                return self.fail("unsupported-operation", message, help);
            }
        };
        let number = self.prim(prim, &[&a, &b]);
        let mut result = self.np_scalar(&number, elem);
        result.shape.origin.python = python;
        Ok(result)
    }

    /// A shift as NumPy does it: by as many bits as there are, or more, or by a negative number, everything is shifted out.
    fn np_shift(&mut self, op: Operator, number: &Val, count: &Val, elem: Elem) -> Lowered<Val> {
        let (zero, one) = (self.int(0), self.int(1));
        let bits = self.int(8 * elem.size_bytes() as i64);
        let above = self.prim(Prim::IntGe, &[count, &zero]);
        let below = self.prim(Prim::IntLt, &[count, &bits]);
        let no = self.bool(false);
        let inside = self.select(&above, &below, &no);
        let shift = self.select(&inside, count, &zero);
        let shifted = match op {
            Operator::RShift => {
                let last = self.int(63);
                let shift = self.select(&inside, count, &last);
                self.prim(Prim::IntShr, &[number, &shift])
            }
            _ => {
                // In two steps, so that the factor is below 2**62.
                let half = self.prim(Prim::IntShr, &[&shift, &one]);
                let rest = self.prim(Prim::IntSubWrap, &[&shift, &half]);
                let mut shifted = number.clone();
                for part in [half, rest] {
                    let factor = self.prim(Prim::IntShl, &[&one, &part]);
                    shifted = self.prim(Prim::IntMulWrap, &[&shifted, &factor]);
                }
                self.select(&inside, &shifted, &zero)
            }
        };
        Ok(self.np_scalar(&shifted, elem))
    }

    /// A power of integers that wraps, by repeated squaring.
    fn np_int_power(&mut self, base: &Val, exponent: &Val, elem: Elem) -> Lowered<Val> {
        let (zero, one) = (self.int(0), self.int(1));
        let place = self.place;
        let legal = match exponent.known_int() {
            Some(known) => self.bool(known >= 0),
            None => self.prim(Prim::IntGe, &[exponent, &zero]),
        };
        self.require(&legal, ExcKind::ValueError, "Integers to negative integer powers are not allowed.")?;
        if exponent.known_int() == Some(2) {
            let square = self.prim(Prim::IntMulWrap, &[base, base]);
            return Ok(self.np_scalar(&square, elem));
        }
        let hidden = self.var_count();
        let plain = |val: &Val| Var::Bound(Val::new(val.id, Type::Int));
        let power = self.hidden(plain(&one));
        let square = self.hidden(plain(base));
        let rest = self.hidden(plain(exponent));
        let exits = self.open_collector();
        let lowered = self.run_loop(place.start, &[power, square, rest], None, &mut |lowerer| {
            let left = lowerer.hidden_val(rest)?;
            let more = lowerer.prim(Prim::IntGt, &[&left, &zero]);
            let (more, done) = lowerer.branch(&more)?;
            lowerer.collect(exits, done);
            lowerer.continue_at(more);
            let (known, factor) = (lowerer.hidden_val(power)?, lowerer.hidden_val(square)?);
            let odd = lowerer.prim(Prim::IntAnd, &[&left, &one]);
            let is_odd = lowerer.prim(Prim::IntNe, &[&odd, &zero]);
            let longer = lowerer.prim(Prim::IntMulWrap, &[&known, &factor]);
            let next = lowerer.select(&is_odd, &longer, &known);
            let squared = lowerer.prim(Prim::IntMulWrap, &[&factor, &factor]);
            let halved = lowerer.prim(Prim::IntShr, &[&left, &one]);
            lowerer.set_val(power, next);
            lowerer.set_val(square, squared);
            lowerer.set_val(rest, halved);
            Ok(())
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        let result = self.hidden_val(power)?;
        self.drop_hidden(hidden);
        Ok(self.np_scalar(&result, elem))
    }

    fn np_bool_arithmetic(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Val> {
        let (a, b) = (self.python_number(left), self.python_number(right));
        let op = match op {
            Operator::Add | Operator::BitOr => Operator::BitOr,
            Operator::Mult | Operator::BitAnd => Operator::BitAnd,
            Operator::BitXor => Operator::BitXor,
            Operator::Sub => {
                return self.clash(
                    "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` operator, \
                     or the logical_xor function instead.",
                );
            }
            _ => {
                let message = format!("`{}` on `numpy.bool` cannot be compiled", symbol(op));
                return self.fail("unsupported-operation", message, Some("convert with `int()` first".to_owned()));
            }
        };
        let logic = self.binary(op, &a, &b, false)?;
        Ok(self.np_scalar(&logic, Elem::Bool))
    }

    pub fn np_unary(&mut self, op: UnaryOp, val: &Val) -> Lowered<Val> {
        let Type::Np(elem) = *val.ty() else { return Ok(val.clone()) };
        let python = val.shape.origin.python;
        let number = self.python_number(val);
        let result = match (op, elem) {
            (UnaryOp::UAdd, Elem::Bool) => {
                return self.fail(
                    "unsupported-operation",
                    "`+` on a `numpy.bool` is an error of NumPy's own class",
                    None,
                );
            }
            (UnaryOp::USub, Elem::Bool) => {
                return self.clash("The numpy boolean negative, the `-` operator, is not supported");
            }
            (UnaryOp::UAdd, _) => return Ok(val.clone()),
            (UnaryOp::USub, elem) if elem.is_float() => self.prim(Prim::FloatNeg, &[&number]),
            (UnaryOp::USub, _) if python => self.prim(Prim::IntNeg, &[&number]),
            (UnaryOp::USub, _) => {
                let zero = self.int(0);
                self.prim(Prim::IntSubWrap, &[&zero, &number])
            }
            (UnaryOp::Invert, Elem::Bool) => self.not(&number),
            (UnaryOp::Invert, elem) if !elem.is_float() => self.prim(Prim::IntNot, &[&number]),
            (UnaryOp::Invert | UnaryOp::Not, _) => {
                return self.clash("ufunc 'invert' not supported for the input types");
            }
        };
        let mut result = self.np_scalar(&result, elem);
        result.shape.origin.python = python;
        Ok(result)
    }

    pub fn np_absolute(&mut self, val: &Val, elem: Elem) -> Lowered<Val> {
        let number = self.python_number(val);
        let magnitude = match elem.python_type() {
            Type::Float => self.prim(Prim::FloatAbs, &[&number]),
            Type::Int => {
                // The least value has no positive twin and stays as it is.
                let zero = self.int(0);
                let negative = self.prim(Prim::IntLt, &[&number, &zero]);
                let flipped = self.prim(Prim::IntSubWrap, &[&zero, &number]);
                self.select(&negative, &flipped, &number)
            }
            _ => number,
        };
        let mut result = self.np_scalar(&magnitude, elem);
        result.shape.origin = Origin { python: val.shape.origin.python, ..Origin::default() };
        Ok(result)
    }

    /// A comparison with a NumPy scalar: a `numpy.bool`.
    pub fn np_compare(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Val> {
        let (a, b) = (self.python_number(left), self.python_number(right));
        // A float32 is compared with a Python float rounded to float32.
        let narrow = |this: &Val, other: &Val| *this.ty() == Type::Float && *other.ty() == Type::Np(Elem::F32);
        let (a, b) = if narrow(left, right) {
            let rounded = self.np_scalar(&a, Elem::F32);
            (self.python_number(&rounded), b)
        } else if narrow(right, left) {
            let rounded = self.np_scalar(&b, Elem::F32);
            (a, self.python_number(&rounded))
        } else {
            (a, b)
        };
        // NumPy compares an int64 with a float64 as floats; Python compares them exactly.
        let mixed = *a.ty() == Type::Float || *b.ty() == Type::Float;
        let (a, b) = if mixed { (self.as_float(&a)?, self.as_float(&b)?) } else { (a, b) };
        let found = self.compare(op, &a, &b)?;
        Ok(self.np_scalar(&found, Elem::Bool))
    }

    /// A value as an element of an array of this type, as `array[i] = value` converts it.
    pub fn as_element(&mut self, val: &Val, elem: Elem) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| lowerer.as_element_plain(&val, elem))
    }

    fn as_element_plain(&mut self, val: &Val, elem: Elem) -> Lowered<Val> {
        match val.ty() {
            Type::Np(found) if *found == elem => Ok(Val { shape: Shape::from(Type::Np(elem)), ..val.clone() }),
            Type::Bool => Ok(self.np_scalar(val, elem)),
            Type::Int if elem == Elem::Bool || elem.is_float() => Ok(self.np_scalar(val, elem)),
            Type::Int => {
                let number = self.np_operand(val, elem)?;
                Ok(self.np_scalar(&number, elem))
            }
            Type::Float if elem.python_type() == Type::Int => {
                let int = self.prim(Prim::FloatToInt, &[val]);
                let number = self.np_operand(&int, elem)?;
                Ok(self.np_scalar(&number, elem))
            }
            Type::Float => Ok(self.np_scalar(val, elem)),
            Type::Np(_) => {
                let number = self.python_number(val);
                Ok(self.np_scalar(&number, elem))
            }
            Type::None if elem.is_float() => {
                // NumPy stores NaN for `None`.
                let nan = self.float(f64::NAN);
                Ok(self.np_scalar(&nan, elem))
            }
            other if elem == Elem::Bool || is_array_like(other) || is_text(other) => {
                let message = format!("a `{}` as an element of an array cannot be compiled", python_name(other));
                self.fail("unsupported-argument", message, Some("convert it first, or use `np.array(...)`".to_owned()))
            }
            other => {
                let message = format!(
                    "{} argument must be a string or a real number, not '{}'",
                    if elem.is_float() { "float()" } else { "int()" },
                    python_name(other)
                );
                self.clash(message)
            }
        }
    }
}
