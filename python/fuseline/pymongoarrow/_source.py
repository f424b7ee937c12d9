"""Where the bytes of a query come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pymongo.driver_info import DriverInfo

from fuseline.pymongoarrow.version import __version__


def find(collection: Any, query: Any, options: dict[str, Any]) -> Iterator[bytes]:
    """The documents that a find gives, in buffers."""
    _name_ourselves(collection)
    yield from collection.find_raw_batches(query, **options)


def aggregate(collection: Any, pipeline: list[Any], options: dict[str, Any]) -> Iterator[bytes]:
    """The documents that an aggregation gives, in buffers."""
    _name_ourselves(collection)
    yield from collection.aggregate_raw_batches(pipeline, **options)


def _name_ourselves(collection: Any) -> None:
    """Tells the server's log who asks, as PyMongoArrow does."""
    append_metadata = getattr(collection.database.client, "append_metadata", None)
    if callable(append_metadata):
        append_metadata(DriverInfo(name="PyMongoArrow", version=__version__))
