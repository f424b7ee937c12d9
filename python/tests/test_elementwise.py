"""Calls with columns: for every row the value CPython gives, in a column of the kind that was given."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

import fuseline as fl


@fl.compile
def speed(distance: float, minutes: float) -> float:
    return distance / (minutes / 60)


@fl.compile
def label(zone: str, fare: float) -> str:
    return f"{zone.upper()}:{fare}" if fare > 2 else "-"


DISTANCES = [3.0, 5.0, -1.5, math.nan, math.inf]
MINUTES = [10.0, 20.0, 5.0, 1.0, 2.0]


def expected(function, *columns):
    return [function.__wrapped__(*row) for row in zip(*columns, strict=True)]


def assert_same(found, wanted):
    found = found if isinstance(found, list) else found.tolist()
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert type(one) is type(other) and (one == other or (one != one and other != other)), (found, wanted)


def test_numpy():
    found = speed(np.array(DISTANCES), np.array(MINUTES))
    assert isinstance(found, np.ndarray) and found.dtype == np.float64 and found.flags.writeable
    assert_same(found, expected(speed, DISTANCES, MINUTES))


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "uint8", "uint64", "float32", "float64"])
def test_numpy_dtypes_become_python_numbers(dtype):
    column = np.array([0, 1, 1, 0, 1], dtype)

    def above(x: float):
        return x + 1

    def positive(x: float):
        return x > 0

    def half(x: float):
        return x / 2

    for function, result in [
        (above, "float64" if column.dtype.kind == "f" else "int64"),
        (positive, "bool"),
        (half, "float64"),
    ]:
        found = fl.compile(function)(column)
        assert found.dtype == result
        assert_same(found, [function(value) for value in column.tolist()])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float32", "float64"])
def test_without_annotations_an_array_is_what_it_is_for_numpy(dtype):
    column = np.array([0, 100, 100, 0, 27], dtype)
    for function in (lambda x: x + x, lambda x: x / x.sum(), lambda x: np.exp(x / 100) / np.sum(np.exp(x / 100))):
        found, expected = fl.compile(function)(column), function(column)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(
            found, expected, rtol=1e-3 if dtype == "int8" or dtype == "uint8" else 1e-6 if dtype == "float32" else 1e-15
        )


def test_strides_and_empty_columns():
    column = np.arange(10.0)
    twice = fl.compile(lambda x: x * 2)
    assert_same(twice(column[::-3]), (column[::-3] * 2).tolist())
    assert twice(column[:0]).shape == (0,)


def test_scalars_are_the_same_for_every_row():
    column = np.array(MINUTES)
    assert_same(speed(3.0, column), [speed.__wrapped__(3.0, value) for value in MINUTES])
    assert_same(speed(column, 60), MINUTES)
    assert_same(speed(distance=column, minutes=60.0), MINUTES)


def test_arrow():
    array = pa.array(DISTANCES)
    found = speed(array, pa.array(MINUTES))
    assert isinstance(found, pa.Array) and found.type == pa.float64()
    assert_same(found.to_pylist(), expected(speed, DISTANCES, MINUTES))
    chunked = speed(pa.chunked_array([DISTANCES[:2], DISTANCES[2:]]), pa.array(MINUTES))
    assert isinstance(chunked, pa.ChunkedArray)
    assert_same(chunked.to_pylist(), expected(speed, DISTANCES, MINUTES))
    assert speed(pa.chunked_array([], pa.float64()), 1.0).to_pylist() == []
    assert_same(speed(array[2:4], 1.0).to_pylist(), [value * 60 for value in DISTANCES[2:4]])


def test_strings():
    zones, fares = ["ts", "", "straße", "日本", "x" * 100], [1.0, 2.5, 3.0, 4.5, 5.0]
    wanted = expected(label, zones, fares)
    for column in (pa.array(zones), pa.array(zones, pa.large_string()), pa.array(zones, pa.string_view())):
        assert label(column, pa.array(fares)).to_pylist() == wanted
    assert label(np.array(zones), np.array(fares)).tolist() == wanted
    assert label(np.array(zones, dtype=object), np.array(fares)).tolist() == wanted
    assert label("ts", np.array(fares)).tolist() == expected(label, ["ts"] * 5, fares)


def test_nulls_are_none():
    column = pa.array([1.0, None, 3.0])
    filled = fl.compile(lambda x: 0.0 if x is None else x)
    assert filled(column).to_pylist() == [1.0, 0.0, 3.0]
    kept = fl.compile(lambda x: None if x is None else x + 1)
    assert kept(column).to_pylist() == [2.0, None, 4.0]
    masked = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])
    found = kept(masked)
    assert isinstance(found, np.ma.MaskedArray) and found.tolist() == [2.0, None, 4.0]
    with pytest.raises(TypeError) as caught:
        fl.compile(lambda x: x + 1)(column)
    assert caught.value.row == 1 and caught.value.inputs == {"x": None}


def test_tuples_and_dicts_give_several_columns():
    found = fl.compile(lambda x: (x, x > 1))(np.array([1.0, 2.0]))
    assert isinstance(found, tuple) and found[0].tolist() == [1.0, 2.0] and found[1].tolist() == [False, True]
    found = fl.compile(lambda x: {"x": x, "twice": x * 2})(pa.array([1, 2]))
    assert {name: column.to_pylist() for name, column in found.items()} == {"x": [1, 2], "twice": [2, 4]}


def test_polars():
    pl = pytest.importorskip("polars")
    found = speed(pl.Series("d", DISTANCES), pl.Series(MINUTES))
    assert isinstance(found, pl.Series) and found.name == "d" and found.dtype == pl.Float64
    assert_same(found.to_list(), expected(speed, DISTANCES, MINUTES))
    assert label(pl.Series(["ts"]), pl.Series([3.0])).to_list() == ["TS:3.0"]


def test_pandas():
    pd = pytest.importorskip("pandas")
    series = pd.Series(DISTANCES, index=list("abcde"), name="d")
    found = speed(series, pd.Series(MINUTES))
    assert isinstance(found, pd.Series) and list(found.index) == list("abcde") and found.dtype == np.float64
    assert_same(found.tolist(), expected(speed, DISTANCES, MINUTES))
    kept = fl.compile(lambda x: None if x is None else x + 1)
    assert kept(pd.Series([1, None, 3], dtype="Int64")).tolist() == [2, pd.NA, 4]
    assert math.isnan(kept(pd.Series([1.0, math.nan]))[1]), "a NaN among plain floats is a float"
    assert label(pd.Series(["ts", "a"]), 3.0).tolist() == ["TS:3.0", "A:3.0"]


def test_the_first_failing_row_is_reported():
    minutes = np.ones(100_000)
    minutes[70_000] = 0.0
    minutes[99_000] = 0.0
    with pytest.raises(ZeroDivisionError) as caught:
        speed(np.ones(100_000), minutes)
    error = caught.value
    assert str(error) == "float division by zero"
    assert (error.row, error.inputs) == (70_000, {"distance": 1.0, "minutes": 0.0})
    assert error.line == speed.__wrapped__.__code__.co_firstlineno + 2
    if sys.version_info >= (3, 11):
        assert "test_elementwise.py" in error.__notes__[0] and "row 70000" in error.__notes__[0]


def test_overflow_in_a_row():
    @fl.compile
    def twice(x: int):
        return x * 2

    with pytest.raises(OverflowError) as caught:
        twice(np.array([1, 2**62]))
    assert caught.value.row == 1


def test_columns_that_do_not_fit():
    with pytest.raises(ValueError, match="different lengths"):
        speed(np.ones(3), np.ones(4))
    with pytest.raises(TypeError, match="minutes"):
        speed(np.ones(3), object())
    with pytest.raises(TypeError):
        speed(np.ones(3, "complex128"), 1.0)
    with pytest.raises(TypeError):
        speed(pa.array([[1.0], [2.0]]), 1.0)
    with pytest.raises(ValueError, match="dimensions"):
        speed(np.ones((2, 2)), 1.0)
    with pytest.raises(fl.CompileError):
        speed(pa.array(["a"]), 1.0)


def test_the_answer_does_not_depend_on_the_threads():
    rng = np.random.default_rng(1)
    column = rng.standard_normal(300_000)
    function = fl.compile(lambda x: math.sin(x) * x if x > 0 else -x)
    answers = []
    for threads in (1, 2, 5):
        with fl.session(threads=threads):
            answers.append(function(column))
    assert all(np.array_equal(answers[0], other) for other in answers)
    assert_same(answers[0][:1000], [function.__wrapped__(value) for value in column[:1000].tolist()])


def test_other_threads_run_meanwhile():
    def slow(x):
        total = 0.0
        for i in range(2000):
            total += x / (i + 1)
        return total

    compiled = fl.compile(slow)
    compiled(np.ones(10))
    ticks = 0
    done = threading.Event()

    def tick():
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    compiled(np.ones(200_000))
    seconds = time.perf_counter() - started
    done.set()
    thread.join()
    assert ticks > seconds * 100, "the GIL is released"


def test_the_environment_sets_the_threads():
    script = "import fuseline as fl; print(fl.Session().threads)"
    env = {**os.environ, "FUSELINE_THREADS": "3"}
    assert (
        subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
        == "3\n"
    )


WITHOUT_PANDAS = """
import importlib.abc
import sys


class NoPandas(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, NoPandas())

import numpy as np

import fuseline as fl


def double(x):
    return x + x


for name in ("int64", "float64"):
    print(fl.compile(double)(np.array([1, 2], dtype=name)).tolist())
"""


def test_numpy_columns_need_no_pandas(tmp_path):
    script = tmp_path / "without_pandas.py"
    script.write_text(WITHOUT_PANDAS)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["[2, 4]", "[2.0, 4.0]"]), done.stderr
