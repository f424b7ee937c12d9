"""Where datasets begin. Each function is the same method of the current session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from fuseline._columns import NumpyArray
from fuseline._dataset import Dataset
from fuseline._documents import DocumentSchema, OnDocumentError
from fuseline._session import Path, current_session


def read_csv(
    path: Path | Sequence[Path],
    *,
    delimiter: str = ",",
    header: bool = True,
    null_values: Sequence[str] = (),
    types: Mapping[str, Any] | None = None,
    infer_rows: int = 10_000,
) -> Dataset:
    """CSV files. An empty field is null.

    Args:
        path: A file, several, or a pattern with ``*``, ``?`` and ``[..]``.
        delimiter: One ASCII character.
        header: The first line names the columns; otherwise they are ``column_1``, ``column_2`` and so on.
        null_values: Further texts that mean null, such as ``"NA"``.
        types: Types of columns by name (`bool`, `int`, `float`, `str` or an Arrow type) instead of inferred ones.
        infer_rows: How many rows types are inferred from.

    Raises:
        EngineError: The file is not there (a `FileNotFoundError` as well), empty, or not a CSV file.

    >>> import fuseline as fl, tempfile, os, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trips.csv")
    ...     _ = pathlib.Path(path).write_text("zone,fare\\nTS,3.5\\nTS,NA\\n")
    ...     fl.read_csv(path, null_values=["NA"]).to_rows()
    [Row(zone='TS', fare=3.5), Row(zone='TS', fare=None)]
    """
    return current_session().read_csv(
        path, delimiter=delimiter, header=header, null_values=null_values, types=types, infer_rows=infer_rows
    )


def read_parquet(path: Path | Sequence[Path]) -> Dataset:
    """Parquet files. Only the columns that are needed are read.

    Args:
        path: A file, several, or a pattern with ``*``, ``?`` and ``[..]``.

    Raises:
        EngineError: The file is not there (a `FileNotFoundError` as well), cut short, or not a Parquet file.

    >>> import fuseline as fl, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trips.parquet")
    ...     fl.from_rows([{"fare": 3.5}]).write_parquet(path)
    ...     fl.read_parquet(path).to_rows()
    [Row(fare=3.5)]
    """
    return current_session().read_parquet(path)


def read_arrow(path: Path | Sequence[Path]) -> Dataset:
    """Arrow IPC files ("Feather" version 2), or files of Arrow IPC streams. Only the columns that are needed are read.

    Args:
        path: A file, several of the same kind, or a pattern with ``*``, ``?`` and ``[..]``.

    Raises:
        EngineError: The file is not there (a `FileNotFoundError` as well), cut short, or not such a file. A stream
            without its end is taken as cut short.

    >>> import fuseline as fl, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trips.arrow")
    ...     fl.from_rows([{"fare": 3.5}]).write_arrow(path)
    ...     fl.read_arrow(path).to_rows()
    [Row(fare=3.5)]
    """
    return current_session().read_arrow(path)


def read_bson(
    path: Path | Sequence[Path],
    *,
    collection: str | None = None,
    schema: DocumentSchema | None = None,
    types: DocumentSchema | None = None,
    sample: int = 10_000,
    on_error: OnDocumentError = "raise",
) -> Dataset:
    """BSON files, as `mongodump` writes them: ``.bson``, ``.bson.gz``, and archives (``mongodump --archive``), plain
    or compressed. Only the columns that are needed are decoded. Plain files are mapped into memory and read on all
    threads.

    Args:
        path: A file, several, or a pattern with ``*``, ``?`` and ``[..]``.
        collection: Of an archive with several, the one to read: ``"database.collection"``.
        schema: The columns: types by name (`bool`, `int`, `float`, `str` or an Arrow type), or a `pyarrow.Schema`;
            fields that it does not name are left out. Without it the columns are found in a sample: see
            `Dataset.schema_report`.
        types: Types of some columns, as in a schema, whatever the sample shows of them; the others are found in it.
        sample: How many documents the sample has, from all over a plain file.
        on_error: What happens to a value that its column cannot hold: ``"raise"`` stops with a `TypeError` that names
            the row and the field; ``"null"`` makes the value null; ``"drop"`` leaves the row out; ``"collect"`` leaves
            it out and keeps the document (`Dataset.rejected`). All but the first are counted: `Dataset.mismatches`.

    Raises:
        EngineError: A file is not there (a `FileNotFoundError` as well), damaged or cut short.

    >>> import fuseline as fl, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trips.bson")
    ...     fl.from_rows([{"fare": 3.5, "zone": "TS"}]).write_bson(path)
    ...     fl.read_bson(path).to_rows()
    [Row(fare=3.5, zone='TS')]
    """
    return current_session().read_bson(
        path, collection=collection, schema=schema, types=types, sample=sample, on_error=on_error
    )


def read_json(
    path: Path | Sequence[Path],
    *,
    extended: bool = False,
    schema: DocumentSchema | None = None,
    types: DocumentSchema | None = None,
    sample: int = 10_000,
    on_error: OnDocumentError = "raise",
) -> Dataset:
    """JSON files: one object a line, or one array of objects.

    Args:
        path: A file, several, or a pattern with ``*``, ``?`` and ``[..]``.
        extended: The files are MongoDB's extended JSON, canonical or relaxed: ``{"$oid": "..."}`` is an ObjectId.
        schema: With ``extended``, as in `read_bson`.
        types: With ``extended``, as in `read_bson`.
        sample: With ``extended``, as in `read_bson`; of each file the first documents.
        on_error: With ``extended``, as in `read_bson`.

    Raises:
        EngineError: The file is not there (a `FileNotFoundError` as well), empty, or not such a JSON file.

    >>> import fuseline as fl, tempfile, os, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trips.json")
    ...     _ = pathlib.Path(path).write_text('{"fare": 3.5}\\n{"fare": null}\\n')
    ...     fl.read_json(path).to_rows()
    [Row(fare=3.5), Row(fare=None)]
    """
    return current_session().read_json(
        path, extended=extended, schema=schema, types=types, sample=sample, on_error=on_error
    )


def read_mongo(
    uri: str,
    collection: str,
    *,
    filter: Mapping[str, Any] | bytes | None = None,
    pipeline: Sequence[Mapping[str, Any] | bytes] | None = None,
    sort: Mapping[str, int] | bytes | None = None,
    schema: DocumentSchema | None = None,
    types: DocumentSchema | None = None,
    sample: int = 1000,
    on_error: OnDocumentError = "raise",
    partitions: int = 1,
    batch_size: int | None = None,
    read_preference: str | None = None,
    projection: Literal["auto", "always", "never"] = "auto",
    predicates: Literal["auto", "always", "never"] = "auto",
    resume: Literal["whole", "_id", "never"] = "whole",
    timeout: float | None = None,
    options: Mapping[str, Any] | bytes | None = None,
    watch: bool = False,
    resume_after: str | None = None,
) -> Dataset:
    """A collection of MongoDB, or a query over one. The documents' bytes become columns without a Python object.

    One cursor is read by default, and the server works on the next batch while one is decoded. A read of a whole
    collection that loses its connection goes on where it was when the server is back.

    The filter, the sort and the stages may be BSON (`bytes`, such as from ``bson.encode``) in place of mappings.

    Args:
        uri: ``mongodb://`` or ``mongodb+srv://``, with user, TLS and everything else as the MongoDB manual says.
        collection: ``"database.collection"``.
        filter: What `find` takes.
        pipeline: The stages of an aggregation, in place of a filter.
        sort: Fields to 1 or -1, with a filter.
        schema: As in `read_bson`.
        types: As in `read_bson`.
        sample: How many documents the schema is found in, from all over the collection; of a query the first ones.
        on_error: As in `read_bson`.
        partitions: How many ranges of ``_id`` are read side by side, each in its order. Only pays where the server has
            cores to spare.
        batch_size: Documents of one reply.
        read_preference: ``"primary"``, ``"secondaryPreferred"`` and so on, in place of the address's.
        projection: Whether the server sends only the columns that are read; ``"auto"`` for large documents.
        predicates: Whether the server leaves out what a `Dataset.filter` certainly turns down; ``"auto"`` for large
            documents.
        resume: What can go on after a lost connection: ``"whole"`` collections; with ``"_id"`` filtered reads as well,
            in the order of ``_id``; or nothing (``"never"``).
        timeout: Seconds to look for a server, in place of the address's ``serverSelectionTimeoutMS``.
        options: Further fields of the command, such as ``collation``, ``hint`` or ``maxTimeMS``.
        watch: The changes of the collection from now on, in place of what is in it: an endless dataset of one row an
            event, for `Dataset.stream`. Its columns are ``_token``, ``_operation`` (``"insert"``, ``"update"``,
            ``"replace"``, ``"delete"``), ``_key`` (the document's ``_id``), and the document's fields as they are now.
            The stages of ``pipeline`` see MongoDB's change events. Needs a replica set.
        resume_after: With ``watch``, the ``_token`` behind which to begin.

    Raises:
        EngineError: The server does not answer, refuses the credentials, or gives an error.

    >>> import fuseline as fl
    >>> try:
    ...     fl.read_mongo("mongodb://localhost:1", "shop.orders", timeout=0.1)
    ... except fl.EngineError as error:
    ...     print(str(error).split(" within")[0])
    no MongoDB server at `localhost:1` answered
    """
    return current_session().read_mongo(
        uri,
        collection,
        filter=filter,
        pipeline=pipeline,
        sort=sort,
        schema=schema,
        types=types,
        sample=sample,
        on_error=on_error,
        partitions=partitions,
        batch_size=batch_size,
        read_preference=read_preference,
        projection=projection,
        predicates=predicates,
        resume=resume,
        timeout=timeout,
        options=options,
        watch=watch,
        resume_after=resume_after,
    )


def from_arrow(data: Any) -> Dataset:
    """Arrow data in memory, without a copy.

    Args:
        data: A table, record batch, reader, or anything with ``__arrow_c_stream__``.

    Raises:
        TypeError: The object has no Arrow data.

    >>> import fuseline as fl, pyarrow as pa
    >>> fl.from_arrow(pa.table({"x": [1, 2]})).count()
    2
    """
    return current_session().from_arrow(data)


def from_numpy(data: Mapping[str, NumpyArray] | NumpyArray, *, columns: Sequence[str] | None = None) -> Dataset:
    """NumPy arrays, without a copy where they lie in one piece.

    Args:
        data: Columns by name (one of two dimensions becomes a column of arrays), a structured array, or an array of two
            dimensions, one column for each of its own.
        columns: Names for the columns of an array of two dimensions.

    Raises:
        TypeError: A dtype cannot be a column.
        ValueError: Lengths or dimensions do not fit.

    >>> import fuseline as fl, numpy as np
    >>> fl.from_numpy({"x": np.arange(3)}).aggregate(total=fl.sum("x")).to_rows()
    [Row(total=3)]
    """
    return current_session().from_numpy(data, columns=columns)


def from_pandas(frame: Any) -> Dataset:
    """A pandas DataFrame; the index is left out.

    Missing values are null, but a NaN in a column of plain floats stays NaN, as a row function in Python sees it.

    Args:
        frame: The DataFrame.

    Raises:
        TypeError: A column's type cannot be taken.

    >>> import fuseline as fl, pandas as pd
    >>> fl.from_pandas(pd.DataFrame({"x": [1, 2]})).count()
    2
    """
    return current_session().from_pandas(frame)


def from_polars(frame: Any) -> Dataset:
    """A Polars DataFrame, without a copy; a LazyFrame is collected.

    Args:
        frame: The DataFrame.

    Raises:
        TypeError: The object is no Polars frame.

    >>> import fuseline as fl, polars as pl
    >>> fl.from_polars(pl.DataFrame({"x": [1, 2]})).count()
    2
    """
    return current_session().from_polars(frame)


def from_rows(rows: Iterable[Any], *, columns: Sequence[str] | None = None) -> Dataset:
    """Python values: one row each.

    Args:
        rows: Dicts, named tuples, dataclasses, or tuples with ``columns``. `None` is null. A column holds values of one
            type (ints among floats become floats).
        columns: The names of the columns.

    Raises:
        TypeError: A column holds values of several types, or rows have no names.
        ValueError: A row has the wrong number of values.

    >>> import fuseline as fl
    >>> fl.from_rows([("TS", 3.5), ("QN", None)], columns=["zone", "fare"]).to_rows()
    [Row(zone='TS', fare=3.5), Row(zone='QN', fare=None)]
    """
    return current_session().from_rows(rows, columns=columns)
