"""Tables to BSON documents, and documents to a collection."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pymongo.errors
from bson.raw_bson import RawBSONDocument

from fuseline import _core
from fuseline._bson_errors import BsonEncodeError
from fuseline._errors import EngineError
from fuseline._session import current_session
from fuseline.pymongoarrow import _tables
from fuseline.pymongoarrow._own_connection import CannotCarryOverError, insert_spec
from fuseline.pymongoarrow._source import log, name_ourselves
from fuseline.pymongoarrow.errors import ArrowWriteError
from fuseline.pymongoarrow.result import ArrowWriteResult

# What one insert takes: rows, and bytes a little below the server's limit of a message.
_ROWS_MAX = 100_000
_BYTES_MAX = 48_000_000 - 16 * 1024

_NARROW = (pa.int8(), pa.int16(), pa.uint8(), pa.uint16())


def write_table(collection: Any, tabular: Any, exclude_none: bool, auto_convert: bool) -> ArrowWriteResult:
    """Insert every row of a table, frame or dictionary of arrays."""
    table = _table_of(tabular, exclude_none)
    for index, field in enumerate(table.schema):
        wanted = _written_as(field, auto_convert)
        if wanted != field.type:
            table = table.set_column(index, field.with_type(wanted), table.column(index).cast(wanted))
    try:
        return _over_own_connection(collection, table, exclude_none)
    except CannotCarryOverError as reason:
        log.debug("write through PyMongo: %s", reason)
    return _through_pymongo(collection, _documents(table, exclude_none))


def _over_own_connection(collection: Any, table: pa.Table, exclude_none: bool) -> ArrowWriteResult:
    spec = insert_spec(collection, exclude_none)
    name_ourselves(collection)
    try:
        report, stopped = _core.mongo_insert(current_session()._core, table, spec)
    except BsonEncodeError as error:
        raise ValueError(f"Unsupported data in table: {error}") from None
    except EngineError as error:
        # Nothing was sent yet.
        raise ArrowWriteError(_not_written(error, 0)) from error
    log.debug("wrote over a connection of our own")
    problems = [{"index": row, "code": code, "errmsg": message} for row, code, message in report["failed"]]
    if stopped is not None:
        problems.append({"index": report["inserted"], "errmsg": stopped})
    if problems:
        raise ArrowWriteError({"writeErrors": problems, "nInserted": report["inserted"], "writeConcernErrors": []})
    return ArrowWriteResult({"insertedCount": report["inserted"]})


def _through_pymongo(collection: Any, documents: list[bytes]) -> ArrowWriteResult:
    written = 0
    for batch in _batches(documents):
        try:
            collection.insert_many([RawBSONDocument(document) for document in batch])
        except pymongo.errors.BulkWriteError as error:
            raise ArrowWriteError(_details(dict(error.details), written)) from error
        except pymongo.errors.PyMongoError as error:
            raise ArrowWriteError(_not_written(error, written)) from error
        written += len(batch)
    return ArrowWriteResult({"insertedCount": written})


def _not_written(error: Exception, written: int) -> dict[str, Any]:
    """An account of a write that ended with an error which is about no row."""
    problem = {"errmsg": str(error), "index": written}
    return {"writeErrors": [problem], "nInserted": written, "writeConcernErrors": []}


def _table_of(tabular: Any, exclude_none: bool) -> pa.Table:
    if isinstance(tabular, pa.Table):
        return tabular
    if _is_instance(tabular, "pandas", "DataFrame"):
        return _tables.from_pandas(tabular, exclude_none)
    if _is_instance(tabular, "polars", "DataFrame"):
        return tabular.to_arrow()
    if isinstance(tabular, dict) and tabular and all(isinstance(array, np.ndarray) for array in tabular.values()):
        return _tables.from_numpy(tabular)
    raise ValueError(
        f"Invalid tabular data object of type {type(tabular)} \n"
        "Please ensure that it is one of the supported types: "
        "DataFrame, Table, or a dictionary containing NumPy arrays."
    )


def _is_instance(value: object, module: str, name: str) -> bool:
    """Whether the value is of a class of a package that may be missing."""
    if type(value).__module__.split(".")[0] != module:
        return False
    return isinstance(value, getattr(importlib.import_module(module), name))


def _written_as(field: pa.Field, auto_convert: bool) -> pa.DataType:
    """The type whose BSON counterpart a column of this type is written as."""
    wanted = field.type
    if auto_convert and pa.types.is_duration(wanted):
        # The number alone, in the column's unit: BSON has no durations.
        return pa.int64()
    converts = wanted in _NARROW or pa.types.is_float16(wanted) or pa.types.is_float32(wanted)
    converts = converts or pa.types.is_uint32(wanted) or pa.types.is_uint64(wanted)
    plain_binary = (
        pa.types.is_binary(wanted)
        or pa.types.is_large_binary(wanted)
        or pa.types.is_fixed_size_binary(wanted)
        or wanted == pa.binary_view()
    )
    if (converts and not auto_convert) or plain_binary:
        # Binary data needs a subtype: `BinaryType(0)`.
        raise ValueError(f'Unsupported data type "{wanted}" in schema')
    return wanted


def _documents(table: pa.Table, exclude_none: bool) -> list[bytes]:
    try:
        return _core.bson_encode(table, exclude_none)
    except BsonEncodeError as error:
        raise ValueError(f"Unsupported data in table: {error}") from None


def _batches(documents: list[bytes]) -> Iterator[list[bytes]]:
    """The documents in lists that one insert can take."""
    start = size = 0
    for index, document in enumerate(documents):
        if index > start and (index - start >= _ROWS_MAX or size + len(document) > _BYTES_MAX):
            yield documents[start:index]
            start, size = index, 0
        size += len(document)
    if start < len(documents):
        yield documents[start:]


def _details(details: dict[str, Any], written: int) -> dict[str, Any]:
    """PyMongo's account of a failed insert, with rows counted from the table's start."""
    errors = [{**problem, "index": problem["index"] + written} for problem in details["writeErrors"]]
    return {
        "writeErrors": errors,
        "nInserted": details["nInserted"] + written,
        "writeConcernErrors": details["writeConcernErrors"],
    }
