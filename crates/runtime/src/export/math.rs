//! Primitives of the `math` module, and of `range`.

use crate::export::exports;
use crate::math::libm;
use crate::{gamma, math, number, range};

exports! {
    status fl_math_sqrt(x: Float) -> [Float] = math::sqrt(x);
    direct fl_math_cbrt(x: Float) -> Float = libm::cbrt(x);
    status fl_math_exp(x: Float) -> [Float] = math::exp(x);
    status fl_math_exp2(x: Float) -> [Float] = math::exp2(x);
    status fl_math_expm1(x: Float) -> [Float] = math::expm1(x);
    status fl_math_log(x: Float) -> [Float] = math::log(x);
    status fl_math_log2(x: Float) -> [Float] = math::log2(x);
    status fl_math_log10(x: Float) -> [Float] = math::log10(x);
    status fl_math_log1p(x: Float) -> [Float] = math::log1p(x);
    status fl_math_sin(x: Float) -> [Float] = math::sin(x);
    status fl_math_cos(x: Float) -> [Float] = math::cos(x);
    status fl_math_tan(x: Float) -> [Float] = math::tan(x);
    status fl_math_asin(x: Float) -> [Float] = math::asin(x);
    status fl_math_acos(x: Float) -> [Float] = math::acos(x);
    direct fl_math_atan(x: Float) -> Float = libm::atan(x);
    direct fl_math_atan2(y: Float, x: Float) -> Float = libm::atan2(y, x);
    status fl_math_sinh(x: Float) -> [Float] = math::sinh(x);
    status fl_math_cosh(x: Float) -> [Float] = math::cosh(x);
    direct fl_math_tanh(x: Float) -> Float = libm::tanh(x);
    direct fl_math_asinh(x: Float) -> Float = libm::asinh(x);
    status fl_math_acosh(x: Float) -> [Float] = math::acosh(x);
    status fl_math_atanh(x: Float) -> [Float] = math::atanh(x);
    status fl_math_pow(x: Float, y: Float) -> [Float] = math::pow(x, y);
    direct fl_math_hypot(x: Float, y: Float) -> Float = math::hypot(x, y);
    status fl_math_fmod(x: Float, y: Float) -> [Float] = math::fmod(x, y);
    status fl_math_remainder(x: Float, y: Float) -> [Float] = math::remainder(x, y);
    direct fl_math_copysign(x: Float, y: Float) -> Float = x.copysign(y);
    direct fl_math_nextafter(x: Float, y: Float) -> Float = libm::nextafter(x, y);
    direct fl_math_ulp(x: Float) -> Float = math::ulp(x);
    status fl_math_floor(x: Float) -> [Int] = number::float_to_int(x.floor());
    status fl_math_ceil(x: Float) -> [Int] = number::float_to_int(x.ceil());
    status fl_math_trunc(x: Float) -> [Int] = number::float_to_int(x);
    direct fl_math_erf(x: Float) -> Float = libm::erf(x);
    direct fl_math_erfc(x: Float) -> Float = libm::erfc(x);
    status fl_math_gamma(x: Float) -> [Float] = gamma::gamma(x);
    status fl_math_lgamma(x: Float) -> [Float] = gamma::lgamma(x);
    direct fl_math_degrees(x: Float) -> Float = math::degrees(x);
    direct fl_math_radians(x: Float) -> Float = math::radians(x);
    status fl_math_isclose(a: Float, b: Float, relative: Float, absolute: Float) -> [Bool] =
        math::isclose(a, b, relative, absolute);
    status fl_math_ldexp(x: Float, exponent: Int) -> [Float] = math::ldexp(x, exponent);
    status fl_math_frexp(x: Float) -> [Float, Int] = Ok(math::frexp(x));
    status fl_math_modf(x: Float) -> [Float, Float] = Ok(math::modf(x));
    status fl_math_gcd(a: Int, b: Int) -> [Int] = math::gcd(a, b);
    status fl_math_lcm(a: Int, b: Int) -> [Int] = math::lcm(a, b);
    status fl_math_isqrt(n: Int) -> [Int] = math::isqrt(n);
    status fl_math_factorial(n: Int) -> [Int] = math::factorial(n);
    status fl_math_comb(n: Int, k: Int) -> [Int] = math::comb(n, k);
    status fl_math_perm(n: Int, k: Int) -> [Int] = math::perm(n, k);

    // A range is three words, here as in slots: start, stop, step.
    status fl_range_new(start: Int, stop: Int, step: Int) -> [Int, Int, Int] = range::new(start, stop, step);
    status fl_range_len(start: Int, stop: Int, step: Int) -> [Int] = range::len(start, stop, step);
    status fl_range_index(start: Int, stop: Int, step: Int, index: Int) -> [Int] =
        range::index(start, stop, step, index);
}
