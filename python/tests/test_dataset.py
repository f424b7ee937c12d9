"""Datasets: the rows that the same functions give in plain Python."""

from __future__ import annotations

import math
import warnings
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from conftest import equal

import fuseline as fl

ROWS = [
    {"zone": "TS", "fare": 3.5, "minutes": 10, "day": 1},
    {"zone": "QN", "fare": None, "minutes": 4, "day": 1},
    {"zone": None, "fare": 12.25, "minutes": 0, "day": 2},
    {"zone": "TS", "fare": -1.0, "minutes": 25, "day": 2},
    {"zone": "straße", "fare": 100.0, "minutes": 1, "day": 3},
]


@pytest.fixture
def trips():
    return fl.from_rows(ROWS)


def rows():
    return [fl.Row(row) for row in ROWS]


def assert_rows(dataset, expected):
    found = dataset.to_rows()
    expected = [dict(row) for row in expected]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert equal(dict(one), other), (one, other)


def test_rows_come_back(trips):
    assert_rows(trips, ROWS)
    assert trips.columns == ("zone", "fare", "minutes", "day")
    assert trips.schema.field("fare").type == pa.float64()
    assert trips.count() == 5
    assert "zone: string" in repr(trips)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: {"zone": t.zone, "long": t.minutes > 5},
        lambda t: {"fare": 0.0 if t.fare is None else t.fare * 2, "m": t["minutes"]},
        lambda t: {"hours": t.minutes / 60, "text": f"{t.day}:{t.minutes}", "none": None if t.day == 1 else t.day},
    ],
)
def test_map_to_rows(trips, function):
    assert_rows(trips.map(function), [function(row) for row in rows()])


@pytest.mark.parametrize("function", [lambda t: t.minutes, lambda t: t.zone, lambda t: t.fare, lambda t: t.day > 1])
def test_map_to_values(trips, function):
    assert_rows(trips.map(function), [{"value": function(row)} for row in rows()])


def test_filter(trips):
    for predicate in (
        lambda t: t.zone == "TS",
        lambda t: t.fare is not None and t.fare > 0,
        lambda t: t.minutes,
        lambda t: t.zone,
        lambda t: False,
    ):
        assert_rows(trips.filter(predicate), [row for row in rows() if predicate(row)])


def test_with_columns_select_drop_rename(trips):
    speed = lambda t: t.day / (t.minutes + 1)
    assert_rows(trips.with_columns(speed=speed), [{**row, "speed": speed(row)} for row in rows()])
    assert_rows(
        trips.with_columns({"a b": "zone"}, day=lambda t: t.day + 1),
        [{**row, "day": row.day + 1, "a b": row.zone} for row in rows()],
    )
    assert_rows(trips.select("day", "zone"), [{"day": row.day, "zone": row.zone} for row in rows()])
    assert_rows(trips.select("day", s=speed), [{"day": row.day, "s": speed(row)} for row in rows()])
    assert trips.drop("zone", "day").columns == ("fare", "minutes")
    renamed = trips.rename(day="minutes", minutes="day")
    assert renamed.columns == ("zone", "fare", "day", "minutes")
    assert renamed.limit(1).to_rows()[0].day == 10


def test_with_columns_sees_the_old_columns(trips):
    found = trips.with_columns(day=lambda t: t.minutes, minutes=lambda t: t.day).to_rows()
    assert [(row.day, row.minutes) for row in found] == [(row.minutes, row.day) for row in rows()]


def test_sort_and_limit(trips):
    assert trips.sort("fare").to_numpy()["fare"].tolist() == [-1.0, 3.5, 12.25, 100.0, None]
    assert [row.minutes for row in trips.sort("day", "minutes", descending=[True, False]).to_rows()] == [
        1,
        0,
        25,
        4,
        10,
    ]
    assert [row.minutes for row in trips.limit(2, offset=1).to_rows()] == [4, 0]
    assert trips.limit(0).count() == 0
    assert trips.limit(100).count() == 5


def test_join(trips):
    names = fl.from_rows([{"zone": "TS", "name": "Times Square", "day": 9}, {"zone": "QN", "name": "Queens", "day": 8}])
    inner = trips.join(names, on="zone").to_rows()
    assert [(row.zone, row.name, row.day, row.day_right) for row in inner] == [
        ("TS", "Times Square", 1, 9),
        ("QN", "Queens", 1, 8),
        ("TS", "Times Square", 2, 9),
    ]
    left = trips.join(names.rename(zone="code").drop("day"), on={"zone": "code"}, how="left").to_rows()
    assert [row.name for row in left] == ["Times Square", "Queens", None, "Times Square", None]


