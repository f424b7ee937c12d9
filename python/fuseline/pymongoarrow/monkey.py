"""PyMongoArrow's functions as methods of PyMongo's collections."""

from __future__ import annotations

from pymongo.collection import Collection

from fuseline.pymongoarrow import api

__all__ = ["patch_all"]


def patch_all() -> None:
    """Give every PyMongo collection the methods `find_arrow_all` and so on: ``collection.find_arrow_all({})``."""
    for name in api._PATCH_METHODS:
        setattr(Collection, name, getattr(api, name))
