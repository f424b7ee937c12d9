"""The cluster besides what the dataset tests show: what travels, what can be seen, TLS. Faults: test_cluster_faults."""

import dataclasses
import importlib
import json
import logging
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster_processes import ROWS, is_running, numbers, scramble, wait_until

import fuseline as fl
from fuseline import _dataset
from fuseline._cluster import _program

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def test_each_executor_compiles_a_function_once(processes):
    """Sixteen tasks on two executors, and rounds with other captured values."""
    session = processes().connect()
    totals, compiled = [], 0
    for weight in np.arange(3.0):
        scaled = numbers(session).map(lambda t: {"y": t.x * weight})  # noqa: B023
        totals.append(scaled.aggregate(total=fl.sum("y")).to_rows()[0].total)
        compiled += sum(map(int, re.findall(r"kernels compiled: (\d+)", scaled.explain(analyze=True))))
    assert totals == [weight * (ROWS - 1) * ROWS / 2 for weight in range(3)]
    # The first query of the three has compiled them.
    assert compiled == 0
    new = numbers(session).map(lambda t: {"z": t.x + 17}).explain(analyze=True)
    assert "kernels compiled: 2\n" in new


def test_what_functions_print_arrives_with_stage_and_task(processes, caplog):
    session = processes().connect()

    def shout(t):
        if t.x % 100_000 == 0:
            print("at", t.x)
            logging.warning(f"warned of {t.x}")
        return {"y": t.x}

    with caplog.at_level("INFO", "fuseline"):
        assert numbers(session).map(shout).count() == ROWS
    found = [(record.levelname, *record.getMessage().split("] ")) for record in caplog.records]
    assert all(re.fullmatch(r"\[stage 1 task \d+", tag) for _, tag, _ in found)
    expected = {("INFO", f"at {x}") for x in range(0, ROWS, 100_000)}
    expected |= {("WARNING", f"warned of {x}") for x in range(0, ROWS, 100_000)}
    assert {(level, text) for level, _, text in found} == expected and len(found) == len(expected)


def test_large_captured_values_reach_each_executor_once(processes):
    """Sixteen tasks on two executors: an array, and what is made of Python's containers."""
    cluster = processes()
    session = cluster.connect()
    array = np.random.default_rng(1).random(12_500_000)
    names = {f"name {key}": [key, key + 1] for key in range(2_000)}
    for captured in (lambda t: {"y": array[t.x]}, lambda t: {"y": names[f"name {t.x % 2000}"][1]}):
        data = numbers(session).map(captured)
        shown = data.explain(analyze=True)
        assert re.findall(r"large values fetched: (\d+)", shown) == ["2"]
        with fl.session() as local:
            assert data.collect().equals(numbers(local).map(captured).collect())
        # They are kept for the jobs to come.
        assert "large values fetched" not in data.explain(analyze=True)


def test_captured_values_of_every_kind(processes):
    session = processes().connect()
    words, blob = frozenset({"a", "b"}), b"\x00\xffbytes"
    numbers_of = {7, 2**40, -1, 9, 33}
    numbers_of.discard(9)
    nested = [("x", [1.5, None]), ("y", [2.5])]
    shared = [1, 2]
    table = {"a": shared, "b": shared, "c": [3]}
    grid, empty = np.arange(12, dtype=np.int16).reshape(3, 4).T, {}

    def use(t):
        total = blob[t.x % 7] + sum(table["abc"[t.x % 3]]) + int(grid[t.x % 4, t.x % 3])
        for position, item in enumerate(numbers_of):
            total += position * (item % 1000)
        return {
            "y": total,
            "has": "ab"[t.x % 2] in words and t.x not in numbers_of and t.x not in empty,
            "same": table["a"] is table["b"],
            "text": nested[t.x % 2][0] + str(len(nested[t.x % 2][1])),
        }

    rows = session.from_rows([{"x": x} for x in range(50)])
    assert rows.map(use).to_rows() == [fl.Row(**use(fl.Row(x=x))) for x in range(50)]


def test_the_main_job_prints_the_same_tables(tmp_path):
    """As `scripts/demo --cluster` runs it."""
    shown = []
    for more in ([], ["--cluster"]):
        words = [sys.executable, str(EXAMPLES / "flights.py"), "--rows", "20000", *more]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        shown.append(found[found.index("carrier") : found.index("the same functions by CPython")])
    assert "accuracy" in shown[0] and shown[0] == shown[1]


