"""The benchmarks of numbers, calls and the main job: for each, sides that do the same work."""

import ctypes
import linecache
import os
import pathlib
import time

import kernels
import language
import numpy as np
from benchmark import Benchmark, c_library, equal, nanoseconds

import fuseline as fl

POINTER = ctypes.POINTER(ctypes.c_double)
LONGS = ctypes.POINTER(ctypes.c_int64)
LONG = ctypes.c_int64


def c_twins():
    """The C kernels, compiled for this machine."""
    loaded = c_library("kernels")
    loaded.fib.argtypes, loaded.fib.restype = [LONG], LONG
    loaded.assign.argtypes = [POINTER, LONG, LONG, POINTER, LONG, LONGS]
    loaded.gradient.argtypes = [POINTER, LONG, LONG, POINTER, POINTER, POINTER]
    loaded.elementwise.argtypes = [POINTER, POINTER, LONG, POINTER]
    loaded.assign.restype = loaded.gradient.restype = ctypes.c_double
    loaded.elementwise.restype = None
    return loaded


def doubles(array):
    return array.ctypes.data_as(POINTER)


def fib():
    twin = c_twins()
    return {"clang -O3": lambda: twin.fib(35), "fuseline": lambda: kernels.fib(35)}


def assign(dimensions, clusters, rows):
    def sides():
        random = np.random.default_rng(0)
        points, centres = random.normal(size=(rows, dimensions)), random.normal(size=(clusters, dimensions))
        labels = {side: np.zeros(rows, dtype=np.int64) for side in ("clang -O3", "fuseline")}
        twin = c_twins()

        def in_c():
            out = labels["clang -O3"]
            total = twin.assign(
                doubles(points), rows, dimensions, doubles(centres), clusters, out.ctypes.data_as(LONGS)
            )
            return total, out[0], out[-1], out[:: rows // 100].sum()

        def native():
            out = labels["fuseline"]
            total = kernels.assign(points, centres, out)
            return total, out[0], out[-1], out[:: rows // 100].sum()

        return {"clang -O3": in_c, "fuseline": native}

    return sides


def gradient(features, rows):
    def sides():
        random = np.random.default_rng(0)
        x, weights = random.normal(size=(rows, features)), random.normal(size=features + 1)
        y = (random.random(rows) < 0.5).astype(float)
        twin = c_twins()

        def in_c():
            out = np.zeros(features + 1)
            loss = twin.gradient(doubles(x), rows, features, doubles(y), doubles(weights), doubles(out))
            return [loss, *out]

        def native():
            out = np.zeros(features + 1)
            return [kernels.gradient(x, y, weights, out), *out]

        return {"clang -O3": in_c, "fuseline": native}

    return sides


def elementwise():
    random = np.random.default_rng(0)
    x, y = random.normal(size=10_000_000), random.normal(size=10_000_000)
    ends = lambda result: (result[0], result[-1], result[12345], len(result))
    sides = {
        "numpy": lambda: ends(x * x + 3.0 * y - 1.0),
        "fuseline": lambda: ends(kernels.elementwise(x, y)),
    }
    try:
        import numba
    except ImportError:
        return sides
    types = ["float64(float64, float64)"]
    for target in ("cpu", "parallel"):
        compiled = numba.vectorize(types, target=target)(kernels.elementwise.__wrapped__)
        sides[f"numba ({target})"] = lambda compiled=compiled: ends(compiled(x, y))
    return sides


CALLS = 100_000


def scalar_calls(function, *args):
    def sides():
        def calls(callee):
            def run():
                for _ in range(CALLS):
                    result = callee(*args)
                return result

            return run

        return {"CPython": calls(function.__wrapped__), "fuseline": calls(function)}

    return sides


SMALL = """def price{n}(distance: float, minutes: float, zone: str) -> float:
    if zone == "zone {n}":
        return distance * {n}.5
    total = distance / (minutes / 60) + {n}
    return total if total > {n} else 0.0
"""
FUNCTIONS = 20
RUNS_MAX = 50


def compile_latency():
    """New functions each time, so that no cache helps; they have been imported, so their text is in memory."""

    def imported(n):
        text, name = SMALL.format(n=n), f"<bench {n}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        namespace = {}
        exec(compile(text, name, "exec"), namespace)
        return namespace[f"price{n}"]

    unused = [imported(n) for n in range(FUNCTIONS * RUNS_MAX)]

    def run():
        return all(fl.compile(unused.pop())(60.0, 60.0, "") > 0 for _ in range(FUNCTIONS))

    return {"fuseline": run}


def flights_job():
    import flights
    import flights_twin

    folder = (
        pathlib.Path(os.environ.get("FUSELINE_DATA", pathlib.Path.home() / ".cache/fuseline/data")) / "nycflights13"
    )
    tables = flights.load(folder, 336_776)
    unclocked = lambda name, stage: stage()
    weights = lambda result: result["weights"]
    return {
        "CPython": lambda: weights(flights_twin.by_cpython(flights, unclocked, *tables[:2])),
        "fuseline": lambda: weights(flights.native(unclocked, *tables)),
    }


BENCHMARKS = [
    Benchmark("fib", "fib(35), recursive, checked integers", fib, "clang -O3", clock=time.thread_time),
    Benchmark(
        "kmeans-2",
        "nearest of 8 centres in 2 dimensions, 500,000 points",
        assign(2, 8, 500_000),
        "clang -O3",
        clock=time.thread_time,
    ),
    Benchmark(
        "kmeans-16",
        "nearest of 16 centres in 16 dimensions, 100,000 points",
        assign(16, 16, 100_000),
        "clang -O3",
        clock=time.thread_time,
    ),
    Benchmark(
        "logistic-10",
        "gradient over 10 features, 500,000 rows",
        gradient(10, 500_000),
        "clang -O3",
        clock=time.thread_time,
    ),
    Benchmark(
        "elementwise", "x * x + 3 * y - 1 over 10,000,000 rows, all cores where a side uses them", elementwise, "numpy"
    ),
    Benchmark(
        "call-float",
        "one scalar call (float, float) -> float",
        scalar_calls(kernels.speed, 3.0, 10.0),
        "CPython",
        clock=time.thread_time,
        per=CALLS,
        show=nanoseconds,
    ),
    Benchmark(
        "call-text",
        "one scalar call that returns a str and a float",
        scalar_calls(kernels.label, 3.0, 7.0),
        "CPython",
        clock=time.thread_time,
        per=CALLS,
        show=nanoseconds,
        same=equal,
    ),
    Benchmark(
        "compile",
        "a small new function, source to the end of its first call",
        compile_latency,
        "fuseline",
        per=FUNCTIONS,
        clock=time.process_time,
    ),
    Benchmark("flights", "the main job without reading the files", flights_job, "CPython"),
    *language.BENCHMARKS,
]
