//! Arithmetic that is more than one machine instruction: powers, true division, rounding. Pure functions.

use crate::decimal::{Decimal, scaled_and_rounded};
use crate::exc::{ExcClass, Raised, int_too_large, not_compiled, overflow_error, raised, value_error};
use crate::math::libm::{fmod, pow};

/// `base ** exponent` of ints.
pub fn int_pow(base: i64, exponent: i64) -> Result<i64, Raised> {
    if exponent < 0 {
        return Err(not_compiled("negative exponent gives no int"));
    }
    match base {
        0 => Ok(i64::from(exponent == 0)),
        1 => Ok(1),
        -1 => Ok(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent)).ok_or_else(int_too_large),
    }
}

/// `a / b` of ints: the float nearest to the exact quotient.
pub fn int_truediv(a: i64, b: i64) -> Result<f64, Raised> {
    if b == 0 {
        return Err(raised(ExcClass::ZeroDivisionError, "division by zero"));
    }
    const EXACT_MAX: u64 = 1 << 53;
    if a.unsigned_abs() <= EXACT_MAX && b.unsigned_abs() <= EXACT_MAX {
        return Ok(a as f64 / b as f64);
    }
    if a == 0 {
        return Ok(if b < 0 { -0.0 } else { 0.0 });
    }
    let (dividend, divisor) = (u128::from(a.unsigned_abs()), u128::from(b.unsigned_abs()));
    // Shift the dividend so that the quotient has 56 bits or more: 53, one to round by, and one that says whether
    // anything was cut off. The shifted dividend has at most 56 + 64 bits.
    let shift = (56 + dividend.leading_zeros()).saturating_sub(divisor.leading_zeros());
    let scaled = dividend << shift;
    let quotient = (scaled / divisor) | u128::from(scaled % divisor != 0);
    // The conversion rounds once, half to even; the division by a power of two is exact.
    let magnitude = quotient as f64 / (1u128 << shift) as f64;
    Ok(if (a < 0) == (b < 0) { magnitude } else { -magnitude })
}

/// `round(n, digits)` of an int: to a multiple of `10**-digits`, half to even.
pub fn int_round_digits(n: i64, digits: i64) -> Result<i64, Raised> {
    if digits >= 0 {
        return Ok(n);
    }
    let Some(unit) = u32::try_from(digits.unsigned_abs()).ok().filter(|d| *d <= 20).map(|d| 10i128.pow(d)) else {
        return Ok(0);
    };
    let n = i128::from(n);
    let (quotient, remainder) = (n.div_euclid(unit), n.rem_euclid(unit));
    let up = 2 * remainder > unit || (2 * remainder == unit && quotient % 2 != 0);
    i64::try_from((quotient + i128::from(up)) * unit).map_err(|_| int_too_large())
}

/// `x ** y` of floats with the special cases of CPython's `float.__pow__`. Where that gives a complex number this is a
/// `NotCompiled`.
pub fn float_pow(x: f64, y: f64) -> Result<f64, Raised> {
    if y == 0.0 || x == 1.0 {
        return Ok(1.0);
    }
    if x.is_nan() || y.is_nan() {
        return Ok(f64::NAN);
    }
    let odd = y % 2.0 == 1.0 || y % 2.0 == -1.0;
    if y.is_infinite() {
        let magnitude = x.abs();
        return Ok(if magnitude == 1.0 {
            1.0
        } else if (y > 0.0) == (magnitude > 1.0) {
            f64::INFINITY
        } else {
            0.0
        });
    }
    if x.is_infinite() {
        return Ok(match (y > 0.0, odd) {
            (true, true) => x,
            (true, false) => f64::INFINITY,
            (false, true) => 0.0f64.copysign(x),
            (false, false) => 0.0,
        });
    }
    if x == 0.0 {
        if y < 0.0 {
            return Err(raised(ExcClass::ZeroDivisionError, "0.0 cannot be raised to a negative power"));
        }
        return Ok(if odd { x } else { 0.0 });
    }
    let magnitude = if x == -1.0 { 1.0 } else { pow(x.abs(), y) };
    if x < 0.0 && y.floor() != y {
        return Err(if magnitude.is_infinite() {
            overflow_error("complex exponentiation")
        } else {
            not_compiled("a negative number to a fractional power is complex")
        });
    }
    if magnitude.is_infinite() {
        return Err((ExcClass::OverflowError, "(34, 'Numerical result out of range')".into()));
    }
    Ok(if x < 0.0 && odd { -magnitude } else { magnitude })
}

/// `x ** y` as NumPy has it: the C library's `pow`, without exceptions.
pub fn float_pow_ieee(x: f64, y: f64) -> f64 {
    pow(x, y)
}

/// Python's `divmod` of floats with a divisor that is not zero.
fn float_divmod(x: f64, y: f64) -> (f64, f64) {
    let mut remainder = fmod(x, y);
    let mut quotient = (x - remainder) / y;
    if remainder == 0.0 {
        remainder = 0.0f64.copysign(y);
    } else if (remainder < 0.0) != (y < 0.0) {
        remainder += y;
        quotient -= 1.0;
    }
    // The quotient is integral but for rounding.
    let whole = if quotient == 0.0 {
        0.0f64.copysign(x / y)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    };
    (whole, remainder)
}

/// `x // y` of floats.
pub fn float_floordiv(x: f64, y: f64) -> Result<f64, Raised> {
    if y == 0.0 {
        return Err(raised(ExcClass::ZeroDivisionError, "float floor division by zero"));
    }
    Ok(float_divmod(x, y).0)
}