def test_an_iteration_is_one_job_a_round_and_has_the_same_bits(processes, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    kmeans, train = importlib.import_module("kmeans").kmeans, importlib.import_module("logreg").train
    random = np.random.default_rng(7)
    points, labels = random.normal(size=(100_000, 3)), (random.random(100_000) < 0.5).astype(float)
    cluster = processes()
    for work in (
        lambda: kmeans(points, points[:4], rounds=5),
        lambda: train(points, labels, rounds=5, rate=0.5),
    ):
        with fl.session():
            expected = work()
        before = len(cluster.jobs())
        with cluster.connect():
            found = work()
        assert (found == expected).all()
        # One job keeps the rows on the executors.
        assert len(cluster.jobs()) == before + 6


def test_sums_over_persisted_rows_have_the_bits_of_one_process(processes, tmp_path):
    """The rows that a filter leaves of a file, which are no even shares of it."""
    file = tmp_path / "rows.parquet"
    x = np.random.default_rng(3).normal(size=300_000) * 10.0 ** (np.arange(300_000) % 9)
    pq.write_table(pa.table({"x": x, "n": np.arange(len(x))}), file, row_group_size=10_000)

    def totals(session):
        kept = session.read_parquet(file).filter(lambda t: t.n % 3 != 0 or t.n > 250_000).persist()
        folded = fl.aggregate(0.0, lambda total, t: total + t.x * 0.1, lambda a, b: a + b)
        found = kept.aggregate(total=fl.sum("x"), mean=fl.mean("x"), deviation=fl.std("x"), folded=folded)
        return found.to_rows() + kept.group_by(k=lambda t: t.n % 5).agg(total=fl.sum("x")).sort("k").to_rows()

    with fl.session() as local:
        expected = totals(local)
    assert totals(processes().connect()) == expected


def test_a_fold_compiles_once_whatever_it_captures(processes):
    session = processes().connect()
    kept = numbers(session).persist()
    compiled = []
    for weight in (1.0, 2.0, 3.0):

        def step(total, t):
            return total + weight * t.x  # noqa: B023

        total = kept.aggregate(total=fl.aggregate(0.0, step, lambda a, b: a + b))
        shown = total.explain(analyze=True)
        compiled.append(sum(map(int, re.findall(r"kernels compiled: (\d+)", shown))))
        assert total.to_rows()[0].total == weight * (ROWS - 1) * ROWS / 2
    assert compiled[0] > 0 and compiled[1:] == [0, 0]


@dataclasses.dataclass
class Counter:
    total: int


@dataclasses.dataclass(frozen=True)
class Offset:
    total: int


def test_captured_instances(processes):
    """One that may change is refused as everywhere: what changes here would not change there."""
    session = processes(executors=1).connect()
    counter, offset = Counter(3), Offset(3)
    with pytest.raises(fl.CompileError, match="`counter` is an object of class `Counter`"):
        numbers(session).map(lambda t: {"y": t.x + counter.total}).collect()
    shifted = numbers(session).map(lambda t: {"y": t.x + offset.total})
    assert shifted.limit(2).to_rows() == [fl.Row(y=3), fl.Row(y=4)]


def test_files_of_every_format(processes, tmp_path):
    cluster = processes()
    rows = [{"x": index, "name": f"n{index % 5}"} for index in range(100_000)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=9000)
    fl.from_arrow(table).write_csv(tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for session in (cluster.connect(), fl.session()):
        for read, name in [("parquet", "a.parquet"), ("csv", "a.csv"), ("json", "a.jsonl"), ("json", "a.json")]:
            data = getattr(session, f"read_{read}")(tmp_path / name)
            doubled = data.map(lambda t: {"name": t.name, "y": 2 * t.x if t.x is not None else 0})
            grouped = doubled.group_by("name").agg(total=fl.sum("y")).to_rows()
            assert [row.total for row in grouped] == [2 * sum(range(key, 100_000, 5)) for key in range(5)], name
            assert doubled.limit(3, offset=70_000).to_rows()[0].y == 140_000, name


def test_folds_have_the_same_bits_as_embedded(processes, tmp_path):
    """However the rows came into batches, and whatever they came from."""
    cluster = processes()
    random = np.random.default_rng(0)
    table = pa.table({"x": random.normal(size=300_000), "k": random.integers(0, 9, 300_000)})
    odd = pa.Table.from_batches(table.to_batches(max_chunksize=777))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5000)
    fl.from_arrow(table).write_csv(tmp_path / "a.csv")

    def total(data):
        grouped = data.with_columns(y=lambda t: 1 / (1 + t.x * t.x)).group_by("k").agg(s=fl.sum("y"), m=fl.mean("x"))
        return data.reduce(lambda s, t: s + t.x * 1.1, 0.0, lambda a, b: a + b), grouped.to_rows()

    found = []
    for session in (cluster.connect(), fl.session(threads=1), fl.session(threads=2)):
        found.append([total(session.from_arrow(rows)) for rows in (table, odd)])
        found[-1] += [total(session.read_parquet(tmp_path / "a.parquet")), total(session.read_csv(tmp_path / "a.csv"))]
    assert found[0] == found[1] == found[2]
    assert found[0][0] == found[0][1]


def test_stages_are_shown_with_rows_bytes_time_and_spill(processes):
    session = processes(more=("--memory", "12MB")).connect()
    grouped = numbers(session).map(scramble).group_by("key").agg(n=fl.count())
    shown = grouped.explain(analyze=True)
    stages = re.findall(r"^stage (\d): (\d+) parts, rows=(\d+), bytes=(\d+), time=([\d.]+)m?s, spilled", shown, re.M)
    assert [stage[:3] for stage in stages] == [("1", "16", "112"), ("2", "1", "7")], shown
    assert all(int(size) > 0 and float(time) > 0 for *_, size, time in stages), shown
    assert re.search(r"FunctionExec: .*scramble.*rows=524288, .*time=\d", shown), shown
    many = numbers(session).map(lambda t: {"y": t.x * 7 % 524287}).group_by("y").agg(n=fl.count()).explain(analyze=True)
    assert re.search(r"^stage 2: .*spilled_bytes=[1-9]", many, re.M), many
    assert re.search(r"AggregateExec: .*spilled_bytes=[1-9]", many), many


def test_the_state_of_the_cluster_can_be_asked_for(processes):
    cluster = processes()
    assert numbers(cluster.connect()).map(lambda t: {"y": t.x}).count() == ROWS
    assert len(cluster.names()) == 2 and len(cluster.jobs()) == 1
    metrics = cluster.get("/metrics")
    assert re.search(r"^job_completed_total 1$", metrics, re.M), metrics
    assert metrics == cluster.get("/api/metrics")


def test_a_log_for_machines(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        cluster = subprocess.Popen(
            [*_program(), "cluster", "--executors=1", "--log=json", f"--work-dir={tmp_path}"],
            env=os.environ | {"FUSELINE_LOG": "info"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        with cluster.stdout:
            address = cluster.stdout.readline().strip()
        assert numbers(fl.connect(address)).count() == ROWS
        cluster.terminate()
        assert cluster.wait(30) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"INFO"} <= {line["level"] for line in lines} and all("timestamp" in line for line in lines)
    assert any("Job finished" in line["fields"].get("message", "") for line in lines)


class Bar:
    """In the place of a progress bar: hands on what it is told."""

    def __init__(self, update):
        self.told = update

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self, rows, total):
        self.told(rows)


def test_a_query_that_is_interrupted_stops_on_the_cluster(processes, monkeypatch):
    def interrupt(rows):
        if rows > 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(_dataset, "progress_bar", lambda label: Bar(interrupt))
    cluster = processes()
    with pytest.raises(KeyboardInterrupt):
        numbers(cluster.connect()).map(scramble).collect()
    wait_until(lambda: all("Running" not in str(job["job_status"]) for job in cluster.jobs()))
    assert not any("Completed" in str(job["job_status"]) for job in cluster.jobs())


def test_progress_counts_the_rows_of_all_executors(processes, monkeypatch):
    counts = []
    monkeypatch.setattr(_dataset, "progress_bar", lambda label: Bar(counts.append))
    session = processes().connect()
    assert len(numbers(session).map(scramble).collect()) == ROWS
    assert counts == sorted(counts) and counts[-1] <= ROWS
    assert any(0 < rows < ROWS for rows in counts), "rows are seen while the job runs"


def test_processes_end_when_they_are_asked_to(tmp_path):
    cluster = subprocess.Popen(
        [*_program(), "cluster", "--executors=2", f"--work-dir={tmp_path}"], stdout=subprocess.PIPE, text=True
    )
    with cluster.stdout:
        assert cluster.stdout.readline().startswith("fuseline://")
    children = pathlib.Path(f"/proc/{cluster.pid}/task").glob("*/children")
    started = [int(pid) for path in children for pid in path.read_text().split()]
    assert len(started) == 2
    cluster.send_signal(signal.SIGTERM)
    assert cluster.wait(30) == 0
    wait_until(lambda: not any(map(is_running, started)))


def test_an_executor_waits_for_a_scheduler_that_was_away(processes):
    """Longer than Ballista's executor would: it ends after five heartbeats, and its supervisor starts another one."""
    cluster = processes()
    before = cluster.worker(0)
    cluster.scheduler.kill()
    cluster.scheduler.wait(10)
    wait_until(lambda: cluster.worker(0) != before)
    cluster.scheduler = cluster.start_scheduler()
    cluster.wait_for_executors(2)
    assert numbers(cluster.connect()).map(lambda t: {"y": t.x}).count() == ROWS


def test_another_version_is_refused(processes, tmp_path, monkeypatch):
    cluster = processes()
    other = os.environ | {"FUSELINE_TEST_VERSION": "99"}
    executor = cluster.start_executor(2, env=other, stderr=subprocess.PIPE, text=True)
    assert "the scheduler is Fuseline" in executor.communicate(timeout=60)[1] and executor.returncode != 0
    monkeypatch.setenv("FUSELINE_TEST_VERSION", "99")
    with pytest.raises(fl.EngineError, match=r"the scheduler is Fuseline .* with plans of version .*, this process is"):
        cluster.connect()


def test_a_function_that_takes_too_long_to_compile_is_an_error(processes):
    session = processes(more=("--compile-seconds", "0")).connect()
    with pytest.raises(fl.EngineError, match="compiling `scramble` takes longer than this executor allows"):
        numbers(session).map(scramble).count()


def test_nobody_there():
    with pytest.raises(fl.EngineError, match="cannot reach the cluster at `127.0.0.1:1`"):
        fl.connect("fuseline://127.0.0.1:1")
    with pytest.raises(fl.CompileError, match="is no address of a cluster"):
        fl.connect("somewhere")


def test_mutual_tls(processes, tmp_path):
    folders = [tmp_path / "certs", tmp_path / "others"]
    for folder in folders:
        subprocess.run([*_program(), "certs", str(folder)], check=True)
    assert (folders[0] / "cluster.key").stat().st_mode & 0o077 == 0
    cluster = processes(tls=folders[0])
    session = cluster.connect()
    data = session.from_rows([{"x": 1}, {"x": 2}])
    assert data.map(lambda t: {"y": 2 * t.x}).group_by("y").agg(n=fl.count()).to_rows() == [
        fl.Row(y=2, n=1),
        fl.Row(y=4, n=1),
    ]
    for wrong in (None, folders[1]):
        with pytest.raises(fl.EngineError, match="cannot reach the cluster"):
            fl.connect(cluster.address, tls=wrong)


def test_beyond_this_machine_only_with_tls():
    refused = subprocess.run([*_program(), "scheduler", "--listen", "0.0.0.0:0"], capture_output=True, text=True)
    assert refused.returncode == 2 and "without TLS" in refused.stderr
    refused = subprocess.run(
        [*_program(), "executor", "--scheduler", "127.0.0.1:1", "--listen", "0.0.0.0"], capture_output=True, text=True
    )
    assert refused.returncode == 2 and "without TLS" in refused.stderr


def test_no_python_in_the_processes(processes):
    cluster = processes(executors=1)
    numbers(cluster.connect()).map(lambda t: {"y": t.x}).limit(3).to_rows()
    for pid in (cluster.scheduler.pid, cluster.executors[0].pid, cluster.worker(0)):
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert "libpython" not in maps and "site-packages" not in maps
    linked = subprocess.run(["ldd", *_program()], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in linked and "python" not in linked


def test_a_cluster_runs_where_no_python_is_on_the_path(tmp_path):
    """Nor anything else: the environment is empty, but for a folder with nothing in it."""
    cluster = subprocess.Popen(
        [*_program(), "cluster", "--executors=2", f"--work-dir={tmp_path / 'work'}"],
        env={"PATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with cluster.stdout:
            address = cluster.stdout.readline().strip()
        doubled = fl.connect(address).from_rows([{"x": 1}, {"x": 2}]).map(lambda t: {"y": 2 * t.x})
        assert doubled.to_rows() == [fl.Row(y=2), fl.Row(y=4)]
    finally:
        cluster.terminate()
        cluster.wait(30)
