"""Datasets: lazy tables whose operations run compiled Python functions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from fuseline import _core
from fuseline._aggregates import Aggregate, Of
from fuseline._columns import NumpyArray, to_pandas, to_structured, whole
from fuseline._documents import FieldReport, Mismatch, Rejected
from fuseline._errors import RowErrorWarning, caller_level, usage_error
from fuseline._function import as_function
from fuseline._mongo import WriteError, WriteMode, WriteResult, namespace, write_result
from fuseline._progress import progress_bar
from fuseline._row import Row

OnError = Literal["raise", "null", "drop", "collect"]
RowFunction = Callable[[Any], Any]


class Dataset:
    """A lazy table. Operations give new datasets and check names and types at once; nothing is read before an answer is
    asked for (`collect`, `count`, `reduce`, `to_*`, `write_*`, `iter_batches`).

    A function of rows takes one parameter, the row, and reads its columns as ``t.name`` or ``t["name"]``. It is
    compiled for the columns it reads; the values of its globals and closure variables are those of the moment at which
    it is handed over.

    Operations that run a function take ``on_error=``: ``"raise"`` stops at the first row for which the function raises,
    with CPython's exception and its ``.row``, ``.inputs`` and ``.line``; ``"null"`` makes the function's result null
    there; ``"drop"`` leaves the row out; ``"collect"`` leaves it out and gives it in `errors`. All but the first are
    counted: see `row_errors`.
    """

    def __init__(self, made: _core.Dataset, schema_report: Sequence[FieldReport] = ()) -> None:
        self._core = made
        self._schema_report = tuple(schema_report)
        self._row_errors: dict[str, int] = {}
        self._mismatches: tuple[Mismatch, ...] = ()
        self._rejected: tuple[Rejected, ...] = ()

    # ---- what is in it

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "name": "a"}]).schema.names
        ['x', 'name']
        """
        return pa.schema(self._core.schema())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "name": "a"}]).columns
        ('x', 'name')
        """
        return tuple(self.schema.names)

    @property
    def row_errors(self) -> dict[str, int]:
        """How many rows failed in the last run of this dataset and were made null or left out, by exception class.

        >>> import fuseline as fl, warnings
        >>> data = fl.from_rows([{"x": 1}, {"x": 0}]).map(lambda t: 1 / t.x, on_error="drop")
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", fl.RowErrorWarning)
        ...     data.count()
        1
        >>> data.row_errors
        {'ZeroDivisionError': 1}
        """
        return dict(self._row_errors)

    def errors(self, operation: int | None = None) -> Dataset:
        """The rows that ``on_error="collect"`` left out: the row that the operation was given, then the exception's
        class, its message, the function, the file and the line. A row is there once for each function that raises.

        It is a dataset like any other, with a run of its own: `persist` what is before the operation where that is
        expensive, or may not be the same twice.

        Args:
            operation: Which of the operations with ``on_error="collect"``, from 0, where there are several.

        Raises:
            CompileError: There is no such operation, or several and none is named.

        >>> import fuseline as fl
        >>> halves = fl.from_rows([{"x": 1}, {"x": 0}]).map(lambda t: 1 / t.x, on_error="collect")
        >>> halves.errors().select("x", "exception", "message").to_rows()
        [Row(x=0, exception='ZeroDivisionError', message='division by zero')]
        """
        found = self._core.failures()
        if not found:
            help = 'say `on_error="collect"` where a function may fail'
            raise usage_error("plan", "no operation of this dataset collects the rows that fail", help)
        if operation is None:
            if len(found) > 1:
                message = f"{len(found)} operations of this dataset collect the rows that fail"
                raise usage_error("plan", message, f"say which: `errors(0)` to `errors({len(found) - 1})`")
            operation = 0
        if not 0 <= operation < len(found):
            raise usage_error("plan", f"there is no operation {operation} that collects the rows that fail", None)
        return Dataset(found[operation])

    @property
    def schema_report(self) -> tuple[FieldReport, ...]:
        """What the sample showed of every field of the documents that `read_bson`, `read_mongo` or
        ``read_json(extended=True)`` found the schema in; empty where the schema was given.

        >>> import fuseline as fl, tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "trips.bson")
        ...     fl.from_rows([{"x": 1}, {"x": None}]).write_bson(path, nulls="leave out")
        ...     fl.read_bson(path).schema_report
        (FieldReport(field='x', types={'long': 1}, missing=1, documents=2, type=DataType(int64)),)
        """
        return self._schema_report

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """In the last run of this dataset, the values of documents that did not fit their columns: each reason with its
        count. Empty for ``on_error="raise"``, which stops at the first.

        >>> import fuseline as fl, tempfile, os, warnings
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "trips.bson")
        ...     fl.from_rows([{"x": 1.5}, {"x": 2.0}]).write_bson(path)
        ...     trips = fl.read_bson(path, schema={"x": int}, on_error="null")
        ...     with warnings.catch_warnings():
        ...         warnings.simplefilter("ignore", fl.RowErrorWarning)
        ...         trips.to_rows()
        [Row(x=None), Row(x=2)]
        >>> trips.mismatches
        (Mismatch(field='x', expected='Int64', found='double', count=1, first_row=0, first='double 1.5'),)
        """
        return self._mismatches

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """In the last run of this dataset, the documents that ``on_error="collect"`` of the source left out.

        >>> import fuseline as fl, tempfile, os, warnings
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "trips.bson")
        ...     fl.from_rows([{"x": 1.5}, {"x": 2.0}]).write_bson(path)
        ...     trips = fl.read_bson(path, schema={"x": int}, on_error="collect")
        ...     with warnings.catch_warnings():
        ...         warnings.simplefilter("ignore", fl.RowErrorWarning)
        ...         trips.to_rows()
        [Row(x=2)]
        >>> trips.rejected[0].row, trips.rejected[0].reason, len(trips.rejected[0].document)
        (0, 'x: expected Int64, found double 1.5', 16)
        """
        return self._rejected

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        return f"Dataset({shown})"

    # ---- rows and columns

    def map(self, function: RowFunction, *, on_error: OnError = "raise") -> Dataset:
        """One new row for each row.

        Args:
            function: Returns a dict with constant keys, whose fields become the columns, or a value, which becomes the
                column ``value``.
            on_error: See `Dataset`.

        Raises:
            CompileError: The function cannot be compiled for these rows.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).map(lambda t: {"x": t.x, "square": t.x ** 2}).to_rows()
        [Row(x=1, square=1), Row(x=2, square=4)]
        """
        return Dataset(self._core.map(as_function(function), on_error))

    def flat_map(self, function: RowFunction, *, on_error: OnError = "raise") -> Dataset:
        """Any number of new rows for each row, in order.

        Args:
            function: A generator that yields what a function of `map` returns; or a function that returns a list of it.
            on_error: See `Dataset`; for a row for which the function raises there are no new rows, also none that it
                yielded before.

        Raises:
            CompileError: The function cannot be compiled for these rows.

        >>> import fuseline as fl
        >>> def words(t):
        ...     for word in t.text.split():
        ...         yield {"id": t.id, "word": word}
        >>> texts = fl.from_rows([{"id": 1, "text": "to be"}, {"id": 2, "text": ""}, {"id": 3, "text": "or"}])
        >>> texts.flat_map(words).to_rows()
        [Row(id=1, word='to'), Row(id=1, word='be'), Row(id=3, word='or')]
        """
        return Dataset(self._core.flat_map(as_function(function), on_error))

    def with_columns(
        self, columns: Mapping[str, Of] | None = None, /, *, on_error: OnError = "raise", **named: Of
    ) -> Dataset:
        """All columns, with these added or replaced.

        Args:
            columns: Names that are no Python names, or ``on_error``.
            on_error: See `Dataset`.
            named: For each new column a function of the row, or the name of a column.

        Raises:
            CompileError: A function cannot be compiled for these rows, or a column is not there.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}]).with_columns(y=lambda t: t.x / 2).to_rows()
        [Row(x=1, y=0.5)]
        """
        pairs = [(name, _column(column)) for name, column in {**(columns or {}), **named}.items()]
        return Dataset(self._core.with_columns(pairs, on_error))

    def select(self, *columns: str, **named: Of) -> Dataset:
        """These columns, in this order.

        Args:
            columns: Names of columns.
            named: Further columns: a function of the row, or the name of a column to rename.

        Raises:
            CompileError: A column is not there, or a function cannot be compiled for these rows.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "y": 2}]).select("y", z="x").to_rows()
        [Row(y=2, z=1)]
        """
        names = _names(columns)
        made = self.with_columns(named) if named else self
        return Dataset(made._core.select([*names, *named]))

    def drop(self, *columns: str) -> Dataset:
        """All columns but these.

        Args:
            columns: Names of columns.

        Raises:
            CompileError: A column is not there.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "y": 2}]).drop("x").columns
        ('y',)
        """
        names = _names(columns)
        self._core.select(names)  # complains about names that are not there
        return Dataset(self._core.select([name for name in self.columns if name not in names]))

    def rename(self, names: Mapping[str, str] | None = None, /, **named: str) -> Dataset:
        """The same columns under other names.

        Args:
            names: New names by old name.
            named: More of them: ``old="new"``.

        Raises:
            CompileError: A column is not there, or two would have the same name.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "y": 2}]).rename(x="a").columns
        ('a', 'y')
        """
        renamed = {**(names or {}), **named}
        self._core.select(list(renamed))
        wanted = {renamed.get(name, name): name for name in self.columns}
        if len(wanted) != len(self.columns):
            raise usage_error("duplicate-column", f"two columns would have the same name: {', '.join(sorted(wanted))}")
        # Read first, replaced then: two columns may change places.
        hidden = {f"\0{new}": old for new, old in wanted.items() if new != old}
        made = self._core.with_columns(list(hidden.items()), "raise")
        made = made.with_columns([(name[1:], name) for name in hidden], "raise")
        return Dataset(made.select(list(wanted)))

    def filter(self, predicate: RowFunction, *, on_error: OnError = "raise") -> Dataset:
        """The rows for which the function returns true.

        Args:
            predicate: Returns a `bool`, or any value of which Python takes the truth.
            on_error: See `Dataset`; ``"null"`` and ``"drop"`` both leave the row out.

        Raises:
            CompileError: The function cannot be compiled for these rows.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).filter(lambda t: t.x > 1).to_rows()
        [Row(x=2)]
        """
        return Dataset(self._core.filter(as_function(predicate), on_error))

    # ---- folds

    def group_by(self, *keys: str, **named: Of) -> GroupBy:
        """Groups of rows with equal keys; a null is a key like any other.

        Args:
            keys: Names of columns.
            named: Further keys: a function of the row, or the name of a column.

        Returns:
            The groups; ``.agg(..)`` makes one row of each.

        >>> import fuseline as fl
        >>> data = fl.from_rows([{"k": "a", "x": 1}, {"k": "b", "x": 2}, {"k": "a", "x": 3}])
        >>> data.group_by("k").agg(n=fl.count(), total=fl.sum("x")).to_rows()
        [Row(k='a', n=2, total=4), Row(k='b', n=1, total=2)]
        """
        pairs = [(name, name) for name in _names(keys)]
        return GroupBy(self, [*pairs, *((name, _column(column)) for name, column in named.items())])

    def aggregate(
        self, aggregates: Mapping[str, Aggregate] | None = None, /, *, on_error: OnError = "raise", **named: Aggregate
    ) -> Dataset:
        """One row for the whole dataset.

        Args:
            aggregates: Names that are no Python names.
            on_error: See `Dataset`; rows that fail are left out of the aggregate.
            named: Aggregates by name of the new column.

        Raises:
            CompileError: A function cannot be compiled for these rows, or a column is not there.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).aggregate(n=fl.count(), mean=fl.mean("x")).to_rows()
        [Row(n=2, mean=1.5)]
        """
        return Dataset(self._core.aggregate([], _specs({**(aggregates or {}), **named}), on_error))

    def reduce(
        self,
        step: Callable[[Any, Any], Any],
        init: Any,
        merge: Callable[[Any, Any], Any] | None = None,
        *,
        on_error: OnError = "raise",
    ) -> Any:
        """Fold all rows into one value: ``state = step(state, row)`` from ``init``.

        Args:
            step: ``(state, row) -> state``. Captured values are parameters: new weights in each round of an iterative
                algorithm compile nothing.
            init: The first state: numbers, tuples of states, one- and two-dimensional arrays of numbers. It is not
                changed.
            merge: ``(state, state) -> state`` joins the states of two runs of rows, the earlier one first, so that all
                cores can work. The result does not depend on their number.
            on_error: See `Dataset`; rows that fail are skipped.

        Returns:
            The last state, as a Python value or a NumPy array.

        Raises:
            CompileError: A function cannot be compiled for these rows, or changes the type of the state.

        >>> import fuseline as fl
        >>> data = fl.from_rows([{"x": 1.0}, {"x": 2.0}])
        >>> data.reduce(lambda total, t: total + t.x, 0, lambda a, b: a + b)
        3.0
        """
        functions = as_function(step), None if merge is None else as_function(merge)
        with progress_bar("reduce") as bar:
            value, report = self._core.reduce(functions[0], init, functions[1], on_error, bar)
        self._note(report)
        return value

    # ---- tables

    def join(
        self,
        other: Dataset,
        on: str | Sequence[str] | Mapping[str, str],
        how: Literal["inner", "left"] = "inner",
        *,
        suffix: str = "_right",
    ) -> Dataset:
        """The rows of both where columns are equal, in this dataset's order. Null equals nothing.

        Args:
            other: The other dataset.
            on: The columns: one name, several, or a mapping of this side's names to the other's.
            how: ``"inner"``, or ``"left"``: rows without a partner stay, with nulls.
            suffix: What is added to the other side's names that are taken.

        Raises:
            CompileError: A column is not there, or the types do not fit.

        >>> import fuseline as fl
        >>> names = fl.from_rows([{"k": 1, "name": "one"}])
        >>> fl.from_rows([{"k": 1}, {"k": 2}]).join(names, on="k", how="left").to_rows()
        [Row(k=1, name='one'), Row(k=2, name=None)]
        """
        if not isinstance(other, Dataset):
            raise TypeError(f"a dataset is joined with a dataset, not an object of class `{type(other).__name__}`")
        if isinstance(on, str):
            pairs = [(on, on)]
        elif isinstance(on, Mapping):
            pairs = list(on.items())
        else:
            pairs = [(name, name) for name in on]
        return Dataset(self._core.join(other._core, pairs, how, suffix))

    def sort(self, *columns: Of, descending: bool | Sequence[bool] = False, on_error: OnError = "raise") -> Dataset:
        """The rows in order of these columns; equal rows keep their order.

        Nulls come last, NaN after the other numbers.

        Args:
            columns: Names of columns, or functions of the row, the most important first.
            descending: Once for all columns, or once for each.
            on_error: See `Dataset`; a row whose key is null comes last.

        Raises:
            CompileError: A column is not there, or a function cannot be compiled for these rows.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 3}, {"x": 2}]).sort("x", descending=True).to_numpy()["x"]
        array([3, 2, 1])
        >>> fl.from_rows([{"x": -3}, {"x": 1}, {"x": 2}]).sort(lambda t: abs(t.x)).to_numpy()["x"]
        array([ 1,  2, -3])
        """
        keys = [_column(column) for column in columns]
        flags = [descending] * len(keys) if isinstance(descending, bool) else list(descending)
        if len(flags) != len(keys):
            raise ValueError(f"{len(flags)} values of `descending` for {len(keys)} columns")
        return Dataset(self._core.sort(list(zip(keys, flags, strict=True)), on_error))

    def union(self, other: Dataset) -> Dataset:
        """The rows of this dataset, then those of the other.

        Args:
            other: A dataset with the same columns, in any order.

        Raises:
            CompileError: A column is not in both, or is not of the same type.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}]).union(fl.from_rows([{"x": 2}, {"x": 1}])).to_rows()
        [Row(x=1), Row(x=2), Row(x=1)]
        """
        if not isinstance(other, Dataset):
            raise TypeError(f"a union is with a dataset, not an object of class `{type(other).__name__}`")
        return Dataset(self._core.union(other._core))

    def distinct(self, *columns: str) -> Dataset:
        """The first row of each distinct combination of these columns, in the data's order.

        A null is a value like any other, and so is NaN.

        Args:
            columns: Names of columns; without any, all.

        Raises:
            CompileError: A column is not there.

        >>> import fuseline as fl
        >>> data = fl.from_rows([{"k": "a", "x": 1}, {"k": "b", "x": 1}, {"k": "a", "x": 2}, {"k": "a", "x": 1}])
        >>> data.distinct().to_rows()
        [Row(k='a', x=1), Row(k='b', x=1), Row(k='a', x=2)]
        >>> data.distinct("k").to_rows()
        [Row(k='a', x=1), Row(k='b', x=1)]
        """
        return Dataset(self._core.distinct(_names(columns)))

    def sql(self, query: str, /, **names: Any) -> Dataset:
        """The dataset of a query in SQL, in which this dataset is the table ``self``.

        Args:
            query: As for `fuseline.sql`.
            names: Further tables and functions, as for `fuseline.sql`.

        Raises:
            CompileError: The query is not SQL, or names what is not there, or a function cannot be compiled.

        >>> import fuseline as fl
        >>> trips = fl.from_rows([{"zone": "TS", "fare": 3}, {"zone": "TS", "fare": 5}, {"zone": "JFK", "fare": 9}])
        >>> trips.sql("SELECT zone, avg(fare) AS mean FROM self GROUP BY zone").to_rows()
        [Row(zone='TS', mean=4.0), Row(zone='JFK', mean=9.0)]
        """
        from fuseline._sql import plan

        return Dataset(plan(self._core.session(), query, {**names, "self": self}))

    def limit(self, rows: int, offset: int = 0) -> Dataset:
        """At most so many rows, in the data's order.

        Args:
            rows: How many.
            offset: How many are left out before.

        Raises:
            ValueError: A number is negative.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}, {"x": 3}]).limit(1, offset=1).to_rows()
        [Row(x=2)]
        """
        if rows < 0 or offset < 0:
            raise ValueError("the number of rows and the offset are not negative")
        return Dataset(self._core.limit(rows, offset))

    # ---- answers

    def explain(self, *, analyze: bool = False) -> str:
        """The plan as text.

        Args:
            analyze: Run it and show rows and times as well.

        >>> import fuseline as fl
        >>> "Filter" in fl.from_rows([{"x": 1}]).filter(lambda t: t.x > 0).explain()
        True
        """
        with progress_bar("explain") as bar:
            return self._core.explain(analyze, bar)

    def count(self) -> int:
        """The number of rows.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).count()
        2
        """
        with progress_bar("count") as bar:
            rows, report = self._core.count(bar)
        self._note(report)
        return rows

    def persist(self) -> Dataset:
        """Runs the query once and keeps its rows, for work that reads them again and again.

        On a cluster the rows stay on the executors that made them; otherwise they are in memory.

        Returns:
            A dataset of the rows. They are kept as long as it is.

        >>> import fuseline as fl
        >>> kept = fl.from_rows([{"x": 1}, {"x": 2}]).map(lambda t: {"y": 2 * t.x}).persist()
        >>> kept.count()
        2
        """
        with progress_bar("persist") as bar:
            made, report = self._core.persist(bar)
        self._note(report)
        return Dataset(made)

    def collect(self) -> pa.Table:
        """All rows as an Arrow table.

        Raises:
            EngineError: A source cannot be read, or memory cannot be had.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).collect().num_rows
        2
        """
        with progress_bar("collect") as bar:
            batches, report = self._core.collect(bar)
        self._note(report)
        return pa.table(batches)

    def to_numpy(self, *, structured: bool = False) -> dict[str, NumpyArray] | NumpyArray:
        """All rows as NumPy arrays. A column with nulls is a masked array; text is an array of Python strings.

        Args:
            structured: One structured array in place of a dict of arrays.

        >>> import fuseline as fl
        >>> data = fl.from_rows([{"x": 1, "y": 0.5}, {"x": 2, "y": None}])
        >>> data.to_numpy()["x"]
        array([1, 2])
        >>> data.to_numpy()["y"].mask
        array([False,  True])
        >>> data.select("x").to_numpy(structured=True)["x"]
        array([1, 2])
        """
        with progress_bar("to_numpy") as bar:
            columns, report = self._core.whole_columns(bar)
        self._note(report)
        arrays = dict(zip(self.columns, map(whole, columns), strict=True))
        return to_structured(arrays) if structured else arrays

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame. Whole numbers and booleans with nulls are pandas' nullable ``Int64`` and
        ``boolean``; missing floats are NaN.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).to_pandas()["x"].sum().item()
        3
        """
        import pandas as pd

        table = self.collect()
        columns = {name: to_pandas(table[name]) for name in table.column_names}
        return pd.DataFrame(columns, columns=table.column_names, index=range(table.num_rows))

    def to_polars(self) -> Any:
        """All rows as a Polars DataFrame.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1}, {"x": 2}]).to_polars()["x"].sum()
        3
        """
        import polars as pl

        return pl.from_arrow(self.collect())

    def to_rows(self) -> list[Row]:
        """All rows as Python values.

        >>> import fuseline as fl
        >>> fl.from_rows([{"x": 1, "name": None}]).to_rows()
        [Row(x=1, name=None)]
        """
        table = self.collect()
        columns = [table[name].to_pylist() for name in table.column_names]
        names = table.column_names
        return [Row(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]

    def iter_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow batches, one after the other, without holding them all.

        >>> import fuseline as fl
        >>> sum(batch.num_rows for batch in fl.from_rows([{"x": 1}, {"x": 2}]).iter_batches())
        2
        """
        stream = self._core.stream()
        while (batches := stream.next(None)) is not None:
            yield from pa.table(batches).to_batches()
        self._note(stream.report())

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write one Parquet file. It appears when it is complete, or not at all.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            EngineError: The file cannot be written.

        >>> import fuseline as fl, tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "out.parquet")
        ...     fl.from_rows([{"x": 1}]).write_parquet(path)
        ...     fl.read_parquet(path).to_rows()
        [Row(x=1)]
        """
        with progress_bar("write_parquet") as bar:
            self._note(self._core.write_parquet(os.fspath(path), bar))

    def write_arrow(self, path: str | os.PathLike[str], *, layout: Literal["file", "stream"] = "file") -> None:
        """Write one Arrow IPC file. It appears when it is complete, or not at all.

        Args:
            path: The file; one that is there is replaced.
            layout: ``"file"``, with a list of its batches at the end, or ``"stream"``.

        Raises:
            EngineError: The file cannot be written.

        >>> import fuseline as fl, tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "out.arrow")
        ...     fl.from_rows([{"x": 1}]).write_arrow(path)
        ...     fl.read_arrow(path).to_rows()
        [Row(x=1)]
        """
        if layout not in ("file", "stream"):
            raise ValueError(f'layout is "file" or "stream", not {layout!r}')
        with progress_bar("write_arrow") as bar:
            self._note(self._core.write_arrow(os.fspath(path), layout == "stream", bar))

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write one JSON file: an object a line, with a null for a null. It appears when it is complete, or not at all.

        Dates and instants are texts in ISO 8601, binary data is hexadecimal text, decimals are numbers with all their
        digits.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            EngineError: The file cannot be written, or a value has no JSON form: NaN and infinity.

        >>> import fuseline as fl, tempfile, os, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "out.json")
        ...     fl.from_rows([{"x": 1, "name": None}]).write_json(path)
        ...     pathlib.Path(path).read_text()
        '{"x":1,"name":null}\\n'
        """
        with progress_bar("write_json") as bar:
            self._note(self._core.write_json(os.fspath(path), bar))

    def stream(self) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow batches as soon as they are there, for a source that never ends:
        ``read_mongo(watch=True)``. Closing the iterator ends the query.

        >>> import fuseline as fl
        >>> for batch in fl.from_rows([{"x": 1}, {"x": 2}]).filter(lambda t: t.x > 1).stream():
        ...     print(batch.num_rows)
        1
        """
        return self.iter_batches()

    def write_mongo(
        self,
        uri: str,
        collection: str,
        *,
        mode: WriteMode = "insert",
        key: str | Sequence[str] = "_id",
        ordered: bool = False,
        parallel: int = 4,
        nulls: Literal["write", "leave out"] = "write",
        on_error: Literal["raise", "report"] = "raise",
        timeout: float | None = None,
    ) -> WriteResult:
        """Write the rows into a collection of MongoDB, several batches at a time.

        Args:
            uri: As in `read_mongo`; its write concern holds.
            collection: ``"database.collection"``.
            mode: ``"insert"`` new documents; ``"replace"`` documents that are there; ``"upsert"``: replace, or insert.
            key: The columns by which a document is found, for the last two.
            ordered: One row after the other, and nothing behind the first that fails.
            parallel: How many batches are under way at the same time, unless ``ordered``.
            nulls: Whether a null is written as such or the field is left out.
            on_error: ``"raise"`` a `WriteError` when rows were not taken, after all others were written; or only
                ``"report"`` them in the result.
            timeout: As in `read_mongo`.

        Returns:
            How many documents were inserted, matched and modified, and each row that failed.

        Raises:
            WriteError: Rows were not taken, such as for a duplicate key.
            EngineError: The server does not answer, or a value has no BSON form.

        >>> import fuseline as fl
        >>> try:
        ...     fl.from_rows([{"x": 1}]).write_mongo("mongodb://localhost:1", "shop.orders", timeout=0.1)
        ... except fl.EngineError as error:
        ...     print(str(error).split(" within")[0])
        no MongoDB server at `localhost:1` answered
        """
        if mode not in ("insert", "replace", "upsert"):
            raise ValueError(f'mode is "insert", "replace" or "upsert", not {mode!r}')
        if nulls not in ("write", "leave out"):
            raise ValueError(f'nulls is "write" or "leave out", not {nulls!r}')
        if on_error not in ("raise", "report"):
            raise ValueError(f'on_error is "raise" or "report", not {on_error!r}')
        database, name = namespace(collection)
        keys = [key] if isinstance(key, str) else list(key)
        if mode != "insert":
            for column in keys:
                if column not in self.columns:
                    raise usage_error("plan", f"there is no column `{column}` to find documents by", None)
        spec = {
            "uri": uri,
            "database": database,
            "collection": name,
            "mode": mode,
            "key": keys,
            "ordered": ordered,
            "parallel": parallel,
            "leave_out_nulls": nulls == "leave out",
            "timeout": timeout,
        }
        with progress_bar("write_mongo") as bar:
            written, report = self._core.write_mongo(spec, bar)
        self._note(report)
        result = write_result(written)
        if result.failed and on_error == "raise":
            raise WriteError(result)
        return result

    def write_bson(self, path: str | os.PathLike[str], *, nulls: Literal["write", "leave out"] = "write") -> None:
        """Write one ``.bson`` file, as `mongodump` does. It appears when it is complete, or not at all.

        Args:
            path: The file; one that is there is replaced.
            nulls: Whether a null is written as such or the field is left out.

        Raises:
            EngineError: The file cannot be written, or a value has no BSON form.

        >>> import fuseline as fl, tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "out.bson")
        ...     fl.from_rows([{"x": 1}]).write_bson(path)
        ...     fl.read_bson(path).to_rows()
        [Row(x=1)]
        """
        if nulls not in ("write", "leave out"):
            raise ValueError(f'nulls is "write" or "leave out", not {nulls!r}')
        with progress_bar("write_bson") as bar:
            self._note(self._core.write_bson(os.fspath(path), nulls == "leave out", bar))

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one CSV file with a header. It appears when it is complete, or not at all.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            EngineError: The file cannot be written.

        >>> import fuseline as fl, tempfile, os, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "out.csv")
        ...     fl.from_rows([{"x": 1, "name": "a"}]).write_csv(path)
        ...     pathlib.Path(path).read_text()
        'x,name\\n1,a\\n'
        """
        with progress_bar("write_csv") as bar:
            self._note(self._core.write_csv(os.fspath(path), bar))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows for whoever takes Arrow data (``pyarrow.table``, ``polars.from_arrow``)."""
        return self.collect().__arrow_c_stream__(requested_schema)

    def _note(self, report: _core.Report) -> None:
        """Keep the counts of rows that failed, and warn of them."""
        counts: dict[str, int] = {}
        places = []
        for entry in report["row_errors"]:
            counts[entry["exception"]] = counts.get(entry["exception"], 0) + entry["rows"]
            place = f" at {entry['file']}:{entry['line']}" if entry["file"] else ""
            places.append(f"{entry['rows']} rows: {entry['exception']} in {entry['function']}{place}")
        self._row_errors = counts
        self._mismatches = tuple(Mismatch(**entry) for entry in report["mismatches"])
        self._rejected = tuple(Rejected(**entry) for entry in report["rejected"])
        if places:
            warnings.warn(RowErrorWarning("; ".join(places), counts), stacklevel=caller_level())


