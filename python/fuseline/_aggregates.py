"""Aggregates: what `Dataset.aggregate` and `GroupBy.agg` can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fuseline import _core
from fuseline._function import as_function

#: A column name or a function of the row.
Of = str | Callable[[Any], Any]


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of a group of rows. Made by `count`, `sum`, `aggregate` and the like."""

    name: str
    arguments: tuple[Any, ...]

    def spec(self) -> tuple[Any, ...]:
        """As the engine takes it."""
        return (self.name, *self.arguments)


def _of(column: Of) -> str | _core.Function:
    return column if isinstance(column, str) else as_function(column)


def count(column: Of | None = None) -> Aggregate:
    """The number of rows; with a column, the number of its values that are not null.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> data = fl.from_rows([{"x": 1}, {"x": None}])
    >>> data.aggregate(rows=fl.count(), values=fl.count("x")).to_rows()
    [Row(rows=2, values=1)]
    """
    return Aggregate("rows", ()) if column is None else Aggregate("count", (_of(column),))


def sum(column: Of) -> Aggregate:
    """The sum of the values that are not null; 0 over none, as in Python.

    Args:
        column: A column name or a function of the row.

    Raises:
        OverflowError: When run: the sum of integers leaves 64 bits.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1}, {"x": 2}]).aggregate(total=fl.sum("x")).to_rows()
    [Row(total=3)]
    """
    return Aggregate("sum", (_of(column),))


def mean(column: Of) -> Aggregate:
    """The arithmetic mean of the values that are not null; null over none.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1}, {"x": 2}]).aggregate(mean=fl.mean("x")).to_rows()
    [Row(mean=1.5)]
    """
    return Aggregate("mean", (_of(column),))


def min(column: Of) -> Aggregate:
    """The least value that is not null; null over none.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 3}, {"x": 2}]).aggregate(least=fl.min("x")).to_rows()
    [Row(least=2)]
    """
    return Aggregate("min", (_of(column),))


def max(column: Of) -> Aggregate:
    """The greatest value that is not null; null over none.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 3}, {"x": 2}]).aggregate(most=fl.max(lambda t: t.x * 10)).to_rows()
    [Row(most=30)]
    """
    return Aggregate("max", (_of(column),))


def var(column: Of) -> Aggregate:
    """The sample variance (divided by one less than the number of values); null over fewer than two.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1.0}, {"x": 3.0}]).aggregate(spread=fl.var("x")).to_rows()
    [Row(spread=2.0)]
    """
    return Aggregate("var", (_of(column),))


def std(column: Of) -> Aggregate:
    """The sample standard deviation, the square root of `var`.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1.0}, {"x": 5.5}, {"x": 1.0}]).aggregate(spread=fl.std("x")).to_rows()[0].spread > 2.5
    True
    """
    return Aggregate("std", (_of(column),))


def median(column: Of) -> Aggregate:
    """The median: the middle value, or the mean of the two middle ones.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1.0}, {"x": 9.0}, {"x": 2.0}]).aggregate(middle=fl.median("x")).to_rows()
    [Row(middle=2.0)]
    """
    return Aggregate("median", (_of(column),))


def quantile(column: Of, fraction: float) -> Aggregate:
    """The quantile, interpolated linearly between the nearest values.

    Args:
        column: A column name or a function of the row.
        fraction: From 0 (the least value) to 1 (the greatest).

    Raises:
        ValueError: ``fraction`` is not from 0 to 1.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 0.0}, {"x": 10.0}]).aggregate(q=fl.quantile("x", 0.25)).to_rows()
    [Row(q=2.5)]
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"a quantile's fraction is from 0 to 1, not {fraction!r}")
    return Aggregate("quantile", (_of(column), float(fraction)))


def n_unique(column: Of) -> Aggregate:
    """The number of distinct values that are not null.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 1}, {"x": 1}, {"x": 2}]).aggregate(kinds=fl.n_unique("x")).to_rows()
    [Row(kinds=2)]
    """
    return Aggregate("n_unique", (_of(column),))


def first(column: Of) -> Aggregate:
    """The value of the first row, in the data's order.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 3}, {"x": 2}]).aggregate(first=fl.first("x")).to_rows()
    [Row(first=3)]
    """
    return Aggregate("first", (_of(column),))


def last(column: Of) -> Aggregate:
    """The value of the last row, in the data's order.

    Args:
        column: A column name or a function of the row.

    >>> import fuseline as fl
    >>> fl.from_rows([{"x": 3}, {"x": 2}]).aggregate(last=fl.last("x")).to_rows()
    [Row(last=2)]
    """
    return Aggregate("last", (_of(column),))


def aggregate(
    init: Any,
    step: Callable[[Any, Any], Any],
    merge: Callable[[Any, Any], Any] | None = None,
    finish: Callable[[Any], Any] | None = None,
) -> Aggregate:
    """An aggregate in plain Python: ``state = step(state, row)`` from ``init`` for every row of a group.

    Args:
        init: The first state: numbers, tuples of states, one- and two-dimensional arrays of numbers. An `int` becomes a
            `float` where the step makes it one.
        step: ``(state, row) -> state``.
        merge: ``(state, state) -> state`` joins the states of two runs of rows, the earlier one first, so that all
            cores can work; without it the rows are folded one after the other.
        finish: ``(state) -> value``; without it the state is the value.

    >>> import fuseline as fl
    >>> mean = fl.aggregate(
    ...     (0.0, 0),
    ...     lambda s, t: (s[0] + t.x, s[1] + 1),
    ...     lambda a, b: (a[0] + b[0], a[1] + b[1]),
    ...     lambda s: s[0] / s[1],
    ... )
    >>> fl.from_rows([{"x": 1.0}, {"x": 2.0}]).aggregate(mean=mean).to_rows()
    [Row(mean=1.5)]
    """
    functions = (as_function(step), None if merge is None else as_function(merge))
    return Aggregate("fold", (init, *functions, None if finish is None else as_function(finish)))
