"""Several cursors over one collection, our own connections and the driver's: nothing is lost or doubled, whatever
happens to the collection meanwhile.
"""

from __future__ import annotations

import datetime
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from mongod import Server

import fuseline as fl

ROWS = [{"_id": index, "n": index % 100, "s": f"text {index}"} for index in range(40_000)]
#: Our own connection, and an option that only the driver has.
PATHS = {"own": "", "driver": "&compressors=zlib"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        started.insert("test", "rows", ROWS)
        yield started


def ids(dataset: fl.Dataset) -> list[Any]:
    return dataset.collect()["_id"].to_pylist()


def opened_cursors(server: Server) -> int:
    metrics = server.command("admin", {"serverStatus": 1})["metrics"]["cursor"]["open"]
    return int(metrics["total"])


# ---- both kinds of connections


@pytest.mark.parametrize("path", PATHS)
def test_both_paths_read_the_same(server: Server, path: str) -> None:
    uri = server.uri + PATHS[path]
    with server.profiled("test") as commands:
        for batch_size in (None, 1, 700, 50_000):
            rows = ROWS[:50] if batch_size == 1 else ROWS
            filter = {"_id": {"$lt": 50}} if batch_size == 1 else None
            found = fl.read_mongo(uri, "test.rows", filter=filter, batch_size=batch_size)
            assert found.collect().to_pylist() == rows
        assert fl.read_mongo(uri, "test.rows", filter={"n": 7}, sort={"_id": -1}).limit(3).collect()[
            "_id"
        ].to_pylist() == [
            39_907,
            39_807,
            39_707,
        ]
        stages = [{"$match": {"n": 5}}, {"$group": {"_id": None, "k": {"$sum": 1}}}]
        assert fl.read_mongo(uri, "test.rows", pipeline=stages).collect()["k"].to_pylist() == [400]
    assert any("getMore" in command for command in commands)


@pytest.mark.parametrize("path", PATHS)
def test_a_read_that_is_given_up_leaves_no_cursor(server: Server, path: str) -> None:
    dataset = fl.read_mongo(server.uri + PATHS[path], "test.rows", batch_size=100)
    for _ in range(5):
        batches = dataset.iter_batches()
        next(batches)
        del batches
    deadline = time.monotonic() + 20
    while opened_cursors(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(ids(dataset)) == len(ROWS)


@pytest.mark.parametrize("path", PATHS)
def test_errors_are_the_same_on_both_paths(server: Server, path: str) -> None:
    uri = server.uri + PATHS[path]
    with pytest.raises(fl.EngineError, match="unknown top level operator"):
        fl.read_mongo(uri, "test.rows", filter={"$no": 1}, schema={"_id": int}).collect()
    late = {"$expr": {"$gt": [{"$divide": [1, {"$subtract": ["$_id", 20_000]}]}, -5]}}
    with pytest.raises(fl.EngineError, match="127.0.0.1:.*divide by zero"):
        fl.read_mongo(uri, "test.rows", filter=late, schema={"_id": int}, batch_size=1000).collect()
    with pytest.raises(fl.CompileError, match="no read preference `closest`"):
        fl.read_mongo(uri, "test.rows", read_preference="closest")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mechanisms", [["SCRAM-SHA-256"], ["SCRAM-SHA-1"], ["SCRAM-SHA-1", "SCRAM-SHA-256"]])
def test_passwords_on_both_paths(signed_in: Server, path: str, mechanisms: list[str]) -> None:
    uri = f"mongodb://{'-'.join(mechanisms)}"
    place = f"127.0.0.1:{signed_in.port}/?authSource=test&directConnection=true{PATHS[path]}"
    assert len(ids(fl.read_mongo(f"{uri}:p%40ss%2Cw%3Drd@{place}", "test.rows", batch_size=1000))) == len(ROWS)
    with pytest.raises(fl.EngineError, match="refused the credentials"):
        fl.read_mongo(f"{uri}:wrong@{place}", "test.rows", schema={"_id": int}, timeout=5).collect()


def test_a_password_that_needs_preparation(signed_in: Server) -> None:
    place = f"127.0.0.1:{signed_in.port}/?authSource=test&directConnection=true"
    assert len(ids(fl.read_mongo(f"mongodb://accents:p%C3%A4ss%C2%AA@{place}", "test.rows"))) == len(ROWS)


@pytest.fixture(scope="module")
def signed_in() -> Iterator[Server]:
    with Server() as server:
        server.insert("test", "rows", ROWS)
        for mechanisms in (["SCRAM-SHA-256"], ["SCRAM-SHA-1"], ["SCRAM-SHA-1", "SCRAM-SHA-256"]):
            create = {
                "createUser": "-".join(mechanisms),
                "pwd": "p@ss,w=rd",
                "roles": ["read"],
                "mechanisms": mechanisms,
            }
            server.command("test", create)
        server.command("test", {"createUser": "accents", "pwd": "pässª", "roles": ["read"]})
        server.ask_for_users()
        yield server


# ---- runs of records


def test_runs_come_in_the_collections_order_and_are_the_same_each_time(server: Server) -> None:
    for partitions in (2, 3, 8):
        dataset = fl.read_mongo(server.uri, "test.rows", partitions=partitions)
        shown = dataset.explain()
        assert f"parts={partitions}" in shown and '"$natural": 1' in shown
        assert ids(dataset) == list(range(len(ROWS)))
        assert dataset.explain() == shown


def test_runs_of_few_records(server: Server) -> None:
    for count in range(7):
        name = f"few{count}"
        server.insert("test", name, [{"_id": index} for index in range(count)])
        assert ids(fl.read_mongo(server.uri, f"test.{name}", schema={"_id": int}, partitions=5)) == list(range(count))


def test_runs_with_gaps(server: Server) -> None:
    server.insert("test", "gaps", [{"_id": index} for index in range(10_000)])
    server.command("test", {"delete": "gaps", "deletes": [{"q": {"_id": {"$mod": [10, 3]}}, "limit": 0}]})
    server.command("test", {"delete": "gaps", "deletes": [{"q": {"_id": {"$gt": 1000, "$lt": 6000}}, "limit": 0}]})
    left = [index for index in range(10_000) if index % 10 != 3 and not 1000 < index < 6000]
    for partitions in (2, 4, 7):
        dataset = fl.read_mongo(server.uri, "test.gaps", schema={"_id": int}, partitions=partitions, batch_size=100)
        assert ids(dataset) == left


def test_what_has_no_numbers_is_read_by_id(server: Server) -> None:
    server.command("test", {"create": "clustered", "clusteredIndex": {"key": {"_id": 1}, "unique": True}})
    server.insert("test", "clustered", ROWS[:3000])
    for name in ("rows", "clustered"):
        dataset = fl.read_mongo(server.uri, f"test.{name}", partitions=3, resume="_id")
        assert '"_id": 1' in dataset.explain()
        assert sorted(ids(dataset)) == list(range(len(ROWS) if name == "rows" else 3000))
    dataset = fl.read_mongo(server.uri, "test.clustered", partitions=3)
    assert sorted(ids(dataset)) == list(range(3000))


# ---- ranges of `_id`


def test_ranges_of_a_filtered_read(server: Server) -> None:
    """Their bounds go to the server as bounds of the index, and nothing falls between two of them."""
    wanted = [row["_id"] for row in ROWS if row["n"] < 50]
    with server.profiled("test") as commands:
        for partitions in (2, 3, 7):
            dataset = fl.read_mongo(server.uri, "test.rows", filter={"n": {"$lt": 50}}, partitions=partitions)
            assert f"parts={partitions}" in dataset.explain()
            assert ids(dataset) == wanted
    ranges = [command for command in commands if "min" in command or "max" in command]
    assert len(ranges) == 2 + 3 + 7
    assert all(command["hint"] == {"_id": 1} for command in ranges)
    assert {("min" in command, "max" in command) for command in ranges} == {(False, True), (True, True), (True, False)}


def test_ranges_of_ids_of_many_types(server: Server) -> None:
    when = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    kinds: list[Any] = [
        *range(400),
        *(n + 0.5 for n in range(400)),
        *(f"text {n}" for n in range(400)),
        *(when + datetime.timedelta(hours=n) for n in range(400)),
        *({"a": n, "b": f"{n}"} for n in range(400)),
        None,
        True,
        False,
        b"bytes",
        2**62,
    ]
    documents = [{"_id": key, "x": number} for number, key in enumerate(kinds)]
    random.Random(5).shuffle(documents)
    server.insert("test", "kinds", documents)
    for partitions in (1, 2, 5, 16):
        dataset = fl.read_mongo(
            server.uri, "test.kinds", schema={"x": int}, partitions=partitions, resume="_id", batch_size=100
        )
        assert sorted(dataset.collect()["x"].to_pylist()) == list(range(len(kinds))), partitions


def test_ranges_of_few_documents(server: Server) -> None:
    for count in range(4):
        name = f"ranged{count}"
        server.insert("test", name, [{"_id": index} for index in range(count)])
        dataset = fl.read_mongo(server.uri, f"test.{name}", schema={"_id": int}, partitions=5, resume="_id")
        assert ids(dataset) == list(range(count))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("filter", [None, {"_id": {"$gte": 10}}])
def test_ranges_go_on_when_the_server_comes_back(own_server: Server, path: str, filter: Any) -> None:
    count = 100_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 100} for index in range(count)])
    own_server.command("admin", {"fsync": 1})
    uri = own_server.uri + PATHS[path]
    schema = {"_id": int, "pad": str}
    dataset = fl.read_mongo(uri, "test.rows", schema=schema, filter=filter, partitions=3, batch_size=500, resume="_id")
    found: list[int] = []
    for batch in dataset.iter_batches():
        if not found:
            own_server.kill_and_restart()
        found.extend(batch["_id"].to_pylist())
    assert found == list(range(10 if filter else 0, count))


