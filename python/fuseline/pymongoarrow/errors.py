"""What PyMongoArrow's functions raise besides Python's own exceptions and PyMongo's."""

from __future__ import annotations

from typing import Any

from bson.errors import InvalidBSON

__all__ = ["ArrowWriteError", "InvalidBSON", "PyMongoArrowError"]


class PyMongoArrowError(Exception):
    """The base of the errors below."""


class ArrowWriteError(PyMongoArrowError):
    """Some rows were not written.

    Attributes:
        details: ``writeErrors`` (each with the ``index`` of its row), ``writeConcernErrors`` and ``nInserted``.
    """

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__(details)
        self.details = details