/// `x % y` of floats.
pub fn float_mod(x: f64, y: f64) -> Result<f64, Raised> {
    if y == 0.0 {
        return Err(raised(ExcClass::ZeroDivisionError, "float modulo"));
    }
    Ok(float_divmod(x, y).1)
}

/// `x // y` of NumPy floats.
pub fn float_floordiv_ieee(x: f64, y: f64) -> f64 {
    if y == 0.0 { x / y } else { float_divmod(x, y).0 }
}

/// `x % y` of NumPy floats.
pub fn float_mod_ieee(x: f64, y: f64) -> f64 {
    if y == 0.0 { fmod(x, y) } else { float_divmod(x, y).1 }
}

/// A float that is integral already as an `int`, with the messages of `int(x)`.
pub fn float_to_int(x: f64) -> Result<i64, Raised> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if x.is_nan() {
        return Err(value_error("cannot convert float NaN to integer"));
    }
    if x.is_infinite() {
        return Err(overflow_error("cannot convert float infinity to integer"));
    }
    let whole = x.trunc();
    if (-LIMIT..LIMIT).contains(&whole) { Ok(whole as i64) } else { Err(int_too_large()) }
}

/// `round(x, digits)`: the float nearest to the decimal rounding of the exact value, half to even.
pub fn float_round_digits(x: f64, digits: i64) -> Result<f64, Raised> {
    // Beyond these a float has no digits that rounding could touch, or none that it would leave.
    const DIGITS_MAX: i64 = 323;
    const DIGITS_MIN: i64 = -308;
    if !x.is_finite() || digits > DIGITS_MAX {
        return Ok(x);
    }
    if digits < DIGITS_MIN {
        return Ok(0.0f64.copysign(x));
    }
    if let Some((rounded, power)) = scaled_and_rounded(x, digits) {
        // Both are exact, so the quotient is the float nearest to the decimal.
        return Ok(rounded / power);
    }
    let magnitude = rounded_to_tens(x, digits).unwrap_or_else(|| Decimal::fixed(x, digits).to_float());
    if magnitude.is_infinite() {
        return Err(overflow_error("rounded value too large to represent"));
    }
    Ok(magnitude.copysign(x))
}

/// `|x|` rounded to a multiple of `10**-digits`, half to even, where whole numbers of 64 bits are enough.
fn rounded_to_tens(x: f64, digits: i64) -> Option<f64> {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    let unit = u32::try_from(digits.checked_neg()?).ok().filter(|d| (1..=20).contains(d)).map(|d| 10u128.pow(d))?;
    let magnitude = Some(x.abs()).filter(|magnitude| *magnitude < LIMIT)?;
    let whole = magnitude as u128;
    let (quotient, remainder) = (whole / unit, whole % unit);
    let above_half = 2 * remainder > unit || (2 * remainder == unit && (magnitude.fract() > 0.0 || quotient % 2 == 1));
    Some(((quotient + u128::from(above_half)) * unit) as f64)
}

/// `round(x)`: the nearest int, half to even.
pub fn float_round(x: f64) -> Result<i64, Raised> {
    float_to_int(x.round_ties_even())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int_powers_stop_at_64_bits() {
        assert_eq!(int_pow(2, 62), Ok(1 << 62));
        assert_eq!(int_pow(-2, 63), Ok(i64::MIN));
        assert_eq!(int_pow(2, 63).unwrap_err().0, ExcClass::IntTooLarge);
        assert_eq!(int_pow(-1, i64::MAX), Ok(-1));
        assert_eq!(int_pow(0, 0), Ok(1));
        assert_eq!(int_pow(10, i64::MAX).unwrap_err().0, ExcClass::IntTooLarge);
        assert_eq!(int_pow(2, -1).unwrap_err().0, ExcClass::NotCompiled);
    }

    #[test]
    fn int_rounding_is_half_to_even() {
        assert_eq!(int_round_digits(25, -1), Ok(20));
        assert_eq!(int_round_digits(35, -1), Ok(40));
        assert_eq!(int_round_digits(-25, -1), Ok(-20));
        assert_eq!(int_round_digits(i64::MAX, -18), Ok(9_000_000_000_000_000_000));
        assert!(int_round_digits(i64::MAX, -19).is_err());
        assert_eq!(int_round_digits(4_999_999_999_999_999_999, -19), Ok(0));
        assert_eq!(int_round_digits(7, i64::MIN), Ok(0));
    }

    /// Answers of NumPy 2.4.
    #[test]
    fn numpy_floats_divide_without_exceptions() {
        const INF: f64 = f64::INFINITY;
        for (x, y, quotient, remainder) in [
            (7.0, 2.0, 3.0, 1.0),
            (-7.0, 2.0, -4.0, 1.0),
            (7.0, -2.0, -4.0, -1.0),
            (6.0, -2.0, -3.0, -0.0),
            (1.0, 0.0, INF, f64::NAN),
            (-1.0, 0.0, -INF, f64::NAN),
            (0.0, 0.0, f64::NAN, f64::NAN),
            (INF, 2.0, f64::NAN, f64::NAN),
            (1.0, INF, 0.0, 1.0),
            (-1.0, INF, -1.0, INF),
            (1.0, f64::NAN, f64::NAN, f64::NAN),
        ] {
            let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            assert!(same(float_floordiv_ieee(x, y), quotient), "{x} // {y}");
            assert!(same(float_mod_ieee(x, y), remainder), "{x} % {y}");
        }
        assert_eq!(float_pow_ieee(0.0, -1.0), INF);
        assert!(float_pow_ieee(-8.0, 0.5).is_nan());
    }
}
