"""The drop-in for PyMongoArrow on collections of a real server: over our own connection, and through PyMongo."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pymongo
import pytest
from mongod import Server
from pymongo import monitoring
from pymongo.collation import Collation

from fuseline.pymongoarrow import Schema, api
from fuseline.pymongoarrow.errors import ArrowWriteError

ROWS = [{"_id": index, "n": index % 7, "s": f"text {index}", "doc": {"a": index / 4}} for index in range(5_000)]
SCHEMA = Schema({"_id": int, "s": str})
OWN = "read over a connection of our own"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    try:
        started.insert("test", "rows", ROWS)
        yield started
    finally:
        started.close()


@pytest.fixture
def collection(server: Server) -> Iterator[Any]:
    with pymongo.MongoClient(server.uri) as client:
        yield client.test.rows


@pytest.fixture
def path(caplog: pytest.LogCaptureFixture) -> Any:
    """Which way the last read went."""
    caplog.set_level(logging.DEBUG, "fuseline.pymongoarrow")
    return lambda: caplog.messages[-1]


def test_a_whole_collection(collection: Any, path: Any) -> None:
    assert api.find_arrow_all(collection, {}).to_pylist() == ROWS
    assert path() == OWN
    narrow = [{"_id": row["_id"], "s": row["s"]} for row in ROWS]
    assert api.find_arrow_all(collection, {}, schema=SCHEMA).to_pylist() == narrow
    assert path() == OWN
    nested = api.find_arrow_all(collection, {}, schema=Schema({"doc": {"a": float}}))
    assert nested.to_pylist() == [{"doc": row["doc"]} for row in ROWS]


@pytest.mark.parametrize(
    "options",
    [
        {"sort": [("n", -1), ("_id", 1)], "limit": 10},
        {"sort": [("s", 1)], "skip": 2_850},
        {"projection": ["n"], "batch_size": 7},
        {"projection": {"_id": 0, "twice": {"$multiply": [2, "$n"]}}, "hint": [("_id", 1)]},
        {"projection": [], "max_time_ms": 60_000, "comment": "why", "allow_disk_use": True, "no_cursor_timeout": False},
        {"collation": Collation("en", strength=1), "sort": {"s": 1}, "limit": 3},
        {"limit": -5},
        {"hint": [("_id", 1)], "show_record_id": False, "return_key": False},
    ],
)
def test_options_of_find(collection: Any, options: dict[str, Any]) -> None:
    found = api.find_arrow_all(collection, {"n": {"$gt": 2}}, **options).to_pylist()
    assert found == list(collection.find({"n": {"$gt": 2}}, **options))


def test_aggregations(collection: Any, path: Any) -> None:
    pipeline = [{"$group": {"_id": "$n", "k": {"$sum": "$_id"}}}, {"$sort": {"_id": 1}}]
    found = api.aggregate_arrow_all(collection, pipeline, allowDiskUse=True)
    assert found.to_pylist() == list(collection.aggregate(pipeline))
    assert path() == OWN
    narrow = api.aggregate_numpy_all(collection, pipeline, schema=Schema({"k": int}))
    assert narrow["k"].tolist() == [row["k"] for row in collection.aggregate(pipeline)]


def test_every_face(collection: Any) -> None:
    assert api.find_numpy_all(collection, {"n": 1}, schema=SCHEMA)["s"].tolist() == [
        r["s"] for r in ROWS if r["n"] == 1
    ]
    assert api.find_pandas_all(collection, {})["_id"].sum() == sum(row["_id"] for row in ROWS)
    assert api.find_polars_all(collection, {}, schema=SCHEMA).height == len(ROWS)


def test_what_goes_through_pymongo(server: Server, collection: Any, path: Any, monkeypatch: Any) -> None:
    class Listener(monitoring.CommandListener):
        commands: list[str] = []

        def started(self, event: Any) -> None:
            self.commands.append(event.command_name)

        def succeeded(self, event: Any) -> None: ...

        def failed(self, event: Any) -> None: ...

    with collection.database.client.start_session() as session:
        assert api.find_arrow_all(collection, {}, session=session).num_rows == len(ROWS)
    assert path() == "read through PyMongo: the option `session` is in use"
    with pymongo.MongoClient(server.uri, event_listeners=[Listener()]) as client:
        assert api.find_arrow_all(client.test.rows, {}).num_rows == len(ROWS)
    assert path() == "read through PyMongo: the client has listeners for commands" and "find" in Listener.commands
    secondary = collection.with_options(read_preference=pymongo.ReadPreference.SECONDARY_PREFERRED)
    assert api.find_arrow_all(secondary, {}).num_rows == len(ROWS)
    assert path() == "read through PyMongo: the read preference is not `primary`"
    monkeypatch.setattr(pymongo.collection.Collection, "find_raw_batches", lambda *_, **__: iter([]))
    assert api.find_arrow_all(collection, {}).num_rows == 0
    assert path() == "read through PyMongo: `find_raw_batches` has been replaced"


def test_errors_are_those_of_pymongo(collection: Any) -> None:
    with pytest.raises(pymongo.errors.OperationFailure, match=re.escape("unknown operator: $nope")):
        api.find_arrow_all(collection, {"n": {"$nope": 1}})
    nowhere = pymongo.MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=200)
    with nowhere, pytest.raises(pymongo.errors.ServerSelectionTimeoutError):
        api.find_arrow_all(nowhere.test.rows, {})
    with pytest.raises(TypeError, match=r"`string` instead of expected type `int64` \(document 0, s\)"):
        api.find_arrow_all(collection, {}, schema=Schema({"s": int}))


def test_nothing_there(collection: Any) -> None:
    assert api.find_arrow_all(collection, {"n": 99}).shape == (0, 0)
    empty = api.find_arrow_all(collection.database.nothing, {}, schema=SCHEMA)
    assert empty.schema == pa.schema([("_id", pa.int64()), ("s", pa.string())]) and empty.num_rows == 0


def test_a_view_and_a_capped_collection(collection: Any) -> None:
    database = collection.database
    database.create_collection("view", viewOn="rows", pipeline=[{"$match": {"n": 3}}])
    database.create_collection("capped", capped=True, size=4096)
    database.capped.insert_many(ROWS[:500])
    for name in ("view", "capped"):
        assert api.find_arrow_all(database[name], {}).to_pylist() == list(database[name].find())
        expected = [{"s": row["s"]} for row in database[name].find()]
        assert api.find_arrow_all(database[name], {}, schema=Schema({"s": str})).to_pylist() == expected


def test_writing(collection: Any) -> None:
    target = collection.database.written
    table = api.find_arrow_all(collection, {})
    assert api.write(target, table).inserted_count == len(ROWS)
    assert list(target.find()) == ROWS
    with pytest.raises(ArrowWriteError) as caught:
        api.write(target, table.slice(10, 5))
    details = caught.value.details
    assert (details["nInserted"], details["writeErrors"][0]["index"]) == (0, 0)
