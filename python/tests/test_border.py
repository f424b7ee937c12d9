"""Containers and records across the border: arguments, results, and what a call changes in what it was handed."""

from __future__ import annotations

import copy
import dataclasses
import math
import random
from typing import NamedTuple

import pytest

import fuseline as fl


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass(frozen=True)
class Money:
    amount: int
    currency: str = "EUR"


def grow(rows):
    rows[0].append(5)
    rows[1][0] = 9
    return rows


def moved(p):
    return Point(p.x + 1, p.y)


def earned(m):
    return Money(m.amount + 1, m.currency)


def fail_late(values):
    values.append(1)
    raise ValueError("late")


CALLS = [
    (grow, [[1, 2], [3, 4]]),
    (moved, Point(1, 2.5)),
    (earned, Money(3, "SEK")),
    (lambda x: x, {"a": [1, 2], "b": [3]}),
    (lambda x: x, {1, 5, 33, 257}),
    (lambda x: x, frozenset({"a", "b"})),
    (lambda x: x, b"a\x00b"),
    (lambda x: x, {None: ((1, 2.0), None), "k": ((3, 4.0), "v")}),
]


@pytest.mark.parametrize(("function", "argument"), CALLS, ids=str)
def test_values_cross_as_they_are(function, argument):
    theirs, ours = copy.deepcopy(argument), copy.deepcopy(argument)
    expected, found = function(theirs), fl.compile(function)(ours)
    assert found == expected
    assert type(found) is type(expected)
    assert repr(found) == repr(expected) or isinstance(found, (set, frozenset))
    assert ours == theirs


def test_a_container_that_comes_back_is_the_one_that_was_handed_in():
    inner = [1, 2]
    outer = {"a": inner}
    assert fl.compile(lambda x: x)(outer) is outer
    assert fl.compile(lambda x: x)(inner) is inner


def test_one_object_handed_in_twice_is_one():
    def append(a, b):
        a.append(7)
        return len(b)

    values = [1]
    assert fl.compile(append)(values, values) == 2
    assert values == [1, 7]


def grown(numbers):
    numbers.add(100)
    numbers.discard(7)
    for n in range(5):
        numbers.add(n * 37)
    return list(numbers)


def test_sets_grow_in_the_order_of_cpython_whatever_was_removed_from_them_before():
    compiled = fl.compile(grown)
    source = random.Random(0)
    for _ in range(300):
        numbers = {source.randint(-1000, 1000) for _ in range(source.randint(1, 60))}
        for number in list(numbers)[1 : source.randint(1, 30)]:
            numbers.discard(number)
        # A copy would have another table.
        history = sorted(numbers, key=lambda _: source.random())
        ours, theirs = set(history), set(history)
        for other in range(2000, 2000 + source.randint(0, 20)):
            ours.add(other)
            theirs.add(other)
        for other in range(2000, 2020):
            ours.discard(other)
            theirs.discard(other)
        assert list(ours) == list(theirs)
        assert compiled(ours) == grown(theirs)


def test_one_new_object_returned_twice_is_one():
    def pair(x):
        values = [x]
        return values, values

    first, second = fl.compile(pair)(1)
    assert first is second


def test_what_a_call_did_before_it_raised_is_seen():
    values = [0]
    with pytest.raises(ValueError, match="late"):
        fl.compile(fail_late)(values)
    assert values == [0, 1]


def test_items_that_stay_are_the_very_objects():
    def replace_first(rows):
        rows[0] = "new"
        return len(rows)

    kept = "".join(["a", "b"])
    rows = ["old", kept]
    fl.compile(replace_first)(rows)
    assert rows == ["new", "ab"]
    assert rows[1] is kept


def test_what_has_no_place_in_compiled_code_is_refused_with_its_reason():
    identity = fl.compile(lambda x: x)
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="containers within each other"):
        identity(loop)
    with pytest.raises(TypeError, match="a list that holds an object of class `object`"):
        identity([object()])


def integral(function, start, stop, steps=100):
    width = (stop - start) / steps
    return sum(function(start + width * (i + 0.5)) for i in range(steps)) * width


def test_functions_as_arguments_are_compiled_with_the_function():
    compiled = fl.compile(integral)
    slope = 3.0
    for function in (lambda x: x * x, lambda x: slope * x, math.sin, fl.compile(math_cube)):
        plain = getattr(function, "__wrapped__", function)
        assert compiled(function, 0.0, 2.0) == integral(plain, 0.0, 2.0)
    before = fl.compile_count()
    assert compiled(math.sin, 0.5, 2.0) == integral(math.sin, 0.5, 2.0)
    assert fl.compile_count() == before


def math_cube(x):
    return x * x * x


def test_a_function_that_cannot_be_called_so_is_refused_with_its_place():
    with pytest.raises(fl.CompileError, match="positional argument"):
        fl.compile(integral)(lambda x, y: x, 0.0, 1.0)


def swap(left, right):
    left[0], right["key"] = right["key"], left[0]
    return left[0]


def test_texts_that_change_places_are_read_before_they_go():
    compiled = fl.compile(swap)
    for number in range(200):
        # Nothing else holds these texts.
        left, right = [f"left {number} " * 40], {"key": f"right {number} " * 40}
        assert compiled(left, right) == f"right {number} " * 40
        assert (left, right) == ([f"right {number} " * 40], {"key": f"left {number} " * 40})


def test_one_empty_list_as_lists_of_two_types() -> None:
    @fl.compile
    def paths(graph, start, end, path=[]):
        path = path + [start]
        if start == end:
            return [path]
        found = []
        for node in graph.get(start, []):
            if node not in path:
                for other in paths(graph, node, end, path):
                    found.append(other)
        return found

    graph = {"A": ["B", "C"], "B": ["C"], "C": []}
    assert paths(graph, "A", "C") == [["A", "B", "C"], ["A", "C"]]

    @fl.compile
    def both(numbers, texts, change):
        if change:
            numbers.append(1)
        texts.append("x")
        return len(numbers), len(texts)

    same: list = []
    try:
        result = both(same, same, True)
    except (TypeError, fl.CompileError):
        pass
    else:
        assert (result, same) == ((2, 2), [1, "x"])


def test_builtin_classes_and_methods_as_arguments() -> None:
    @fl.compile
    def each(items, function):
        return [function(item) for item in items]

    assert each(["a", "b"], str.upper) == ["A", "B"]
    assert each(["1", "2"], int) == [1, 2]
    assert each([1, 2], str) == ["1", "2"]
    assert each([[2, 1]], sorted) == [[1, 2]]

    @fl.compile
    def first(list, int):
        return int(list[0])

    assert first(["3"], int) == 3
