"""What a cluster costs on one machine: two executors of one thread against the embedded engine with two.

    .venv/bin/python bench/cluster.py [--rows 6000000] [--runs 5]

Answers are compared before anything is timed; the sides take turns. Figures go to bench/results/cluster.json.
"""

import argparse
import functools
import json
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import fuseline as fl

PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "bench"), str(PROJECT / "examples"), str(PROJECT / "python" / "tests")]

import kmeans  # noqa: E402
import machine  # noqa: E402


def line_items(path, rows):
    """Columns as those of TPC-H's `lineitem`, with its ranges; dates are days since 1992."""
    random = np.random.default_rng(1)
    quantity = random.integers(1, 51, rows).astype(float)
    table = pa.table(
        {
            "quantity": quantity,
            "price": quantity * random.integers(900, 2100, rows),
            "discount": random.integers(0, 11, rows) / 100,
            "tax": random.integers(0, 9, rows) / 100,
            "flag": pa.array(np.array(["A", "N", "R"])[random.integers(0, 3, rows)]),
            "status": pa.array(np.array(["F", "O"])[random.integers(0, 2, rows)]),
            "shipped": random.integers(0, 2526, rows),
        }
    )
    pq.write_table(table, path, row_group_size=rows // 48)


def q1(session, path):
    """TPC-H 1, its arithmetic as Python functions."""
    items = session.read_parquet(path).filter(lambda t: t.shipped <= 2436)
    return (
        items.with_columns(
            cheaper=lambda t: t.price * (1 - t.discount),
            charged=lambda t: t.price * (1 - t.discount) * (1 + t.tax),
        )
        .group_by("flag", "status")
        .agg(
            quantity=fl.sum("quantity"),
            price=fl.sum("price"),
            cheaper=fl.sum("cheaper"),
            charged=fl.sum("charged"),
            discount=fl.mean("discount"),
            n=fl.count(),
        )
        .sort("flag", "status")
        .to_rows()
    )


def q6(session, path):
    """TPC-H 6."""
    items = session.read_parquet(path)
    wanted = items.filter(lambda t: 731 <= t.shipped < 1096 and 0.05 <= t.discount <= 0.07 and t.quantity < 24)
    return wanted.aggregate(revenue=fl.sum(lambda t: t.price * t.discount)).to_rows()


def clusters(session, points, centres):
    with session:
        return kmeans.kmeans(points, centres, rounds=20)


def measure(sides, runs):
    """Seconds of each side, taking turns, after one run of each whose answers are compared."""
    answers = {name: side() for name, side in sides.items()}
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        assert np.array_equal(answer, first) if isinstance(first, np.ndarray) else answer == first, name
    seconds = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def nothing(session, parts):
    """The time of a job that does next to nothing in so many tasks."""
    data = session.from_numpy({"x": np.zeros(parts * 32768, dtype=np.int8)}).persist()
    job = data.filter(lambda t: t.x > 0)
    job.count()
    seconds = []
    for _ in range(30):
        started = time.perf_counter()
        job.count()
        seconds.append(time.perf_counter() - started)
    return seconds


def recovery(folder):
    """Seconds of a job without and with an executor that is killed when it is half done; the timeout is 3 s."""
    import test_cluster

    cluster = test_cluster.Processes(pathlib.Path(folder))
    try:
        session = cluster.connect()
        rows = test_cluster.numbers(session).map(test_cluster.scramble)
        rows.count()
        seconds = []
        for kill in (False, True):
            started = time.perf_counter()
            if kill:
                threading.Timer(seconds[0] / 2, lambda: os.kill(cluster.executors[0].pid, signal.SIGKILL)).start()
            rows.collect()
            seconds.append(time.perf_counter() - started)
        return seconds
    finally:
        cluster.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=6_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    points = random.normal(size=(1_000_000, 4))
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lineitem.parquet"
        line_items(path, arguments.rows)
        with fl.local_cluster(executors=2) as cluster:
            sides = {"embedded": fl.session(threads=2), "cluster": cluster}
            for name, job in [
                ("q1", lambda session: q1(session, path)),
                ("q6", lambda session: q6(session, path)),
                ("kmeans", lambda session: clusters(session, points, points[:8])),
            ]:
                calls = {side: functools.partial(job, session) for side, session in sides.items()}
                results[name] = measure(calls, arguments.runs)
            for parts in (1, 16):
                results[f"nothing-{parts}"] = {"cluster": nothing(cluster, parts)}
        whole, with_loss = recovery(folder)
        results["recovery"] = {"undisturbed": [whole], "executor killed": [with_loss]}
    for name, seconds in results.items():
        shown = "  ".join(f"{side} {statistics.median(times) * 1000:,.1f} ms" for side, times in seconds.items())
        print(f"{name:12} {shown}")
    out = {"machine": machine.describe(PROJECT), "rows": arguments.rows, "seconds": results}
    (PROJECT / "bench" / "results" / "cluster.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
