//! Integer primitives: 64 bits, checked, with Python's signs.

use ir::{ExcKind, Prim, Value, messages};

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, RealPred, Val};

/// The largest magnitude up to which every integer is a float.
const EXACT_FLOAT_MAX: i64 = 1 << 53;

/// A little less than 2**63.
const PRODUCT_MAX: f64 = 9.2e18;

impl FuncEmitter<'_, '_> {
    fn i64_overflow(&mut self, intrinsic: &str, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let pair = ll.intrinsic(intrinsic, &[ll.i64()], &[a, b]);
        let (result, overflow) = (ll.extract(pair, 0), ll.extract(pair, 1));
        self.fail_if(overflow, ExcKind::IntTooLarge, messages::INT_TOO_LARGE);
        result
    }

    pub fn int_add(&mut self, a: Val, b: Val) -> Val {
        if !self.collecting() {
            return self.i64_overflow("llvm.sadd.with.overflow", a, b);
        }
        // The sign bit of `(a ^ r) & (b ^ r)` is the overflow, which costs three vector instructions and no branch.
        let ll = &self.em.ll;
        let result = ll.add(a, b);
        let word = ll.and(ll.xor(a, result), ll.xor(b, result));
        self.flag_sign(word);
        result
    }

    pub fn int_sub(&mut self, a: Val, b: Val) -> Val {
        if !self.collecting() {
            return self.i64_overflow("llvm.ssub.with.overflow", a, b);
        }
        let ll = &self.em.ll;
        let result = ll.sub(a, b);
        let word = ll.and(ll.xor(a, b), ll.xor(a, result));
        self.flag_sign(word);
        result
    }

    pub fn int_mul(&mut self, a: Val, b: Val) -> Val {
        if !self.collecting() || !self.em.multiplies_vectors {
            return self.i64_overflow("llvm.smul.with.overflow", a, b);
        }
        // No vector instruction tells the overflow. The product as floats is off by less than one part in 2**51, so what
        // stays below this limit has not overflowed; the few products above it are computed again, exactly.
        let ll = &self.em.ll;
        let size = ll.fmul(ll.sitofp(a, ll.f64()), ll.sitofp(b, ll.f64()));
        let size = ll.intrinsic("llvm.fabs", &[ll.f64()], &[size]);
        let large = ll.fcmp(RealPred::LLVMRealOGT, size, ll.const_f64(PRODUCT_MAX));
        let word = ll.sext(large, ll.i64());
        let product = ll.mul(a, b);
        self.flag_sign(word);
        product
    }

    pub fn int_neg(&mut self, a: Val) -> Val {
        let zero = self.em.ll.const_i64(0);
        self.int_sub(zero, a)
    }

    pub fn int_abs(&mut self, a: Val) -> Val {
        let ll = &self.em.ll;
        let lowest = ll.icmp(IntPred::LLVMIntEQ, a, ll.const_i64(i64::MIN));
        self.fail_if(lowest, ExcKind::IntTooLarge, messages::INT_TOO_LARGE);
        let ll = &self.em.ll;
        ll.intrinsic("llvm.abs", &[ll.i64()], &[a, ll.const_bool(false)])
    }

    /// Quotient and remainder towards zero, made safe against -2**63 by -1, turned to Python's signs by `finish`.
    fn fix_quotient(&self, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let (quotient, remainder) = (ll.sdiv(a, b), ll.srem(a, b));
        let inexact = ll.icmp(IntPred::LLVMIntNE, remainder, ll.const_i64(0));
        let signs_differ = ll.icmp(IntPred::LLVMIntSLT, ll.xor(remainder, b), ll.const_i64(0));
        ll.sub(quotient, ll.zext(ll.and(inexact, signs_differ), ll.i64()))
    }

    fn fix_remainder(&self, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let remainder = ll.srem(a, b);
        let inexact = ll.icmp(IntPred::LLVMIntNE, remainder, ll.const_i64(0));
        let signs_differ = ll.icmp(IntPred::LLVMIntSLT, ll.xor(remainder, b), ll.const_i64(0));
        ll.select(ll.and(inexact, signs_differ), ll.add(remainder, b), remainder)
    }

