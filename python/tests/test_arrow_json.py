"""Arrow and JSON files: what is written reads back; what is damaged, or cannot be said, is an error."""

from __future__ import annotations

import datetime
import json
import pathlib
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pytest

import fuseline as fl

ROWS = 40_000


def table(rows: int = ROWS) -> pa.Table:
    numbers = list(range(rows))
    return pa.table(
        {
            "n": pa.array(numbers, pa.int64()),
            "x": pa.array([None if n % 7 == 0 else n / 3 for n in numbers], pa.float64()),
            "s": pa.array([f"text {n % 100}" for n in numbers], pa.string()),
            "d": pa.array([datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=n) for n in numbers]),
            "v": pa.array([[n, n + 1] for n in numbers], pa.list_(pa.int32())),
        }
    )


@pytest.mark.parametrize("layout", ["file", "stream"])
def test_arrow_files_read_back(tmp_path: pathlib.Path, layout: Any) -> None:
    path = tmp_path / "t.arrow"
    written = table()
    fl.from_arrow(written).write_arrow(path, layout=layout)
    with pa.OSFile(str(path)) as file:
        seen = (pa.ipc.open_file(file) if layout == "file" else pa.ipc.open_stream(file)).read_all()
    assert seen.cast(written.schema).equals(written)
    found = fl.read_arrow(path)
    assert found.collect().cast(written.schema).equals(written)
    assert found.count() == ROWS
    assert found.filter(lambda t: t.n % 2 == 1).aggregate(n=fl.count(), most=fl.max("n")).to_rows()[0].most == ROWS - 1
    assert [row.s for row in found.select("s").limit(2).to_rows()] == ["text 0", "text 1"]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
def test_feather_files_of_pyarrow(tmp_path: pathlib.Path, compression: Any) -> None:
    written = table(3000)
    for part in range(3):
        pyarrow.feather.write_feather(
            written.slice(part * 1000, 1000), tmp_path / f"{part}.feather", compression, chunksize=300
        )
    found = fl.read_arrow(tmp_path / "*.feather")
    assert found.collect().cast(written.schema).equals(written)
    assert found.sort("n", descending=True).limit(1).to_rows()[0].n == 2999


def test_a_dictionary_column(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.arrow"
    written = pa.table({"zone": pa.array(["a", "b", None, "a"] * 500).dictionary_encode()})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, written.schema) as writer:
        writer.write_table(written, max_chunksize=100)
    found = fl.read_arrow(path).collect()
    assert found["zone"].cast(pa.string()).to_pylist() == ["a", "b", None, "a"] * 500


def test_files_that_are_no_arrow_files(tmp_path: pathlib.Path) -> None:
    def error(*paths: pathlib.Path) -> str:
        with pytest.raises((fl.EngineError, fl.CompileError)) as caught:
            fl.read_arrow(list(paths)).collect()
        return str(caught.value)

    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("a,b\n1,2\n")
    (tmp_path / "old").write_bytes(b"FEA1" + bytes(40))
    assert "is empty" in error(tmp_path / "empty")
    assert "is not an Arrow file" in error(tmp_path / "text")
    assert "first version of Feather" in error(tmp_path / "old")
    fl.from_rows([{"x": 1}]).write_arrow(tmp_path / "file")
    fl.from_rows([{"x": 1}]).write_arrow(tmp_path / "stream", layout="stream")
    fl.from_rows([{"x": "a"}]).write_arrow(tmp_path / "other")
    assert "not of the same form" in error(tmp_path / "file", tmp_path / "stream")
    assert "is of type" in error(tmp_path / "file", tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        fl.read_arrow(tmp_path / "missing")
    with pytest.raises(ValueError, match="layout is"):
        fl.from_rows([{"x": 1}]).write_arrow(tmp_path / "x", layout="lines")  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["file", "stream"])
def test_a_file_cut_anywhere_is_an_error(tmp_path: pathlib.Path, layout: Any) -> None:
    path = tmp_path / "t.arrow"
    fl.from_arrow(table(200)).write_arrow(path, layout=layout)
    whole = path.read_bytes()
    for length in [*range(64), *range(64, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(fl.EngineError):
            fl.read_arrow(path).collect()


@pytest.mark.parametrize("layout", ["file", "stream"])
def test_changed_bytes_give_rows_or_an_error(tmp_path: pathlib.Path, layout: Any) -> None:
    path = tmp_path / "t.arrow"
    fl.from_arrow(table(200)).write_arrow(path, layout=layout)
    whole = path.read_bytes()
    chance = random.Random(5)
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            fl.read_arrow(path).collect()
            outcomes.add("rows")
        except (fl.EngineError, fl.CompileError):
            outcomes.add("error")
    assert outcomes == {"rows", "error"}


def test_json_lines(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.json"
    data = pa.table(
        {
            "n": [1, None],
            "x": [0.1, -0.0],
            "s": ['quote " and \\ and \u2028 and é', None],
            "b": [True, False],
            "v": [[1, None], []],
            "o": [{"a": None, "t": "x"}, None],
            "when": [datetime.datetime(2024, 2, 3, 4, 5, 6, 7000), None],
            "day": [datetime.date(2024, 2, 3), None],
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
            "raw": [b"\x01\xff", None],
            "big": pa.array([2**64 - 1, 0], pa.uint64()),
        }
    )
    fl.from_arrow(data).write_json(path)
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [
        {
            "n": 1,
            "x": 0.1,
            "s": 'quote " and \\ and \u2028 and é',
            "b": True,
            "v": [1, None],
            "o": {"a": None, "t": "x"},
            "when": "2024-02-03T04:05:06.007",
            "day": "2024-02-03",
            "price": 1.5,
            "raw": "01ff",
            "big": 2**64 - 1,
        },
        {
            "n": None, "x": 0.0, "s": None, "b": False, "v": [], "o": None,
            "when": None, "day": None, "price": None, "raw": None, "big": 0,
        },
    ]  # fmt: skip
    assert '"price":1.50' in lines[0] and '"x":-0.0' in lines[1]


def test_json_reads_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.json"
    written = table().select(["n", "x", "s", "v"])
    fl.from_arrow(written).write_json(path)
    assert fl.read_json(path).collect().to_pylist() == written.to_pylist()
    fl.from_arrow(written.slice(0, 0)).write_json(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pa.array([1.0, float("nan")]), "NaN"),
        (pa.array([1.0, float("-inf")], pa.float32()), "-inf"),
        (pa.array([[1.0], [2.0, float("inf")]]), "inf"),
        (pa.array([{"a": None}, {"a": float("nan")}], pa.struct([("a", pa.float64())])), "NaN"),
        (pa.array([0, 2**62], pa.timestamp("s")), "calendar"),
    ],
)
def test_json_does_not_alter_what_it_cannot_say(tmp_path: pathlib.Path, values: pa.Array, what: str) -> None:
    path = tmp_path / "t.json"
    path.write_text("before")
    with pytest.raises(fl.EngineError, match=f"row 1, `x`: .*{what}"):
        fl.from_arrow(pa.table({"x": values})).write_json(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.json"]


@pytest.mark.parametrize("write", ["write_arrow", "write_json"])
def test_a_file_appears_whole_or_not_at_all(tmp_path: pathlib.Path, write: str) -> None:
    def fails(t: Any) -> float:
        return 1 / (t.n - 30_000)

    with pytest.raises(ZeroDivisionError):
        getattr(fl.from_arrow(table()).with_columns(y=fails), write)(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(fl.EngineError, match="cannot write"):
        getattr(fl.from_rows([{"x": 1}]), write)(tmp_path / "no" / "folder")
