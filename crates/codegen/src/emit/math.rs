//! The `math` module: the C library's functions inside CPython's checks.

use ir::{ExcKind, Prim};

use crate::emit::func::FuncEmitter;
use crate::llvm::{CallConv, RealPred, Val};

impl FuncEmitter<'_, '_> {
    /// Calls a function of the C library. It depends on nothing but its arguments: nobody looks at `errno`. LLVM may
    /// not replace it (`pow(x, 2)` is not always `x * x`): the result must have CPython's bits.
    pub fn library_call(&mut self, name: &str, args: &[Val]) -> Val {
        let ll = &self.em.ll;
        let function = ll.declare(name, ll.f64(), &vec![ll.f64(); args.len()]);
        ll.mark_pure(function);
        let call = ll.call(function, CallConv::C, args);
        ll.mark_no_builtin(call);
        call
    }

    fn fail_domain(&mut self, bad: Val) {
        self.fail_prim(bad, Prim::MathSqrt, ExcKind::ValueError);
    }

    /// A function that raises `ValueError` where `pred(x, limit)` holds (never for NaN).
    pub fn math_with_domain(&mut self, name: &str, x: Val, pred: RealPred, limit: f64) -> Val {
        let bad = self.fcmp(pred, x, self.em.ll.const_f64(limit));
        self.fail_domain(bad);
        self.library_call(name, &[x])
    }

    pub fn math_sqrt(&mut self, x: Val) -> Val {
        let bad = self.fcmp(RealPred::LLVMRealOLT, x, self.em.ll.const_f64(0.0));
        self.fail_domain(bad);
        self.float_intrinsic("llvm.sqrt", &[x])
    }

    /// `sin`, `cos`, `tan`: not of infinities.
    pub fn math_circular(&mut self, name: &str, x: Val) -> Val {
        let bad = self.is_infinite(x);
        self.fail_domain(bad);
        self.library_call(name, &[x])
    }

    /// `asin`, `acos`: from -1 to 1; `atanh`: without the ends.
    pub fn math_within_one(&mut self, name: &str, x: Val, pred: RealPred) -> Val {
        let magnitude = self.float_intrinsic("llvm.fabs", &[x]);
        let bad = self.fcmp(pred, magnitude, self.em.ll.const_f64(1.0));
        self.fail_domain(bad);
        self.library_call(name, &[x])
    }

    /// A function that overflows: an infinite result of a finite argument raises.
    pub fn math_overflowing(&mut self, name: &str, x: Val) -> Val {
        let result = self.library_call(name, &[x]);
        let (infinite, finite) = (self.is_infinite(result), self.is_finite(x));
        let bad = self.em.ll.and(infinite, finite);
        self.fail_prim(bad, Prim::MathExp, ExcKind::OverflowError);
        result
    }

    pub fn math_fmod(&mut self, x: Val, y: Val) -> Val {
        let infinite = self.is_infinite(x);
        let zero = self.fcmp(RealPred::LLVMRealOEQ, y, self.em.ll.const_f64(0.0));
        let ordered = self.fcmp(RealPred::LLVMRealORD, x, y);
        let bad = self.em.ll.and(ordered, self.em.ll.or(infinite, zero));
        self.fail_domain(bad);
        self.em.ll.frem(x, y)
    }
}
