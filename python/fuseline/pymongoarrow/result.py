"""What `write` returns."""

from __future__ import annotations

from typing import Any


class ArrowWriteResult:
    """The outcome of a write in which every row was written."""

    def __init__(self, raw_result: dict[str, Any]) -> None:
        self._raw_result = raw_result

    @property
    def inserted_count(self) -> int:
        """How many rows were written."""
        return int(self._raw_result.get("insertedCount", 0))

    @property
    def raw_result(self) -> dict[str, Any]:
        """The same as a dictionary: ``insertedCount``."""
        return self._raw_result

    def __repr__(self) -> str:
        return repr(self._raw_result)