class GroupBy:
    """Groups of rows. Made by `Dataset.group_by`."""

    def __init__(self, dataset: Dataset, keys: list[tuple[str, str | _core.Function]]) -> None:
        self._dataset = dataset
        self._keys = keys

    def agg(
        self, aggregates: Mapping[str, Aggregate] | None = None, /, *, on_error: OnError = "raise", **named: Aggregate
    ) -> Dataset:
        """One row for each group: the keys, then the aggregates; groups in the order of their first row.

        Args:
            aggregates: Names that are no Python names.
            on_error: See `Dataset`; rows that fail are left out of the aggregate.
            named: Aggregates by name of the new column.

        Raises:
            CompileError: A function cannot be compiled for these rows, or a column is not there.

        >>> import fuseline as fl
        >>> data = fl.from_rows([{"x": 1}, {"x": 2}, {"x": 3}])
        >>> data.group_by(odd=lambda t: t.x % 2 == 1).agg(total=fl.sum("x")).to_rows()
        [Row(odd=True, total=4), Row(odd=False, total=2)]
        """
        specs = _specs({**(aggregates or {}), **named})
        return Dataset(self._dataset._core.aggregate(self._keys, specs, on_error))


def _column(column: Of) -> str | _core.Function:
    return column if isinstance(column, str) else as_function(column)


def _names(columns: Sequence[str]) -> list[str]:
    for column in columns:
        if not isinstance(column, str):
            raise TypeError(f"a column is named by a `str`, not an object of class `{type(column).__name__}`")
    return list(columns)


def _specs(aggregates: Mapping[str, Aggregate]) -> list[tuple[str, tuple[Any, ...]]]:
    for name, aggregate in aggregates.items():
        if not isinstance(aggregate, Aggregate):
            raise TypeError(
                f"`{name}` is an object of class `{type(aggregate).__name__}`, not an aggregate such as "
                "`fuseline.mean(..)`"
            )
    return [(name, aggregate.spec()) for name, aggregate in aggregates.items()]
