"""Bad input: each gives one clear error of the right class, with place and hint; no panic, no partial file."""

from __future__ import annotations

import os
import subprocess
import sys

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


OUT_OF_MEMORY = """
import sys
import numpy as np
import fuseline as fl

def append(n: int):
    values = [n]
    while True:
        values.append(n)

def double(s: str):
    while True:
        s += s

def repeat(n: int) -> int:
    return len([0] * n)

def repeat_text(n: int) -> int:
    return len("x" * n)

def repeat_bytes(n: int) -> int:
    return len(b"x" * n)

def materialise(n: int) -> int:
    return len(list(range(n)))

def comprehend(n: int) -> int:
    return len([float(i) for i in range(n)])

def pad(n: int) -> int:
    return len("x".ljust(n)) + len("x".zfill(n)) + len("\\t".expandtabs(n))

def write(n: int) -> int:
    return len(f"{n:>{n}}")

def fill(n: int):
    table = {0: 0}
    while True:
        n += 1
        table[n] = n

def gather(n: int):
    seen = {0}
    while True:
        n += 1
        seen.add(n)

def nest(n: int):
    rows = [[0]]
    while True:
        rows.append([n] * 100)

def replace(s: str) -> int:
    while True:
        s = s.replace("a", "aa")

def join(s: str) -> int:
    while True:
        s = s.join([s, s, s])

def zeros(n: int) -> float:
    return np.zeros(n).sum()

def number(n: int) -> int:
    return len(n.to_bytes(n, "big"))

def deep(n: int) -> int:
    return 0 if n < 0 else len([n] * 1000) + deep(n - 1)

def caught(n: int) -> int:
    try:
        return repeat(n)
    except MemoryError:
        return -1

MANY = 10**12
calls = [
    (append, 1), (double, "ab"), (repeat, MANY), (repeat_text, MANY), (repeat_bytes, MANY), (materialise, MANY),
    (comprehend, MANY), (pad, MANY), (write, MANY), (fill, 1), (gather, 1), (nest, 1), (replace, "aaaa"), (join, "ab"),
    (zeros, MANY), (number, MANY), (repeat, 2**63 - 1), (repeat_text, 2**63 - 1), (zeros, 2**62),
]
for function, argument in calls:
    compiled = fl.compile(function)
    try:
        compiled(argument)
        print(function.__name__, "returned")
    except MemoryError as error:
        assert error.line > 0
    except (OverflowError, ValueError) as error:
        assert argument > 2**60 or function in (write, pad, number), (function, error)
assert fl.compile(caught)(MANY) == -1
data = fl.from_rows([{"n": 3}, {"n": MANY}, {"n": 5}])
try:
    data.map(lambda t: repeat(t.n)).collect()
except MemoryError as error:
    assert error.row == 1, error.row
assert [row.value for row in data.map(lambda t: repeat(t.n), on_error="drop").to_rows()] == [3, 5]
print("alive")
"""


