//! Integer primitives: Python's `int` held to 64 bits.

use std::cmp::Ordering;

use super::scalar::{Outcome, raise};
use super::value::Value;
use crate::exc::ExcKind;
use crate::prim::Prim;

/// The result, or `IntTooLarge` when there is none in 64 bits.
fn checked(prim: Prim, result: Option<i64>) -> Outcome {
    result.map(Value::Int).ok_or_else(|| raise(prim, ExcKind::IntTooLarge))
}

/// Primitives of two ints.
pub fn binary(prim: Prim, a: i64, b: i64) -> Option<Outcome> {
    Some(match prim {
        Prim::IntAdd => checked(prim, a.checked_add(b)),
        Prim::IntSub => checked(prim, a.checked_sub(b)),
        Prim::IntMul => checked(prim, a.checked_mul(b)),
        Prim::IntFloorDiv if b == 0 => Err(raise(prim, ExcKind::ZeroDivisionError)),
        Prim::IntFloorDiv => checked(prim, floor_div(a, b)),
        Prim::IntMod if b == 0 => Err(raise(prim, ExcKind::ZeroDivisionError)),
        Prim::IntMod => Ok(Value::Int(floor_mod(a, b))),
        Prim::IntTrueDiv if b == 0 => Err(raise(prim, ExcKind::ZeroDivisionError)),
        Prim::IntTrueDiv => Ok(Value::Float(true_div(a, b))),
        Prim::IntPow if b < 0 => Err(raise(prim, ExcKind::NotCompiled)),
        Prim::IntPow => checked(prim, power(a, b)),
        Prim::IntAnd => Ok(Value::Int(a & b)),
        Prim::IntOr => Ok(Value::Int(a | b)),
        Prim::IntXor => Ok(Value::Int(a ^ b)),
        Prim::IntShl | Prim::IntShr if b < 0 => Err(raise(prim, ExcKind::ValueError)),
        Prim::IntShl => checked(prim, shift_left(a, b)),
        Prim::IntShr => Ok(Value::Int(a >> b.min(63))),
        Prim::IntEq => Ok(Value::Bool(a == b)),
        Prim::IntNe => Ok(Value::Bool(a != b)),
        Prim::IntLt => Ok(Value::Bool(a < b)),
        Prim::IntLe => Ok(Value::Bool(a <= b)),
        Prim::IntGt => Ok(Value::Bool(a > b)),
        Prim::IntGe => Ok(Value::Bool(a >= b)),
        Prim::IntAddWrap => Ok(Value::Int(a.wrapping_add(b))),
        Prim::IntSubWrap => Ok(Value::Int(a.wrapping_sub(b))),
        Prim::IntMulWrap => Ok(Value::Int(a.wrapping_mul(b))),
        // The only quotient that leaves the range is that of the least int by -1, which wraps to itself.
        Prim::IntFloorDivWrap => Ok(Value::Int(if b == 0 { 0 } else { floor_div(a, b).unwrap_or(a) })),
        Prim::IntModWrap => Ok(Value::Int(if b == 0 { 0 } else { floor_mod(a, b) })),
        Prim::IntRoundDigits => checked(prim, round_digits(a, b)),
        Prim::MathGcd => checked(prim, i64::try_from(gcd(a.unsigned_abs(), b.unsigned_abs())).ok()),
        Prim::MathLcm => checked(prim, lcm(a, b)),
        Prim::MathComb | Prim::MathPerm if a < 0 => Err(raise(prim, ExcKind::ValueError)),
        Prim::MathComb | Prim::MathPerm if b < 0 => {
            Err((ExcKind::ValueError, "k must be a non-negative integer".to_string()))
        }
        Prim::MathComb => checked(prim, combinations(a, b)),
        Prim::MathPerm => checked(prim, permutations(a, b)),
        _ => return None,
    })
}

/// Primitives of one int.
pub fn unary(prim: Prim, a: i64) -> Option<Outcome> {
    Some(match prim {
        Prim::IntNeg => checked(prim, a.checked_neg()),
        Prim::IntAbs => checked(prim, a.checked_abs()),
        Prim::IntNot => Ok(Value::Int(!a)),
        Prim::IntToFloat => Ok(Value::Float(a as f64)),
        Prim::IntToStr => Ok(Value::str(&a.to_string())),
        Prim::MathIsqrt if a < 0 => Err(raise(prim, ExcKind::ValueError)),
        Prim::MathIsqrt => Ok(Value::Int(a.isqrt())),
        Prim::MathFactorial if a < 0 => Err(raise(prim, ExcKind::ValueError)),
        Prim::MathFactorial => checked(prim, (1..=a).try_fold(1i64, i64::checked_mul)),
        Prim::IntChr => character(prim, a),
        _ => return None,
    })
}