def test_group_by_and_aggregates(trips):
    found = (
        trips.group_by("day")
        .agg(
            n=fl.count(),
            known=fl.count("fare"),
            total=fl.sum("minutes"),
            mean=fl.mean("minutes"),
            least=fl.min("fare"),
            most=fl.max(lambda t: t.minutes * 2),
            zones=fl.n_unique("zone"),
            first=fl.first("zone"),
            last=fl.last("minutes"),
        )
        .to_rows()
    )
    assert [tuple(row.values()) for row in found] == [
        (1, 2, 1, 14, 7.0, 3.5, 20, 2, "TS", 4),
        (2, 2, 2, 25, 12.5, -1.0, 50, 1, None, 25),
        (3, 1, 1, 1, 1.0, 100.0, 2, 1, "straße", 1),
    ]
    by_function = trips.group_by(long=lambda t: t.minutes > 5).agg(n=fl.count()).to_rows()
    assert [tuple(row.values()) for row in by_function] == [(True, 2), (False, 3)]


def test_statistics():
    values = np.random.default_rng(3).standard_normal(1001)
    row = fl.from_numpy({"x": values}).aggregate(
        mean=fl.mean("x"), var=fl.var("x"), std=fl.std("x"), median=fl.median("x"), q=fl.quantile("x", 0.3)
    ).to_rows()[0]  # fmt: skip
    wanted = [values.mean(), values.var(ddof=1), values.std(ddof=1), np.median(values), np.quantile(values, 0.3)]
    np.testing.assert_allclose(list(row.values()), wanted, rtol=1e-12)


def test_aggregate_over_no_rows(trips):
    row = (
        trips.filter(lambda t: t.day > 10).aggregate(n=fl.count(), s=fl.sum("minutes"), m=fl.mean("fare")).to_rows()[0]
    )
    assert tuple(row.values()) == (0, 0, None)


def test_a_custom_aggregate(trips):
    longest = fl.aggregate(
        (0, 0.0),
        lambda s, t: (max(s[0], t.minutes), s[1] + t.day),
        lambda a, b: (max(a[0], b[0]), a[1] + b[1]),
        lambda s: s[0] * 100 + s[1],
    )
    assert [tuple(row.values()) for row in trips.group_by("day").agg(x=longest).to_rows()] == [
        (1, 1002.0),
        (2, 2504.0),
        (3, 103.0),
    ]
    assert trips.aggregate(x=longest).to_rows()[0].x == 2509.0


def test_reduce(same):
    values = list(range(1, 1001))
    data = fl.from_rows([{"x": x, "y": x / 2} for x in values])
    assert data.reduce(lambda s, t: s + t.x, 0) == sum(values)
    assert type(data.reduce(lambda s, t: s + t.x, 0)) is int
    found = data.reduce(lambda s, t: s + t.y, 0, lambda a, b: a + b)
    assert type(found) is float and found == sum(x / 2 for x in values)
    low, high, n = data.reduce(
        lambda s, t: (min(s[0], t.y), max(s[1], t.y), s[2] + 1),
        (math.inf, -math.inf, 0),
        lambda a, b: (min(a[0], b[0]), max(a[1], b[1]), a[2] + b[2]),
    )
    assert (low, high, n) == (0.5, 500.0, 1000)
    assert data.filter(lambda t: t.x < 0).reduce(lambda s, t: s + t.x, 7) == 7


def test_reduce_with_arrays():
    points = np.random.default_rng(5).standard_normal((5000, 3))
    data = fl.from_numpy({"p": points})

    def step(state, t):
        sums, n = state
        for j in range(3):
            sums[j] += t.p[j]
        return sums, n + 1

    def merge(a, b):
        for j in range(3):
            a[0][j] += b[0][j]
        return a[0], a[1] + b[1]

    init = np.zeros(3)
    sums, n = data.reduce(step, (init, 0), merge)
    assert isinstance(sums, np.ndarray) and n == 5000
    np.testing.assert_allclose(sums, points.sum(axis=0), rtol=1e-10)
    assert init.tolist() == [0.0, 0.0, 0.0], "the initial state is not changed"


