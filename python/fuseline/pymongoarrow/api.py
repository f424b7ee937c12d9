"""PyMongoArrow's functions: queries to Arrow, NumPy, pandas and Polars, and tables to collections."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

from fuseline.pymongoarrow import _decode, _source, _tables, _write
from fuseline.pymongoarrow.result import ArrowWriteResult
from fuseline.pymongoarrow.schema import Schema

__all__ = [
    "Schema",
    "aggregate_arrow_all",
    "aggregate_numpy_all",
    "aggregate_pandas_all",
    "aggregate_polars_all",
    "find_arrow_all",
    "find_numpy_all",
    "find_pandas_all",
    "find_polars_all",
    "write",
]

_PATCH_METHODS = [name for name in __all__ if name.endswith("_all")]

Parallelism = Literal["threads", "processes", "off"]


def find_arrow_all(
    collection: Any,
    query: Any,
    *,
    schema: Schema | None = None,
    allow_invalid: bool = False,
    parallelism: Parallelism = "off",
    **kwargs: Any,
) -> Any:
    """The documents of a query as a `pyarrow.Table`.

    Args:
        collection: A `pymongo.collection.Collection`.
        query: The filter, as for `Collection.find`.
        schema: The fields to read and their types. Without one, the type that holds every value of a field.
        allow_invalid: Whether a value that does not fit its type becomes null instead of an error.
        parallelism: Taken for compatibility: decoding needs no second process, and the answer is the same.
        **kwargs: Further options of `Collection.find`: `projection`, `sort`, `limit`, `session` and so on.

    Raises:
        TypeError: A value of another type than the schema's; `OverflowError`, `ValueError`: a number that does not fit.
        fuseline.pymongoarrow.errors.InvalidBSON: Bytes that are not BSON.
    """
    if kwargs.pop("cursor_type", None):
        _ignored("cursor_type")
    whole_will_do = False
    if schema is not None and "projection" not in kwargs:
        kwargs["projection"] = schema._get_projection()
        # The server's projection of a nested field also passes over what is no document; then it is needed.
        whole_will_do = not schema._has_documents()
    reader = _decode.reader(schema, collection.codec_options.tzinfo, allow_invalid)
    for batch in _source.find(collection, query, kwargs, whole_will_do):
        reader.append(batch)
    return reader.finish()


def aggregate_arrow_all(
    collection: Any,
    pipeline: Sequence[Any],
    *,
    schema: Schema | None = None,
    allow_invalid: bool = False,
    **kwargs: Any,
) -> Any:
    """The documents of an aggregation as a `pyarrow.Table`.

    Args:
        collection: A `pymongo.collection.Collection`.
        pipeline: The stages, as for `Collection.aggregate`, none of them `$out` or `$merge`. It is not changed.
        schema: As for `find_arrow_all`.
        allow_invalid: As for `find_arrow_all`.
        **kwargs: Further options of `Collection.aggregate`.
    """
    if pipeline and ("$out" in pipeline[-1] or "$merge" in pipeline[-1]):
        raise ValueError(
            "Aggregation pipelines containing a '$out' or '$merge' stage are not supported by PyMongoArrow"
        )
    for option in ("batchSize", "useCursor"):
        if kwargs.pop(option, None):
            _ignored(option)
    reader = _decode.reader(schema, collection.codec_options.tzinfo, allow_invalid)
    stages = list(pipeline)
    if schema is not None:
        stages.append({"$project": schema._get_projection()})
    for batch in _source.aggregate(collection, stages, kwargs):
        reader.append(batch)
    return reader.finish()


def _ignored(option: str) -> None:
    warnings.warn(f"Ignoring option {option!r} as it is not supported by PyMongoArrow", UserWarning, stacklevel=3)


def find_pandas_all(collection: Any, query: Any, **kwargs: Any) -> Any:
    """The documents of a query as a `pandas.DataFrame`; arguments as for `find_arrow_all`."""
    return _tables.to_pandas(find_arrow_all(collection, query, **kwargs))


def aggregate_pandas_all(collection: Any, pipeline: Sequence[Any], **kwargs: Any) -> Any:
    """The documents of an aggregation as a `pandas.DataFrame`; arguments as for `aggregate_arrow_all`."""
    return _tables.to_pandas(aggregate_arrow_all(collection, pipeline, **kwargs))


def find_numpy_all(collection: Any, query: Any, **kwargs: Any) -> dict[str, Any]:
    """The documents of a query as a dictionary of NumPy arrays; arguments as for `find_arrow_all`.

    An array is a view of the decoded column where it has no nulls. Integers with nulls are doubles with NaN, as in
    PyMongoArrow, but where a double cannot hold one of them the array is a masked array of integers. Text with nulls is
    an object array with `None`. ObjectIds, decimals and binary data are `bytes`.
    """
    return _tables.to_numpy(find_arrow_all(collection, query, **kwargs))


def aggregate_numpy_all(collection: Any, pipeline: Sequence[Any], **kwargs: Any) -> dict[str, Any]:
    """The documents of an aggregation as a dictionary of NumPy arrays, as `find_numpy_all` makes them."""
    return _tables.to_numpy(aggregate_arrow_all(collection, pipeline, **kwargs))


def find_polars_all(collection: Any, query: Any, **kwargs: Any) -> Any:
    """The documents of a query as a `polars.DataFrame`; arguments as for `find_arrow_all`."""
    return _tables.to_polars(find_arrow_all(collection, query, **kwargs))


def aggregate_polars_all(collection: Any, pipeline: Sequence[Any], **kwargs: Any) -> Any:
    """The documents of an aggregation as a `polars.DataFrame`; arguments as for `aggregate_arrow_all`."""
    return _tables.to_polars(aggregate_arrow_all(collection, pipeline, **kwargs))


def write(
    collection: Any,
    tabular: Any,
    *,
    exclude_none: bool = False,
    auto_convert: bool = True,
    ordered: bool = True,
) -> ArrowWriteResult:
    """Insert every row of a table into a collection.

    Args:
        collection: A `pymongo.collection.Collection`.
        tabular: A `pyarrow.Table`, a `pandas.DataFrame` or `polars.DataFrame`, or a dictionary of NumPy arrays.
        exclude_none: Whether documents lack their null fields instead of holding null.
        ordered: Whether documents come one behind the other, in the order of the rows, and none behind one that the
            server refuses. Otherwise several messages are under way at a time, as fast as the server takes them.
            PyMongoArrow has no such argument.
        auto_convert: Whether columns of types that BSON lacks are written as the next wider type that it has.

    Raises:
        ValueError: A column, or a value, that BSON cannot hold unchanged.
        fuseline.pymongoarrow.errors.ArrowWriteError: The server refused rows; its details count them by table row.
    """
    return _write.write_table(collection, tabular, exclude_none, auto_convert, ordered)
