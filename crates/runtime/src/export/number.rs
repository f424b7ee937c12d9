//! Primitives of `int` and `float`.

use crate::export::exports;
use crate::number;

exports! {
    status fl_int_pow(base: Int, exponent: Int) -> [Int] = number::int_pow(base, exponent);
    status fl_int_truediv(a: Int, b: Int) -> [Float] = number::int_truediv(a, b);
    status fl_int_round_digits(n: Int, digits: Int) -> [Int] = number::int_round_digits(n, digits);
    status fl_float_pow(x: Float, y: Float) -> [Float] = number::float_pow(x, y);
    direct fl_float_pow_ieee(x: Float, y: Float) -> Float = number::float_pow_ieee(x, y);
    status fl_float_round(x: Float) -> [Int] = number::float_round(x);
}
