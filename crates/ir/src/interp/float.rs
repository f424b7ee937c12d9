//! Float primitives with CPython's exceptions and NumPy's without, the algorithms those of CPython's `floatobject.c`.

use super::scalar::{Outcome, Raise, raise};
use super::value::{Value, float_repr};
use crate::exc::ExcKind;
use crate::prim::Prim;

/// Primitives of two floats.
pub fn binary(prim: Prim, a: f64, b: f64) -> Option<Outcome> {
    let value = match prim {
        Prim::FloatAdd => a + b,
        Prim::FloatSub => a - b,
        Prim::FloatMul => a * b,
        Prim::FloatDiv | Prim::FloatFloorDiv | Prim::FloatMod if b == 0.0 => {
            return Some(Err(raise(prim, ExcKind::ZeroDivisionError)));
        }
        Prim::FloatDiv | Prim::FloatDivIeee => a / b,
        Prim::FloatFloorDiv => floor_div(a, b),
        Prim::FloatMod => floor_mod(a, b),
        Prim::FloatFloorDivIeee => {
            if b == 0.0 {
                a / b
            } else {
                floor_div(a, b)
            }
        }
        Prim::FloatModIeee => {
            if b == 0.0 {
                a % b
            } else {
                floor_mod(a, b)
            }
        }
        Prim::FloatPow => return Some(power(a, b).map(Value::Float)),
        Prim::FloatPowIeee => a.powf(b),
        prim => return compare(prim, a, b).map(|result| Ok(Value::Bool(result))),
    };
    Some(Ok(Value::Float(value)))
}

fn compare(prim: Prim, a: f64, b: f64) -> Option<bool> {
    Some(match prim {
        Prim::FloatEq => a == b,
        Prim::FloatNe => a != b,
        Prim::FloatLt => a < b,
        Prim::FloatLe => a <= b,
        Prim::FloatGt => a > b,
        Prim::FloatGe => a >= b,
        _ => return None,
    })
}

/// The functions of NumPy that Rust's standard library takes from the C library, or that are exact; the others are the
/// host's.
fn ieee(prim: Prim, a: f64) -> Option<f64> {
    Some(match prim {
        Prim::IeeeSqrt => a.sqrt(),
        Prim::IeeeExp => a.exp(),
        Prim::IeeeExp2 => a.exp2(),
        Prim::IeeeExpm1 => a.exp_m1(),
        Prim::IeeeLog => a.ln(),
        Prim::IeeeLog2 => a.log2(),
        Prim::IeeeLog10 => a.log10(),
        Prim::IeeeSin => a.sin(),
        Prim::IeeeCos => a.cos(),
        Prim::IeeeTan => a.tan(),
        Prim::IeeeAsin => a.asin(),
        Prim::IeeeAcos => a.acos(),
        Prim::IeeeSinh => a.sinh(),
        Prim::IeeeCosh => a.cosh(),
        Prim::IeeeFloor => a.floor(),
        Prim::IeeeCeil => a.ceil(),
        Prim::IeeeTrunc => a.trunc(),
        Prim::IeeeRint => a.round_ties_even(),
        // The sign of zero survives, which not every C library grants.
        Prim::IeeeLog1p => {
            if a == 0.0 {
                a
            } else {
                a.ln_1p()
            }
        }
        _ => return None,
    })
}

/// Primitives of one float.
pub fn unary(prim: Prim, a: f64) -> Option<Outcome> {
    Some(match prim {
        Prim::FloatNeg => Ok(Value::Float(-a)),
        Prim::FloatAbs => Ok(Value::Float(a.abs())),
        prim if let Some(value) = ieee(prim, a) => Ok(Value::Float(value)),
        Prim::FloatToInt | Prim::MathTrunc => to_int(prim, a.trunc()),
        Prim::FloatRound => to_int(prim, a.round_ties_even()),
        Prim::MathFloor => to_int(prim, a.floor()),
        Prim::MathCeil => to_int(prim, a.ceil()),
        Prim::FloatIsInteger => Ok(Value::Bool(a.is_finite() && a.trunc() == a)),
        Prim::FloatToStr => Ok(Value::str(&float_repr(a))),
        _ => return None,
    })
}

/// Primitives of three floats.
pub fn ternary(prim: Prim, a: f64, b: f64, c: f64) -> Option<Outcome> {
    (prim == Prim::FloatFused).then(|| Ok(Value::Float(a.mul_add(b, c))))
}

/// An integral float as an int.
fn to_int(prim: Prim, a: f64) -> Outcome {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if a.is_nan() {
        Err(raise(prim, ExcKind::ValueError))
    } else if a.is_infinite() {
        Err(raise(prim, ExcKind::OverflowError))
    } else if (-LIMIT..LIMIT).contains(&a) {
        Ok(Value::Int(a as i64))
    } else {
        Err(raise(prim, ExcKind::IntTooLarge))
    }
}

/// The quotient rounded down. The divisor is not 0.
fn floor_div(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        // NaN does not come here: it is not equal to 0.
        return 0f64.copysign(a / b);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// The remainder with the sign of the divisor, which is not 0.
fn floor_mod(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    if remainder == 0.0 {
        0f64.copysign(b)
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder + b
    } else {
        remainder
    }
}

/// `a ** b`, in the order of cases of CPython's `float_pow`.
fn power(a: f64, b: f64) -> Result<f64, Raise> {
    let raise = |class| raise(Prim::FloatPow, class);
    if b == 0.0 {
        return Ok(1.0);
    }
    if a.is_nan() {
        return Ok(a);
    }
    if b.is_nan() {
        return Ok(if a == 1.0 { 1.0 } else { b });
    }
    let odd = (b % 2.0).abs() == 1.0;
    if b.is_infinite() {
        let size = a.abs();
        return Ok(match size.partial_cmp(&1.0) {
            Some(std::cmp::Ordering::Equal) => 1.0,
            order if (b > 0.0) == (order == Some(std::cmp::Ordering::Greater)) => b.abs(),
            _ => 0.0,
        });
    }
    if a.is_infinite() {
        let size = if b > 0.0 { f64::INFINITY } else { 0.0 };
        return Ok(if odd { size.copysign(a) } else { size });
    }
    if a == 0.0 {
        return match b < 0.0 {
            true => Err(raise(ExcKind::ZeroDivisionError)),
            false => Ok(if odd { a } else { 0.0 }),
        };
    }
    let size = if a.abs() == 1.0 { 1.0 } else { a.abs().powf(b) };
    if a < 0.0 && b != b.floor() {
        // CPython goes on with complex numbers, which may be too large as well.
        let too_large = (ExcKind::OverflowError, "complex exponentiation".to_string());
        return Err(if size.is_infinite() { too_large } else { raise(ExcKind::NotCompiled) });
    }
    if size.is_infinite() {
        return Err(raise(ExcKind::OverflowError));
    }
    Ok(if a < 0.0 && odd { -size } else { size })
}
