"""Bad input: each gives one clear error of the right class, with place and hint; no panic, no partial file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import fuseline as fl


@pytest.fixture
def trips():
    return fl.from_rows([{"zone": "TS", "fare": 3.5, "minutes": 10}])


def test_a_missing_file(tmp_path):
    for read, name in [(fl.read_csv, "no.csv"), (fl.read_parquet, "no.parquet"), (fl.read_json, "no.json")]:
        with pytest.raises(fl.EngineError, match=name) as caught:
            read(tmp_path / name)
        assert isinstance(caught.value, FileNotFoundError)
        with pytest.raises(FileNotFoundError, match="no file matches"):
            read(str(tmp_path / "*.none"))


def test_an_empty_file(tmp_path):
    for read, name in [(fl.read_csv, "e.csv"), (fl.read_parquet, "e.parquet"), (fl.read_json, "e.json")]:
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(fl.EngineError, match=name):
            read(tmp_path / name).collect()


def test_ragged_rows(tmp_path):
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n3\n4,5,6\n")
    with pytest.raises(fl.EngineError, match=r"ragged\.csv|line"):
        fl.read_csv(path).collect()


def test_a_parquet_file_cut_in_half(tmp_path):
    path = tmp_path / "half.parquet"
    fl.from_numpy({"x": np.arange(100_000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(fl.EngineError, match=r"half\.parquet"):
        fl.read_parquet(path).collect()


def test_a_column_that_is_not_there(trips):
    for make in (
        lambda: trips.map(lambda t: t.fares * 2),
        lambda: trips.filter(lambda t: t["fares"] > 1),
        lambda: trips.select("fares"),
        lambda: trips.sort("fares"),
        lambda: trips.group_by("fares").agg(n=fl.count()),
        lambda: trips.aggregate(x=fl.mean("fares")),
        lambda: trips.join(trips, on="fares"),
        lambda: trips.drop("fares"),
        lambda: trips.rename(fares="x"),
    ):
        with pytest.raises(fl.CompileError) as caught:
            make()
        (diagnostic,) = caught.value.diagnostics
        assert "`fares`" in diagnostic.message and "`fare`" in str(diagnostic)
        assert diagnostic.file == __file__ and diagnostic.line > 0


def test_types_that_clash(trips):
    with pytest.raises(fl.CompileError) as caught:
        trips.map(lambda t: t.zone + t.minutes)
    assert caught.value.diagnostics[0].line == test_types_that_clash.__code__.co_firstlineno + 2


def test_an_unsupported_statement(trips):
    def row(t):
        global trips
        trips = t
        return t.fare

    with pytest.raises(fl.CompileError):
        trips.map(row)


def test_a_lambda_whose_source_cannot_be_found(trips):
    with pytest.raises(fl.CompileError, match="cannot be found"):
        trips.map(eval("lambda t: t.fare"))


def test_what_is_not_a_function(trips):
    for make in (lambda: trips.map(len), lambda: trips.map("fare"), lambda: trips.filter(None)):
        with pytest.raises(fl.CompileError, match="is not a Python function"):
            make()


def test_arrays_of_the_wrong_dtype_or_shape():
    with pytest.raises(TypeError, match="complex128"):
        fl.from_numpy({"x": np.zeros(3, "complex128")})
    with pytest.raises(TypeError, match="byte order"):
        fl.from_numpy({"x": np.zeros(3, ">i4")})
    with pytest.raises(ValueError, match="dimensions"):
        fl.from_numpy({"x": np.zeros((2, 2, 2))})
    with pytest.raises(ValueError, match="different lengths"):
        fl.from_numpy({"x": np.zeros(3), "y": np.zeros(2)})
    with pytest.raises(ValueError, match="columns"):
        fl.from_numpy(np.zeros((2, 3)), columns=["a"])


def test_rows_that_make_no_table():
    with pytest.raises(TypeError, match="column `x`"):
        fl.from_rows([{"x": 1}, {"x": "a"}])
    with pytest.raises(TypeError, match="column names"):
        fl.from_rows([(1, 2)])
    with pytest.raises(ValueError, match="row 1"):
        fl.from_rows([(1, 2), (1,)], columns=["a", "b"])
    with pytest.raises(TypeError):
        fl.from_rows([{"x": 2**70}])
    with pytest.raises(TypeError):
        fl.from_arrow(3)
    with pytest.raises(TypeError):
        fl.from_pandas([1])
    with pytest.raises(TypeError):
        fl.from_polars([1])


def test_a_column_that_no_function_can_read():
    data = fl.from_arrow(pa.table({"when": pa.array([1], pa.duration("s")), "x": [1]}))
    assert data.map(lambda t: t.x).count() == 1
    with pytest.raises(fl.CompileError, match="when"):
        data.map(lambda t: t.when)


def test_no_file_is_left_of_a_query_that_fails(tmp_path):
    data = fl.from_numpy({"x": np.append(np.ones(200_000), 0.0)}).with_columns(y=lambda t: 1 / t.x)
    for write, name in [(data.write_parquet, "out.parquet"), (data.write_csv, "out.csv")]:
        with pytest.raises(ZeroDivisionError):
            write(tmp_path / name)
        assert list(tmp_path.iterdir()) == []
        (tmp_path / name).write_text("before")
        with pytest.raises(ZeroDivisionError):
            write(tmp_path / name)
        assert (tmp_path / name).read_text() == "before"
        (tmp_path / name).unlink()


def test_a_folder_that_is_not_there(tmp_path, trips):
    with pytest.raises(fl.EngineError, match="nowhere"):
        trips.write_parquet(tmp_path / "nowhere" / "x.parquet")


def test_arguments_that_make_no_sense(trips):
    with pytest.raises(ValueError, match="on_error"):
        trips.map(lambda t: t.fare, on_error="ignore")
    with pytest.raises(ValueError, match="inner"):
        trips.join(trips, on="zone", how="outer")
    with pytest.raises(TypeError):
        trips.join([], on="zone")
    with pytest.raises(ValueError, match="negative"):
        trips.limit(-1)
    with pytest.raises(ValueError, match="fraction"):
        fl.quantile("fare", 1.5)
    with pytest.raises(TypeError, match="aggregate"):
        trips.aggregate(x="fare")
    with pytest.raises(TypeError, match="named by"):
        trips.select(lambda t: t.fare)
    with pytest.raises(ValueError, match="threads"):
        fl.session(threads=0)
    with pytest.raises(ValueError, match="delimiter"):
        fl.read_csv("x.csv", delimiter="||")
    with pytest.raises(ValueError, match="descending"):
        trips.sort("fare", descending=[True, False])


def test_a_fold_whose_state_changes_its_type(trips):
    with pytest.raises(fl.CompileError, match="state"):
        trips.reduce(lambda s, t: t.zone, 0)
    with pytest.raises(fl.CompileError, match="initial state"):
        trips.reduce(lambda s, t: s, object())
    with pytest.raises(fl.CompileError):
        trips.reduce(lambda s, t: s + t.nothing, 0)


def test_a_result_that_is_no_column(trips):
    with pytest.raises(fl.CompileError):
        trips.with_columns(x=lambda t: 1 if t.minutes > 5 else "a")
    with pytest.raises(fl.CompileError):
        trips.filter(lambda a, b: True)


def test_json_integers_that_a_column_of_floats_would_round(tmp_path):
    path = tmp_path / "large.json"
    path.write_text('{"x": 0.5, "id": 9007199254740993}\n{"x": 9007199254740993, "id": 1}\n')
    with pytest.raises(fl.EngineError, match="line 2: the integer 9007199254740993 is rounded in a column of floats"):
        fl.read_json(path)
    path.write_text('{"x": 0.5, "id": 9007199254740993}\n{"x": 9007199254740992, "id": 1}\n')
    assert fl.read_json(path).to_rows()[0].id == 9007199254740993
