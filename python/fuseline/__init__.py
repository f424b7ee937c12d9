"""Fuseline: ordinary Python functions, compiled ahead of time to LLVM and run over large data at native speed.

The contract: the same answer as CPython, or an error; never a silently different answer.

>>> import fuseline as fl
>>> @fl.compile
... def speed(distance: float, minutes: float) -> float:
...     return distance / (minutes / 60)
>>> speed(3.0, 10.0)
18.0
>>> trips = fl.from_rows([{"distance": 3.0, "minutes": 10.0}, {"distance": 1.0, "minutes": 4.0}])
>>> trips.with_columns(mph=lambda t: speed(t.distance, t.minutes)).aggregate(mean=fl.mean("mph")).to_rows()
[Row(mean=16.5)]
"""

from fuseline._aggregates import (
    Aggregate,
    aggregate,
    count,
    first,
    last,
    max,
    mean,
    median,
    min,
    n_unique,
    quantile,
    std,
    sum,
    var,
)
from fuseline._cache import use_object_cache
from fuseline._cluster import connect, local_cluster
from fuseline._dataset import Dataset, GroupBy
from fuseline._documents import FieldReport, Mismatch, Rejected
from fuseline._errors import CompileError, Diagnostic, EngineError, RowErrorWarning
from fuseline._function import CompiledFunction, compile, compile_count
from fuseline._mongo import FailedRow, WriteError, WriteResult
from fuseline._progress import progress
from fuseline._row import Row
from fuseline._session import Session, session
from fuseline._sources import (
    from_arrow,
    from_numpy,
    from_pandas,
    from_polars,
    from_rows,
    read_arrow,
    read_bson,
    read_csv,
    read_json,
    read_mongo,
    read_parquet,
)
from fuseline._sql import sql
from fuseline._types import Array

__version__ = "0.1.0"

use_object_cache()
del use_object_cache

__all__ = [
    "Aggregate",
    "Array",
    "CompileError",
    "CompiledFunction",
    "Dataset",
    "Diagnostic",
    "EngineError",
    "FailedRow",
    "FieldReport",
    "GroupBy",
    "Mismatch",
    "Rejected",
    "Row",
    "RowErrorWarning",
    "Session",
    "WriteError",
    "WriteResult",
    "aggregate",
    "compile",
    "compile_count",
    "connect",
    "count",
    "first",
    "from_arrow",
    "from_numpy",
    "from_pandas",
    "from_polars",
    "from_rows",
    "last",
    "local_cluster",
    "max",
    "mean",
    "median",
    "min",
    "n_unique",
    "progress",
    "quantile",
    "read_arrow",
    "read_bson",
    "read_csv",
    "read_json",
    "read_mongo",
    "read_parquet",
    "session",
    "sql",
    "std",
    "sum",
    "var",
]
