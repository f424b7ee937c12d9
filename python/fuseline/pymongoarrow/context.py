"""BSON in memory to an Arrow table: what lies behind `find_arrow_all`, for bytes that come from somewhere else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from fuseline.pymongoarrow import _decode
from fuseline.pymongoarrow.schema import Schema


class PyMongoArrowContext:
    """Takes documents and becomes a table.

    Args:
        schema: The fields to read; without one the documents decide.
        codec_options: PyMongo's options; dates take their time zone from it where the schema names none.
        allow_invalid: Whether a value that does not fit becomes null instead of an error.
    """

    def __init__(self, schema: Schema | None, codec_options: Any = None, allow_invalid: bool = False) -> None:
        self._reader = _decode.reader(schema, getattr(codec_options, "tzinfo", None), allow_invalid)

    def process_bson_stream(self, stream: bytes) -> None:
        """Add documents that stand one behind the other."""
        self._reader.append(bytes(stream))

    def finish(self) -> pa.Table:
        """The table of all documents added."""
        return self._reader.finish()
