"""`read_mongo` against a real server: what is read, what is asked of the server, and what happens when it goes away."""

from __future__ import annotations

import datetime
import socket
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from mongod import Server

import fuseline as fl
from fuseline._bson import encode

ROWS = [{"_id": index, "n": index % 100, "f": index / 8, "s": f"text {index}"} for index in range(60_000)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        started.insert("test", "rows", ROWS)
        yield started


def rows(dataset: fl.Dataset) -> list[dict[str, Any]]:
    return dataset.collect().to_pylist()


def fill(server: Server, name: str, documents: list[dict[str, Any]]) -> str:
    server.command("test", {"drop": name}) if name in names(server) else None
    server.insert("test", name, documents)
    return f"test.{name}"


def names(server: Server) -> list[str]:
    found = server.command("test", {"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 1000}})
    return [entry["name"] for entry in found["cursor"]["firstBatch"]]


# ---- what is read


def test_a_whole_collection_in_its_order(server: Server) -> None:
    for threads in (1, 4):
        with fl.session(threads=threads):
            dataset = fl.read_mongo(server.uri, "test.rows", batch_size=7_000)
            assert dataset.columns == ("_id", "n", "f", "s")
            assert rows(dataset) == ROWS


def test_filter_sort_and_pipeline(server: Server) -> None:
    found = fl.read_mongo(server.uri, "test.rows", filter={"n": {"$in": [3, 4]}}, sort={"_id": -1})
    assert rows(found) == [row for row in reversed(ROWS) if row["n"] in (3, 4)]
    pipeline = [{"$match": {"_id": {"$lt": 200}}}, {"$group": {"_id": "$n", "k": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    before = str(pipeline)
    assert rows(fl.read_mongo(server.uri, "test.rows", pipeline=pipeline)) == [{"_id": n, "k": 2} for n in range(100)]
    assert str(pipeline) == before
    encoded = fl.read_mongo(server.uri, "test.rows", filter=encode({"_id": 5}))
    assert rows(encoded) == [ROWS[5]]
    with pytest.raises(ValueError, match="or a `pipeline`"):
        fl.read_mongo(server.uri, "test.rows", filter={}, pipeline=[])


def test_types_of_some_columns(server: Server) -> None:
    dataset = fl.read_mongo(server.uri, "test.rows", types={"n": float, "extra": str}, filter={"_id": {"$lt": 3}})
    assert dataset.columns == ("_id", "n", "f", "s", "extra")
    assert rows(dataset) == [{**row, "n": float(row["n"]), "extra": None} for row in ROWS[:3]]


def test_functions_run_over_a_collection(server: Server) -> None:
    dataset = fl.read_mongo(server.uri, "test.rows")
    found = dataset.filter(lambda t: t.n > 97).group_by("n").agg(total=fl.sum("f")).to_rows()
    assert [(row.n, row.total) for row in found] == [
        (n, sum(row["f"] for row in ROWS if row["n"] == n)) for n in (98, 99)
    ]


def test_the_server_counts(server: Server) -> None:
    with server.profiled("test") as commands:
        assert fl.read_mongo(server.uri, "test.rows").count() == len(ROWS)
        assert fl.read_mongo(server.uri, "test.rows", filter={"n": 7}).count() == 600
        assert fl.read_mongo(server.uri, "test.rows", pipeline=[{"$match": {"n": 7}}, {"$limit": 9}]).count() == 9
        assert fl.read_mongo(server.uri, "test.rows", filter={"n": 1000}, schema={"n": int}).count() == 0
    counted = [command for command in commands if "$group" in str(command.get("pipeline"))]
    assert len(counted) == 4


def test_limit_goes_to_the_server(server: Server) -> None:
    dataset = fl.read_mongo(server.uri, "test.rows", schema={"_id": int, "s": str}).limit(5)
    assert '"limit": 5' in dataset.explain()
    with server.profiled("test") as commands:
        assert len(rows(dataset)) == 5
    assert [command["limit"] for command in commands if "find" in command] == [5]


def test_projection_where_documents_are_large(server: Server) -> None:
    wide = [{"_id": index, "x": index, "pad": "x" * 2000} for index in range(500)]
    name = fill(server, "wide", wide)
    dataset = fl.read_mongo(server.uri, name).select("x")
    assert rows(dataset) == [{"x": index} for index in range(500)]
    assert '"projection": { "x": 1, "_id": 0 }' in dataset.explain()
    assert 'projection":' not in fl.read_mongo(server.uri, "test.rows").select("n").explain()
    assert 'projection":' in fl.read_mongo(server.uri, "test.rows", projection="always").select("n").explain()
    assert 'projection":' not in fl.read_mongo(server.uri, name, projection="never").select("x").explain()


def test_an_empty_collection_a_view_a_capped_and_a_time_series_collection(server: Server) -> None:
    assert rows(fl.read_mongo(server.uri, "test.nothing")) == []
    assert fl.read_mongo(server.uri, "test.nothing").count() == 0
    assert fl.read_mongo(server.uri, "test.nothing", schema={"x": int}).collect().num_rows == 0
    for name in ("view", "capped", "series"):
        if name in names(server):
            server.command("test", {"drop": name})
    server.command("test", {"create": "view", "viewOn": "rows", "pipeline": [{"$match": {"n": 1}}]})
    assert rows(fl.read_mongo(server.uri, "test.view")) == [row for row in ROWS if row["n"] == 1]
    server.command("test", {"create": "capped", "capped": True, "size": 1_000_000})
    server.insert("test", "capped", ROWS[:1000])
    assert rows(fl.read_mongo(server.uri, "test.capped")) == ROWS[:1000]
    server.command("test", {"create": "series", "timeseries": {"timeField": "t"}})
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    moments = [{"_id": n, "t": start + datetime.timedelta(seconds=n), "v": n / 2} for n in range(1000)]
    server.insert("test", "series", moments)
    found = rows(fl.read_mongo(server.uri, "test.series"))
    assert sorted(found, key=lambda row: row["_id"]) == moments


def test_a_field_that_changes_its_type_half_way(server: Server) -> None:
    documents: list[dict[str, Any]] = [{"_id": index, "x": index} for index in range(30_000)]
    documents[25_000]["x"] = "text"
    name = fill(server, "mixed", documents)
    given = fl.read_mongo(server.uri, name, schema={"x": int})
    with pytest.raises(TypeError, match="x: expected Int64, found string") as error:
        given.collect()
    assert error.value.row == 25_000  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.RowErrorWarning)
        assert fl.read_mongo(server.uri, name, schema={"x": int}, on_error="null").collect()["x"].null_count == 1
        dropped = fl.read_mongo(server.uri, name, schema={"x": int}, on_error="drop")
        assert dropped.collect().num_rows == dropped.count() == 29_999
        kept = fl.read_mongo(server.uri, name, schema={"x": int}, on_error="collect")
        assert kept.collect().num_rows == 29_999
        assert [found.document for found in kept.rejected] == [encode(documents[25_000])]


def test_nothing_that_peers_damage_is_damaged(server: Server) -> None:
    """Floats after ints, text after ints, null, missing and empty: each is what it was, or an error."""
    documents = [{"_id": 0, "x": 1, "d": {}}, {"_id": 1, "x": 2.5, "d": None}, {"_id": 2, "x": float("nan")}]
    name = fill(server, "peers", documents)
    table = fl.read_mongo(server.uri, name).collect()
    assert table["x"].to_pylist()[:2] == [1.0, 2.5]
    assert table["x"].null_count == 0
    assert table["d"].null_count == 2
    with pytest.raises(TypeError, match="double 2.5"):
        fl.read_mongo(server.uri, name, schema={"x": int}).collect()


@pytest.mark.parametrize("partitions", [2, 5])
def test_ranges_of_mixed_ids_lose_and_double_nothing(server: Server, partitions: int) -> None:
    ids: list[Any] = [*range(4000), *(f"id {n}" for n in range(4000)), *(n + 0.5 for n in range(2000)), None, True]
    name = fill(server, "mixed_ids", [{"_id": id, "n": n} for n, id in enumerate(ids)])
    dataset = fl.read_mongo(server.uri, name, schema={"n": int}, partitions=partitions)
    assert f"parts={partitions}" in dataset.explain()
    assert sorted(row["n"] for row in rows(dataset)) == list(range(len(ids)))
    filtered = fl.read_mongo(server.uri, name, filter={"n": {"$lt": 50}}, schema={"n": int}, partitions=partitions)
    assert sorted(row["n"] for row in rows(filtered)) == list(range(50))


def test_keys_with_dots_and_dollars(server: Server) -> None:
    name = fill(server, "odd", [{"_id": 1, "a.b": 5, "$c": 6, "": 7}])
    dataset = fl.read_mongo(server.uri, name, projection="always")
    assert rows(dataset) == [{"_id": 1, "a.b": 5, "$c": 6, "": 7}]
    assert rows(dataset.select("a.b")) == [{"a.b": 5}]


def test_options_go_along(server: Server) -> None:
    name = fill(server, "words", [{"_id": 1, "w": "A"}, {"_id": 2, "w": "a"}])
    collation = {"collation": {"locale": "en", "strength": 2}}
    assert fl.read_mongo(server.uri, name, filter={"w": "a"}, options=collation).count() == 2
    assert fl.read_mongo(server.uri, name, filter={"w": "a"}).count() == 1
    with pytest.raises(fl.EngineError, match="unknown top level operator"):
        fl.read_mongo(server.uri, name, filter={"$no": 1})
    assert rows(fl.read_mongo(server.uri, name, read_preference="nearest")) == [
        {"_id": 1, "w": "A"},
        {"_id": 2, "w": "a"},
    ]


# ---- servers that are not there


def test_an_unreachable_host_is_named_within_the_time_given() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(fl.EngineError, match=f"127.0.0.1:{port}") as error:
        fl.read_mongo(f"mongodb://somebody:secret@127.0.0.1:{port}", "test.rows", timeout=0.5)
    assert time.monotonic() - start < 3
    assert "secret" not in str(error.value)
    with pytest.raises(fl.EngineError, match="cannot use the MongoDB address `mongodb://h:x`") as error:
        fl.read_mongo("mongodb://somebody:secret@h:x", "test.rows")
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError, match="database.collection"):
        fl.read_mongo("mongodb://h", "rows")


def read_slowly(dataset: fl.Dataset, at_first_batch: Any) -> list[int]:
    """The `_id`s of all rows; `at_first_batch` is called once, when the first rows are there."""
    found: list[int] = []
    for batch in dataset.iter_batches():
        if not found:
            at_first_batch()
        found.extend(batch.column(0).to_pylist())
    return found


@pytest.mark.parametrize("resume", ["whole", "_id"])
def test_a_server_that_is_killed_and_comes_back(own_server: Server, resume: Any) -> None:
    own_server.insert("test", "rows", [{"_id": n, "pad": "x" * 100} for n in range(100_000)])
    own_server.command("admin", {"fsync": 1})
    filter = {"_id": {"$gte": 10}} if resume == "_id" else None
    schema = {"_id": int, "pad": str}
    dataset = fl.read_mongo(own_server.uri, "test.rows", filter=filter, schema=schema, batch_size=2_000, resume=resume)
    found = read_slowly(dataset, own_server.kill_and_restart)
    assert found == list(range(10 if filter else 0, 100_000))


def test_a_filtered_read_that_loses_its_server_says_so(own_server: Server) -> None:
    own_server.insert("test", "rows", [{"_id": n, "pad": "x" * 100} for n in range(100_000)])
    dataset = fl.read_mongo(
        own_server.uri, "test.rows", filter={"_id": {"$gte": 0}}, schema={"_id": int}, batch_size=2_000, timeout=2
    )
    with pytest.raises(fl.EngineError, match="connection to MongoDB at `127.0.0.1:.*` was lost"):
        read_slowly(dataset, lambda: own_server.stop(9))


@pytest.mark.parametrize("whole", [True, False])
def test_a_cursor_that_the_server_closes(own_server: Server, whole: bool) -> None:
    own_server.insert("test", "rows", [{"_id": n, "pad": "x" * 100} for n in range(100_000)])
    filter = None if whole else {"_id": {"$gte": 0}}
    dataset = fl.read_mongo(own_server.uri, "test.rows", filter=filter, schema={"_id": int}, batch_size=2_000)

    def kill() -> None:
        # By now nobody waits for a reply any more: the cursor is idle, as one that times out.
        time.sleep(0.5)
        own_server.command("admin", {"killAllSessions": []})

    if whole:
        assert read_slowly(dataset, kill) == list(range(100_000))
    else:
        with pytest.raises(fl.EngineError, match="cursor"):
            read_slowly(dataset, kill)


# ---- users and TLS


def test_users_and_passwords() -> None:
    with Server() as server:
        server.insert("test", "rows", ROWS[:100])
        server.command("test", {"createUser": "reader", "pwd": "p@ss word", "roles": ["read"]})
        server.command("test", {"createUser": "nobody", "pwd": "x", "roles": []})
        server.ask_for_users()
        address = f"127.0.0.1:{server.port}/?authSource=test&directConnection=true"
        assert fl.read_mongo(f"mongodb://reader:p%40ss%20word@{address}", "test.rows").count() == 100
        start = time.monotonic()
        with pytest.raises(fl.EngineError, match=f"127.0.0.1:{server.port}` refused the credentials") as error:
            fl.read_mongo(f"mongodb://reader:wrong@{address}", "test.rows", timeout=5)
        assert time.monotonic() - start < 10
        assert "wrong" not in str(error.value)
        with pytest.raises(fl.EngineError, match="does not permit"):
            fl.read_mongo(f"mongodb://nobody:x@{address}", "test.rows", timeout=5)
        with pytest.raises(fl.EngineError, match="does not permit"):
            fl.read_mongo(server.uri, "test.rows", timeout=5)


def test_tls_and_a_certificate_as_user() -> None:
    from mongod import TLS

    with Server(tls=True) as server:
        server.insert("test", "rows", ROWS[:100])
        secure = f"tls=true&tlsCAFile={TLS / 'ca.pem'}&tlsCertificateKeyFile={TLS / 'client.pem'}&directConnection=true"
        uri = f"mongodb://localhost:{server.port}/?{secure}"
        assert fl.read_mongo(uri, "test.rows").count() == 100
        with pytest.raises(fl.EngineError, match=f"localhost:{server.port}"):
            fl.read_mongo(f"mongodb://localhost:{server.port}/?directConnection=true", "test.rows", timeout=1)
        with pytest.raises(fl.EngineError, match=f"localhost:{server.port}"):
            fl.read_mongo(f"mongodb://localhost:{server.port}/?tls=true", "test.rows", timeout=1)
        subject = "CN=reader,OU=clients,O=Fuseline tests"
        role = {"role": "read", "db": "test"}
        server.command("$external", {"createUser": subject, "roles": [role]})
        server.ask_for_users()
        assert fl.read_mongo(f"{uri}&authMechanism=MONGODB-X509", "test.rows", timeout=5).count() == 100


def test_a_row_type_as_numpy(server: Server) -> None:
    found = fl.read_mongo(server.uri, "test.rows", schema=pa.schema([("n", pa.int8()), ("f", pa.float32())])).to_numpy()
    assert found["n"].dtype == "int8" and found["f"].dtype == "float32"  # type: ignore[call-overload]
    assert found["n"].sum() == sum(row["n"] for row in ROWS)  # type: ignore[call-overload]
