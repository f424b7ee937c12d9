"""Sources of documents (BSON, extended JSON, MongoDB): their schemas and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pyarrow as pa

from fuseline import _core

OnDocumentError = Literal["raise", "null", "drop", "collect"]
DocumentSchema: TypeAlias = Mapping[str, Any] | pa.Schema


@dataclass(frozen=True)
class FieldReport:
    """What a sample of documents showed of one field.

    Attributes:
        field: The field: ``a.b``; the items of an array are ``a[]``.
        types: How often each BSON type was seen, null among them.
        missing: Documents without the field, of those of the level above.
        documents: Documents of the level above.
        type: The Arrow type of the column.

    >>> import fuseline as fl, pyarrow as pa
    >>> fl.FieldReport(field="x", types={"int": 3}, missing=1, documents=4, type=pa.int32()).missing
    1
    """

    field: str
    types: Mapping[str, int]
    missing: int
    documents: int
    type: pa.DataType


@dataclass(frozen=True)
class Mismatch:
    """One reason for which values of documents did not fit a column.

    Attributes:
        field: The field: ``a.b``; the items of an array are ``a[]``.
        expected: The type of the column.
        found: The BSON type that came; ``"nothing"`` for a missing field.
        count: How many values, or documents where those were left out.
        first_row: The first row it happened in, counting those left out.
        first: What was found there.

    >>> import fuseline as fl
    >>> fl.Mismatch(field="x", expected="Int64", found="string", count=2, first_row=7, first="string").count
    2
    """

    field: str
    expected: str
    found: str
    count: int
    first_row: int
    first: str


@dataclass(frozen=True)
class Rejected:
    """A document that was left out and kept.

    Attributes:
        row: Its number, counting those left out.
        reason: The first of its values that did not fit.
        document: Its BSON.

    >>> import fuseline as fl
    >>> fl.Rejected(row=7, reason="x: expected Int64, found string", document=b"").row
    7
    """

    row: int
    reason: str
    document: bytes


def _schema(schema: DocumentSchema | None, arrow_type: Callable[[Any], pa.DataType]) -> pa.Schema | None:
    """The schema as Arrow has it; ``arrow_type`` knows Python's types."""
    if schema is None or isinstance(schema, pa.Schema):
        return schema
    if not isinstance(schema, Mapping):
        raise TypeError(f"a schema is a mapping of names to types or a `pyarrow.Schema`, not `{type(schema).__name__}`")
    return pa.schema([_field(name, type_, arrow_type) for name, type_ in schema.items()])


def document_columns(
    schema: DocumentSchema | None, types: DocumentSchema | None, arrow_type: Callable[[Any], pa.DataType]
) -> tuple[pa.Schema | None, pa.Schema | None]:
    """All columns, or the types of some of those that a sample shows."""
    if schema is not None and types is not None:
        raise ValueError("`schema=` gives all columns, `types=` the types of some: give one of the two")
    return _schema(schema, arrow_type), _schema(types, arrow_type)


def _field(name: str, type_: Any, arrow_type: Callable[[Any], pa.DataType]) -> pa.Field:
    if isinstance(type_, Mapping):
        return pa.field(name, pa.struct([_field(inner, of, arrow_type) for inner, of in type_.items()]))
    if isinstance(type_, list) and len(type_) == 1:
        return pa.field(name, pa.list_(_field("item", type_[0], arrow_type)))
    return pa.field(name, arrow_type(type_))


def field_reports(report: Sequence[_core.FieldReport]) -> list[FieldReport]:
    """The reports of the engine, with pyarrow's types."""
    return [FieldReport(**{**entry, "type": pa.schema(entry["type"])[0].type}) for entry in report]