def test_memory_beyond_the_limit_is_a_memory_error(tmp_path):
    script = tmp_path / "memory.py"
    script.write_text(OUT_OF_MEMORY)
    environment = {**os.environ, "FUSELINE_MEMORY": "300M"}
    run = [sys.executable, str(script)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stdout + done.stderr[-2000:]


ENDLESS_RECURSION = """
import sys
from dataclasses import dataclass
import fuseline as fl

def plain(n: int) -> int:
    return plain(n + 1) + 1

def first(n: int) -> int:
    return second(n) + 1

def second(n: int) -> int:
    return first(n) + 1

def walk(n: int):
    for x in walk(n + 1):
        yield x
    yield n

def generator(n: int) -> int:
    return sum(walk(n))

def closure(n: int) -> int:
    def inner(k):
        return inner(k + n) + 1
    return inner(n)

def big_frame(n: int) -> int:
    a, b, c, d = [n], [n + 1], [n + 2], [n + 3]
    return big_frame(n + 1) + a[0] + b[0] + c[0] + d[0]

class Node:
    def __init__(self, value):
        self.value = value
        self.next = None

    def last(self):
        return self.last() + 1

    def length(self):
        return 1 if self.next is None else 1 + self.next.length()

def method(n: int) -> int:
    return Node(n).last()

def chain(n: int) -> Node:
    node = Node(0)
    for i in range(n):
        other = Node(i)
        other.next = node
        node = other
    return node

def long_chain(n: int) -> int:
    return chain(n).length()

@dataclass
class Pair:
    value: int
    next: "Pair | None" = None

def pairs(n: int):
    pair = Pair(0)
    for i in range(n):
        pair = Pair(0, pair)
    return pair

def compare(n: int) -> bool:
    return pairs(n) == pairs(n)

def show(n: int) -> int:
    return len(repr(pairs(n)))

def handled(n: int) -> int:
    try:
        return plain(n)
    except RecursionError:
        return -1

for function in (plain, first, generator, closure, big_frame, method):
    try:
        fl.compile(function)(1)
        print(function.__name__, "returned")
    except RecursionError as error:
        assert error.line > 0
for function in (long_chain, compare, show):
    assert fl.compile(function)(5)
    try:
        fl.compile(function)(3_000_000)
    except (RecursionError, MemoryError):
        pass
assert fl.compile(handled)(1) == -1
print("alive")
"""


def test_recursion_without_end_is_a_recursion_error(tmp_path):
    script = tmp_path / "recursion.py"
    script.write_text(ENDLESS_RECURSION)
    run = [sys.executable, str(script)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("depth", [50, 300, 5_000, 200_000])
def test_deep_nesting_is_compiled_or_refused(tmp_path, depth):
    sources = {
        "parentheses": "def f(x: int):\n    return " + "(" * depth + "x" + ")" * depth + "\n",
        "unary": "def f(x: int):\n    return " + "-" * depth + "x\n",
        "not": "def f(x: int):\n    return " + "not " * depth + "x\n",
        "sum": "def f(x: int):\n    return x" + " + x" * depth + "\n",
        "power": "def f(x: float):\n    return x" + " ** x" * depth + "\n",
        "lists": "def f(x: int):\n    return " + "[" * depth + "x" + "]" * depth + "\n",
        "calls": "def f(x: int):\n    return " + "abs(" * depth + "x" + ")" * depth + "\n",
        "conditions": "def f(x: int):\n    return " + "x if x else " * depth + "x\n",
        "comparisons": "def f(x: int):\n    return x" + " < x" * depth + "\n",
        "attributes": "def f(x: int):\n    return x" + ".real" * depth + "\n",
        "and": "def f(x: int):\n    return x" + " and x" * depth + "\n",
        "elif": "def f(x: int):\n    if x == 0:\n        return 0\n"
        + "".join(f"    elif x == {i}:\n        return {i}\n" for i in range(min(depth, 20_000))),
        "lambda": "def f(x: int):\n    return " + "(lambda: " * depth + "x" + ")()" * depth + "\n",
        "annotation": "def f(x: " + "list[" * depth + "int" + "]" * depth + "):\n    return x\n",
        "f-string": "def f(x: int):\n    return f'" + "{x}" * depth + "'\n",
    }
    if depth <= 300:
        sources["blocks"] = (
            "def f(x: int):\n"
            + "".join(f"{'  ' * (i + 1)}if x:\n" for i in range(depth))
            + ("  " * (depth + 1) + "return x\n")
        )
    for name, source in sources.items():
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        run = [os.path.join(os.path.dirname(sys.executable), "fuseline"), "check", str(path)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode in (0, 1), (name, depth, done.returncode, done.stderr[-500:])
        assert "panicked" not in done.stderr and len(done.stdout) + len(done.stderr) < 20 * len(source) + 10_000


def test_a_file_of_100_000_lines(tmp_path):
    path = tmp_path / "long.py"
    path.write_text("".join(f"def f{i}(x: int) -> int:\n    y = x + {i}\n    return y\n\n" for i in range(25_000)))
    run = [os.path.join(os.path.dirname(sys.executable), "fuseline"), "check", str(path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_source_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.py"
    path.write_bytes(b"def f(x: int):\n    return '\xe9'\n")
    run = [os.path.join(os.path.dirname(sys.executable), "fuseline"), "check", str(path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "UTF-8" in done.stdout + done.stderr and "latin.py" in done.stdout + done.stderr


def test_data_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"name,n\ncaf\xe9,1\n")
    with pytest.raises(fl.EngineError, match=r"latin\.csv"):
        fl.read_csv(path).map(lambda t: t.name.upper()).collect()
    lines = tmp_path / "latin.json"
    lines.write_bytes(b'{"name": "caf\xe9"}\n')
    with pytest.raises(fl.EngineError, match=r"latin\.json"):
        fl.read_json(lines).map(lambda t: t.name.upper()).collect()
    column = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"caf\xe9")])
    with pytest.raises((fl.EngineError, ValueError), match="UTF-8|utf-8"):
        fl.from_arrow(pa.table({"name": column})).map(lambda t: t.name.upper()).collect()


def test_text_with_lone_surrogates():
    compiled = fl.compile(lambda s: len(s))
    with pytest.raises((UnicodeEncodeError, ValueError, TypeError)):
        compiled("a\udc80")
    assert compiled("a") == 1


def test_what_types_forbid_waits_until_it_is_reached() -> None:
    @fl.compile
    def checked(number):
        if number != int(number):
            raise ValueError("a whole number, please")
        return [0] * number

    @fl.compile
    def guarded(items, extra):  # what an empty list holds is not known
        for item in items:
            if item + extra > 0:
                return item
        return None

    assert checked(3) == [0, 0, 0]
    with pytest.raises(ValueError, match="a whole number"):
        checked(1.5)
    # Reached, it is what it was before: a diagnostic with its place.
    with pytest.raises(fl.CompileError, match="can't multiply sequence") as caught:
        checked(2.0)
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["type-mismatch"]
    assert guarded([], "x") is None
    with pytest.raises(fl.CompileError, match="unsupported operand"):
        guarded([1], "x")


def test_zip_asks_for_iterators_at_once() -> None:
    @fl.compile
    def pairs(number):
        left, right = (1, 2), [3]
        if number == 1:
            left, right = set(), 3
        try:
            return len(list(zip(left, right)))  # noqa: B905
        except TypeError:
            return -1

    assert (pairs(0), pairs(1)) == (1, -1)


def test_a_handler_of_everything_does_not_catch_what_waits() -> None:
    def helper(value):
        if value > 0:
            return value
        return value.upper()

    @fl.compile
    def caught(value):
        try:
            return helper(value)
        except Exception:
            return -1

    @fl.compile
    def bare(value):
        try:
            return helper(value)
        except:  # noqa: E722
            return -1

    @fl.compile
    def leaves(value):
        try:
            return helper(value)
        finally:
            return -1  # noqa: B012

    for function, expected in [(caught, 1), (bare, 1), (leaves, -1)]:
        assert function(1) == expected
        with pytest.raises(fl.CompileError, match="upper"):
            function(0)