    fn is_zero(&self, a: Val) -> Val {
        self.em.ll.icmp(IntPred::LLVMIntEQ, a, self.em.ll.const_i64(0))
    }

    fn is_minus_one(&self, a: Val) -> Val {
        self.em.ll.icmp(IntPred::LLVMIntEQ, a, self.em.ll.const_i64(-1))
    }

    /// -2**63 divided by -1, which no 64 bits hold and which the processor traps on.
    fn division_overflows(&self, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let lowest = ll.icmp(IntPred::LLVMIntEQ, a, ll.const_i64(i64::MIN));
        ll.and(lowest, self.is_minus_one(b))
    }

    pub fn int_floor_div(&mut self, a: Val, b: Val) -> Val {
        let zero = self.is_zero(b);
        self.fail_prim(zero, Prim::IntFloorDiv, ExcKind::ZeroDivisionError);
        let b = self.or_harmless(zero, b, self.em.ll.const_i64(1));
        let overflow = self.division_overflows(a, b);
        self.fail_if(overflow, ExcKind::IntTooLarge, messages::INT_TOO_LARGE);
        let b = self.or_harmless(overflow, b, self.em.ll.const_i64(1));
        self.fix_quotient(a, b)
    }

    pub fn int_mod(&mut self, a: Val, b: Val) -> Val {
        let zero = self.is_zero(b);
        self.fail_prim(zero, Prim::IntMod, ExcKind::ZeroDivisionError);
        let b = self.or_harmless(zero, b, self.em.ll.const_i64(1));
        // Everything is 0 modulo -1 and modulo 1; the latter does not trap.
        let b = self.em.ll.select(self.is_minus_one(b), self.em.ll.const_i64(1), b);
        self.fix_remainder(a, b)
    }

    /// NumPy: 0 for division by zero, wrapping for -2**63 by -1.
    pub fn int_floor_div_wrap(&mut self, a: Val, b: Val) -> Val {
        let (zero, minus_one) = (self.is_zero(b), self.is_minus_one(b));
        let ll = &self.em.ll;
        let safe = ll.select(ll.or(zero, minus_one), ll.const_i64(1), b);
        let quotient = self.fix_quotient(a, safe);
        let ll = &self.em.ll;
        ll.select(zero, ll.const_i64(0), ll.select(minus_one, ll.neg(a), quotient))
    }

    pub fn int_mod_wrap(&mut self, a: Val, b: Val) -> Val {
        let (zero, minus_one) = (self.is_zero(b), self.is_minus_one(b));
        let ll = &self.em.ll;
        let trivial = ll.or(zero, minus_one);
        let safe = ll.select(trivial, ll.const_i64(1), b);
        self.fix_remainder(a, safe)
    }

    /// `/` of two ints: where both are floats exactly the division rounds once, else the runtime does it.
    pub fn int_true_div(&mut self, a: Val, b: Val) -> Vec<Val> {
        let zero = self.is_zero(b);
        self.fail_prim(zero, Prim::IntTrueDiv, ExcKind::ZeroDivisionError);
        let ll = &self.em.ll;
        let limit = ll.const_i64(2 * EXACT_FLOAT_MAX);
        let beyond = |value| {
            let shifted = ll.add(value, ll.const_i64(EXACT_FLOAT_MAX));
            ll.icmp(IntPred::LLVMIntUGT, shifted, limit)
        };
        let rare = ll.or(beyond(a), beyond(b));
        self.fast_or_slow(
            rare,
            |this| {
                let ll = &this.em.ll;
                vec![ll.fdiv(ll.sitofp(a, ll.f64()), ll.sitofp(b, ll.f64()))]
            },
            |this| this.runtime_call(Prim::IntTrueDiv.name(), &[a, b]),
        )
    }

    /// `**` with a small constant exponent.
    pub fn int_power(&mut self, base: Val, exponent: u32) -> Val {
        let mut result = self.em.ll.const_i64(1);
        let mut square = base;
        let mut rest = exponent;
        let mut first = true;
        while rest > 0 {
            if rest & 1 == 1 {
                result = if first { square } else { self.int_mul(result, square) };
                first = false;
            }
            rest >>= 1;
            if rest > 0 {
                square = self.int_mul(square, square);
            }
        }
        result
    }

