"""Tables to BSON documents, and documents to a collection."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import bson
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


def write_table(
    collection: Any, tabular: Any, exclude_none: bool, auto_convert: bool, ordered: bool
) -> ArrowWriteResult:
    """Insert every row of a table, frame or dictionary of arrays."""
    table = _table_of(tabular, exclude_none)
    for index, field in enumerate(table.schema):
        wanted = _written_as(field, auto_convert)
        if wanted != field.type:
            table = table.set_column(index, field.with_type(wanted), table.column(index).cast(wanted))
    try:
        return _over_own_connection(collection, table, exclude_none, ordered)
    except CannotCarryOverError as reason:
        log.debug("write through PyMongo: %s", reason)
    return _through_pymongo(collection, _documents(table, exclude_none), ordered)


def _over_own_connection(collection: Any, table: pa.Table, exclude_none: bool, ordered: bool) -> ArrowWriteResult:
    spec = insert_spec(collection, exclude_none, ordered)
    name_ourselves(collection)
    try:
        report, stopped = _core.mongo_insert(current_session()._core, table, spec)
    except BsonEncodeError as error:
        raise ValueError(f"Unsupported data in table: {error}") from None
    except EngineError as error:
        # Nothing was sent yet.
        problem = {"errmsg": str(error), "index": 0}
        raise ArrowWriteError({"writeErrors": [problem], "nInserted": 0, "writeConcernErrors": []}) from error
    log.debug("wrote over a connection of our own")
    problems = _problems(collection, report["failed"], table, exclude_none)
    details = {"writeErrors": problems, "nInserted": report["inserted"], "writeConcernErrors": []}
    if stopped is not None:
        problems.append({"index": report["inserted"], "errmsg": stopped})
        raise ArrowWriteError(details)
    if problems:
        cause = pymongo.errors.BulkWriteError({**_NO_COUNTS, **details})
        raise ArrowWriteError(details) from cause
    return ArrowWriteResult({"insertedCount": report["inserted"]})


# What else an account of PyMongo's has.
_NO_COUNTS = {"nUpserted": 0, "nMatched": 0, "nModified": 0, "nRemoved": 0, "upserted": []}


def _problems(collection: Any, failed: list[Any], table: pa.Table, exclude_none: bool) -> list[dict[str, Any]]:
    """The server's words about each row, and the row's document, as PyMongo has them."""
    rows = [row for row, _, _, _ in failed]
    documents = _documents(table.take(rows), exclude_none) if rows else []
    problems = []
    for (row, _, _, details), document in zip(failed, documents, strict=True):
        problem = bson.decode(details, codec_options=collection.codec_options)
        problems.append({**problem, "index": row, "op": RawBSONDocument(document)})
    return problems


def _through_pymongo(collection: Any, documents: list[bytes], ordered: bool) -> ArrowWriteResult:
    # Who replaced the method may not know the option.
    options = {} if ordered else {"ordered": False}
    begun = 0
    account: dict[str, Any] = {"writeErrors": [], "nInserted": 0, "writeConcernErrors": []}
    cause = None
    for batch in _batches(documents):
        try:
            collection.insert_many([RawBSONDocument(document) for document in batch], **options)
        except pymongo.errors.BulkWriteError as error:
            cause = cause or error
            _add(account, error.details, begun)
            if ordered:
                break
        except pymongo.errors.PyMongoError as error:
            account["writeErrors"].append({"errmsg": str(error), "index": begun})
            raise ArrowWriteError(account) from error
        else:
            account["nInserted"] += len(batch)
        begun += len(batch)
    if cause is not None:
        raise ArrowWriteError(account) from cause
    return ArrowWriteResult({"insertedCount": account["nInserted"]})


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


def _add(account: dict[str, Any], details: Any, begun: int) -> None:
    """Adds PyMongo's account of a failed insert, with rows counted from the table's start."""
    account["writeErrors"] += [{**problem, "index": problem["index"] + begun} for problem in details["writeErrors"]]
    account["nInserted"] += details["nInserted"]
    account["writeConcernErrors"] += details["writeConcernErrors"]