def test_rounds_compile_once():
    data = fl.from_numpy({"x": np.linspace(0.0, 1.0, 1000), "y": np.linspace(1.0, 3.0, 1000)})
    weights = np.array([0.0, 0.0])

    def learn(rounds):
        nonlocal weights
        for _ in range(rounds):
            rate = 0.1

            def step(state, t):
                error = t.x * weights[0] + weights[1] - t.y
                return state[0] + error * t.x, state[1] + error

            gradient = data.reduce(step, (0.0, 0.0), lambda a, b: (a[0] + b[0], a[1] + b[1]))
            weights = weights - rate * np.array(gradient) / 1000
            data.filter(lambda t: t.x > rate * weights[1]).count()

    learn(1)
    before = fl.compile_count()
    learn(20)
    assert fl.compile_count() == before
    assert weights[1] > 1.0


def test_captured_values_are_those_of_the_moment():
    data = fl.from_rows([{"x": 1.0}])
    scale, table = 2.0, np.array([10.0])
    made = data.map(lambda t: t.x * scale + table[0])
    scale, table[0] = 5.0, 50.0
    assert made.to_rows()[0].value == 12.0
    assert data.map(lambda t: t.x * scale + table[0]).to_rows()[0].value == 55.0


def test_a_million_rows_give_the_same_bits_for_any_number_of_threads():
    x = np.random.default_rng(11).standard_normal(1_000_000)
    found = []
    for threads in (1, 2, 4):
        with fl.session(threads=threads):
            data = fl.from_numpy({"x": x, "k": np.arange(1_000_000) % 7})
            total = data.reduce(lambda s, t: s + t.x, 0.0, lambda a, b: a + b)
            groups = data.group_by("k").agg(
                s=fl.aggregate(0.0, lambda s, t: s + t.x, lambda a, b: a + b), m=fl.mean("x")
            )
            found.append((total, [tuple(row.values()) for row in groups.sort("k").to_rows()]))
    assert found[0] == found[1] == found[2]
    assert math.isclose(found[0][0], x.sum(), rel_tol=1e-9)


def test_answers_in_every_form(trips):
    arrays = trips.to_numpy()
    assert arrays["minutes"].dtype == np.int64 and arrays["minutes"].tolist() == [10, 4, 0, 25, 1]
    assert isinstance(arrays["fare"], np.ma.MaskedArray) and arrays["fare"].tolist() == [3.5, None, 12.25, -1.0, 100.0]
    assert arrays["zone"].tolist() == ["TS", "QN", None, "TS", "straße"]
    structured = trips.select("minutes", "day").to_numpy(structured=True)
    assert structured.dtype.names == ("minutes", "day") and structured[3].tolist() == (25, 2)
    masked = trips.select("minutes", "fare").to_numpy(structured=True)
    assert masked["fare"].mask.tolist() == [False, True, False, False, False]
    assert sum(batch.num_rows for batch in trips.iter_batches()) == 5
    assert pa.table(trips).num_rows == 5
    assert trips.collect().schema == trips.schema


def test_pandas_and_polars(trips):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = trips.to_pandas()
    assert list(frame.columns) == list(trips.columns) and frame["minutes"].dtype == np.int64
    assert frame["fare"].isna().tolist() == [False, True, False, False, False]
    assert_rows(fl.from_polars(trips.to_polars()), ROWS)
    mixed = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "f": [math.nan, 1.0], "s": ["a", None]})
    found = fl.from_pandas(mixed).to_rows()
    assert found[0].i == 1 and found[1].i is None and math.isnan(found[0].f) and found[1].s is None
    back = fl.from_pandas(mixed).to_pandas()
    assert back["i"].dtype == "Int64"
    assert fl.from_polars(pl.DataFrame({"x": [1, 2]}).lazy()).count() == 2


