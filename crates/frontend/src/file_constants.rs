//! Arithmetic on the constants of a module, as CPython would do it when it runs the module. Whatever is not certain to
//! come out the same is refused, never guessed. Knows values only; names are looked up by `file_program`.

use crate::parse::ast::{Expr, ExprCall, Number, Operator, UnaryOp};
use crate::program::Binding;
use ir::Const;

/// What an expression that cannot be folded is called in messages.
pub const COMPUTED: &str = "a value that is computed when the module runs";

/// A constant, or a noun phrase that says what stands there instead.
pub type Folded = Result<Binding, String>;

fn constant(value: Const) -> Folded {
    Ok(Binding::Constant(value))
}

fn computed() -> Folded {
    Err(String::from(COMPUTED))
}

fn too_large() -> Folded {
    Err(String::from("an `int` outside 64 bits"))
}

/// The value of a number literal.
pub fn number(number: &Number) -> Folded {
    match number {
        Number::Int(int) => int.as_i64().map_or_else(too_large, |value| constant(Const::Int(value))),
        Number::Float(value) => constant(Const::Float(*value)),
        Number::Complex { .. } => Err(String::from("a complex number")),
    }
}

/// The value of a string literal. The parser puts U+FFFD where the text has a lone surrogate, so such text is refused.
pub fn string(text: &str) -> Folded {
    if text.contains('\u{fffd}') {
        return Err(String::from("a string with a lone surrogate or a replacement character"));
    }
    constant(Const::Str(text.into()))
}

/// `re.compile(text, flags)`, with `fold` for its arguments.
pub fn pattern<'a>(call: &'a ExprCall, fold: &mut dyn FnMut(&'a Expr) -> Folded) -> Folded {
    let flags = match call.arguments.find_argument_value("flags", 1) {
        Some(flags) => pattern_flags(flags, fold)?,
        None => 0,
    };
    match call.arguments.find_argument_value("pattern", 0).map(fold).transpose()? {
        Some(Binding::Constant(Const::Str(text))) => Ok(Binding::Pattern(text.to_string(), flags)),
        _ => computed(),
    }
}

/// Flags of `re`, with `|` between them.
fn pattern_flags<'a>(expr: &'a Expr, fold: &mut dyn FnMut(&'a Expr) -> Folded) -> Result<u32, String> {
    if let Expr::BinOp(both) = expr
        && both.op == Operator::BitOr
    {
        return Ok(pattern_flags(&both.left, fold)? | pattern_flags(&both.right, fold)?);
    }
    match fold(expr)? {
        Binding::Member(module, name) if module == "re" => crate::pattern::flag(&name),
        Binding::Constant(Const::Int(0)) => Some(0),
        _ => None,
    }
    .ok_or_else(|| String::from(COMPUTED))
}

/// A constant of `math` or `numpy`.
pub fn module_member(module: &str, name: &str) -> Option<Const> {
    let value = match (module, name) {
        ("math" | "numpy", "pi") => std::f64::consts::PI,
        ("math" | "numpy", "e") => std::f64::consts::E,
        ("math", "tau") => std::f64::consts::TAU,
        ("math" | "numpy", "inf") => f64::INFINITY,
        ("math" | "numpy", "nan") => f64::NAN,
        _ => return None,
    };
    Some(Const::Float(value))
}

/// `float(text)` for the values that have no literal.
pub fn float_of_text(text: &str) -> Folded {
    let text = text.trim().to_ascii_lowercase();
    let (sign, word) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(&text)),
    };
    match word {
        "inf" | "infinity" => constant(Const::Float(sign * f64::INFINITY)),
        "nan" => constant(Const::Float(f64::NAN)),
        _ => computed(),
    }
}

/// `op operand`.
pub fn unary(op: UnaryOp, operand: &Binding) -> Folded {
    let Binding::Constant(value) = operand else { return computed() };
    match (op, value) {
        (UnaryOp::Not, value) => constant(Const::Bool(!truth(value))),
        (UnaryOp::USub, Const::Float(value)) => constant(Const::Float(-value)),
        (UnaryOp::UAdd, Const::Float(value)) => constant(Const::Float(*value)),
        (op, value) => match (op, as_int(value)) {
            (UnaryOp::USub, Some(value)) => checked(value.checked_neg()),
            (UnaryOp::UAdd, Some(value)) => constant(Const::Int(value)),
            (UnaryOp::Invert, Some(value)) => constant(Const::Int(!value)),
            _ => computed(),
        },
    }
}