def test_documents_that_come_and_go_while_ranges_are_read(own_server: Server) -> None:
    """Also those at which ranges begin: what was there all the time comes once."""
    count = 60_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 200} for index in range(count)])
    session = fl.session(threads=1)
    dataset = session.read_mongo(
        own_server.uri, "test.rows", schema={"_id": int}, partitions=8, batch_size=500, projection="never", resume="_id"
    )
    found: list[int] = []
    for batch in dataset.iter_batches():
        if not found:
            deletes = [{"q": {"_id": {"$not": {"$mod": [10, 0]}}}, "limit": 0}]
            own_server.command("test", {"delete": "rows", "deletes": deletes})
            own_server.insert("test", "rows", [{"_id": -index} for index in range(1, 1000)])
            own_server.insert("test", "rows", [{"_id": count + index} for index in range(1000)])
        found.extend(batch["_id"].to_pylist())
    assert len(found) == len(set(found)) and found == sorted(found)
    assert set(range(0, count, 10)) <= set(found)


# ---- what happens to the collection meanwhile


def test_records_that_are_deleted_while_runs_are_read(own_server: Server) -> None:
    """Also those at which runs begin: all but every tenth document go when the first batch is there."""
    count = 60_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 200} for index in range(count)])
    session = fl.session(threads=1)
    dataset = session.read_mongo(
        own_server.uri, "test.rows", schema={"_id": int}, partitions=8, batch_size=500, projection="never"
    )
    found: list[int] = []
    for batch in dataset.iter_batches():
        if not found:
            deletes = [{"q": {"_id": {"$not": {"$mod": [10, 0]}}}, "limit": 0}]
            own_server.command("test", {"delete": "rows", "deletes": deletes})
        found.extend(batch["_id"].to_pylist())
    assert len(found) == len(set(found))
    assert found == sorted(found)
    assert set(range(0, count, 10)) <= set(found)


