"""Polars' extension types for BSON. Importing this module registers them."""

from __future__ import annotations

import importlib.util
from typing import Any

import polars as pl


class _BsonExtension(pl.datatypes.BaseExtension):
    """An extension type whose name and storage the class fixes."""

    _name: str
    _storage: type[pl.DataType]

    def __init__(self) -> None:
        super().__init__(name=self._name, storage=self._storage)

    def __eq__(self, other: Any) -> Any:
        return isinstance(other, type(self))

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return type(self).__name__

    def _string_repr(self) -> str:
        return self._name.removeprefix("pymongoarrow.")


class PolarsBinary(_BsonExtension):
    """Binary data of one subtype."""

    _name, _storage = "pymongoarrow.binary", pl.Binary


class PolarsObjectId(_BsonExtension):
    """ObjectIds."""

    _name, _storage = "pymongoarrow.objectid", pl.Binary


class PolarsCode(_BsonExtension):
    """JavaScript code."""

    _name, _storage = "pymongoarrow.code", pl.String


class PolarsDecimal128(_BsonExtension):
    """128-bit decimals."""

    _name, _storage = "pymongoarrow.decimal128", pl.Binary


def _register() -> None:
    """Makes Polars give columns of these names these types; PyMongoArrow, where it is installed, has its own."""
    if importlib.util.find_spec("pymongoarrow") is None:
        for extension in (PolarsBinary, PolarsObjectId, PolarsCode, PolarsDecimal128):
            pl.register_extension_type(extension._name, extension)


_register()
