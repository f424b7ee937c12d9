"""Calls with single values: the value and type CPython gives, or its exception."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import fuseline as fl


def speed(distance: float, minutes: float) -> float:
    return distance / (minutes / 60)


def test_the_first_example(same):
    compiled = fl.compile(speed)
    assert same(compiled, 3.0, 10.0) == 18.0
    same(compiled, 3.0, 0.0)


NUMBERS = [0, 1, -1, 7, -7, 2**62, True, False, 0.0, -0.0, 1.5, -2.5, 1e308, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a / b,
        lambda a, b: a // b,
        lambda a, b: a % b,
        lambda a, b: (a < b, a <= b, a == b, a != b),
        lambda a, b: a and b,
        lambda a, b: (a, (b, a)),
        lambda a, b: not a,
        lambda a, b: str(a),
    ],
)
def test_numbers_of_every_type(same, function):
    compiled = fl.compile(function)
    for a in NUMBERS:
        for b in NUMBERS:
            if type(a) is int and type(b) is int and abs(a) + abs(b) > 2**62:
                continue  # may leave 64 bits: see test_ints_beyond_64_bits
            same(compiled, a, b)


STRINGS = ["", "a", "abc", "Straße", "日本語", "😀 x", "e\u0301", "\0nul\0", "x" * 1000]


@pytest.mark.parametrize(
    "function",
    [
        lambda s: s,
        lambda s: len(s),
        lambda s: s + s,
        lambda s: s[0],
        lambda s: s[-1],
        lambda s: (s, s + "!", len(s)),
        lambda s: f"<{s}>",
        lambda s: s == "abc",
        lambda s: s[::-1],
    ],
)
@pytest.mark.parametrize("text", STRINGS)
def test_strings(same, function, text):
    same(function, text)


def test_a_string_with_a_lone_surrogate_is_an_error():
    with pytest.raises(UnicodeEncodeError):
        fl.compile(lambda s: s)("\ud800")


def test_none_and_optional(same):
    compiled = fl.compile(lambda x: 0.0 if x is None else x)
    for value in (None, 1.0, 2, None):
        same(compiled, value)


def test_tuples_and_ranges(same):
    same(lambda t: (t[1], t[0]), (1, ("a", 2.0, None)))
    same(lambda t: t, ())
    same(lambda r: (len(r), r[1]), range(3, 30, 4))
    same(lambda a, b: range(a, b), 1, 5)


def test_numpy_scalars(same):
    for dtype in (np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_):
        same(lambda x: x, dtype(1))
    same(lambda x: x + 1, np.float64(1.5))
    same(lambda x: x / 2, np.int64(3))


def test_arguments_of_another_type_than_annotated(same):
    compiled = fl.compile(speed)
    for args in [(3, 10), (3.0, 10), (3, 10.0), (True, 4), (3, 0)]:
        same(compiled, *args)

    @fl.compile
    def double(x: float) -> float:
        return x * 2

    assert type(double(2)) is int


def test_ints_beyond_64_bits():
    add = fl.compile(lambda a, b: a + b)
    with pytest.raises(OverflowError):
        add(2**63 - 1, 1)
    with pytest.raises(OverflowError):
        add(2**63, 1)
    assert add(2**63 - 1, 0) == 2**63 - 1
    assert add(-(2**63), 0) == -(2**63)


def test_keywords_and_defaults(same):
    @fl.compile
    def function(a, b=2.0, /, c=3, *, d=4, e):
        return (a, b, c, d, e)

    same(function, 1, e=5)
    same(function, 1, 2, 3, e=5, d="x")
    for args, kwargs in [((), {}), ((1, 2, 3, 4), {"e": 1}), ((1,), {"e": 1, "x": 2}), ((1,), {"b": 1, "e": 1})]:
        same(function, *args, **kwargs)


def test_defaults_are_read_at_the_call(same):
    def function(x, k=1):
        return x + k

    compiled = fl.compile(function)
    same(compiled, 1)
    function.__defaults__ = (10,)
    assert same(compiled, 1) == 11


def test_recursion(same):
    @fl.compile
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert same(fib, 15) == 610

    @fl.compile
    def forever(n: int) -> int:
        return 0 if n < 0 else 1 - forever(n + 1)

    with pytest.raises(RecursionError):
        forever(0)


def test_functions_that_call_each_other(same):
    def is_even(n):
        return True if n == 0 else is_odd(n - 1)

    def is_odd(n):
        return False if n == 0 else is_even(n - 1)

    same(is_even, 10)
    same(is_odd, 10)


def test_what_the_compiled_function_looks_like():
    @fl.compile
    def documented(x: float, y: float = 2.0) -> float:
        """A text."""
        return x + y

    assert documented.__name__ == "documented" and documented.__doc__ == "A text."
    assert documented.__wrapped__(1.0) == 3.0
    assert str(inspect.signature(documented)) == str(inspect.signature(documented.__wrapped__))
    assert "documented" in repr(documented)
    assert fl.compile(documented).__wrapped__ is documented.__wrapped__


def test_artifacts():
    compiled = fl.compile(lambda x: x * 2.0 + 1.0, signature="(float) -> float")
    assert "float.mul" in compiled.ir()
    assert "define" in compiled.llvm_ir()
    assert compiled.bitcode()[:2] == b"BC"
    assert "ret" in compiled.assembly()
    assert compiled.object_code()[:4] == b"\x7fELF"
    arm = compiled.object_code(target="aarch64-unknown-linux-gnu")
    assert arm[:4] == b"\x7fELF" and int.from_bytes(arm[18:20], "little") == 183
    assert compiled(2.0) == 5.0
    with pytest.raises(fl.EngineError):
        compiled.object_code(target="no-such-target")


def test_a_signature_that_makes_no_sense():
    with pytest.raises(fl.CompileError, match="parameters"):
        fl.compile(lambda x: x, signature="(float, float) -> float")
    with pytest.raises(fl.CompileError):
        fl.compile(lambda x: x, signature="float")


def test_annotated_functions_are_compiled_at_once():
    with pytest.raises(fl.CompileError):

        @fl.compile
        def wrong(x: int) -> int:
            return x + "a"

    @fl.compile
    def not_yet(x):
        return x + "a"

    assert not_yet("b") == "ba"


def test_a_helper_that_is_defined_later():
    source = "import fuseline as fl\n@fl.compile\ndef f(x: float) -> float:\n    return helper(x)\n"
    import linecache
    import types

    source += "def helper(x):\n    return x * 2\n"
    linecache.cache["<later>"] = (len(source), None, source.splitlines(keepends=True), "<later>")
    module = types.ModuleType("later")
    exec(compile(source, "<later>", "exec"), module.__dict__)
    assert module.f(2.0) == 4.0


def test_columns_read():
    compiled = fl.compile(lambda t: t.fare > 0 and t["zone"] == "TS")
    assert compiled.columns_read == ("fare", "zone")
    assert fl.compile(speed).columns_read == ()


def test_rows_as_arguments(same):
    def profit(t):
        return t.fare - t["cost"]

    same(profit, fl.Row(fare=3.5, cost=1))
    same(profit, fl.Row(fare=3, cost=1))


def test_not_a_function():
    with pytest.raises(TypeError):
        fl.compile(len)
    with pytest.raises(TypeError):
        fl.compile(3)


def test_an_annotation_that_is_no_type_of_ours_leaves_it_to_the_call():
    @fl.compile
    def total(values: list, scale: inspect.Signature) -> float:
        return sum(values) * scale

    assert total([1.5, 2.5], 2) == 8.0
    assert total([1, 2], 3) == 9
