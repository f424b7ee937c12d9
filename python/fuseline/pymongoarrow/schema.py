"""The types that a caller asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from fuseline.pymongoarrow.types import arrow_type


class Schema:
    """Names and types of the fields to read.

    A type is an Arrow type, a Python or `bson` class (`int`, `float`, `str`, `bool`, `datetime.datetime`,
    `bson.ObjectId`, `bson.Decimal128`, `bson.Int64`, `bson.Binary`, `bson.Code`), a dictionary for a sub-document, a
    list of one type for an array, or `None` for a field that is always null.

    >>> Schema({"name": str, "visits": [int]})
    <Schema {'name': DataType(string), 'visits': ListType(list<0: int64>)}>
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if not isinstance(schema, Mapping):
            raise ValueError("schema must be a mapping or sequence")
        self.typemap = {name: arrow_type(wanted, name) for name, wanted in schema.items()}

    @classmethod
    def from_arrow(cls, aschema: pa.Schema) -> Schema:
        """The same fields as an Arrow schema's."""
        return cls({field.name: field.type for field in aschema})

    def to_arrow(self) -> pa.Schema:
        """The same fields as an Arrow schema."""
        return pa.schema(list(self.typemap.items()))

    def _get_projection(self) -> dict[str, bool]:
        """What the server is asked to send."""
        projection = {"_id": False}
        for name, wanted in self.typemap.items():
            projection.update(dict.fromkeys(_leaves(name, wanted), True))
        return projection

    def _has_documents(self) -> bool:
        """Whether a field is a sub-document, or an array of them."""
        return any(list(_leaves(name, wanted)) != [name] for name, wanted in self.typemap.items())

    def __iter__(self) -> Iterator[str]:
        return iter(self.typemap)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.typemap == other.typemap

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.typemap!r}>"


def _leaves(name: str, wanted: pa.DataType) -> Iterator[str]:
    """The dotted names of the fields inside, of arrays through their items."""
    while pa.types.is_list(wanted) or pa.types.is_large_list(wanted) or pa.types.is_fixed_size_list(wanted):
        wanted = wanted.value_type
    if pa.types.is_struct(wanted) and wanted.num_fields:
        for field in wanted:
            yield from _leaves(f"{name}.{field.name}", field.type)
    else:
        yield name
