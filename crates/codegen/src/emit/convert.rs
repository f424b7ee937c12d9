//! Between Python's numbers and NumPy's, and between `int` and `float`.

use ir::{Elem, ExcKind, Prim, Type, Value, messages};

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, RealPred, Val};
use crate::value::elem_ty;

/// 2**63 as a float: the first that no `i64` reaches.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

impl FuncEmitter<'_, '_> {
    /// As `numpy.asarray(x).astype(elem)`.
    pub fn convert_to_np(&mut self, value: Value, result: &Type) -> Val {
        let Type::Np(elem) = result else { return self.scalar(value) };
        let given = self.scalar(value);
        let ll = &self.em.ll;
        match (self.type_of(value), elem) {
            (Type::Float, Elem::F64) => given,
            (Type::Float, Elem::F32) => ll.fptrunc(given, ll.f32()),
            (Type::Float, Elem::Bool) => ll.fcmp(RealPred::LLVMRealUNE, given, ll.const_f64(0.0)),
            (Type::Float, _) => self.narrow(self.float_to_elem(given, *elem), *elem),
            (Type::Bool, Elem::Bool) => given,
            (Type::Bool, Elem::F32 | Elem::F64) => ll.uitofp(given, elem_ty(ll, *elem)),
            (Type::Bool, _) => ll.zext(given, elem_ty(ll, *elem)),
            (_, Elem::F64) => ll.sitofp(given, ll.f64()),
            (_, Elem::F32) => ll.sitofp(given, ll.f32()),
            (_, Elem::Bool) => ll.icmp(IntPred::LLVMIntNE, given, ll.zero(ll.i64())),
            (_, _) => self.narrow(given, *elem),
        }
    }

    /// The conversion as x86-64 does it, on every processor: what does not fit in the 32- or 64-bit integer that the
    /// machine converts to becomes the least of it.
    fn float_to_elem(&self, value: Val, elem: Elem) -> Val {
        let ll = &self.em.ll;
        match elem {
            Elem::U32 | Elem::I64 => self.float_to_64(value),
            Elem::U64 => {
                let high = ll.fcmp(RealPred::LLVMRealOGE, value, ll.const_f64(TWO_63));
                let moved = self.float_to_64(ll.fsub(value, ll.const_f64(TWO_63)));
                ll.select(high, ll.xor(moved, ll.const_i64(i64::MIN)), self.float_to_64(value))
            }
            Elem::Bool | Elem::I8 | Elem::I16 | Elem::I32 | Elem::U8 | Elem::U16 | Elem::F32 | Elem::F64 => {
                // Rounding towards zero makes the open ends of the range as good as the closed ones.
                let low = ll.fcmp(RealPred::LLVMRealOGT, value, ll.const_f64(f64::from(i32::MIN) - 1.0));
                let high = ll.fcmp(RealPred::LLVMRealOLT, value, ll.const_f64(f64::from(i32::MAX) + 1.0));
                let whole = self.float_to_64(value);
                ll.select(ll.and(low, high), whole, ll.const_i64(i64::from(i32::MIN)))
            }
        }
    }

    fn float_to_64(&self, value: Val) -> Val {
        let ll = &self.em.ll;
        let low = ll.fcmp(RealPred::LLVMRealOGE, value, ll.const_f64(-TWO_63));
        let high = ll.fcmp(RealPred::LLVMRealOLT, value, ll.const_f64(TWO_63));
        let whole = ll.intrinsic("llvm.fptosi.sat", &[ll.i64(), ll.f64()], &[value]);
        ll.select(ll.and(low, high), whole, ll.const_i64(i64::MIN))
    }

    fn narrow(&self, value: Val, elem: Elem) -> Val {
        let ll = &self.em.ll;
        match elem {
            Elem::I64 | Elem::U64 => value,
            Elem::Bool => ll.icmp(IntPred::LLVMIntNE, value, ll.zero(ll.i64())),
            Elem::I8 | Elem::I16 | Elem::I32 | Elem::U8 | Elem::U16 | Elem::U32 => ll.trunc(value, elem_ty(ll, elem)),
            Elem::F32 | Elem::F64 => ll.sitofp(value, elem_ty(ll, elem)),
        }
    }

