"""MongoDB: what the engine is asked for, with filters and stages as BSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fuseline import _core
from fuseline._bson import encode
from fuseline._errors import EngineError

WriteMode = Literal["insert", "replace", "upsert"]


@dataclass(frozen=True)
class FailedRow:
    """A row that MongoDB did not take.

    Attributes:
        row: Its number.
        code: The server's number for the reason: 11000 for a duplicate key.
        message: The server's words.

    >>> import fuseline as fl
    >>> fl.FailedRow(row=7, code=11000, message="E11000 duplicate key error").row
    7
    """

    row: int
    code: int
    message: str


@dataclass(frozen=True)
class WriteResult:
    """What `Dataset.write_mongo` did.

    Attributes:
        inserted: New documents.
        matched: Documents that were there and were to be replaced.
        modified: Those of them that changed.
        failed: The rows that were not written, in their order.

    >>> import fuseline as fl
    >>> fl.WriteResult(inserted=2, matched=0, modified=0, failed=()).inserted
    2
    """

    inserted: int
    matched: int
    modified: int
    failed: tuple[FailedRow, ...]


class WriteError(EngineError):
    """Rows were not written to MongoDB; the others were, unless the write was ordered.

    Attributes:
        result: What was done, and which rows failed.

    >>> import fuseline as fl
    >>> failed = (fl.FailedRow(3, 11000, "duplicate key"),)
    >>> str(fl.WriteError(fl.WriteResult(inserted=9, matched=0, modified=0, failed=failed)))
    'MongoDB did not take 1 row; the first is row 3: duplicate key (code 11000)'
    """

    result: WriteResult

    def __init__(self, result: WriteResult) -> None:
        self.result = result
        first = result.failed[0]
        rows = "1 row" if len(result.failed) == 1 else f"{len(result.failed)} rows"
        super().__init__(
            f"MongoDB did not take {rows}; the first is row {first.row}: {first.message} (code {first.code})"
        )

    def __reduce__(self) -> tuple[type[WriteError], tuple[WriteResult]]:
        return type(self), (self.result,)


def write_result(report: _core.WriteReport) -> WriteResult:
    """The engine's report as users see it."""
    failed = tuple(FailedRow(row, code, message) for row, code, message, _ in report["failed"])
    return WriteResult(report["inserted"], report["matched"], report["modified"], failed)


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
    watch: bool = False,
    resume_after: str | None = None,
    **further: Any,
) -> dict[str, Any]:
    """What `fuseline._core.Session.read_mongo` takes. Documents are mappings, or BSON already."""
    if pipeline is not None and (filter is not None or sort is not None):
        raise ValueError("give a `filter` and a `sort`, or a `pipeline` with `$match` and `$sort` stages in it")
    if watch and (filter is not None or sort is not None):
        raise ValueError("changes are chosen by the stages of a `pipeline`, not by a `filter`")
    if resume_after is not None and not watch:
        raise ValueError("`resume_after=` is for `watch=True`")
    database, name = namespace(collection)
    return {
        "uri": uri,
        "database": database,
        "collection": name,
        "filter": _document(filter),
        "pipeline": None if pipeline is None else [_document(stage) for stage in pipeline],
        "sort": _document(sort),
        "extra": _document(options),
        "watch": watch,
        "resume_after": resume_after,
        **further,
    }


def _document(document: Mapping[str, Any] | bytes | None) -> bytes | None:
    if document is None or isinstance(document, bytes):
        return document
    return encode(document)
