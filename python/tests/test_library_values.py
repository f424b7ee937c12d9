"""Dates, collections, generators and functions with any number of arguments across the border, each beside CPython."""

from __future__ import annotations

import collections
import datetime
import importlib
import itertools
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque

import pytest

import fuseline as fl

MOMENT = datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999)


def both(function, make):
    """The outcome of a call in CPython and compiled, and what the arguments have become."""
    found = []
    for called in (function, fl.compile(function)):
        args = make()
        try:
            outcome = called(*args)
        except fl.CompileError:
            raise
        except Exception as error:
            outcome = type(error), str(error)
        found.append((outcome, args))
    return found


def check(function, make):
    theirs, ours = both(function, make)
    assert repr(ours) == repr(theirs)
    assert ours == theirs


@pytest.mark.parametrize(
    "value",
    [
        datetime.date(1, 1, 1),
        datetime.date(9999, 12, 31),
        MOMENT,
        datetime.datetime.min,
        datetime.datetime.max,
        datetime.time(23, 59, 59, 999_999),
        datetime.timedelta(days=-999_999_999),
        datetime.timedelta(days=3, seconds=5, microseconds=7),
        [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
        {datetime.date(2020, 1, 1): datetime.timedelta(1)},
    ],
    ids=str,
)
def test_dates_cross_as_they_are(value):
    check(lambda x: x, lambda: (value,))


def test_dates_are_computed_with():
    def later(start, days):
        return [start + datetime.timedelta(days=i) for i in range(days)]

    check(later, lambda: (datetime.date(2024, 2, 28), 3))
    check(later, lambda: (MOMENT, 3))
    check(later, lambda: (datetime.date(9999, 12, 31), 2))
    check(lambda a, b: (a - b, a > b, (a - b).total_seconds()), lambda: (MOMENT, MOMENT.replace(year=2023, day=1)))


def test_dates_with_more_to_them_are_refused():
    aware = MOMENT.replace(tzinfo=datetime.timezone.utc)
    for value in (aware, MOMENT.replace(fold=1)):
        with pytest.raises(TypeError, match="with a time zone or a `fold`"):
            fl.compile(lambda x: x)(value)


def test_collections_cross_as_they_are():
    for make in (
        lambda: (Counter("abracadabra"),),
        lambda: (OrderedDict([("b", 1), ("a", 2)]),),
        lambda: (defaultdict(list, {"a": [1]}),),
        lambda: (deque([1, 2, 3]),),
        lambda: (deque([1, 2, 3], 5),),
        lambda: ([deque(["a"]), deque(["b", "c"])],),
    ):
        check(lambda x: x, make)
        args = make()
        assert fl.compile(lambda x: x)(*args) is args[0]


def test_new_collections_are_made():
    def count(text):
        found = Counter()
        for letter in text:
            found[letter] += 1
        return found

    def group(words):
        found = defaultdict(list)
        for word in words:
            found[len(word)].append(word)
        return found

    check(count, lambda: ("abracadabra",))
    check(group, lambda: (["a", "bb", "cc", "d"],))
    check(lambda n: deque(range(n), 3), lambda: (5,))
    check(lambda n: OrderedDict((i, i * i) for i in range(n)), lambda: (4,))
    assert fl.compile(group)(["a"]).default_factory is list


def test_what_a_function_changes_in_a_collection_is_seen():
    def turn(queue):
        queue.append(queue.popleft())
        queue.appendleft(0)
        return queue

    def tally(counter, missing, ordered):
        counter["a"] += 1
        counter["z"] -= 1
        missing["new"].append(3)
        ordered.move_to_end("b")
        return len(counter)

    check(turn, lambda: (deque([1, 2, 3]),))
    check(turn, lambda: (deque([1, 2, 3], 3),))
    check(turn, lambda: (deque(),))
    check(tally, lambda: (Counter("aab"), defaultdict(list, {"x": [1]}), OrderedDict(b=1, a=2)))
    check(lambda queue: queue.append(1), lambda: (deque(),))


def test_a_factory_of_ones_own_is_refused():
    with pytest.raises(TypeError, match="a factory of its own"):
        fl.compile(lambda x: len(x))(defaultdict(lambda: 1))


def primes():
    found = []
    number = 2
    while True:
        if all(number % known for known in found):
            found.append(number)
            yield number
        number += 1


def countdown(n):
    while n > 0:
        yield n
        n -= 1
    return "done"


def shares(total, parts):
    for part in parts:
        yield total // part


def texts(words):
    for index, word in enumerate(words):
        yield f"{index}: {word}", [word, word.upper()]


def test_generators_are_lazy():
    made = fl.compile(primes)()
    assert isinstance(made, types.GeneratorType)
    assert list(itertools.islice(made, 10)) == list(itertools.islice(primes(), 10))
    assert next(made) == 31
    made.close()
    assert next(made, None) is None


def test_generators_end_and_return_as_they_do():
    made = fl.compile(countdown)(2)
    assert next(made) == 2
    assert next(made) == 1
    with pytest.raises(StopIteration) as stopped:
        next(made)
    assert stopped.value.value == "done"
    assert list(fl.compile(texts)(["a", "b"])) == list(texts(["a", "b"]))


def test_an_exception_comes_at_its_value():
    made = fl.compile(shares)(12, [3, 4, 0, 2])
    assert [next(made), next(made)] == [4, 3]
    with pytest.raises(ZeroDivisionError) as raised:
        next(made)
    assert raised.value.line == shares.__code__.co_firstlineno + 2
    assert next(made, None) is None


def test_what_is_changed_between_two_values_is_noticed():
    words = ["a", "b", "c"]
    made = fl.compile(texts)(words)
    next(made)
    words.append("d")
    with pytest.raises(TypeError, match="has been changed since its last value"):
        next(made)


def fill(target, count):
    for i in range(count):
        target.append(i)
        yield len(target)


def test_what_a_generator_stores_is_seen_between_its_values():
    target: list[int] = [7]
    made = fl.compile(fill)(target, 2)
    assert next(made) == 2
    assert target == [7, 0]
    assert list(made) == [3]
    assert target == [7, 0, 1]


def closing(n):
    try:
        yield n
    finally:
        print("closed")


def test_a_generator_that_has_to_be_closed_is_refused():
    with pytest.raises(fl.CompileError, match="a generator cannot leave"):
        fl.compile(closing)(1)


def total(first, *rest, scale=1, **named):
    found = first
    for value in rest:
        found += value
    for name, value in named.items():
        found += len(name) * value
    return found * scale, rest, named


def test_any_number_of_arguments():
    compiled = fl.compile(total)
    for args, kwargs in [
        ((1,), {}),
        ((1, 2, 3), {}),
        ((1, 2.5), {"scale": 2}),
        ((1, 2), {"a": 1, "bb": 2}),
        ((1,), {"scale": 3, "ccc": 4}),
    ]:
        assert repr(compiled(*args, **kwargs)) == repr(total(*args, **kwargs))
    with pytest.raises(TypeError) as ours:
        compiled()
    with pytest.raises(TypeError) as theirs:
        total()
    assert str(ours.value) == str(theirs.value)
    assert fl.compile(lambda *xs: len(xs))() == 0


HELPERS = """
import math
SCALE = 3

def area(r):
    return math.pi * r * r * SCALE

class Counter:
    def __init__(self):
        self.count = 0
    def step(self):
        self.count += 1
        return self.count
"""


def test_functions_of_other_modules(tmp_path, monkeypatch):
    (tmp_path / "fl_helpers.py").write_text(HELPERS)
    (tmp_path / "fl_uses.py").write_text(
        "import fl_helpers\n\ndef f(r):\n    return fl_helpers.area(r) + fl_helpers.SCALE\n\n"
        "def g(n):\n    counter = fl_helpers.Counter()\n    for _ in range(n):\n        counter.step()\n"
        "    return counter\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    uses = importlib.import_module("fl_uses")
    helpers = sys.modules["fl_helpers"]
    compiled = fl.compile(uses.f)
    assert compiled(2.0) == uses.f(2.0)
    helpers.SCALE = 4
    assert compiled(2.0) == uses.f(2.0)
    helpers.area = lambda r: r + 1
    assert compiled(2.0) == uses.f(2.0) == 7.0
    made = fl.compile(uses.g)(3)
    assert type(made) is helpers.Counter
    assert made.count == 3
    for name in ("fl_uses", "fl_helpers"):
        del sys.modules[name]


def test_collections_within_collections():
    def nest(graph):
        graph["b"].append(collections.deque([1]))
        return graph

    check(nest, lambda: (defaultdict(list, {"a": [deque([2, 3])]}),))