    pub fn convert_from_np(&mut self, value: Value) -> Val {
        let given = self.scalar(value);
        let Type::Np(elem) = self.type_of(value) else { return given };
        if *elem == Elem::U64 {
            let bad = self.em.ll.icmp(IntPred::LLVMIntSLT, given, self.em.ll.zero(self.em.ll.i64()));
            self.fail_if(bad, ExcKind::IntTooLarge, messages::INT_TOO_LARGE);
        }
        let ll = &self.em.ll;
        match elem {
            Elem::Bool | Elem::F64 | Elem::I64 | Elem::U64 => given,
            Elem::F32 => ll.fpext(given, ll.f64()),
            Elem::I8 | Elem::I16 | Elem::I32 => ll.sext(given, ll.i64()),
            Elem::U8 | Elem::U16 | Elem::U32 => ll.zext(given, ll.i64()),
        }
    }

    /// A float that is whole already, as an int; raises what `int(x)` raises.
    pub fn whole_to_int(&mut self, whole: Val) -> Val {
        let ll = &self.em.ll;
        let low = ll.fcmp(RealPred::LLVMRealOGE, whole, ll.const_f64(-TWO_63));
        let high = ll.fcmp(RealPred::LLVMRealOLT, whole, ll.const_f64(TWO_63));
        let bad = ll.not(ll.and(low, high));
        let nan = ll.fcmp(RealPred::LLVMRealUNO, whole, whole);
        self.fail_if_with(bad, |this, _| {
            let ll = &this.em.ll;
            let magnitude = ll.intrinsic("llvm.fabs", &[ll.f64()], &[whole]);
            let infinite = ll.fcmp(RealPred::LLVMRealOEQ, magnitude, ll.const_f64(f64::INFINITY));
            this.raise_first(
                &[
                    (nan, ExcKind::ValueError, messages::of_prim(Prim::FloatToInt, ExcKind::ValueError)),
                    (infinite, ExcKind::OverflowError, messages::of_prim(Prim::FloatToInt, ExcKind::OverflowError)),
                ],
                (ExcKind::IntTooLarge, messages::INT_TOO_LARGE),
            );
        });
        let ll = &self.em.ll;
        if self.collecting() {
            ll.intrinsic("llvm.fptosi.sat", &[ll.i64(), ll.f64()], &[whole])
        } else {
            ll.fptosi(whole, ll.i64())
        }
    }

    /// `int` against `float`, exactly. `prim` is one of the `int.*_float` primitives.
    pub fn compare_int_float(&mut self, prim: Prim, int: Value, float: Value) -> Val {
        let (i, f) = (self.scalar(int), self.scalar(float));
        let pred = match prim {
            Prim::IntFloatLt => RealPred::LLVMRealOLT,
            Prim::IntFloatLe => RealPred::LLVMRealOLE,
            Prim::IntFloatGt => RealPred::LLVMRealOGT,
            Prim::IntFloatGe => RealPred::LLVMRealOGE,
            _ => RealPred::LLVMRealOEQ,
        };
        let exact_max = 1_i64 << 53;
        if self.constant_int(int).is_some_and(|constant| (-exact_max..=exact_max).contains(&constant)) {
            return self.em.ll.fcmp(pred, self.em.ll.sitofp(i, self.em.ll.f64()), f);
        }
        // Compare the rounded int first. Rounding keeps the order, so only where both are then equal can the answer be
        // wrong; there the float is whole, and in range unless it is 2**63.
        let ll = &self.em.ll;
        let rounded = ll.sitofp(i, ll.f64());
        let by_float = ll.fcmp(pred, rounded, f);
        let equal = ll.fcmp(RealPred::LLVMRealOEQ, rounded, f);
        let back = ll.intrinsic("llvm.fptosi.sat", &[ll.i64(), ll.f64()], &[f]);
        let beyond = ll.fcmp(RealPred::LLVMRealOEQ, f, ll.const_f64(TWO_63));
        let int_pred = match prim {
            Prim::IntFloatLt => IntPred::LLVMIntSLT,
            Prim::IntFloatLe => IntPred::LLVMIntSLE,
            Prim::IntFloatGt => IntPred::LLVMIntSGT,
            Prim::IntFloatGe => IntPred::LLVMIntSGE,
            _ => IntPred::LLVMIntEQ,
        };
        let when_beyond = ll.const_bool(matches!(prim, Prim::IntFloatLt | Prim::IntFloatLe));
        let by_int = ll.select(beyond, when_beyond, ll.icmp(int_pred, i, back));
        ll.select(equal, by_int, by_float)
    }
}
