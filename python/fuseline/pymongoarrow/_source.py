"""Where the bytes of a query come from: a connection of our own where that is possible, else PyMongo's raw batches.
Which of the two, and why, is a debug message of the logger ``fuseline.pymongoarrow``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pymongo.errors
from pymongo.driver_info import DriverInfo

from fuseline import _core
from fuseline._errors import EngineError
from fuseline._session import current_session
from fuseline.pymongoarrow._own_connection import CannotCarryOverError, aggregate_spec, find_spec
from fuseline.pymongoarrow.version import __version__

log = logging.getLogger("fuseline.pymongoarrow")

Chunk = bytes | _core.BsonItems


# Documents of at least this size on average are projected by the server; below, that costs it more than sending them.
_PROJECTED_BYTES_MIN = 512


def find(collection: Any, query: Any, options: dict[str, Any], whole_will_do: bool = False) -> Iterator[Chunk]:
    """The documents that a find gives, in buffers; with ``whole_will_do`` the projection only saves bytes."""

    def own_spec() -> dict[str, Any]:
        spec = find_spec(collection, query, options)
        if whole_will_do and _are_small(collection):
            spec = find_spec(collection, query, {**options, "projection": None})
        return spec

    return _chunks(
        collection,
        own_spec,
        lambda: collection.find_raw_batches(query, **options),
    )


def aggregate(collection: Any, pipeline: list[Any], options: dict[str, Any]) -> Iterator[Chunk]:
    """The documents that an aggregation gives, in buffers."""
    return _chunks(
        collection,
        lambda: aggregate_spec(collection, pipeline, options),
        lambda: collection.aggregate_raw_batches(pipeline, **options),
    )


def _chunks(
    collection: Any, own_spec: Callable[[], dict[str, Any]], through_pymongo: Callable[[], Any]
) -> Iterator[Chunk]:
    name_ourselves(collection)
    seen = False
    try:
        for reply in _core.MongoReplies(current_session()._core, own_spec()):
            seen = True
            yield reply
        log.debug("read over a connection of our own")
    except CannotCarryOverError as reason:
        log.debug("read through PyMongo: %s", reason)
    except EngineError as error:
        if seen:
            raise pymongo.errors.PyMongoError(str(error)) from error
        # PyMongo says what is wrong in the exception that its users expect, or knows a way.
        log.debug("read through PyMongo: %s", error)
    else:
        return
    yield from through_pymongo()


def _are_small(collection: Any) -> bool:
    """Whether the collection's documents are small, as far as its statistics tell."""
    try:
        statistics = collection.database.command("collStats", collection.name)
    except pymongo.errors.PyMongoError:
        # A view has none.
        return False
    return 0 < int(statistics.get("avgObjSize", 0)) < _PROJECTED_BYTES_MIN


def name_ourselves(collection: Any) -> None:
    """Tells the server's log who asks, as PyMongoArrow does."""
    append_metadata = getattr(collection.database.client, "append_metadata", None)
    if callable(append_metadata):
        append_metadata(DriverInfo(name="PyMongoArrow", version=__version__))
