"""Predicates that the server helps with: over data of every kind, rows and errors are those of plain Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mongod import Server

import fuseline as fl

LIMIT = 3
ZONE = "b"

VALUES: dict[str, list[Any]] = {
    "i": [-1, 0, 3, 4, 2**40],
    "f": [-1.5, 0.0, -0.0, 2.5, 3.0, math.inf, math.nan],
    "s": ["", "a", "b", "B", "é", "bb"],
    "b": [True, False],
}
SCHEMA = {"_id": int, "i": int, "f": float, "s": str, "b": bool}


def documents() -> list[dict[str, Any]]:
    """Every combination of two values, null and missing among them."""
    found = []
    for one, other in itertools.combinations(VALUES, 2):
        for first in [*VALUES[one], None, ...]:
            for second in [*VALUES[other], None, ...]:
                pair = {one: first, other: second}
                found.append({name: value for name, value in pair.items() if value is not ...})
    return [{"_id": number, **document} for number, document in enumerate(found)]


DOCUMENTS = documents()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        started.insert("test", "all", DOCUMENTS)
        folded = {"collation": {"locale": "en", "strength": 1}}
        started.command("test", {"create": "folded", **folded})
        started.insert("test", "folded", DOCUMENTS)
        yield started


PREDICATES: list[tuple[Callable[[Any], Any], bool]] = [
    # The function, and whether the server is given something of it.
    (lambda t: t.i is not None and t.i > 3, True),
    (lambda t: t.i is not None and t.i > LIMIT, True),
    (lambda t: t.i is not None and 0 <= t.i < 4, True),
    (lambda t: t.i is not None and not (t.i == 3 or t.i == 4), True),
    (lambda t: t.i is not None and t.i != 3, True),
    (lambda t: t.i is None or t.i <= 0.5, True),
    (lambda t: t.i == 3, True),
    (lambda t: t.f is not None and t.f > 2.5, True),
    (lambda t: t.f is not None and t.f >= 3, True),
    (lambda t: t.f is not None and t.f == 0.0, True),
    (lambda t: t.f is not None and not t.f < 2.5, True),
    (lambda t: t.f is not None and t.f != 2.5, True),
    (lambda t: t.s == "b", True),
    (lambda t: t.s == ZONE, True),
    (lambda t: t.s is not None and t.s > "a", True),
    (lambda t: t.s != "b", True),
    (lambda t: t.s is None, True),
    (lambda t: t.b is not None and t.b, True),
    (lambda t: t.b is not None and not t.b, True),
    (lambda t: (t.i is not None and t.i > 0) or (t.f is not None and t.f < 0), True),
    (lambda t: t.i is not None and t.f is not None and t.i > t.f, True),
    (lambda t: t.i is not None and t.i % 2 == 0, True),
    (lambda t: t.s is not None and len(t.s) > 1, True),
    (lambda t: t.i is None or t.i * 2 > 3, False),
    # These raise for None.
    (lambda t: t.i > 3, True),
    (lambda t: t.s > "a" and t.i > 3, True),
    (lambda t: t.i > 3 and t.s > "a", True),
    (lambda t: t.f < 0 or t.s == "b", True),
    (lambda t: t.b or t.i > 3, True),
]


def python_rows(predicate: Callable[[Any], Any]) -> tuple[list[int], int]:
    """The rows plain Python keeps, and how many it raises for."""
    kept, failed = [], 0
    for document in DOCUMENTS:
        row = fl.Row({name: document.get(name) for name in SCHEMA})
        try:
            if predicate(row):
                kept.append(document["_id"])
        except TypeError:
            failed += 1
    return kept, failed


@pytest.mark.parametrize("collection", ["all", "folded"])
@pytest.mark.parametrize("number", range(len(PREDICATES)))
@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
def test_rows_and_errors_are_those_of_python(server: Server, number: int, collection: str) -> None:
    predicate, helps = PREDICATES[number]
    source = fl.read_mongo(server.uri, f"test.{collection}", schema=SCHEMA, predicates="always")
    dataset = source.filter(predicate, on_error="drop").select("_id")
    assert ("$nor" in dataset.explain()) == helps
    kept, failed = python_rows(predicate)
    assert [row["_id"] for row in dataset.collect().to_pylist()] == kept
    assert dataset.row_errors == ({"TypeError": failed} if failed else {})


def test_fewer_documents_are_sent(server: Server) -> None:
    dataset = fl.read_mongo(server.uri, "test.all", schema=SCHEMA, predicates="always").filter(lambda t: t.s == "b")
    before = len(fl.read_mongo(server.uri, "test.all", filter={"s": "b"}, schema=SCHEMA, predicates="always").collect())
    assert dataset.collect().num_rows == before
    sent = [line for line in dataset.explain(analyze=True).splitlines() if "FunctionExec" in line or "Function" in line]
    assert sent


def test_small_documents_are_not_worth_it(server: Server) -> None:
    small = fl.read_mongo(server.uri, "test.all", schema=SCHEMA)
    assert "$nor" not in small.filter(lambda t: t.i is not None and t.i > 3).explain()
    server.insert("test", "large", [{"_id": number, "i": number, "pad": "x" * 1000} for number in range(10)])
    large = fl.read_mongo(server.uri, "test.large").filter(lambda t: t.i is not None and t.i > 3)
    assert "$nor" in large.explain()
    assert large.count() == 6
    never = fl.read_mongo(server.uri, "test.large", predicates="never")
    assert "$nor" not in never.filter(lambda t: t.i is not None and t.i > 3).explain()


def test_a_value_of_another_type_is_still_an_error(server: Server) -> None:
    odd: list[Any] = ["text", 1.5, [1], [9], {"x": 1}]
    for number, value in enumerate(odd):
        name = f"odd{number}"
        server.insert("test", name, [{"_id": 1, "i": 1}, {"_id": 2, "i": value}, {"_id": 3, "i": 9}])
        dataset = fl.read_mongo(server.uri, f"test.{name}", schema=SCHEMA, predicates="always").filter(
            lambda t: t.i is not None and t.i > 3
        )
        with pytest.raises(TypeError, match="i: expected Int64"):
            dataset.collect()
        counted = fl.read_mongo(server.uri, f"test.{name}", schema=SCHEMA, predicates="always", on_error="drop")
        assert "$nor" not in counted.filter(lambda t: t.i is not None and t.i > 3).explain()


def test_a_filter_of_the_user_keeps_its_meaning(server: Server) -> None:
    """The user's filter is under the collection's rules for text; a predicate never is."""
    mine = fl.read_mongo(server.uri, "test.folded", schema=SCHEMA, predicates="always", filter={"s": "b"})
    assert {row["s"] for row in mine.collect().to_pylist()} == {"b", "B"}
    both = mine.filter(lambda t: t.s != "b")
    assert {row["s"] for row in both.collect().to_pylist()} == {"B"}
    assert "simple" not in both.explain()
    numbers = mine.filter(lambda t: t.i is not None and t.i > 3)
    assert "$and" in numbers.explain()
    assert {row["i"] for row in numbers.collect().to_pylist()} == {4, 2**40}


def test_names_that_were_changed_on_the_way(server: Server) -> None:
    renamed = fl.read_mongo(server.uri, "test.all", schema=SCHEMA, predicates="always").rename(i="n").select("n", "_id")
    dataset = renamed.filter(lambda t: t.n is not None and t.n > 3)
    assert '"i": { "$lte": 3' in dataset.explain()
    assert {row["n"] for row in dataset.collect().to_pylist()} == {4, 2**40}
    computed = renamed.with_columns(n=lambda t: 0 if t.n is None else t.n).filter(lambda t: t.n > 3)
    assert "$nor" not in computed.explain()


def test_a_pipeline_is_filtered_behind_its_stages(server: Server) -> None:
    stages = [{"$project": {"i": {"$add": ["$i", 1]}}}]
    dataset = fl.read_mongo(server.uri, "test.all", pipeline=stages, schema={"i": int}, predicates="always")
    found = dataset.filter(lambda t: t.i is not None and t.i > 4)
    assert "$nor" in found.explain()
    assert {row["i"] for row in found.collect().to_pylist()} == {5, 2**40 + 1}
