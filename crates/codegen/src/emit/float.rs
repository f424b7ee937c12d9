//! Float primitives: CPython's `//`, `%`, `**`, rounding, and NumPy's forms of them.

use ir::{ExcKind, Prim};

use crate::emit::func::FuncEmitter;
use crate::llvm::{RealPred, Val};

impl FuncEmitter<'_, '_> {
    fn f64(&self, value: f64) -> Val {
        self.em.ll.const_f64(value)
    }

    /// A one-argument or two-argument intrinsic on floats.
    pub fn float_intrinsic(&self, name: &str, args: &[Val]) -> Val {
        self.em.ll.intrinsic(name, &[self.em.ll.f64()], args)
    }

    pub fn fcmp(&self, pred: RealPred, a: Val, b: Val) -> Val {
        self.em.ll.fcmp(pred, a, b)
    }

    fn fail_if_zero(&mut self, divisor: Val, prim: Prim) {
        let zero = self.fcmp(RealPred::LLVMRealOEQ, divisor, self.f64(0.0));
        self.fail_prim(zero, prim, ExcKind::ZeroDivisionError);
    }

    pub fn float_div(&mut self, a: Val, b: Val) -> Val {
        self.fail_if_zero(b, Prim::FloatDiv);
        self.em.ll.fdiv(a, b)
    }

    pub fn float_floor_div(&mut self, a: Val, b: Val) -> Val {
        self.fail_if_zero(b, Prim::FloatFloorDiv);
        self.floor_quotient(a, b)
    }

    pub fn float_mod(&mut self, a: Val, b: Val) -> Val {
        self.fail_if_zero(b, Prim::FloatMod);
        self.floor_remainder(a, b)
    }

    /// `fmod`, and whether its result is not zero and its sign differs from the divisor's.
    fn remainder_parts(&self, a: Val, b: Val) -> (Val, Val) {
        let ll = &self.em.ll;
        let remainder = ll.frem(a, b);
        let nonzero = ll.fcmp(RealPred::LLVMRealUNE, remainder, self.f64(0.0));
        let divisor_negative = ll.fcmp(RealPred::LLVMRealOLT, b, self.f64(0.0));
        let negative = ll.fcmp(RealPred::LLVMRealOLT, remainder, self.f64(0.0));
        (remainder, ll.and(nonzero, ll.xor(divisor_negative, negative)))
    }

    fn floor_remainder(&self, a: Val, b: Val) -> Val {
        let (remainder, differs) = self.remainder_parts(a, b);
        let ll = &self.em.ll;
        let moved = ll.select(differs, ll.fadd(remainder, b), remainder);
        let zero = ll.fcmp(RealPred::LLVMRealOEQ, remainder, self.f64(0.0));
        ll.select(zero, self.float_intrinsic("llvm.copysign", &[self.f64(0.0), b]), moved)
    }

    /// The quotient from the exact remainder, rounded to the whole number it must be.
    fn floor_quotient(&self, a: Val, b: Val) -> Val {
        let (remainder, differs) = self.remainder_parts(a, b);
        let ll = &self.em.ll;
        let quotient = ll.fdiv(ll.fsub(a, remainder), b);
        let quotient = ll.select(differs, ll.fsub(quotient, self.f64(1.0)), quotient);
        let floor = self.float_intrinsic("llvm.floor", &[quotient]);
        let up = ll.fcmp(RealPred::LLVMRealOGT, ll.fsub(quotient, floor), self.f64(0.5));
        let rounded = ll.select(up, ll.fadd(floor, self.f64(1.0)), floor);
        let zero = ll.fcmp(RealPred::LLVMRealOEQ, quotient, self.f64(0.0));
        let signed_zero = self.float_intrinsic("llvm.copysign", &[self.f64(0.0), ll.fdiv(a, b)]);
        ll.select(zero, signed_zero, rounded)
    }

    /// NumPy: IEEE results for a zero divisor.
    pub fn float_floor_div_ieee(&mut self, a: Val, b: Val) -> Val {
        let zero = self.fcmp(RealPred::LLVMRealOEQ, b, self.f64(0.0));
        let ll = &self.em.ll;
        ll.select(zero, ll.fdiv(a, b), self.floor_quotient(a, b))
    }

    pub fn float_mod_ieee(&mut self, a: Val, b: Val) -> Val {
        let zero = self.fcmp(RealPred::LLVMRealOEQ, b, self.f64(0.0));
        let ll = &self.em.ll;
        ll.select(zero, self.f64(f64::NAN), self.floor_remainder(a, b))
    }

    /// `pow` where no special case of CPython's can apply (a positive finite base, a finite exponent, a finite result),
    /// else the runtime's function.
    pub fn power(&mut self, prim: Prim, a: Val, b: Val) -> Vec<Val> {
        let result = self.library_call("pow", &[a, b]);
        let infinity = self.f64(f64::INFINITY);
        let positive = self.fcmp(RealPred::LLVMRealOGT, a, self.f64(0.0));
        let finite_base = self.fcmp(RealPred::LLVMRealOLT, a, infinity);
        let magnitude = self.float_intrinsic("llvm.fabs", &[b]);
        let finite_exponent = self.fcmp(RealPred::LLVMRealOLT, magnitude, infinity);
        let finite_result = self.fcmp(RealPred::LLVMRealOLT, result, infinity);
        let ll = &self.em.ll;
        let usual = ll.and(ll.and(positive, finite_base), ll.and(finite_exponent, finite_result));
        let rare = ll.not(usual);
        self.fast_or_slow(rare, |_| vec![result], |this| this.runtime_call(prim.name(), &[a, b]))
    }

    /// Rounds with an intrinsic and gives the int.
    pub fn rounded_to_int(&mut self, intrinsic: &str, value: Val) -> Val {
        let whole = self.float_intrinsic(intrinsic, &[value]);
        self.whole_to_int(whole)
    }

    pub fn is_infinite(&self, value: Val) -> Val {
        let magnitude = self.float_intrinsic("llvm.fabs", &[value]);
        self.fcmp(RealPred::LLVMRealOEQ, magnitude, self.f64(f64::INFINITY))
    }

    pub fn is_finite(&self, value: Val) -> Val {
        let magnitude = self.float_intrinsic("llvm.fabs", &[value]);
        self.fcmp(RealPred::LLVMRealOLT, magnitude, self.f64(f64::INFINITY))
    }

    pub fn is_nan(&self, value: Val) -> Val {
        self.fcmp(RealPred::LLVMRealUNO, value, value)
    }

    /// `x.is_integer()`.
    pub fn is_whole(&self, value: Val) -> Val {
        let truncated = self.float_intrinsic("llvm.trunc", &[value]);
        self.em.ll.and(self.is_finite(value), self.fcmp(RealPred::LLVMRealOEQ, truncated, value))
    }
}
