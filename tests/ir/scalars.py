"""Writes scalars.tsv: primitives applied to edge cases, with what CPython gives. Run with CPython 3.11.

A line is the primitive, its arguments and the result, with tabs between; values are spelled as in the IR's text form, an
exception is `Class: message`.
"""

import math
import operator
import pathlib
import random

INTS = [0, 1, -1, 2, 3, -7, 63, 64, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.5, 1.0, -1.0, 1.5, -2.5, 3.0, -3.0, 0.1, 1e16, 2.0**53, 2.0**63, -(2.0**63), 9.223372036854774e18,
          -1e300, 1e308, 5e-324, math.inf, -math.inf, math.nan]


def power(a, b):
    """A complex result is an error."""
    result = a**b
    if isinstance(result, complex):
        raise ValueError("negative number cannot be raised to a fractional power")
    return result


def shift_left(a, b):
    if b > 64:
        return 2**64 if a > 0 else -(2**64) if a < 0 else 0
    return a << b


INT2 = {
    "int.add": operator.add, "int.sub": operator.sub, "int.mul": operator.mul, "int.floordiv": operator.floordiv,
    "int.mod": operator.mod, "int.truediv": operator.truediv, "int.and": operator.and_, "int.or": operator.or_,
    "int.xor": operator.xor, "int.shr": operator.rshift, "int.shl": shift_left, "int.le": operator.le,
    "math.gcd": math.gcd,
    "math.lcm": math.lcm,
}
INT1 = {"int.neg": operator.neg, "int.abs": abs, "int.not": operator.invert, "int.to_float": float, "int.to_str": str,
        "math.isqrt": math.isqrt}
SMALL_INT2 = {"math.comb": math.comb, "math.perm": math.perm, "int.pow": power, "int.round_digits": round}
INT_FLOAT = {"int.eq_float": operator.eq, "int.lt_float": operator.lt, "int.le_float": operator.le,
             "int.gt_float": operator.gt, "int.ge_float": operator.ge}
FLOAT2 = {
    "float.div": operator.truediv,
    "float.floordiv": operator.floordiv, "float.mod": operator.mod, "float.pow": power, "float.ne": operator.ne,
    "float.le": operator.le,
    "math.atan2": math.atan2, "math.copysign": math.copysign, "math.nextafter": math.nextafter, "math.fmod": math.fmod,
    "math.pow": math.pow,
}
FLOAT1 = {
    "float.neg": operator.neg, "float.abs": abs, "float.to_int": int, "float.round": round, "float.is_integer": float.is_integer,
    "float.to_str": repr, "math.floor": math.floor, "math.ceil": math.ceil, "math.trunc": math.trunc, "math.ulp": math.ulp,
    "math.frexp": math.frexp, "math.modf": math.modf, "math.degrees": math.degrees, "math.radians": math.radians,
    "math.isnan": math.isnan, "math.isinf": math.isinf, "math.isfinite": math.isfinite,
    **{f"math.{name}": getattr(math, name) for name in
       "sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh".split()},
}


def show(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "(" + ", ".join(map(show, value)) + ")"
    return repr(value).replace("e+", "e") if isinstance(value, float) else repr(value)


def line(name, function, *args):
    try:
        result = function(*args)
    except (ArithmeticError, ValueError) as error:
        shown = f"{type(error).__name__}: {error}"
    else:
        shown = show(result)
        if type(result) is int and not -(2**63) <= result < 2**63:
            shown = "OverflowError: integer result does not fit in 64 bits"
    return "\t".join([name, *map(show, args), shown])

# These have no edge cases of their own: fewer arguments do.
PLAIN = {"int.and", "int.or", "int.xor", "int.le", "float.ne", "float.le", "math.copysign", "int.not", "int.to_str"}


def lines():
    rng = random.Random(1)
    some_ints = INTS + [rng.randrange(-(2**63), 2**63) >> rng.randrange(64) for _ in range(3)]
    some_floats = FLOATS + [rng.uniform(-10, 10) for _ in range(1)]
    for name, function in INT2.items():
        for a in some_ints[:: 3 if name in PLAIN else 1]:
            for b in some_ints[:: 3 if name in PLAIN else 1]:
                yield line(name, function, a, b)
    for name, function in SMALL_INT2.items():
        for a in [-3, -1, 0, 1, 2, 3, 10, 21, 66, 67, 68, 255, 12345, 2**62, 2**63 - 1, -(2**63)]:
            for b in [-20, -19, -18, -2, -1, 0, 1, 2, 3, 7, 33, 62, 63, 64]:
                if b >= 0 or name != "int.pow":
                    yield line(name, function, a, b)
    for name, function in INT1.items():
        for a in some_ints:
            yield line(name, function, a)
    for a in range(-2, 25):
        yield line("math.factorial", math.factorial, a)
    for name, function in INT_FLOAT.items():
        for a in some_ints:
            for b in some_floats:
                yield line(name, function, a, b)
    for name, function in FLOAT2.items():
        for a in some_floats[:: 3 if name in PLAIN else 1]:
            for b in some_floats[:: 3 if name in PLAIN else 1]:
                yield line(name, function, a, b)
    for name, function in FLOAT1.items():
        for a in [*some_floats, 709.0, 710.0, 1024.0, 2.0**-1074 * 3, 0.9999999999999999, 1.0000000000000002]:
            yield line(name, function, a)


pathlib.Path(__file__).with_name("scalars.tsv").write_text("\n".join(lines()) + "\n")