def test_sources_in_memory():
    Point = namedtuple("Point", "x y")

    @dataclass
    class Place:
        x: int
        y: float

    for made in ([Point(1, 2.0)], [Place(1, 2.0)], [fl.Row(x=1, y=2.0)]):
        assert_rows(fl.from_rows(made), [{"x": 1, "y": 2.0}])
    assert_rows(fl.from_rows([(1, "a")], columns=["x", "y"]), [{"x": 1, "y": "a"}])
    assert_rows(fl.from_rows([1, 2]), [{"value": 1}, {"value": 2}])
    assert_rows(fl.from_arrow(pa.record_batch({"x": [1]})), [{"x": 1}])
    assert_rows(fl.from_numpy(np.array([(1, 2.5)], [("a", "i8"), ("b", "f8")])), [{"a": 1, "b": 2.5}])
    assert_rows(fl.from_numpy(np.array([[1, 2], [3, 4]]), columns=["a", "b"]), [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert fl.from_rows([], columns=["a"]).count() == 0


def test_files(tmp_path, trips):
    trips.write_parquet(tmp_path / "t.parquet")
    assert_rows(fl.read_parquet(tmp_path / "t.parquet"), ROWS)
    trips.write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[0] == "zone,fare,minutes,day"
    assert_rows(fl.read_csv(tmp_path / "t.csv"), ROWS)
    (tmp_path / "t.json").write_text('{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n')
    assert_rows(fl.read_json(tmp_path / "t.json"), [{"a": 1, "b": "x"}, {"a": 2, "b": None}])
    trips.limit(2).write_parquet(tmp_path / "u.parquet")
    assert fl.read_parquet([tmp_path / "t.parquet", tmp_path / "u.parquet"]).count() == 7
    assert fl.read_parquet(str(tmp_path / "*.parquet")).count() == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.json", "t.parquet", "u.parquet"]


def test_csv_options(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1;NA;007\n2;3.5;8\n")
    data = fl.read_csv(path, delimiter=";", header=False, null_values=["NA"], types={"column_3": str})
    assert_rows(
        data, [{"column_1": 1, "column_2": None, "column_3": "007"}, {"column_1": 2, "column_2": 3.5, "column_3": "8"}]
    )


def test_explain(trips):
    text = trips.filter(lambda t: t.day > 1).explain()
    assert "Filter" in text
    assert "rows" in trips.filter(lambda t: t.day > 1).explain(analyze=True)


# ---- rows that fail


def per_minute(t):
    return t.day / t.minutes


def test_raise_stops_at_the_first_failing_row(trips):
    with pytest.raises(ZeroDivisionError) as caught:
        trips.with_columns(r=per_minute).collect()
    error = caught.value
    assert error.row == 2 and error.line == per_minute.__code__.co_firstlineno + 1
    assert error.inputs == {"minutes": 0, "day": 2}


def test_null_and_drop_are_counted(trips):
    with pytest.warns(fl.RowErrorWarning, match="1 rows: ZeroDivisionError in per_minute") as caught:
        dataset = trips.with_columns(on_error="null", r=per_minute)
        found = dataset.to_rows()
    assert [row.r for row in found] == [0.1, 0.25, None, 0.08, 3.0]
    assert dataset.row_errors == {"ZeroDivisionError": 1}
    assert caught[0].message.failures == {"ZeroDivisionError": 1} and caught[0].filename == __file__
    with pytest.warns(fl.RowErrorWarning):
        assert [row.value for row in trips.map(per_minute, on_error="drop").to_rows()] == [0.1, 0.25, 0.08, 3.0]
    with pytest.warns(fl.RowErrorWarning):
        assert trips.filter(lambda t: 1 / t.minutes > 0, on_error="drop").count() == 4
    with pytest.warns(fl.RowErrorWarning):
        assert trips.reduce(lambda s, t: s + 1 / t.minutes, 0.0, on_error="drop") == pytest.approx(1.39)


def test_none_where_cpython_forbids_it_is_a_type_error(trips):
    with pytest.raises(TypeError) as caught:
        trips.map(lambda t: t.fare * 2).collect()
    assert caught.value.row == 1 and caught.value.inputs == {"fare": None}


def test_no_warning_without_errors(trips):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trips.map(lambda t: t.day, on_error="null").count() == 5


def test_functions_of_rows_with_defaults(trips):
    for k in (1, 2.5):
        assert_rows(trips.map(lambda t, k=k: t.day * k), [{"value": row.day * k} for row in rows()])
    assert trips.reduce(lambda s, t, k=2: s + t.day * k, 0) == 18
    with pytest.raises(fl.CompileError, match="cannot be called with 1 argument"):
        trips.map(lambda t, k: t.day)
