"""SQL over datasets: what the names in a query stand for."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from fuseline import _core
from fuseline._dataset import Dataset
from fuseline._errors import usage_error
from fuseline._function import CompiledFunction, as_function, functions_named
from fuseline._session import current_session


def sql(query: str, /, **names: Dataset | Callable[..., Any] | None) -> Dataset:
    """The dataset of a query in SQL. Compiled functions are functions of SQL.

    A function is called for the rows for which Python would call it: what a ``WHERE`` or a join has left out is not
    evaluated, nor is what stands right of an ``AND`` that is false, or in a branch of a ``CASE`` that is not taken.
    Where it raises, the query raises CPython's exception, with its ``.row``, ``.inputs`` and ``.line``.

    Names of tables and columns are taken as they are written; case matters. SQL's own functions and arithmetic are
    those of Apache DataFusion: integers wrap around, and ``NULL`` is unknown. Compiled functions are as in Python.

    Args:
        query: One query: ``SELECT``, ``WITH`` or ``VALUES``.
        names: The tables of the query, each a dataset, and functions, compiled or not. A function that `compile` made
            at the top level of a module is found by its name alone. ``None`` stands for SQL's own function of the name.

    Raises:
        CompileError: The query is not SQL, or names what is not there, or a function cannot be compiled for it.

    >>> import fuseline as fl
    >>> @fl.compile
    ... def kmh(distance: float, minutes: float) -> float:
    ...     return distance / (minutes / 60)
    >>> trips = fl.from_rows([{"km": 3.0, "minutes": 10.0}, {"km": 8.0, "minutes": 0.0}])
    >>> fl.sql("SELECT km, kmh(km, minutes) AS kmh FROM trips WHERE minutes > 0", trips=trips).to_rows()
    [Row(km=3.0, kmh=18.0)]
    """
    tables = (table for table in names.values() if isinstance(table, Dataset))
    first = next(tables, None)
    session = current_session()._core if first is None else first._core.session()
    return Dataset(plan(session, query, names))


def plan(session: _core.Session, query: str, names: Mapping[str, object]) -> _core.Dataset:
    """The engine's dataset of a query."""
    if not isinstance(query, str):
        raise TypeError(f"a query is a `str`, not an object of class `{type(query).__name__}`")
    tables: list[tuple[str, _core.Dataset]] = []
    functions: dict[str, CompiledFunction[..., Any] | None] = {}
    for name, value in names.items():
        if isinstance(value, Dataset):
            tables.append((name, value._core))
        elif value is None or isinstance(value, (CompiledFunction, types.FunctionType)):
            functions[name] = None if value is None else as_function(value)
        else:
            raise TypeError(
                f"`{name}` is an object of class `{type(value).__name__}`, neither a dataset nor a function: "
                "`fuseline.from_arrow`, `from_pandas` and the like make datasets"
            )
    given = {name.lower() for name in functions}
    for name, is_builtin in _core.sql_functions(session, query):
        if name.lower() not in given:
            found = _function_named(name, is_builtin)
            if found is not None:
                functions[name] = found
                given.add(name.lower())
    called: list[tuple[str, _core.Function]] = [
        (name, function) for name, function in functions.items() if function is not None
    ]
    return _core.sql(session, query, tables, called)


def _function_named(name: str, is_builtin: bool) -> CompiledFunction[..., Any] | None:
    """The compiled function that a query calls without having been given it."""
    found = functions_named(name)
    if len(found) > 1:
        places = " and ".join(sorted(f"`{one.__module__}.{one.__qualname__}`" for one in found))
        raise usage_error("plan", f"`{name}` may be {places}", f"say which: `fl.sql(..., {name}={name})`")
    if found and is_builtin:
        message = f"`{name}` is a function of SQL and a compiled function"
        raise usage_error("plan", message, f"say which: `{name}={name}` for the compiled one, `{name}=None` for SQL's")
    return found[0] if found else None
