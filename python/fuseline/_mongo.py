"""MongoDB: what the engine is asked for, with filters and stages as BSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fuseline._bson import encode


def namespace(collection: str) -> tuple[str, str]:
    """``"database.collection"`` in its two parts; a collection's name may have dots."""
    database, dot, name = collection.partition(".")
    if not (database and dot and name):
        raise ValueError(f"a collection is named as `database.collection`, not {collection!r}")
    return database, name


def read_spec(
    uri: str,
    collection: str,
    *,
    filter: Mapping[str, Any] | bytes | None = None,
    pipeline: Sequence[Mapping[str, Any] | bytes] | None = None,
    sort: Mapping[str, int] | bytes | None = None,
    options: Mapping[str, Any] | bytes | None = None,
    **further: Any,
) -> dict[str, Any]:
    """What `fuseline._core.Session.read_mongo` takes. Documents are mappings, or BSON already."""
    if pipeline is not None and (filter is not None or sort is not None):
        raise ValueError("give a `filter` and a `sort`, or a `pipeline` with `$match` and `$sort` stages in it")
    database, name = namespace(collection)
    return {
        "uri": uri,
        "database": database,
        "collection": name,
        "filter": _document(filter),
        "pipeline": None if pipeline is None else [_document(stage) for stage in pipeline],
        "sort": _document(sort),
        "extra": _document(options),
        **further,
    }


def _document(document: Mapping[str, Any] | bytes | None) -> bytes | None:
    if document is None or isinstance(document, bytes):
        return document
    return encode(document)
