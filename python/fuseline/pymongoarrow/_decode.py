"""BSON bytes to Arrow tables, with PyMongoArrow's types and exceptions around the native decoder."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from bson.errors import InvalidBSON

from fuseline import _core
from fuseline._bson_errors import BsonFormatError, BsonMismatchError
from fuseline.pymongoarrow.schema import Schema
from fuseline.pymongoarrow.types import BinaryType

# MongoDB's names of types in PyMongoArrow's words.
_BSON_NAMES = {
    "int": "int32",
    "long": "int64",
    "object": "document",
    "binData": "binary",
    "bool": "boolean",
    "date": "datetime",
    "javascript": "code",
    "decimal": "decimal128",
}
# Arrow's names of what a column holds, in the same words; by their start.
_COLUMN_NAMES = {
    "Int": "int",
    "UInt": "uint",
    "Float64": "double",
    "Float": "float",
    "Utf8": "string",
    "LargeUtf8": "string",
    "Boolean": "boolean",
    "Struct": "document",
    "List": "array",
    "Timestamp": "datetime",
    "Date": "date",
    "Binary": "binary",
    "pymongoarrow.objectid": "objectId",
    "pymongoarrow.": "",
}
_NUMBERS = ("int", "long", "double")


class SchemaReader:
    """Documents to a table whose schema is known beforehand."""

    def __init__(self, schema: pa.Schema, allow_invalid: bool) -> None:
        self._schema = schema
        try:
            self._decoder = _core.BsonDecoder(schema, "null" if allow_invalid else "raise")
        except ValueError:
            raise _unsupported(schema) from None

    def append(self, data: bytes | _core.BsonItems) -> None:
        """Add documents."""
        with translated():
            self._decoder.append(data)

    def finish(self) -> pa.Table:
        """The table of all documents added."""
        return pa.table(self._decoder.finish()).cast(self._schema)


class InferringReader:
    """Documents to a table whose schema is what holds every value of them."""

    def __init__(self, timezone: str | None) -> None:
        self._timezone = timezone
        self._inference = _core.BsonInference()
        self._chunks: deque[bytes | _core.BsonItems] = deque()

    def append(self, data: bytes | _core.BsonItems) -> None:
        """Add documents."""
        with translated():
            self._inference.observe(data)
        self._chunks.append(data)

    def finish(self) -> pa.Table:
        """The table of all documents added."""
        schema = pa.schema(self._inference.schema())
        schema = pa.schema([field.with_type(self._usual(field.type)) for field in schema])
        self._warn(schema)
        reader = SchemaReader(schema, allow_invalid=False)
        # The documents go as their columns come.
        while self._chunks:
            reader.append(self._chunks.popleft())
        return reader.finish()

    def _usual(self, found: pa.DataType) -> pa.DataType:
        """The type that PyMongoArrow gives such a field."""
        if isinstance(found, pa.BaseExtensionType):
            return BinaryType(4) if found.extension_name == "arrow.uuid" else found
        if found == pa.string_view():
            return pa.string()
        if pa.types.is_timestamp(found):
            return pa.timestamp("ms", self._timezone)
        if pa.types.is_struct(found):
            return pa.struct([field.with_type(self._usual(field.type)) for field in found])
        if pa.types.is_list(found):
            return pa.list_(found.value_field.with_type(self._usual(found.value_type)))
        return found

    def _warn(self, schema: pa.Schema) -> None:
        """Names the fields that hold types without a common one."""
        mixed = {path: types for path, _, _, types in self._inference.report() if len(types) > 1}
        for field in schema:
            if (field.metadata or {}).get(b"ARROW:extension:name") == b"fuseline.bson" and field.name in mixed:
                types = ", ".join(f"{name} ({count})" for name, count in mixed[field.name])
                warnings.warn(
                    f"field {field.name!r} holds types that have no common one: {types}; its values are raw BSON, "
                    "give a schema to read one type",
                    UserWarning,
                    stacklevel=5,
                )


def reader(schema: Schema | None, tzinfo: Any, allow_invalid: bool) -> SchemaReader | InferringReader:
    """The reader for a schema, or for none; ``tzinfo`` is the collection's time zone."""
    if schema is None:
        timezone = None if tzinfo is None else pa.lib.tzinfo_to_string(tzinfo)
        return InferringReader(timezone)
    for name, wanted in schema.typemap.items():
        if pa.types.is_timestamp(wanted) and wanted.unit != "ms":
            raise TypeError(f"field {name!r}: BSON dates are milliseconds, so the unit of {wanted} must be 'ms'")
    return SchemaReader(schema.to_arrow(), allow_invalid)


def _unsupported(schema: pa.Schema) -> ValueError:
    """The error for the first field that cannot be read."""
    for field in schema:
        try:
            _core.BsonDecoder(pa.schema([field]), "raise")
        except ValueError:
            return ValueError(f'Unsupported data type in schema for field "{field.name}" of type "{field.type}"')
    return ValueError(f"Unsupported schema: {schema}")


@contextmanager
def translated() -> Iterator[None]:
    """Native errors as the exceptions that PyMongoArrow raises, with the place in the documents."""
    try:
        yield
    except BsonFormatError as error:
        raise InvalidBSON(f"Could not read BSON document stream: {error}") from None
    except BsonMismatchError as error:
        raise _mismatch(error) from None


def _mismatch(error: BsonMismatchError) -> Exception:
    place = f"(document {error.document}, {error.path})"
    expected = error.expected
    for start, name in _COLUMN_NAMES.items():
        if expected.startswith(start):
            expected = name + (expected[len(start) :] if name in ("int", "uint", "float", "") else "")
            break
    if error.found_type == "binData" and "subtype" in error.found:
        return TypeError(
            f"Got unexpected subtype `{_subtype(error.found)}` instead of expected subtype "
            f"`{_subtype(error.expected)}` {place}"
        )
    if error.found_type in _NUMBERS and expected.startswith(("int", "uint", "double", "float")):
        value = error.found.partition(" ")[2]
        whole = error.found_type != "double" or (value.lstrip("-").isdigit())
        problem = OverflowError if whole and not expected.startswith(("double", "float")) else ValueError
        return problem(f"{value} does not fit a column of {expected} {place}")
    found = _BSON_NAMES.get(error.found_type, error.found_type)
    return TypeError(f"Got unexpected type `{found}` instead of expected type `{expected}` {place}")


def _subtype(text: str) -> str:
    """The number in ``binData of subtype 20``."""
    return text.partition("subtype ")[2].split(" ")[0]
