//! The `math` module's functions that Rust's standard library takes from the C library or that are a few exact steps.
//! Special functions are the host's, and so is `cbrt`: Rust's differs from the C library's in the last digit.

use super::scalar::{Outcome, raise};
use super::value::Value;
use crate::exc::ExcKind;
use crate::prim::Prim;

/// CPython's rule for functions of the C library: NaN out of no NaN is a domain error; an infinity out of a finite number is
/// a range error where the function can overflow, else a domain error (a pole).
fn checked(prim: Prim, result: f64, args: &[f64]) -> Outcome {
    let class = if result.is_nan() && !args.iter().any(|arg| arg.is_nan()) {
        ExcKind::ValueError
    } else if result.is_infinite() && args.iter().all(|arg| arg.is_finite()) {
        if prim.raises().contains(&ExcKind::OverflowError) { ExcKind::OverflowError } else { ExcKind::ValueError }
    } else {
        return Ok(Value::Float(result));
    };
    Err(raise(prim, class))
}

/// Primitives of one float.
pub fn unary(prim: Prim, a: f64) -> Option<Outcome> {
    let result = match prim {
        Prim::MathSqrt => a.sqrt(),
        Prim::MathExp => a.exp(),
        Prim::MathExp2 => a.exp2(),
        Prim::MathExpm1 => a.exp_m1(),
        Prim::MathLog => a.ln(),
        Prim::MathLog2 => a.log2(),
        Prim::MathLog10 => a.log10(),
        // The sign of zero survives, which not every C library grants.
        Prim::MathLog1p => {
            if a == 0.0 {
                a
            } else {
                a.ln_1p()
            }
        }
        Prim::MathSin => a.sin(),
        Prim::MathCos => a.cos(),
        Prim::MathTan => a.tan(),
        Prim::MathAsin => a.asin(),
        Prim::MathAcos => a.acos(),
        Prim::MathAtan => a.atan(),
        Prim::MathSinh => a.sinh(),
        Prim::MathCosh => a.cosh(),
        Prim::MathTanh => a.tanh(),
        prim => return exact_unary(prim, a).map(Ok),
    };
    Some(checked(prim, result, &[a]))
}

/// Those that raise nothing and round nothing (or only once).
fn exact_unary(prim: Prim, a: f64) -> Option<Value> {
    Some(match prim {
        Prim::MathDegrees => Value::Float(a * (180.0 / std::f64::consts::PI)),
        Prim::MathRadians => Value::Float(a * (std::f64::consts::PI / 180.0)),
        Prim::MathIsnan => Value::Bool(a.is_nan()),
        Prim::MathIsinf => Value::Bool(a.is_infinite()),
        Prim::MathIsfinite => Value::Bool(a.is_finite()),
        Prim::MathUlp => Value::Float(unit_in_last_place(a)),
        Prim::MathFrexp => frexp(a),
        Prim::MathModf => {
            let fraction = if a.is_infinite() { 0.0 } else { a - a.trunc() };
            Value::tuple(vec![Value::Float(fraction.copysign(a)), Value::Float(a.trunc())])
        }
        _ => return None,
    })
}

fn unit_in_last_place(a: f64) -> f64 {
    if a.is_nan() || a.is_infinite() {
        return a.abs();
    }
    let size = a.abs();
    if size == f64::MAX { size - size.next_down() } else { size.next_up() - size }
}

/// `(mantissa, exponent)` with the mantissa's size in 0.5 to 1.
fn frexp(a: f64) -> Value {
    const BIAS: i64 = 1022;
    if a == 0.0 || !a.is_finite() {
        return Value::tuple(vec![Value::Float(a), Value::Int(0)]);
    }
    // A subnormal is made normal first; the product is exact.
    let (normal, shift) = if a.is_normal() { (a, 0) } else { (a * 2f64.powi(64), 64) };
    let exponent = ((normal.to_bits() >> 52) & 0x7ff) as i64 - BIAS;
    let mantissa = f64::from_bits(normal.to_bits() & !(0x7ff << 52) | (BIAS as u64) << 52);
    Value::tuple(vec![Value::Float(mantissa), Value::Int(exponent - shift)])
}

/// Primitives of two floats.
pub fn binary(prim: Prim, a: f64, b: f64) -> Option<Outcome> {
    Some(match prim {
        Prim::MathAtan2 => Ok(Value::Float(a.atan2(b))),
        Prim::MathCopysign => Ok(Value::Float(a.copysign(b))),
        Prim::MathNextafter => Ok(Value::Float(next_after(a, b))),
        Prim::MathFmod => checked(prim, a % b, &[a, b]),
        // 0.0 to a negative power is a domain error here, not a range error.
        Prim::MathPow if a == 0.0 && b < 0.0 && b.is_finite() => Err(raise(prim, ExcKind::ValueError)),
        Prim::MathPow => checked(prim, a.powf(b), &[a, b]),
        _ => return None,
    })
}

fn next_after(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == b {
        b
    } else if a < b {
        a.next_up()
    } else {
        a.next_down()
    }
}

/// `math.isclose`.
pub fn isclose(prim: Prim, a: f64, b: f64, relative: f64, absolute: f64) -> Option<Outcome> {
    if prim != Prim::MathIsclose {
        return None;
    }
    if relative < 0.0 || absolute < 0.0 {
        return Some(Err(raise(prim, ExcKind::ValueError)));
    }
    let difference = (b - a).abs();
    let within = difference <= (relative * b).abs() || difference <= (relative * a).abs() || difference <= absolute;
    Some(Ok(Value::Bool(a == b || (a.is_finite() && b.is_finite() && within))))
}