    pub fn int_shl(&mut self, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let negative = ll.icmp(IntPred::LLVMIntSLT, b, ll.const_i64(0));
        self.fail_prim(negative, Prim::IntShl, ExcKind::ValueError);
        let ll = &self.em.ll;
        // Shifts by 64 and more are undefined in LLVM; of 0 the result is 0 all the same.
        let long = ll.icmp(IntPred::LLVMIntUGT, b, ll.const_i64(63));
        let count = ll.select(long, ll.const_i64(63), b);
        let shifted = ll.shl(a, count);
        let lost = ll.icmp(IntPred::LLVMIntNE, ll.ashr(shifted, count), a);
        let bad = ll.and(ll.or(lost, long), ll.icmp(IntPred::LLVMIntNE, a, ll.const_i64(0)));
        self.fail_if(bad, ExcKind::IntTooLarge, messages::INT_TOO_LARGE);
        shifted
    }

    pub fn int_shr(&mut self, a: Val, b: Val) -> Val {
        let ll = &self.em.ll;
        let negative = ll.icmp(IntPred::LLVMIntSLT, b, ll.const_i64(0));
        self.fail_prim(negative, Prim::IntShl, ExcKind::ValueError);
        let ll = &self.em.ll;
        let long = ll.icmp(IntPred::LLVMIntUGT, b, ll.const_i64(63));
        ll.ashr(a, ll.select(long, ll.const_i64(63), b))
    }

    // Ranges.

    pub fn range_new(&mut self, start: Val, stop: Val, step: Val) -> Vec<Val> {
        let zero = self.is_zero(step);
        self.fail_prim(zero, Prim::RangeNew, ExcKind::ValueError);
        let step = self.or_harmless(zero, step, self.em.ll.const_i64(1));
        vec![start, stop, step]
    }

    /// The number of items as an unsigned word: it may be 2**64 - 1.
    fn range_count(&self, range: Value) -> Val {
        let parts = self.comps_of(range);
        let (start, stop, step) = (parts[0], parts[1], parts[2]);
        let ll = &self.em.ll;
        let up = ll.icmp(IntPred::LLVMIntSGT, step, ll.const_i64(0));
        let (low, high) = (ll.select(up, start, stop), ll.select(up, stop, start));
        let stride = ll.select(up, step, ll.neg(step));
        // A step of zero never gets here from `range.new`, but from a caller's slots it may.
        let stride = ll.select(self.is_zero(stride), ll.const_i64(1), stride);
        let span = ll.sub(ll.sub(high, low), ll.const_i64(1));
        let count = ll.add(ll.udiv(span, stride), ll.const_i64(1));
        let empty = ll.icmp(IntPred::LLVMIntSGE, low, high);
        ll.select(empty, ll.const_i64(0), count)
    }

    pub fn range_len(&mut self, range: Value) -> Val {
        let count = self.range_count(range);
        let negative = self.em.ll.icmp(IntPred::LLVMIntSLT, count, self.em.ll.const_i64(0));
        self.fail_prim(negative, Prim::RangeLen, ExcKind::OverflowError);
        count
    }

    pub fn range_index(&mut self, range: Value, index: Val) -> Val {
        let count = self.range_count(range);
        let parts = self.comps_of(range).to_vec();
        let ll = &self.em.ll;
        let negative = ll.icmp(IntPred::LLVMIntSLT, index, ll.const_i64(0));
        // Counted from the end, `count + index` is in range when `-index` is not above the count.
        let too_far = ll.icmp(IntPred::LLVMIntUGT, ll.neg(index), count);
        let beyond = ll.icmp(IntPred::LLVMIntUGE, index, count);
        let bad = ll.select(negative, too_far, beyond);
        self.fail_prim(bad, Prim::RangeIndex, ExcKind::IndexError);
        let ll = &self.em.ll;
        let position = ll.select(negative, ll.add(count, index), index);
        ll.add(parts[0], ll.mul(position, parts[2]))
    }
}
