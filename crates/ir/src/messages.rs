//! The texts of the exceptions that operations raise, as CPython 3.11 and NumPy word them. One table for the
//! interpreter and for codegen, so that `str(e)` is the same in both.

use crate::container::ContainerOp;
use crate::exc::ExcKind;
use crate::module::{Op, View};
use crate::prim::Prim;

/// What an `int` that leaves the 64-bit range says.
pub const INT_TOO_LARGE: &str = "integer result does not fit in 64 bits";
/// What a call that finds the stack used up says.
pub const RECURSION: &str = "maximum recursion depth exceeded";

/// The text of `class` raised by `op`, where it does not depend on the arguments; else the closest fixed text.
pub fn of_op(op: &Op, class: ExcKind) -> &'static str {
    match (op, class) {
        (Op::Prim(prim), class) => of_prim(*prim, class),
        (Op::Call(_), ExcKind::RecursionError) => RECURSION,
        (Op::Variant(_), ExcKind::TypeError) => "the value has another type",
        (Op::ExceptionObject(_), ExcKind::TypeError) => "the exception is of another class",
        (Op::FromNp, ExcKind::IntTooLarge) => INT_TOO_LARGE,
        (Op::ListGet, ExcKind::IndexError) => "list index out of range",
        (Op::ListSet, ExcKind::IndexError) => "list assignment index out of range",
        (Op::ListSlice, ExcKind::ValueError) => "slice step cannot be zero",
        (Op::ArrayView(View::Slice(_)), ExcKind::ValueError) => "slice step cannot be zero",
        (Op::ArrayView(View::Broadcast), ExcKind::ValueError) => "operands could not be broadcast together",
        (Op::ArrayView(_), ExcKind::ValueError) => "cannot reshape the array into this shape",
        (Op::Container(op), class) => of_container(*op, class),
        (Op::ArrayZeros, ExcKind::ValueError) => "negative dimensions are not allowed",
        _ => "",
    }
}

/// The text of `class` raised by a container operation, where it does not depend on the arguments.
pub fn of_container(op: ContainerOp, class: ExcKind) -> &'static str {
    match (op, class) {
        (ContainerOp::ListPop, ExcKind::IndexError) => "pop index out of range",
        (ContainerOp::ListDelete, ExcKind::IndexError) => "list assignment index out of range",
        (ContainerOp::ListDeleteSlice | ContainerOp::ListSetSlice, ExcKind::ValueError) => "slice step cannot be zero",
        (ContainerOp::ListReorder, ExcKind::ValueError) => "list modified during sort",
        (ContainerOp::SetPop, ExcKind::KeyError) => "'pop from an empty set'",
        (_, ExcKind::RuntimeError) => "the container changed during iteration",
        _ => "",
    }
}

/// The text of `class` raised by a primitive, where it does not depend on the arguments; else the closest fixed text.
pub fn of_prim(prim: Prim, class: ExcKind) -> &'static str {
    match class {
        ExcKind::ZeroDivisionError => zero_division(prim),
        ExcKind::OverflowError => overflow(prim),
        ExcKind::IntTooLarge => INT_TOO_LARGE,
        ExcKind::NotCompiled => not_compiled(prim),
        ExcKind::ValueError => value_error(prim),
        ExcKind::IndexError => match prim {
            Prim::StrIndex | Prim::StrCharAt => "string index out of range",
            Prim::RangeIndex => "range object index out of range",
            _ => "",
        },
        _ => "",
    }
}

fn zero_division(prim: Prim) -> &'static str {
    match prim {
        Prim::IntFloorDiv => "integer division or modulo by zero",
        Prim::IntMod => "integer modulo by zero",
        Prim::IntTrueDiv => "division by zero",
        Prim::FloatFloorDiv => "float floor division by zero",
        Prim::FloatMod => "float modulo",
        Prim::FloatPow => "0.0 cannot be raised to a negative power",
        _ => "float division by zero",
    }
}

fn overflow(prim: Prim) -> &'static str {
    match prim {
        Prim::FloatToInt | Prim::FloatRound | Prim::MathFloor | Prim::MathCeil | Prim::MathTrunc => {
            "cannot convert float infinity to integer"
        }
        Prim::FloatPow => "(34, 'Numerical result out of range')",
        Prim::FloatRoundDigits => "rounded value too large to represent",
        Prim::IntChr => "Python int too large to convert to C int",
        Prim::RangeLen => "Python int too large to convert to C ssize_t",
        prim if prim.name().starts_with("math.") => "math range error",
        _ => INT_TOO_LARGE,
    }
}

fn not_compiled(prim: Prim) -> &'static str {
    match prim {
        Prim::IntPow => "negative exponent gives no int",
        Prim::FloatPow => "a negative number to a fractional power is complex",
        Prim::IntChr => "chr() of a surrogate is not text",
        _ => "",
    }
}

fn value_error(prim: Prim) -> &'static str {
    match prim {
        Prim::IntShl | Prim::IntShr => "negative shift count",
        Prim::FloatToInt | Prim::FloatRound | Prim::MathFloor | Prim::MathCeil | Prim::MathTrunc => {
            "cannot convert float NaN to integer"
        }
        Prim::MathIsqrt => "isqrt() argument must be nonnegative",
        Prim::MathFactorial => "factorial() not defined for negative values",
        Prim::MathComb | Prim::MathPerm => "n must be a non-negative integer",
        Prim::MathIsclose => "tolerances must be non-negative",
        Prim::StrSlice => "slice step cannot be zero",
        Prim::StrSplit => "empty separator",
        Prim::IntChr => "chr() arg not in range(0x110000)",
        Prim::RangeNew => "range() arg 3 must not be zero",
        prim if prim.name().starts_with("math.") => "math domain error",
        _ => "",
    }
}