def test_documents_that_come_while_runs_are_read(own_server: Server) -> None:
    count = 40_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 100} for index in range(count)])
    dataset = fl.read_mongo(own_server.uri, "test.rows", schema={"_id": int}, partitions=4, batch_size=500)
    stop = threading.Event()

    def write() -> None:
        number = count
        while not stop.is_set():
            own_server.insert("test", "rows", [{"_id": number + index} for index in range(200)])
            number += 200

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            found = ids(dataset)
            assert len(found) == len(set(found))
            assert found[:count] == list(range(count))
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("path", PATHS)
def test_runs_go_on_when_the_server_comes_back(own_server: Server, path: str) -> None:
    count = 100_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 100} for index in range(count)])
    own_server.command("admin", {"fsync": 1})
    schema = {"_id": int, "pad": str}
    uri = own_server.uri + PATHS[path]
    dataset = fl.read_mongo(uri, "test.rows", schema=schema, partitions=3, batch_size=500)
    found: list[int] = []
    for batch in dataset.iter_batches():
        if not found:
            own_server.kill_and_restart()
        found.extend(batch["_id"].to_pylist())
    assert found == list(range(count))


def change_while_away(server: Server, *commands: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> None:
    """Kills the server and brings it back changed; nobody who knows its address sees the changes happen."""
    server.stop(9)
    port = server.port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    server.start()
    for command in commands:
        server.command("test", command)
    server.insert("test", "rows", rows or [])
    server.stop()
    server.port = port
    server.start()


@pytest.mark.parametrize("partitions", [1, 2])
def test_the_server_comes_back_without_what_was_read(own_server: Server, partitions: int) -> None:
    """A read goes on behind what is gone, or says that it cannot."""
    count = 60_000
    own_server.insert("test", "rows", [{"_id": index, "pad": "x" * 200} for index in range(count)])
    own_server.command("admin", {"fsync": 1})
    schema = {"_id": int, "pad": str}
    dataset = fl.read_mongo(own_server.uri, "test.rows", schema=schema, batch_size=500, partitions=partitions)
    found: list[int] = []
    try:
        for batch in dataset.iter_batches():
            if not found:
                deletes = [{"q": {"_id": {"$lt": 50_000}}, "limit": 0}]
                change_while_away(own_server, {"delete": "rows", "deletes": deletes})
            found.extend(batch["_id"].to_pylist())
    except fl.EngineError as error:
        assert partitions == 1 and "documents read last were deleted" in str(error)
    else:
        assert found[-10_000:] == list(range(50_000, count))
    assert len(found) == len(set(found))
    assert found == sorted(found)


def test_a_document_that_was_written_anew_is_no_place_to_go_on(own_server: Server) -> None:
    """Behind its new record there is nothing: going on there would lose the rest."""
    count = 60_000
    pad = "x" * 200
    own_server.insert("test", "rows", [{"_id": index, "pad": pad} for index in range(count)])
    own_server.command("admin", {"fsync": 1})
    dataset = fl.read_mongo(own_server.uri, "test.rows", schema={"_id": int, "pad": str}, batch_size=500)
    found: list[int] = []
    with pytest.raises(fl.EngineError, match="written anew"):
        for batch in dataset.iter_batches():
            if not found:
                deletes = [{"q": {}, "limit": 0}]
                rows = [{"_id": index, "pad": pad} for index in range(count)]
                change_while_away(own_server, {"delete": "rows", "deletes": deletes}, rows=rows)
            found.extend(batch["_id"].to_pylist())
