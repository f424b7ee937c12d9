//! `x ** 2`, `x ** 3` and `x ** 0.5` with the bits of the C library's `pow`, mostly without calling it.
//!
//! glibc's `pow` is off by at most 0.512 units in the last place while the result stays between 2**-100 and 2**100 (its
//! source proves 0.509 and a part that grows with the exponent). So wherever the exact power lies less than 0.48 units
//! from the nearest float, `pow` gives that float. Here the power is computed in two floats, the rounded result and what
//! it leaves, and only where the latter is too near to half a unit, about once in 25, `pow` is called. Compared with
//! `pow` for 10**8 values of each exponent: no difference.

use ir::{Const, Op, Prim, Value};

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, RealPred, Val};

/// How far the exact power may lie from the rounded one, in units in the last place.
const REST_MAX: f64 = 0.48;
/// The same where the result is a power of two, below which units are half as large.
const REST_AT_POWER_MAX: f64 = 0.2;
/// The result's range in which the bound on `pow`'s error holds.
const RESULT_MAX: f64 = 1.267_650_600_228_229_4e30;

/// A power in two parts.
struct Parts {
    rounded: Val,
    /// The exact power less the rounded one, times `scale`.
    rest: Val,
    scale: Option<Val>,
}

impl FuncEmitter<'_, '_> {
    /// The constant float that a value is, also by way of an int.
    fn constant_float(&self, value: Value) -> Option<f64> {
        match self.constants[value.index()] {
            Some(Const::Float(value)) => Some(*value),
            Some(Const::None | Const::Bool(_) | Const::Int(_) | Const::Str(_) | Const::Bytes(_)) => None,
            None => {
                let insts = self.func.block(self.current).insts.iter();
                let found = insts.rev().find(|inst| inst.result == value)?;
                let is_conversion = found.op == Op::Prim(Prim::IntToFloat);
                is_conversion.then(|| self.constant_int(found.args[0])).flatten().map(|value| value as f64)
            }
        }
    }

    /// `base ** exponent` for one of the exponents that need no call; `slow` emits the call. `None` for other exponents
    /// and targets.
    pub fn quick_power(
        &mut self,
        base: Val,
        exponent: Value,
        slow: impl FnOnce(&mut Self) -> Vec<Val>,
    ) -> Option<Vec<Val>> {
        if !self.em.fuses_multiply_add {
            return None;
        }
        let parts = match self.constant_float(exponent)? {
            2.0 => self.square(base),
            3.0 => self.cube(base),
            0.5 => self.root(base),
            _ => return None,
        };
        let sure = self.is_sure(&parts);
        Some(self.either(sure, |_| vec![parts.rounded], slow))
    }

    fn fused(&self, a: Val, b: Val, c: Val) -> Val {
        self.float_intrinsic("llvm.fma", &[a, b, c])
    }

    fn square(&self, x: Val) -> Parts {
        let ll = &self.em.ll;
        let rounded = ll.fmul(x, x);
        Parts { rounded, rest: self.fused(x, x, ll.fneg(rounded)), scale: None }
    }

    fn cube(&self, x: Val) -> Parts {
        let square = self.square(x);
        let ll = &self.em.ll;
        let product = ll.fmul(square.rounded, x);
        let lost = self.fused(square.rounded, x, ll.fneg(product));
        let low = self.fused(square.rest, x, lost);
        let rounded = ll.fadd(product, low);
        Parts { rounded, rest: ll.fsub(low, ll.fsub(rounded, product)), scale: None }
    }

    fn root(&self, x: Val) -> Parts {
        let ll = &self.em.ll;
        let rounded = self.float_intrinsic("llvm.sqrt", &[x]);
        // x - r * r is the rest times (sqrt(x) + r), which is 2 * r but for what does not matter.
        let rest = self.fused(ll.fneg(rounded), rounded, x);
        Parts { rounded, rest, scale: Some(ll.fadd(rounded, rounded)) }
    }

    /// Whether `pow` is sure to give the rounded result. False for NaN, infinities and zeros.
    fn is_sure(&self, parts: &Parts) -> Val {
        let ll = &self.em.ll;
        let bits = ll.bitcast(parts.rounded, ll.i64());
        let fraction = ll.and(bits, ll.const_i64((1 << 52) - 1));
        let is_power = ll.icmp(IntPred::LLVMIntEQ, fraction, ll.const_i64(0));
        let power = ll.bitcast(ll.and(bits, ll.const_i64(0x7ff << 52)), ll.f64());
        let unit = f64::EPSILON;
        let share = ll.select(is_power, ll.const_f64(REST_AT_POWER_MAX * unit), ll.const_f64(REST_MAX * unit));
        let mut most = ll.fmul(power, share);
        if let Some(scale) = parts.scale {
            most = ll.fmul(most, scale);
        }
        let near = ll.fcmp(RealPred::LLVMRealOLT, self.float_intrinsic("llvm.fabs", &[parts.rest]), most);
        let low = ll.fcmp(RealPred::LLVMRealOGE, power, ll.const_f64(1.0 / RESULT_MAX));
        let high = ll.fcmp(RealPred::LLVMRealOLT, power, ll.const_f64(RESULT_MAX));
        ll.and(near, ll.and(low, high))
    }
}