/// `left op right`.
pub fn binary(op: Operator, left: &Binding, right: &Binding) -> Folded {
    match (left, right) {
        (Binding::Constant(left), Binding::Constant(right)) => match (as_int(left), as_int(right)) {
            (Some(a), Some(b)) if matches!((left, right), (Const::Bool(_), Const::Bool(_))) => bools(op, a, b),
            (Some(a), Some(b)) => ints(op, a, b),
            _ => match (as_float(left), as_float(right), left, right) {
                (Some(a), Some(b), _, _) => floats(op, a, b),
                (None, None, Const::Str(a), Const::Str(b)) if op == Operator::Add => {
                    constant(Const::Str(format!("{a}{b}").into()))
                }
                _ => computed(),
            },
        },
        (Binding::Tuple(left), Binding::Tuple(right)) if op == Operator::Add => {
            Ok(Binding::Tuple(left.iter().chain(right).cloned().collect()))
        }
        _ => computed(),
    }
}

fn truth(value: &Const) -> bool {
    match value {
        Const::None => false,
        Const::Bool(value) => *value,
        Const::Int(value) => *value != 0,
        Const::Float(value) => *value != 0.0,
        Const::Str(text) => !text.is_empty(),
        Const::Bytes(bytes) => !bytes.is_empty(),
    }
}

fn as_int(value: &Const) -> Option<i64> {
    match value {
        Const::Bool(value) => Some(i64::from(*value)),
        Const::Int(value) => Some(*value),
        Const::None | Const::Float(_) | Const::Str(_) | Const::Bytes(_) => None,
    }
}

fn as_float(value: &Const) -> Option<f64> {
    match value {
        Const::Float(value) => Some(*value),
        other => as_int(other).map(|value| value as f64),
    }
}

fn checked(value: Option<i64>) -> Folded {
    value.map_or_else(too_large, |value| constant(Const::Int(value)))
}

/// `&`, `|` and `^` of two bools give a bool; everything else treats them as ints.
fn bools(op: Operator, a: i64, b: i64) -> Folded {
    match op {
        Operator::BitAnd => constant(Const::Bool(a & b != 0)),
        Operator::BitOr => constant(Const::Bool(a | b != 0)),
        Operator::BitXor => constant(Const::Bool(a ^ b != 0)),
        _ => ints(op, a, b),
    }
}

fn ints(op: Operator, a: i64, b: i64) -> Folded {
    match op {
        Operator::Add => checked(a.checked_add(b)),
        Operator::Sub => checked(a.checked_sub(b)),
        Operator::Mult => checked(a.checked_mul(b)),
        Operator::Div => true_division(a, b),
        Operator::FloorDiv if b != 0 => checked(floor_division(a, b)),
        Operator::Mod if b != 0 => {
            checked(floor_division(a, b).map(|quotient| a.wrapping_sub(quotient.wrapping_mul(b))))
        }
        Operator::Pow if b >= 0 => checked(u32::try_from(b).ok().and_then(|exponent| a.checked_pow(exponent))),
        Operator::Pow => floats(op, a as f64, b as f64),
        Operator::BitAnd => constant(Const::Int(a & b)),
        Operator::BitOr => constant(Const::Int(a | b)),
        Operator::BitXor => constant(Const::Int(a ^ b)),
        Operator::LShift if (0..63).contains(&b) => checked(a.checked_mul(1_i64 << b)),
        Operator::RShift if b >= 0 => constant(Const::Int(a >> b.min(63))),
        _ => computed(),
    }
}

fn floor_division(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let rounds_up = a % b != 0 && (a < 0) != (b < 0);
    Some(quotient - i64::from(rounds_up))
}

