"""`write_mongo` and change streams against a real server: every row is written or reported."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from mongod import Server

import fuseline as fl


def replica_set() -> Server:
    # Test commands make the server fail on demand.
    started = Server("--replSet", "tests", "--setParameter", "enableTestCommands=1")
    member = {"_id": 0, "host": f"127.0.0.1:{started.port}"}
    started.command("admin", {"replSetInitiate": {"_id": "tests", "members": [member]}})
    deadline = time.monotonic() + 30
    while not started.command("admin", {"hello": 1})["isWritablePrimary"]:
        assert time.monotonic() < deadline, "no primary"
        time.sleep(0.05)
    return started


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with replica_set() as started:
        yield started


@pytest.fixture
def empty(server: Server, request: pytest.FixtureRequest) -> str:
    """The name of a collection that is not there yet."""
    return f"test.{request.node.name[:60]}"


def found(server: Server, name: str, filter: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return server.find(*name.split(".", 1), filter)


def numbers(count: int) -> fl.Dataset:
    ids = pa.array(range(count), pa.int64())
    return fl.from_arrow(pa.table({"_id": ids, "x": pa.array(range(count), pa.int32()), "s": ["text"] * count}))


@pytest.mark.parametrize("ordered", [False, True])
def test_rows_are_inserted(server: Server, empty: str, ordered: bool) -> None:
    result = numbers(30_000).write_mongo(server.uri, empty, ordered=ordered)
    assert result == fl.WriteResult(inserted=30_000, matched=0, modified=0, failed=())
    assert found(server, empty) == [{"_id": n, "x": n, "s": "text"} for n in range(30_000)]
    assert (
        fl.read_mongo(server.uri, empty)
        .sort("_id")
        .collect()
        .equals(numbers(30_000).collect().cast(fl.read_mongo(server.uri, empty).schema))
    )


def test_duplicate_keys_are_reported_and_the_rest_is_written(server: Server, empty: str) -> None:
    server.insert(*empty.split("."), [{"_id": n, "old": True} for n in (5, 20_000)])
    with pytest.raises(fl.WriteError, match="did not take 2 rows; the first is row 5: E11000") as error:
        numbers(30_000).write_mongo(server.uri, empty)
    assert error.value.result.inserted == 29_998
    assert [(row.row, row.code) for row in error.value.result.failed] == [(5, 11000), (20_000, 11000)]
    assert len(found(server, empty)) == 30_000
    again = numbers(30_000).write_mongo(server.uri, empty, on_error="report")
    assert len(again.failed) == 30_000 and again.inserted == 0


def test_an_ordered_write_stops_at_the_first_failure(server: Server, empty: str) -> None:
    server.insert(*empty.split("."), [{"_id": 12_345}])
    result = numbers(30_000).write_mongo(server.uri, empty, ordered=True, on_error="report")
    assert result.inserted == 12_345
    assert [row.row for row in result.failed] == [12_345]
    assert len(found(server, empty)) == 12_346


def test_replace_and_upsert(server: Server, empty: str) -> None:
    server.insert(*empty.split("."), [{"_id": n, "x": n, "s": "text" if n else "old", "more": 1} for n in range(3)])
    replaced = numbers(5).write_mongo(server.uri, empty, mode="replace")
    assert replaced == fl.WriteResult(inserted=0, matched=3, modified=3, failed=())
    upserted = numbers(5).write_mongo(server.uri, empty, mode="upsert")
    assert upserted == fl.WriteResult(inserted=2, matched=3, modified=0, failed=())
    assert found(server, empty) == [{"_id": n, "x": n, "s": "text"} for n in range(5)]


def test_upsert_by_another_key(server: Server, empty: str) -> None:
    data = fl.from_rows([{"k": 1, "g": "a", "v": 1}, {"k": 1, "g": "b", "v": 2}, {"k": None, "g": "c", "v": 3}])
    result = data.write_mongo(server.uri, empty, mode="upsert", key=["k", "g"], on_error="report")
    assert result.inserted == 2
    assert [(row.row, row.message) for row in result.failed] == [(2, "the key `k` is null")]
    changed = fl.from_rows([{"k": 1, "g": "b", "v": 5}])
    assert changed.write_mongo(server.uri, empty, mode="replace", key=["k", "g"]).modified == 1
    assert sorted(row["v"] for row in found(server, empty)) == [1, 5]
    with pytest.raises(fl.CompileError, match="no column `z`"):
        data.write_mongo(server.uri, empty, mode="upsert", key="z")
    with pytest.raises(ValueError, match="mode is"):
        data.write_mongo(server.uri, empty, mode="append")  # type: ignore[arg-type]


def test_nulls_are_written_or_left_out(server: Server, empty: str) -> None:
    data = fl.from_rows([{"_id": 1, "x": None, "y": 1}, {"_id": 2, "x": 2, "y": 2}])
    data.write_mongo(server.uri, empty, nulls="leave out")
    assert found(server, empty) == [{"_id": 1, "y": 1}, {"_id": 2, "x": 2, "y": 2}]
    data.write_mongo(server.uri, empty, mode="upsert")
    assert found(server, empty)[0] == {"_id": 1, "x": None, "y": 1}


def test_rows_that_the_collection_refuses(server: Server, empty: str) -> None:
    rule = {"$jsonSchema": {"properties": {"x": {"bsonType": "int", "maximum": 9}}}}
    server.command("test", {"create": empty.split(".")[1], "validator": rule})
    result = numbers(12).write_mongo(server.uri, empty, on_error="report")
    assert [(row.row, row.code) for row in result.failed] == [(10, 121), (11, 121)]
    assert result.inserted == 10


def test_nothing_is_lost_when_the_server_goes_away() -> None:
    with replica_set() as server:
        server.kill_and_restart(1)
        result = numbers(50_000).write_mongo(server.uri, "test.rows", mode="upsert")
        assert result.inserted + result.matched == 50_000
        assert server.command("test", {"count": "rows"})["n"] == 50_000


@contextlib.contextmanager
def failing(server: Server, point: str, times: int, data: dict[str, Any]) -> Iterator[None]:
    """The server fails at this point so many times."""
    server.command("admin", {"configureFailPoint": point, "mode": {"times": times}, "data": data})
    try:
        yield
    finally:
        server.command("admin", {"configureFailPoint": point, "mode": "off"})


def test_an_insert_whose_answer_is_lost_is_sent_again_and_counts_once(server: Server, empty: str) -> None:
    with failing(server, "onPrimaryTransactionalWrite", 3, {"closeConnection": True}):
        result = numbers(30_000).write_mongo(server.uri, empty)
    assert result == fl.WriteResult(inserted=30_000, matched=0, modified=0, failed=())
    assert found(server, empty) == [{"_id": n, "x": n, "s": "text"} for n in range(30_000)]


def test_a_second_try_reports_the_same_rows(server: Server, empty: str) -> None:
    server.insert(*empty.split("."), [{"_id": 7}])
    with failing(server, "onPrimaryTransactionalWrite", 1, {"closeConnection": True}):
        result = numbers(100).write_mongo(server.uri, empty, on_error="report")
    assert result.inserted == 99
    assert [(row.row, row.code) for row in result.failed] == [(7, 11000)]


@pytest.mark.parametrize("alone", [False, True])
def test_an_insert_that_cannot_be_repeated_says_which_rows_are_uncertain(
    server: Server, empty: str, alone: bool
) -> None:
    target = Server("--setParameter", "enableTestCommands=1") if alone else server
    try:
        uri = target.uri if alone else f"{target.uri}&retryWrites=false"
        with (
            failing(target, "failCommand", 1, {"failCommands": ["insert"], "closeConnection": True}),
            pytest.raises(fl.EngineError, match="rows 0 to 99 may or may not have been written, 0 others were"),
        ):
            numbers(100).write_mongo(uri, empty)
        assert numbers(100).write_mongo(uri, empty).inserted == 100
    finally:
        if alone:
            target.close()


def test_sessions_that_go_round_keep_their_numbers_growing(server: Server, empty: str) -> None:
    for start in range(5):
        data = fl.from_rows([{"_id": start * 10 + n} for n in range(10)])
        assert data.write_mongo(server.uri, empty, parallel=2).inserted == 10
    assert len(found(server, empty)) == 50


def test_rows_without_an_id_get_one(server: Server, empty: str) -> None:
    fl.from_rows([{"x": 1}, {"x": 2}]).write_mongo(server.uri, empty)
    seen = server.command(
        "test", {"find": empty.split(".")[1], "filter": {"_id": {"$type": "objectId"}}, "sort": {"x": 1}}
    )["cursor"]["firstBatch"]
    assert [list(row) for row in seen] == [["_id", "x"]] * 2
    assert seen[0]["_id"] != seen[1]["_id"]


def test_ids_that_are_null(server: Server, empty: str) -> None:
    data = fl.from_rows([{"x": 1, "_id": 5}, {"x": 2, "_id": None}])
    data.write_mongo(server.uri, empty, nulls="leave out")
    assert [list(row) for row in found(server, empty)] == [["_id", "x"]] * 2
    assert data.write_mongo(server.uri, empty, on_error="report").inserted == 1
    assert {"_id": None, "x": 2} in found(server, empty)


def test_the_largest_document_and_one_byte_more(server: Server, empty: str) -> None:
    # Length, `_id`, `s` with its length and NUL, terminator.
    room = 16 * 1024 * 1024 - (4 + 1 + 4 + 8 + 1 + 2 + 4 + 1 + 1)
    rows = [{"_id": 0, "s": "a"}, {"_id": 1, "s": "b" * room}, {"_id": 2, "s": "c" * room}, {"_id": 3, "s": "d"}]
    assert fl.from_rows(rows).write_mongo(server.uri, empty).inserted == 4
    assert fl.from_rows(rows).write_mongo(server.uri, empty, mode="upsert").matched == 4
    sizes = server.command("test", {"aggregate": empty.split(".")[1], "cursor": {}, "pipeline": [
        {"$sort": {"_id": 1}}, {"$project": {"size": {"$bsonSize": "$$ROOT"}}},
    ]})["cursor"]["firstBatch"]  # fmt: skip
    assert [row["size"] for row in sizes][1:3] == [16 * 1024 * 1024] * 2
    rows[1]["s"] = "b" * (room + 1)
    with pytest.raises(fl.EngineError, match="row 1: a document of 16777217 bytes is larger"):
        fl.from_rows(rows).write_mongo(server.uri, empty)


def test_a_write_that_nothing_answers_for_is_refused(server: Server, empty: str) -> None:
    with pytest.raises(fl.CompileError, match="w=0"):
        numbers(3).write_mongo(f"{server.uri}&w=0", empty)


def test_a_write_concern_that_cannot_be_met_is_an_error(server: Server, empty: str) -> None:
    with pytest.raises(fl.EngineError, match="could not confirm the write|write concern|Not enough"):
        numbers(3).write_mongo(f"{server.uri}&w=2&wtimeoutMS=100", empty)


def test_an_ordered_replacement_stops_at_a_null_key(server: Server, empty: str) -> None:
    data = fl.from_rows([{"k": 1}, {"k": None}, {"k": 3}])
    result = data.write_mongo(server.uri, empty, mode="upsert", key="k", ordered=True, on_error="report")
    assert result.inserted == 1
    assert [row.row for row in result.failed] == [1]
    assert [row["k"] for row in found(server, empty)] == [1]


def test_keys_of_every_type_find_their_documents(server: Server, empty: str) -> None:
    rows = [{"k": {"$gt": 0, "a.b": 1}, "v": 1}, {"k": {"$gt": 1, "a.b": 2}, "v": 2}]
    data = fl.from_arrow(pa.table({"k": [row["k"] for row in rows], "v": [row["v"] for row in rows]}))
    assert data.write_mongo(server.uri, empty, mode="upsert", key="k").inserted == 2
    assert data.write_mongo(server.uri, empty, mode="upsert", key="k").matched == 2
    assert len(found(server, empty)) == 2


# ---- changes


def test_changes_come_as_rows(server: Server, empty: str) -> None:
    database, name = empty.split(".")
    server.insert(database, name, [{"_id": 1, "x": 1, "s": "a"}])
    changes = fl.read_mongo(server.uri, empty, schema={"_id": int, "x": int, "s": str}, watch=True)
    assert changes.columns == ("_token", "_operation", "_key", "x", "s")
    # What happens before the first row is asked for is seen as well.
    server.insert(database, name, [{"_id": 2, "x": 2, "s": "b"}, {"_id": 3, "x": 3, "s": "c"}])
    server.command(database, {"update": name, "updates": [{"q": {"_id": 1}, "u": {"$set": {"x": 10}}}]})
    server.command(database, {"delete": name, "deletes": [{"q": {"_id": 2}, "limit": 1}]})
    rows = changes.limit(4).collect().to_pylist()
    assert [(row["_operation"], row["_key"], row["x"]) for row in rows] == [
        ("insert", 2, 2),
        ("insert", 3, 3),
        ("update", 1, 10),
        ("delete", 2, None),
    ]
    again = fl.read_mongo(server.uri, empty, schema={"_id": int, "x": int}, watch=True, resume_after=rows[1]["_token"])
    assert [row["_operation"] for row in again.limit(2).collect().to_pylist()] == ["update", "delete"]


def test_changes_stream_through_functions(server: Server, empty: str) -> None:
    database, name = empty.split(".")
    server.insert(database, name, [{"_id": 0, "x": 0}])
    changes = fl.read_mongo(server.uri, empty, schema={"x": int}, watch=True)
    odd = changes.filter(lambda t: t._operation == "insert" and t.x is not None and t.x % 2 == 1)
    stream = odd.select("x").stream()
    seen: list[int] = []

    def write() -> None:
        for start in range(1, 41, 4):
            server.insert(database, name, [{"_id": n, "x": n} for n in range(start, start + 4)])
            time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    for batch in stream:
        seen.extend(batch.column("x").to_pylist())
        if len(seen) >= 20:
            break
    writer.join()
    assert seen == list(range(1, 41, 2))


def test_changes_chosen_by_a_pipeline(server: Server, empty: str) -> None:
    database, name = empty.split(".")
    server.insert(database, name, [{"_id": 0, "x": 0}])
    deleted = [{"$match": {"operationType": "delete"}}]
    changes = fl.read_mongo(server.uri, empty, schema={"_id": int}, watch=True, pipeline=deleted)
    server.insert(database, name, [{"_id": 1, "x": 0}])
    server.command(database, {"delete": name, "deletes": [{"q": {"_id": 0}, "limit": 1}]})
    assert [row["_key"] for row in changes.limit(1).collect().to_pylist()] == [0]


def test_changes_need_a_replica_set() -> None:
    alone = Server()
    try:
        with pytest.raises(fl.EngineError, match="replica set"):
            fl.read_mongo(alone.uri, "test.rows", schema={"x": int}, watch=True)
    finally:
        alone.close()
    with pytest.raises(ValueError, match="`resume_after=` is for"):
        fl.read_mongo("mongodb://h", "test.rows", resume_after="x")


def test_changes_go_on_after_a_lost_connection() -> None:
    with replica_set() as server:
        server.insert("test", "rows", [{"_id": 0, "x": 0}])
        changes = fl.read_mongo(server.uri, "test.rows", schema={"_id": int, "x": int}, watch=True)
        server.insert("test", "rows", [{"_id": n, "x": n} for n in range(1, 4)])
        stream = changes.stream()
        seen = next(stream).column("_key").to_pylist()
        server.stop()
        server.start()
        deadline = time.monotonic() + 30
        while not server.command("admin", {"hello": 1})["isWritablePrimary"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.insert("test", "rows", [{"_id": n, "x": n} for n in range(4, 8)])
        for batch in stream:
            seen.extend(batch.column("_key").to_pylist())
            if len(seen) >= 7:
                break
        assert seen == list(range(1, 8))


def test_every_kind_of_event_to_the_end_of_the_collection(server: Server, empty: str) -> None:
    database, name = empty.split(".")
    server.insert(database, name, [{"_id": 1, "x": 1}, {"_id": 2, "x": 2}])
    schema = {"_id": int, "x": int}
    changes = fl.read_mongo(server.uri, empty, schema=schema, watch=True)
    server.command(database, {"update": name, "updates": [{"q": {"_id": 1}, "u": {"$set": {"x": 10}}}]})
    server.command(database, {"update": name, "updates": [{"q": {"_id": 2}, "u": {"x": 20}}]})
    server.command(database, {"delete": name, "deletes": [{"q": {"_id": 2}, "limit": 1}]})
    server.command(database, {"drop": name})
    # The stream ends with the collection, without a limit.
    rows = changes.collect().to_pylist()
    assert [(row["_operation"], row["_key"], row["x"]) for row in rows] == [
        # The document is looked up when the event is read: it is gone. A replacement has it in the event.
        ("update", 1, None),
        ("replace", 2, 20),
        ("delete", 2, None),
        ("drop", None, None),
        ("invalidate", None, None),
    ]
    for token, rest in ((rows[1]["_token"], 3), (rows[3]["_token"], 1)):
        again = fl.read_mongo(server.uri, empty, schema=schema, watch=True, resume_after=token)
        assert again.collect().num_rows == rest
    # Behind the end, the events of a new collection of this name.
    after = fl.read_mongo(server.uri, empty, schema=schema, watch=True, resume_after=rows[4]["_token"])
    server.insert(database, name, [{"_id": 7, "x": 7}])
    inserted = after.filter(lambda t: t._operation == "insert").limit(1).collect()
    assert inserted["_key"].to_pylist() == [7]


def test_a_token_outlives_a_server_that_was_killed() -> None:
    with replica_set() as server:
        server.insert("test", "rows", [{"_id": 0, "x": 0}])
        schema = {"_id": int, "x": int}
        changes = fl.read_mongo(server.uri, "test.rows", schema=schema, watch=True)
        durable = {"insert": "rows", "writeConcern": {"w": "majority", "j": True}}
        server.command("test", {**durable, "documents": [{"_id": n, "x": n} for n in range(1, 4)]})
        token = changes.limit(2).collect().to_pylist()[-1]["_token"]
        server.stop(9)
        server.start()
        deadline = time.monotonic() + 30
        while not server.command("admin", {"hello": 1})["isWritablePrimary"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.command("test", {**durable, "documents": [{"_id": 4, "x": 4}]})
        again = fl.read_mongo(server.uri, "test.rows", schema=schema, watch=True, resume_after=token)
        assert [row["_key"] for row in again.limit(2).collect().to_pylist()] == [3, 4]
        with pytest.raises(fl.EngineError, match=r"resume|token|Token"):
            fl.read_mongo(server.uri, "test.rows", schema=schema, watch=True, resume_after="82ZZ").limit(1).collect()
