"""Arrow tables as NumPy arrays, pandas and Polars frames, without changing a value on the way."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# A double holds every integer up to this.
_EXACT_MAX = 1 << 53


def to_numpy(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    """One array for each column.

    Integers with nulls are doubles with NaN where that changes no value, else a masked array of integers. Text is a
    ``str`` array, with nulls an object array. Extension types give what they store.
    """
    names, columns = table.column_names, table.columns
    del table
    columns.reverse()
    # A column goes when its array is there.
    return {name: _column_to_numpy(columns.pop()) for name in names}


def _column_to_numpy(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if isinstance(column.type, pa.BaseExtensionType):
        storage = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(storage, column.type.storage_type)
    if pa.types.is_integer(column.type) and _is_inexact(column):
        mask = column.is_null().to_numpy()
        return np.ma.MaskedArray(column.fill_null(0).to_numpy(), mask)
    array: np.ndarray[Any, Any] = column.to_numpy()
    if (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) and not column.null_count:
        return array.astype(np.str_)
    return array


def _is_inexact(column: pa.ChunkedArray) -> bool:
    """Whether integers with nulls cannot be doubles with NaN."""
    if not column.null_count or column.type.bit_width < 64:
        return False
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and (ends["min"] < -_EXACT_MAX or ends["max"] > _EXACT_MAX)


def to_pandas(table: pa.Table) -> Any:
    """A frame; integers with nulls that doubles cannot hold are pandas' own integers with nulls."""
    try:
        import pandas as pd
    except ImportError:
        raise ValueError("pandas is not installed. Try pip install pandas.") from None

    kept = {}
    for index, name in enumerate(table.column_names):
        column = table.column(index)
        if pa.types.is_integer(column.type) and _is_inexact(column):
            wanted = pd.Int64Dtype() if pa.types.is_signed_integer(column.type) else pd.UInt64Dtype()
            kept[name] = column.to_pandas(types_mapper={column.type: wanted}.get)
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    for name, column in kept.items():
        frame[name] = column
    return frame


def to_polars(table: pa.Table) -> Any:
    """A frame of Polars."""
    try:
        import polars as pl
    except ImportError:
        raise ValueError("polars is not installed. Try pip install polars.") from None

    if hasattr(pl, "register_extension_type"):
        importlib.import_module("fuseline.pymongoarrow.polars_types")
    return pl.from_arrow(table)


def from_numpy(arrays: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
    """A table of arrays of one dimension."""
    return pa.table({name: pa.array(array, from_pandas=False) for name, array in arrays.items()})


def from_pandas(frame: Any, exclude_none: bool) -> pa.Table:
    """A table of a frame's columns without its index. NaN of a float column stays NaN unless nulls are left out."""
    columns = {}
    for name in frame.columns:
        series = frame[name]
        plain = series.dtype.kind == "f" and isinstance(series.dtype, np.dtype) and not exclude_none
        if plain:
            columns[str(name)] = pa.array(series.to_numpy(), from_pandas=False)
        else:
            columns[str(name)] = pa.array(series, from_pandas=True)
    return pa.table(columns)