/// The quotient of two floats is the correctly rounded one only while both ints are floats exactly.
fn true_division(a: i64, b: i64) -> Folded {
    const EXACT_MAX: u64 = 1 << 53;
    if b == 0 || a.unsigned_abs() > EXACT_MAX || b.unsigned_abs() > EXACT_MAX {
        return computed();
    }
    constant(Const::Float(a as f64 / b as f64))
}

fn floats(op: Operator, a: f64, b: f64) -> Folded {
    match op {
        Operator::Add => constant(Const::Float(a + b)),
        Operator::Sub => constant(Const::Float(a - b)),
        Operator::Mult => constant(Const::Float(a * b)),
        Operator::Div if b != 0.0 => constant(Const::Float(a / b)),
        Operator::Pow if a > 0.0 && a.powf(b).is_finite() => constant(Const::Float(a.powf(b))),
        _ => computed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> Binding {
        Binding::Constant(Const::Int(value))
    }

    fn float(value: f64) -> Binding {
        Binding::Constant(Const::Float(value))
    }

    #[test]
    fn integers_follow_python() {
        let cases = [
            (Operator::FloorDiv, -7, 2, -4),
            (Operator::FloorDiv, 7, -2, -4),
            (Operator::FloorDiv, -8, 2, -4),
            (Operator::Mod, -7, 2, 1),
            (Operator::Mod, 7, -2, -1),
            (Operator::Mod, i64::MIN + 1, i64::MAX, 0),
            (Operator::Pow, 2, 62, 1 << 62),
            (Operator::Pow, 1, 1 << 31, 1),
            (Operator::LShift, 3, 4, 48),
            (Operator::RShift, -1, 100, -1),
            (Operator::RShift, -8, 1, -4),
        ];
        for (op, a, b, expected) in cases {
            assert_eq!(binary(op, &int(a), &int(b)), Ok(int(expected)), "{a} {op:?} {b}");
        }
        assert_eq!(binary(Operator::Div, &int(1), &int(3)), Ok(float(1.0 / 3.0)));
        assert_eq!(binary(Operator::Pow, &int(2), &int(-1)), Ok(float(0.5)));
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        let refused = [
            (Operator::Add, int(i64::MAX), int(1)),
            (Operator::Mult, int(1 << 62), int(2)),
            (Operator::Pow, int(10), int(19)),
            (Operator::FloorDiv, int(i64::MIN), int(-1)),
            (Operator::FloorDiv, int(1), int(0)),
            (Operator::Div, int((1 << 53) + 1), int(3)),
            (Operator::Div, float(1.0), float(0.0)),
            (Operator::Mod, float(5.0), float(3.0)),
            (Operator::Pow, float(-8.0), float(0.5)),
            (Operator::Pow, float(1e300), float(2.0)),
            (Operator::LShift, int(1), int(63)),
        ];
        for (op, a, b) in refused {
            assert!(binary(op, &a, &b).is_err(), "{a:?} {op:?} {b:?}");
        }
        assert!(unary(UnaryOp::USub, &int(i64::MIN)).is_err());
        assert!(string("a\u{fffd}").is_err());
    }

    #[test]
    fn bools_strings_tuples_and_special_floats() {
        let yes = Binding::Constant(Const::Bool(true));
        assert_eq!(binary(Operator::BitOr, &yes, &yes), Ok(yes.clone()));
        assert_eq!(binary(Operator::Add, &yes, &yes), Ok(int(2)));
        assert_eq!(unary(UnaryOp::USub, &yes), Ok(int(-1)));
        assert_eq!(unary(UnaryOp::Not, &int(0)), Ok(yes));
        let text = |value: &str| Binding::Constant(Const::Str(value.into()));
        assert_eq!(binary(Operator::Add, &text("a"), &text("b")), Ok(text("ab")));
        let pair = Binding::Tuple(vec![int(1), int(2)]);
        assert_eq!(binary(Operator::Add, &pair, &pair), Ok(Binding::Tuple(vec![int(1), int(2), int(1), int(2)])));
        assert_eq!(float_of_text(" -Inf "), Ok(float(f64::NEG_INFINITY)));
        assert!(matches!(float_of_text("nan"), Ok(Binding::Constant(Const::Float(value))) if value.is_nan()));
        assert!(float_of_text("1.5").is_err());
    }
}
