"""A cluster whose executors read a collection themselves."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from mongod import Server

import fuseline as fl
from fuseline._cluster import _program

COUNT = 40_000
PASSWORD = "not-to-be-seen"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    try:
        started.insert("test", "rows", [{"_id": n, "n": n % 7, "f": n / 8, "s": f"text {n}"} for n in range(COUNT)])
        started.command("test", {"createUser": "reader", "pwd": PASSWORD, "roles": ["read"]})
        started.stop()
        started.arguments.append("--auth")
        started.start()
        yield started
    finally:
        started.close()


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
    dropped = cluster.read_mongo(uri(server), "test.rows", schema={"s": int}, on_error="drop")
    with pytest.raises(Exception, match="`read_mongo` cannot run on a cluster"):
        dropped.collect()
    with pytest.raises(fl.EngineError, match="unknown top level operator"):
        cluster.read_mongo(uri(server), "test.rows", filter={"$no": 1}, schema={"n": int}).collect()


def test_executors_connect_and_passwords_are_shown_nowhere(
    server: Server, cluster: fl.Session, log: pathlib.Path
) -> None:
    before = server.log.read_text().count("Connection accepted")
    dataset = cluster.read_mongo(uri(server), "test.rows", partitions=4)
    shown = dataset.explain(analyze=True)
    assert "read_mongo" in shown
    assert PASSWORD not in shown
    assert server.log.read_text().count("Connection accepted") > before
    written = log.read_text()
    assert written
    assert PASSWORD not in written
