"""The three kinds of failure: the program, the data, the machine; and what each carries."""

from __future__ import annotations

import pickle
import sys

import pytest

import fuseline as fl


@fl.compile
def checked(x: int, text: str) -> int:
    if x < 0:
        raise ValueError(f"negative: {x} in {text}")
    if x == 13:
        raise AssertionError("unlucky")
    values = (1, 2, 3)
    return values[x % 3] // (x - 5) if x < 100 else int(text)


LINE = checked.__wrapped__.__code__.co_firstlineno


@pytest.mark.parametrize(
    ("args", "kind", "line"),
    [
        ((-1, "a"), ValueError, 3),
        ((13, "a"), AssertionError, 5),
        ((5, "a"), ZeroDivisionError, 7),
        ((100, "x"), ValueError, 7),
    ],
)
def test_cpythons_class_text_and_line(same, args, kind, line):
    same(checked, *args)
    with pytest.raises(kind) as caught:
        checked(*args)
    error = caught.value
    assert error.row is None and error.inputs == {"x": args[0], "text": args[1]} and error.line == LINE + line
    if sys.version_info >= (3, 11):
        assert f"test_errors.py:{LINE + line} in checked(x={args[0]}" in error.__notes__[0]


def test_the_line_of_the_helper_that_raised():
    def helper(x):
        return 1 / x

    compiled = fl.compile(lambda x: helper(x) + 1)
    with pytest.raises(ZeroDivisionError) as caught:
        compiled(0)
    assert caught.value.line == helper.__code__.co_firstlineno + 1


def test_a_compile_error_has_place_caret_and_help():
    def unsupported(x):
        import os

        return os.getpid() + x

    with pytest.raises(fl.CompileError) as caught:
        fl.compile(unsupported)(1)
    (first, *_) = caught.value.diagnostics
    assert first.file == __file__ and first.line == unsupported.__code__.co_firstlineno + 3 and first.column == 19
    assert first.code and first.message
    assert "os.getpid()" in first.rendered and "^" in first.rendered
    assert str(first) == first.rendered and first.rendered in str(caught.value)


def test_a_statement_without_support():
    def coroutine(x):
        with x:
            return 1

    with pytest.raises(fl.CompileError) as caught:
        fl.compile(coroutine)(1)
    assert caught.value.diagnostics[0].line == coroutine.__code__.co_firstlineno + 1


def test_types_that_clash():
    with pytest.raises(fl.CompileError) as caught:
        fl.compile(lambda a, b: a + b)("a", 1)
    assert "str" in str(caught.value) and "int" in str(caught.value)


def test_star_parameters():
    assert fl.compile(lambda *args: args)(1, "a") == (1, "a")


def test_an_argument_of_a_foreign_class():
    with pytest.raises(TypeError, match="argument `x` is an object of class `object`"):
        fl.compile(lambda x: x)(object())
    with pytest.raises(TypeError, match="holds an object of class `object`"):
        fl.compile(lambda x: x)((1, object()))


def test_compile_errors_can_be_pickled():
    with pytest.raises(fl.CompileError) as caught:
        fl.compile(lambda x: x + nowhere)(1)  # noqa: F821
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.diagnostics == caught.value.diagnostics and str(again) == str(caught.value)


def test_a_failed_call_can_be_followed_by_a_good_one(same):
    for _ in range(3):
        same(checked, 5, "a")
        same(checked, 1, "a")
