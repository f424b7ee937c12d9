"""A row as plain Python sees it: what compiled row functions read by attribute and by key."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any


class Row(Mapping[str, Any]):
    """One row of a dataset, read by attribute or by key, as in a row function.

    So the same function runs over rows in CPython and, compiled, over a dataset.

    >>> import fuseline as fl
    >>> row = fl.Row(distance=3.0, zone="TS")
    >>> row.distance, row["zone"]
    (3.0, 'TS')
    >>> row == {"distance": 3.0, "zone": "TS"}
    True
    """

    __slots__ = ("_fields",)
    _fields: dict[str, Any]

    def __init__(self, fields: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Make a row of the fields of a mapping and of named fields.

        Args:
            fields: Names and values, in order.
            named: More of them.
        """
        object.__setattr__(self, "_fields", {**(fields or {}), **named})

    def __getattr__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(f"the row has no column `{name}`", name=name, obj=self) from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a row cannot be changed")

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    # A column may have any of these names; a row function then reaches it by key, as in plain Python.
    def keys(self) -> KeysView[str]:
        """The column names."""
        return self._fields.keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order of the columns."""
        return self._fields.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of column name and value."""
        return self._fields.items()

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={value!r}' for name, value in self._fields.items())})"

    def __reduce__(self) -> tuple[type[Row], tuple[dict[str, Any]]]:
        return type(self), (self._fields,)
