"""A cluster whose executors read a collection themselves."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from mongod import Server

import fuseline as fl
from fuseline._bson import encode
from fuseline._cluster import _program

COUNT = 40_000
PASSWORD = "not-to-be-seen"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        started.insert("test", "rows", [{"_id": n, "n": n % 7, "f": n / 8, "s": f"text {n}"} for n in range(COUNT)])
        started.command("test", {"createUser": "reader", "pwd": PASSWORD, "roles": ["read"]})
        started.ask_for_users()
        yield started


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("cluster") / "log"


@pytest.fixture(scope="module")
def cluster(log: pathlib.Path) -> Iterator[fl.Session]:
    """Two executors that write down as much as they can."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [*_program(), "cluster", "--executors=2", "--threads=1", f"--work-dir={log.parent}"],
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, "FUSELINE_LOG": "debug"},
            text=True,
        )
        assert process.stdout is not None
        try:
            with fl.connect(process.stdout.readline().strip()) as session:
                yield session
        finally:
            process.terminate()
            process.stdout.close()
            process.wait(20)


def uri(server: Server) -> str:
    return f"mongodb://reader:{PASSWORD}@127.0.0.1:{server.port}/?authSource=test&directConnection=true"


@pytest.mark.parametrize("partitions", [1, 4])
def test_each_executor_reads_its_own_parts(server: Server, cluster: fl.Session, partitions: int) -> None:
    with fl.session() as embedded:
        here = embedded.read_mongo(uri(server), "test.rows", partitions=partitions)
        there = cluster.read_mongo(uri(server), "test.rows", partitions=partitions)
        assert there.collect().equals(here.collect())
        grouped = [
            dataset.filter(lambda t: t.f > 100)
            .with_columns(k=lambda t: t.n + len(t.s))
            .group_by("k")
            .agg(total=fl.sum("f"))
            for dataset in (here, there)
        ]
        assert grouped[0].to_rows() == grouped[1].to_rows()
        assert there.select("s").limit(5).to_rows() == here.select("s").limit(5).to_rows()
        assert there.count() == COUNT


def test_errors_of_rows_and_servers_come_back(server: Server, cluster: fl.Session) -> None:
    wrong = cluster.read_mongo(uri(server), "test.rows", schema={"s": int}, partitions=2)
    with pytest.raises(TypeError, match="s: expected Int64, found string"):
        wrong.collect()
    kept = cluster.read_mongo(uri(server), "test.rows", schema={"s": int}, on_error="collect")
    with pytest.raises(Exception, match="`read_mongo` cannot run on a cluster"):
        kept.collect()
    with pytest.raises(fl.EngineError, match="unknown top level operator"):
        cluster.read_mongo(uri(server), "test.rows", filter={"$no": 1}, schema={"n": int}).collect()


@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("on_error", ["null", "drop"])
def test_what_does_not_fit_is_counted_by_executors(
    server: Server, cluster: fl.Session, on_error: Any, partitions: int
) -> None:
    schema = {"_id": int, "s": str, "f": int}
    options: dict[str, Any] = {"schema": schema, "on_error": on_error, "partitions": partitions}
    with fl.session() as embedded:
        here = embedded.read_mongo(uri(server), "test.rows", **options)
        there = cluster.read_mongo(uri(server), "test.rows", **options)
        for chosen in (["_id", "f"], ["s"]):
            pair = [dataset.select(*chosen) for dataset in (here, there)]
            assert pair[1].collect().equals(pair[0].collect())
            assert [(m.field, m.expected, m.found, m.count) for m in pair[1].mismatches] == [
                (m.field, m.expected, m.found, m.count) for m in pair[0].mismatches
            ]
        assert here.select("f").count() == there.select("f").count()
    assert sum(mismatch.count for mismatch in pair[1].mismatches) == (0 if on_error == "null" else COUNT * 7 // 8)


@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
def test_files_are_read_by_executors(tmp_path: pathlib.Path, cluster: fl.Session) -> None:
    rows = [{"n": n, "s": f"text {n}", "x": n if n % 100 else "odd"} for n in range(60_000)]
    plain, packed, lines = tmp_path / "a.bson", tmp_path / "b.bson.gz", tmp_path / "c.json"
    plain.write_bytes(b"".join(encode(row) for row in rows))
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with fl.session() as embedded:
        for options in ({"schema": {"n": int, "s": str}}, {"schema": {"n": int, "x": int}, "on_error": "drop"}):
            found = []
            for session in (embedded, cluster):
                both = session.read_bson([plain, packed], **options)
                text = session.read_json(lines, extended=True, **options)
                tables = [both.collect(), text.collect(), both.filter(lambda t: t.n > 55_000).select("n").collect()]
                found.append((tables, [mismatch.count for mismatch in both.mismatches + text.mismatches]))
            assert found[0][1] == found[1][1]
            assert all(here.equals(there) for here, there in zip(found[0][0], found[1][0], strict=True))
        assert found[0][1] == [1200, 600]
    wrong = cluster.read_bson(plain, schema={"x": int})
    with pytest.raises(TypeError, match="x: expected Int64, found string"):
        wrong.collect()
    with plain.open("ab") as file:
        file.write(encode(rows[0]))
    # A dataset knows its file from when its parts were made; here that is when it runs.
    assert cluster.read_bson(plain, schema={"n": int}).count() == len(rows) + 1


def test_executors_connect_and_passwords_are_shown_nowhere(
    server: Server, cluster: fl.Session, log: pathlib.Path
) -> None:
    before = server.log.read_text().count("Connection accepted")
    # Another address: connections of the tests before will not do.
    dataset = cluster.read_mongo(f"{uri(server)}&appName=another", "test.rows", partitions=4)
    shown = dataset.explain(analyze=True)
    assert "read_mongo" in shown
    assert PASSWORD not in shown
    assert server.log.read_text().count("Connection accepted") > before
    written = log.read_text()
    assert written
    assert PASSWORD not in written
