//! Primitives of `int` and `float`, and their conversions from and to text.

use crate::export::exports;
use crate::{format, number, parse, percent, string};

exports! {
    status fl_int_pow(base: Int, exponent: Int) -> [Int] = number::int_pow(base, exponent);
    status fl_int_truediv(a: Int, b: Int) -> [Float] = number::int_truediv(a, b);
    status fl_int_round_digits(n: Int, digits: Int) -> [Int] = number::int_round_digits(n, digits);
    status fl_float_pow(x: Float, y: Float) -> [Float] = number::float_pow(x, y);
    direct fl_float_pow_ieee(x: Float, y: Float) -> Float = number::float_pow_ieee(x, y);
    status fl_float_floordiv(x: Float, y: Float) -> [Float] = number::float_floordiv(x, y);
    status fl_float_mod(x: Float, y: Float) -> [Float] = number::float_mod(x, y);
    direct fl_float_floordiv_ieee(x: Float, y: Float) -> Float = number::float_floordiv_ieee(x, y);
    direct fl_float_mod_ieee(x: Float, y: Float) -> Float = number::float_mod_ieee(x, y);
    status fl_float_round(x: Float) -> [Int] = number::float_round(x);
    status fl_float_round_digits(x: Float, digits: Int) -> [Float] = number::float_round_digits(x, digits);
    status fl_float_to_int(x: Float) -> [Int] = number::float_to_int(x);

    status fl_int_to_str(n: Int) -> [Str] with arena = arena.build_str(|out| {
        format::int_to_str(n, out);
        Ok(())
    });
    status fl_float_to_str(x: Float) -> [Str] with arena = arena.build_str(|out| {
        format::float_to_str(x, out);
        Ok(())
    });
    status fl_int_to_base(n: Int, base: Int) -> [Str] with arena = arena.build_str(|out| format::int_to_base(n, base, out));
    status fl_int_format(n: Int, spec: Str) -> [Str] with arena = arena.build_str(|out| format::format_int(n, &spec, out));
    status fl_float_format(x: Float, spec: Str) -> [Str] with arena =
        arena.build_str(|out| format::format_float(x, &spec, out));
    status fl_int_percent(n: Int, conversion: Str) -> [Str] with arena =
        arena.build_str(|out| percent::percent_int(n, &conversion, out));
    status fl_float_percent(x: Float, conversion: Str) -> [Str] with arena =
        arena.build_str(|out| percent::percent_float(x, &conversion, out));
    status fl_int_chr(code_point: Int) -> [Str] with arena =
        string::chr(code_point).and_then(|character| arena.alloc_str(character.encode_utf8(&mut [0; 4])));
    status fl_str_to_int(s: Str, base: Int) -> [Int] = parse::to_int(&s, base);
    status fl_str_to_float(s: Str) -> [Float] = parse::to_float(&s);
}