/// An int against a float, exactly.
pub fn against_float(prim: Prim, a: i64, b: f64) -> Option<Outcome> {
    let order = compare_with_float(a, b);
    let result = match prim {
        Prim::IntFloatEq => order == Some(Ordering::Equal),
        Prim::IntFloatLt => order == Some(Ordering::Less),
        Prim::IntFloatLe => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Prim::IntFloatGt => order == Some(Ordering::Greater),
        Prim::IntFloatGe => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => return None,
    };
    Some(Ok(Value::Bool(result)))
}

fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let inexact = a.checked_rem(b)? != 0;
    Some(if inexact && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// The remainder with the sign of the divisor, which is not 0.
fn floor_mod(a: i64, b: i64) -> i64 {
    let remainder = a.wrapping_rem(b);
    if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder }
}

/// The float nearest to the exact quotient; ties go to even.
fn true_div(a: i64, b: i64) -> f64 {
    let (dividend, divisor) = (u128::from(a.unsigned_abs()), u128::from(b.unsigned_abs()));
    if dividend == 0 {
        // As CPython's: `0 / -5` is `-0.0`.
        return if b < 0 { -0.0 } else { 0.0 };
    }
    // With the dividend's top bit at 126 the quotient has at least 62 bits. Its last bit stands for all that was cut off,
    // so the one rounding that follows is that of the exact quotient. Scaling back by a power of two is exact.
    let shift = dividend.leading_zeros() - 1;
    let scaled = dividend << shift;
    let sticky = u128::from(scaled % divisor != 0);
    let magnitude = ((scaled / divisor) | sticky) as f64 / 2f64.powi(shift as i32);
    if (a < 0) == (b < 0) { magnitude } else { -magnitude }
}

fn power(base: i64, exponent: i64) -> Option<i64> {
    match base {
        0 => Some(i64::from(exponent == 0)),
        1 => Some(1),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        // From 2 on 64 factors leave the range.
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

fn shift_left(a: i64, by: i64) -> Option<i64> {
    if a == 0 {
        return Some(0);
    }
    let shifted = if by < 64 { a << by } else { return None };
    (shifted >> by == a).then_some(shifted)
}

fn round_digits(a: i64, digits: i64) -> Option<i64> {
    if digits >= 0 {
        return Some(a);
    }
    if digits < -19 {
        return Some(0);
    }
    let unit = 10i128.pow(digits.unsigned_abs() as u32);
    let a = i128::from(a);
    let below = a.div_euclid(unit);
    let twice = 2 * a.rem_euclid(unit);
    let up = twice > unit || (twice == unit && below % 2 != 0);
    i64::try_from((below + i128::from(up)) * unit).ok()
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: i64, b: i64) -> Option<i64> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
    i64::try_from((a / gcd(a, b)).checked_mul(b)?).ok()
}

fn combinations(n: i64, k: i64) -> Option<i64> {
    if k > n {
        return Some(0);
    }
    let k = k.min(n - k);
    // C(n, i) grows with i up to the middle, so the first one out of range settles it.
    let mut result: i64 = 1;
    for i in 1..=k {
        let next = i128::from(result) * i128::from(n - k + i) / i128::from(i);
        result = i64::try_from(next).ok()?;
    }
    Some(result)
}

fn permutations(n: i64, k: i64) -> Option<i64> {
    if k > n {
        return Some(0);
    }
    // None of the factors is 0, and from 2 on 64 of them leave the range.
    (0..k).map(|i| n - i).try_fold(1i64, i64::checked_mul)
}

fn character(prim: Prim, code: i64) -> Outcome {
    let Ok(code) = i32::try_from(code) else { return Err(raise(prim, ExcKind::OverflowError)) };
    let Some(code) = u32::try_from(code).ok().filter(|code| *code < 0x110000) else {
        return Err(raise(prim, ExcKind::ValueError));
    };
    match char::from_u32(code) {
        Some(c) => Ok(Value::str(c.encode_utf8(&mut [0; 4]))),
        // Surrogates are code points to CPython, but no text of ours can hold one.
        None => Err(raise(prim, ExcKind::NotCompiled)),
    }
}

/// How an int compares with a float, without rounding the int; `None` for NaN.
pub fn compare_with_float(a: i64, b: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        return None;
    }
    if b >= LIMIT {
        return Some(Ordering::Less);
    }
    if b < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = b.trunc();
    Some(a.cmp(&(whole as i64)).then(0.0.partial_cmp(&(b - whole)).unwrap_or(Ordering::Equal)))
}
