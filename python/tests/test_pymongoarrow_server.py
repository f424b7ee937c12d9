"""The drop-in for PyMongoArrow on collections of a real server: over our own connection, and through PyMongo."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import bson
import pyarrow as pa
import pymongo
import pytest
from bson.raw_bson import RawBSONDocument
from mongod import TLS, Server
from pymongo import monitoring
from pymongo.collation import Collation

from fuseline.pymongoarrow import Schema, api
from fuseline.pymongoarrow.errors import ArrowWriteError

ROWS = [{"_id": index, "n": index % 7, "s": f"text {index}", "doc": {"a": index / 4}} for index in range(5_000)]
SCHEMA = Schema({"_id": int, "s": str})
OWN = "read over a connection of our own"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        started.insert("test", "rows", ROWS)
        yield started


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


WROTE = "wrote over a connection of our own"


def test_writing_goes_over_our_own_connection(server: Server, collection: Any, path: Any) -> None:
    target = collection.database.own
    table = pa.table({"_id": range(120_000), "s": ["text"] * 120_000})
    assert api.write(target, table).inserted_count == 120_000
    assert path() == WROTE
    # In the order of the rows, as with PyMongo.
    assert [row["_id"] for row in target.find()] == list(range(120_000))
    assert api.write(target.with_options(write_concern=pymongo.WriteConcern(w=1, j=True)), pa.table({"x": [1]}))
    assert path() == WROTE


def test_an_ordered_write_ends_at_the_first_duplicate(collection: Any, path: Any) -> None:
    target = collection.database.duplicates
    target.insert_one({"_id": 70_000})
    with pytest.raises(ArrowWriteError) as caught:
        api.write(target, pa.table({"_id": range(100_000)}))
    details = caught.value.details
    assert details["nInserted"] == 70_000
    assert [(error["index"], error["code"]) for error in details["writeErrors"]] == [(70_000, 11000)]
    assert target.count_documents({}) == 70_001
    assert path() == WROTE


@pytest.mark.parametrize("ordered", [True, False])
def test_duplicates_are_told_as_pymongo_tells_them(collection: Any, path: Any, ordered: bool) -> None:
    target = collection.database[f"told{ordered}"]
    target.insert_many([{"_id": 2}, {"_id": 4}])
    table = pa.table({"_id": [1, 2, 3, 4], "s": ["a", "b", None, "d"]})
    other = collection.database[f"other{ordered}"]
    other.insert_many([{"_id": 2}, {"_id": 4}])
    with pytest.raises(pymongo.errors.BulkWriteError) as expected:
        rows = [bson.encode({**row, "_id": bson.Int64(row["_id"])}) for row in table.to_pylist()]
        other.insert_many(list(map(RawBSONDocument, rows)), ordered=ordered)
    with pytest.raises(ArrowWriteError) as caught:
        api.write(target, table, ordered=ordered)
    assert path() == WROTE
    cause = caught.value.__cause__
    assert isinstance(cause, pymongo.errors.BulkWriteError)
    told, wanted = cause.details, expected.value.details
    assert told is not None and wanted is not None and told.keys() == wanted.keys()
    assert told["nInserted"] == wanted["nInserted"] == (1 if ordered else 2)
    for problem, other_problem in zip(told["writeErrors"], wanted["writeErrors"], strict=True):
        assert problem.keys() == other_problem.keys()
        assert (problem["keyValue"], problem["op"].raw) == (other_problem["keyValue"], other_problem["op"].raw)
    assert target.count_documents({}) == (3 if ordered else 4)


def test_writing_in_any_order(collection: Any, path: Any) -> None:
    target = collection.database.unordered
    target.insert_one({"_id": 70_000})
    with pytest.raises(ArrowWriteError) as caught:
        api.write(target, pa.table({"_id": range(100_000)}), ordered=False)
    assert path() == WROTE
    assert caught.value.details["nInserted"] == 99_999
    assert [error["index"] for error in caught.value.details["writeErrors"]] == [70_000]
    assert target.count_documents({}) == 100_000


def test_what_is_written_through_pymongo(server: Server, collection: Any, path: Any, monkeypatch: Any) -> None:
    class Listener(monitoring.CommandListener):
        commands: list[str] = []

        def started(self, event: Any) -> None:
            self.commands.append(event.command_name)

        def succeeded(self, event: Any) -> None: ...

        def failed(self, event: Any) -> None: ...

    table = pa.table({"x": [1, 2]})
    with pymongo.MongoClient(server.uri, event_listeners=[Listener()]) as client:
        assert api.write(client.test.listened, table).inserted_count == 2
        with pytest.raises(ArrowWriteError) as caught:
            api.write(client.test.listened, pa.table({"_id": [1, 1, 2, 2, 3]}), ordered=False)
    details = caught.value.details
    assert [problem["index"] for problem in details["writeErrors"]] == [1, 3] and details["nInserted"] == 3
    assert path() == "write through PyMongo: the client has listeners for commands" and "insert" in Listener.commands
    unheard = collection.database.unheard.with_options(write_concern=pymongo.WriteConcern(w=0))
    api.write(unheard, table)
    assert path() == "write through PyMongo: the write concern is `w=0`"
    written: list[Any] = []
    monkeypatch.setattr(pymongo.collection.Collection, "insert_many", lambda _, documents: written.extend(documents))
    assert api.write(collection, table).inserted_count == 2
    assert path() == "write through PyMongo: `insert_many` has been replaced" and len(written) == 2


def test_nothing_is_written_when_a_value_cannot_be(collection: Any) -> None:
    target = collection.database.unwritten
    numbers = pa.array([1] * 50_000 + [2**64 - 1], pa.uint64())
    with pytest.raises(ValueError, match="Unsupported data in table: row 50000, x: 18446744073709551615"):
        api.write(target, pa.table({"x": numbers}), auto_convert=True)
    assert target.count_documents({}) == 0


def test_a_write_to_nowhere_is_an_error_of_the_library() -> None:
    nowhere = pymongo.MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=200)
    with nowhere, pytest.raises(ArrowWriteError) as caught:
        api.write(nowhere.test.rows, pa.table({"x": [1]}))
    assert caught.value.details["nInserted"] == 0
    assert "127.0.0.1:1" in caught.value.details["writeErrors"][0]["errmsg"]


def test_a_session_in_a_transaction_reads_its_own_writes(path: Any) -> None:
    with Server("--replSet", "tests") as server:
        member = {"_id": 0, "host": f"127.0.0.1:{server.port}"}
        server.command("admin", {"replSetInitiate": {"_id": "tests", "members": [member]}})
        with pymongo.MongoClient(f"mongodb://127.0.0.1:{server.port}/?replicaSet=tests") as client:
            rows = client.test.rows
            rows.insert_many([{"_id": n} for n in range(3)])
            with client.start_session() as session, session.start_transaction():
                rows.insert_one({"_id": 3}, session=session)
                inside = api.find_arrow_all(rows, {}, session=session)
                pipeline: list[Any] = [{"$match": {"_id": {"$gte": 2}}}]
                grouped = api.aggregate_numpy_all(rows, pipeline, session=session, schema=Schema({"_id": int}))
                outside = api.find_arrow_all(rows, {})
            assert inside["_id"].to_pylist() == [0, 1, 2, 3]
            assert grouped["_id"].tolist() == [2, 3]
            assert outside["_id"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_users_by_password(path: Any, mechanism: str) -> None:
    with Server() as server:
        server.insert("test", "rows", ROWS[:100])
        user = {"createUser": "w:r", "pwd": "p@ss/word", "roles": ["readWrite"], "mechanisms": [mechanism]}
        server.command("test", user)
        server.ask_for_users()
        options = {"directConnection": True, "username": "w:r", "password": "p@ss/word", "authSource": "test"}
        with pymongo.MongoClient("127.0.0.1", server.port, **options, authMechanism=mechanism) as client:
            assert api.find_arrow_all(client.test.rows, {}).num_rows == 100
            assert path() == OWN
            assert api.write(client.test.copy, pa.table({"x": [1, 2, 3]})).inserted_count == 3
            assert path() == WROTE
            with pytest.raises(ArrowWriteError, match="does not permit"):
                api.write(client.other.copy, pa.table({"x": [1]}))
        wrong = {**options, "password": "wrong", "serverSelectionTimeoutMS": 2000}
        with pymongo.MongoClient("127.0.0.1", server.port, **wrong) as client:
            with pytest.raises(pymongo.errors.OperationFailure, match="Authentication failed"):
                api.find_arrow_all(client.test.rows, {})
            with pytest.raises(ArrowWriteError, match="refused the credentials"):
                api.write(client.test.copy, pa.table({"x": [1]}))


def test_tls_and_a_certificate_as_user(path: Any) -> None:
    with Server(tls=True) as server:
        server.insert("test", "rows", ROWS[:100])
        subject = "CN=reader,OU=clients,O=Fuseline tests"
        role = {"role": "readWrite", "db": "test"}
        server.command("$external", {"createUser": subject, "roles": [role]})
        server.ask_for_users()
        with pymongo.MongoClient(
            "localhost",
            server.port,
            directConnection=True,
            tls=True,
            tlsCAFile=str(TLS / "ca.pem"),
            tlsCertificateKeyFile=str(TLS / "client.pem"),
            authMechanism="MONGODB-X509",
        ) as client:
            assert api.find_arrow_all(client.test.rows, {}).num_rows == 100
            assert path() == OWN
            assert api.write(client.test.copy, pa.table({"x": [1, 2, 3]})).inserted_count == 3
            assert path() == WROTE
