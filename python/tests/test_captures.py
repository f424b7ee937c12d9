"""Globals and closure variables: their values are read at each call, and new values compile nothing."""

from __future__ import annotations

import functools
import math
from math import sqrt

import numpy as np
import pytest

import fuseline as fl

RATE = 2
OFFSET = 1.5


def helper(x):
    return x * RATE


def scaled(x):
    return helper(x) + OFFSET


def test_a_global_is_read_at_each_call(same, monkeypatch):
    compiled = fl.compile(scaled)
    assert same(compiled, 1.0) == 3.5
    count = fl.compile_count()
    monkeypatch.setitem(globals(), "OFFSET", 10.5)
    assert same(compiled, 1.0) == 12.5
    monkeypatch.setitem(globals(), "RATE", 3)
    assert same(compiled, 1.0) == 13.5
    assert fl.compile_count() == count, "new values compile nothing"
    monkeypatch.setitem(globals(), "RATE", 0.5)
    assert same(compiled, 1.0) == 11.0, "a new type compiles anew"


def test_a_function_that_is_defined_again(same, monkeypatch):
    compiled = fl.compile(scaled)
    same(compiled, 1.0)
    monkeypatch.setitem(globals(), "helper", lambda x: x - RATE)
    same(compiled, 1.0)


def test_a_builtin_that_is_shadowed(same, monkeypatch):
    compiled = fl.compile(lambda x: abs(x))
    same(compiled, -2.0)
    monkeypatch.setitem(globals(), "abs", lambda x: x + 100)
    assert same(compiled, -2.0) == 98.0
    monkeypatch.delitem(globals(), "abs")
    assert same(compiled, -2.0) == 2.0


def test_closures_are_read_at_each_call(same):
    weight = 2.0

    def function(x):
        return x * weight

    compiled = fl.compile(function)
    assert same(compiled, 3.0) == 6.0
    weight = 4.0
    assert same(compiled, 3.0) == 12.0


def test_lambdas_made_in_a_loop_compile_once(same):
    def make(weight):
        return lambda x: x * weight

    same(make(1.0), 3.0)
    count = fl.compile_count()
    for weight in (2.0, 3.0, 4.0):
        assert same(make(weight), 3.0) == 3.0 * weight
    assert fl.compile_count() == count


@pytest.mark.parametrize(
    "value",
    [3, 2.5, True, None, "text", "ü", (1, 2.0, ("a", None)), range(1, 9, 2), np.float64(1.5), np.int32(7), 2**63 - 1],
)
def test_values_of_every_kind(same, value):
    same(lambda: value)


def test_arrays(same):
    weights = np.array([1.0, 2.0, 3.0])
    table = np.arange(6).reshape(2, 3)

    def dot(x):
        total = 0.0
        for i in range(len(weights)):
            total += weights[i] * x
        return total + table[1, 2] + table[-1, -3]

    compiled = fl.compile(dot)
    same(compiled, 2.0)
    count = fl.compile_count()
    weights[0] = 100.0
    same(compiled, 2.0)
    weights = np.ones(10)[::3]
    same(compiled, 2.0)
    assert fl.compile_count() == count


def test_members_of_modules(same):
    same(lambda x: sqrt(x) + math.pi + math.sqrt(x), 2.0)
    size = len
    same(lambda s: size(s), "abc")


class Foo:
    pass


foo = Foo()


def test_what_cannot_be_captured_is_named():
    with pytest.raises(fl.CompileError) as caught:
        fl.compile(lambda x: x + foo)(1)
    assert "`Foo`" in str(caught.value)
    assert caught.value.diagnostics[0].line > 0
    with pytest.raises(fl.CompileError):
        fl.compile(lambda x: pytest.approx(x))(1.0)


def test_an_int_beyond_64_bits():
    big = 2**70
    with pytest.raises(OverflowError):
        fl.compile(lambda x: x + big)(1)


def test_a_name_that_stands_for_nothing():
    with pytest.raises(fl.CompileError, match="nowhere"):
        fl.compile(lambda x: x + nowhere)(1)  # noqa: F821


def test_compiled_functions_call_each_other(same):
    inner = fl.compile(lambda x: x * 2)
    same(lambda x: inner(x) + 1, 3)


@functools.cache
def remembered(n: int) -> int:
    return n * RATE


def test_results_are_remembered_within_one_call(monkeypatch):
    # Difference 10: CPython goes on giving the result for the old value.
    compiled = fl.compile(lambda n: remembered(n) + remembered(n))
    assert compiled(3) == 12
    monkeypatch.setitem(globals(), "RATE", 5)
    assert compiled(3) == 30
