"""Sessions: threads, memory, and the sources datasets begin with."""

from __future__ import annotations

import contextvars
import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from fuseline import _core
from fuseline._columns import NumpyArray, numpy_to_arrow, table_of_columns, to_arrow, values_to_arrow
from fuseline._documents import DocumentSchema, OnDocumentError, document_columns, field_reports
from fuseline._errors import MissingFileError
from fuseline._mongo import read_spec

if TYPE_CHECKING:
    from fuseline._dataset import Dataset

Path = str | os.PathLike[str]

_current: contextvars.ContextVar[Session | None] = contextvars.ContextVar("fuseline_session", default=None)
_default: Session | None = None


def current_session() -> Session:
    """The session of the innermost ``with fuseline.session(..)``, else the default one."""
    global _default
    found = _current.get()
    if found is not None:
        return found
    if _default is None:
        _default = Session()
    return _default


def session(*, threads: int | None = None, memory_bytes_max: int | None = None) -> Session:
    """A session of its own: how many threads and how much memory its datasets use.

    Args:
        threads: Worker threads; without it ``FUSELINE_THREADS``, without that one for each core. The results do not
            depend on it.
        memory_bytes_max: Memory for sorts, joins and aggregations. Aggregations go to disk beyond it; a sort or a join
            that does not fit is an `EngineError`.

    Returns:
        A session with the same ``read_*`` and ``from_*`` methods as the module; as a context manager it is the one that
        the module's functions and elementwise calls use.

    >>> import fuseline as fl
    >>> with fl.session(threads=1) as one:
    ...     fl.from_rows([{"x": 1}, {"x": 2}]).count()
    2
    >>> one.threads
    1
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is at least 1, not {threads}")
    return Session(threads=threads, memory_bytes_max=memory_bytes_max)


class Session:
    """Threads, memory and the sources of datasets. Made by `session`."""

    def __init__(self, *, threads: int | None = None, memory_bytes_max: int | None = None) -> None:
        self._begin(_core.Session(threads, memory_bytes_max))

    def _begin(self, core: _core.Session) -> None:
        self._core = core
        self._tokens: list[contextvars.Token[Session | None]] = []

    def __enter__(self) -> Session:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._tokens.pop())

    @property
    def threads(self) -> int:
        """How many worker threads run its queries."""
        return self._core.threads

    def read_csv(
        self,
        path: Path | Sequence[Path],
        *,
        delimiter: str = ",",
        header: bool = True,
        null_values: Sequence[str] = (),
        types: Mapping[str, Any] | None = None,
        infer_rows: int = 10_000,
    ) -> Dataset:
        """As `fuseline.read_csv`."""
        encoded = delimiter.encode()
        if len(encoded) != 1:
            raise ValueError(f"delimiter is one ASCII character, not {delimiter!r}")
        arrow_types = {name: _arrow_type(type_) for name, type_ in (types or {}).items()}
        return self._dataset(
            self._core.read_csv(_paths(path), encoded[0], header, list(null_values), arrow_types, infer_rows)
        )

    def read_parquet(self, path: Path | Sequence[Path]) -> Dataset:
        """As `fuseline.read_parquet`."""
        return self._dataset(self._core.read_parquet(_paths(path)))

    def read_arrow(self, path: Path | Sequence[Path]) -> Dataset:
        """As `fuseline.read_arrow`."""
        return self._dataset(self._core.read_arrow(_paths(path)))

    def read_json(
        self,
        path: Path | Sequence[Path],
        *,
        extended: bool = False,
        schema: DocumentSchema | None = None,
        types: DocumentSchema | None = None,
        sample: int = 10_000,
        on_error: OnDocumentError = "raise",
    ) -> Dataset:
        """As `fuseline.read_json`."""
        if extended:
            columns = document_columns(schema, types, _arrow_type)
            return self._documents(self._core.read_extended_json(_paths(path), *columns, sample, on_error))
        if schema is not None or types is not None or on_error != "raise":
            raise ValueError("`schema=`, `types=` and `on_error=` are for extended JSON: set `extended=True`")
        return self._dataset(self._core.read_json(_paths(path)))

    def read_bson(
        self,
        path: Path | Sequence[Path],
        *,
        collection: str | None = None,
        schema: DocumentSchema | None = None,
        types: DocumentSchema | None = None,
        sample: int = 10_000,
        on_error: OnDocumentError = "raise",
    ) -> Dataset:
        """As `fuseline.read_bson`."""
        columns = document_columns(schema, types, _arrow_type)
        return self._documents(self._core.read_bson(_paths(path), collection, *columns, sample, on_error))

    def from_arrow(self, data: Any) -> Dataset:
        """As `fuseline.from_arrow`."""
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])
        if not hasattr(data, "__arrow_c_stream__"):
            raise TypeError(f"an object of class `{type(data).__name__}` is no Arrow table")
        return self._dataset(self._core.from_arrow(data))

    def from_numpy(
        self, data: Mapping[str, NumpyArray] | NumpyArray, *, columns: Sequence[str] | None = None
    ) -> Dataset:
        """As `fuseline.from_numpy`."""
        if isinstance(data, Mapping):
            return self.from_arrow(table_of_columns({name: np.asanyarray(column) for name, column in data.items()}))
        if not isinstance(data, np.ndarray):
            raise TypeError(f"an object of class `{type(data).__name__}` is no NumPy array")
        if data.dtype.names is not None:
            return self.from_arrow(table_of_columns({name: data[name] for name in data.dtype.names}))
        if data.ndim == 1:
            return self.from_arrow(pa.table({(columns or ["value"])[0]: numpy_to_arrow(data)}))
        if data.ndim != 2:
            raise ValueError(f"an array of {data.ndim} dimensions is no table")
        names = list(columns) if columns is not None else [f"column_{index + 1}" for index in range(data.shape[1])]
        if len(names) != data.shape[1]:
            raise ValueError(f"{len(names)} names for the {data.shape[1]} columns of the array")
        return self.from_arrow(pa.table({name: numpy_to_arrow(data[:, index]) for index, name in enumerate(names)}))

    def from_pandas(self, frame: Any) -> Dataset:
        """As `fuseline.from_pandas`."""
        if not hasattr(frame, "columns") or not hasattr(frame, "iloc"):
            raise TypeError(f"an object of class `{type(frame).__name__}` is no pandas DataFrame")
        return self.from_arrow(pa.table({str(name): to_arrow(frame[name]) for name in frame.columns}))

    def from_polars(self, frame: Any) -> Dataset:
        """As `fuseline.from_polars`."""
        if hasattr(frame, "collect"):
            frame = frame.collect()
        if not hasattr(frame, "to_arrow"):
            raise TypeError(f"an object of class `{type(frame).__name__}` is no Polars DataFrame")
        return self.from_arrow(frame.to_arrow())

    def from_rows(self, rows: Iterable[Any], *, columns: Sequence[str] | None = None) -> Dataset:
        """As `fuseline.from_rows`."""
        return self.from_arrow(_table_of_rows(list(rows), columns))

    def read_mongo(
        self,
        uri: str,
        collection: str,
        *,
        filter: Mapping[str, Any] | bytes | None = None,
        pipeline: Sequence[Mapping[str, Any] | bytes] | None = None,
        sort: Mapping[str, int] | bytes | None = None,
        schema: DocumentSchema | None = None,
        types: DocumentSchema | None = None,
        sample: int = 1000,
        on_error: OnDocumentError = "raise",
        partitions: int = 1,
        batch_size: int | None = None,
        read_preference: str | None = None,
        projection: Literal["auto", "always", "never"] = "auto",
        predicates: Literal["auto", "always", "never"] = "auto",
        resume: Literal["whole", "_id", "never"] = "whole",
        timeout: float | None = None,
        options: Mapping[str, Any] | bytes | None = None,
        watch: bool = False,
        resume_after: str | None = None,
    ) -> Dataset:
        """As `fuseline.read_mongo`."""
        spec = read_spec(
            uri,
            collection,
            filter=filter,
            pipeline=pipeline,
            sort=sort,
            partitions=partitions,
            batch_size=batch_size,
            read_preference=read_preference,
            projection=projection,
            predicates=predicates,
            resume=resume,
            timeout=timeout,
            options=options,
            watch=watch,
            resume_after=resume_after,
        )
        columns = document_columns(schema, types, _arrow_type)
        return self._documents(self._core.read_mongo(spec, *columns, sample, on_error))

    def sql(self, query: str, /, **names: Any) -> Dataset:
        """As `fuseline.sql`, over datasets of this session."""
        from fuseline._sql import plan

        return self._dataset(plan(self._core, query, names))

    def _documents(self, made: tuple[_core.Dataset, list[_core.FieldReport]]) -> Dataset:
        from fuseline._dataset import Dataset

        dataset, report = made
        return Dataset(dataset, field_reports(report))

    def _dataset(self, made: _core.Dataset) -> Dataset:
        from fuseline._dataset import Dataset

        return Dataset(made)


def _paths(path: Path | Sequence[Path]) -> list[str]:
    paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
    found = [os.path.expanduser(os.fspath(one)) for one in paths]
    if not found:
        raise ValueError("no path is given")
    for one in found:
        if os.path.exists(one):
            continue
        if not glob.has_magic(one):
            raise MissingFileError(f"there is no file `{one}`")
        if not glob.glob(one, recursive=True):
            raise MissingFileError(f"no file matches `{one}`")
    return found


_PYTHON_TYPES: Mapping[Any, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def _arrow_type(type_: Any) -> pa.DataType:
    """`int`, ``"int"`` or an Arrow type."""
    if isinstance(type_, pa.DataType):
        return type_
    if type_ in _PYTHON_TYPES:
        return _PYTHON_TYPES[type_]
    named = {python.__name__: arrow for python, arrow in _PYTHON_TYPES.items()}
    if type_ in named:
        return named[type_]
    raise TypeError(f"`{type_!r}` is no type of a column: use `bool`, `int`, `float`, `str` or an Arrow type")


def _table_of_rows(rows: list[Any], columns: Sequence[str] | None) -> pa.Table:
    """Rows as mappings, named tuples, dataclasses, or sequences with ``columns``."""
    if not rows:
        return pa.table({name: pa.array([], pa.null()) for name in columns or ()})
    first = rows[0]
    if isinstance(first, Mapping):
        names = list(columns) if columns is not None else list(dict.fromkeys(name for row in rows for name in row))
        values = {name: [row.get(name) for row in rows] for name in names}
    elif is_dataclass(first) and not isinstance(first, type):
        names = list(columns) if columns is not None else [field.name for field in fields(first)]
        values = {name: [getattr(row, name) for row in rows] for name in names}
    elif isinstance(first, tuple) and hasattr(first, "_fields"):
        names = list(columns) if columns is not None else list(first._fields)
        values = {name: [getattr(row, name) for row in rows] for name in names}
    elif columns is not None and isinstance(first, (tuple, list)):
        for index, row in enumerate(rows):
            if len(row) != len(columns):
                raise ValueError(f"row {index} has {len(row)} values for {len(columns)} columns")
        values = {name: [row[index] for row in rows] for index, name in enumerate(columns)}
    elif columns is None and isinstance(first, (bool, int, float, str)):
        values = {"value": rows}
    else:
        raise TypeError(
            f"a row of class `{type(first).__name__}` has no column names: give dicts, named tuples or dataclasses, or "
            "tuples and `columns=`"
        )
    return pa.table({name: values_to_arrow(column, name) for name, column in values.items()})
