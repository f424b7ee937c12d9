"""Columns of other libraries to Arrow and back. Each library is touched only where a user hands in its objects or asks
for them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

NumpyArray = np.ndarray[Any, Any]


def kind_of(value: object) -> str | None:
    """The library that ``value`` is a column of; `None` when it is no column."""
    if isinstance(value, np.ndarray):
        return "numpy"
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return "arrow"
    for library in ("polars", "pandas"):
        module = sys.modules.get(library)
        if module is not None and isinstance(value, module.Series):
            return library
    return None


def to_arrow(column: Any) -> pa.Array | pa.ChunkedArray:
    """A column of any library as Arrow data; without a copy where the memory is laid out alike.

    NaN stays NaN; what a library calls missing (masked, `None`, `pandas.NA`) becomes null.
    """
    kind = kind_of(column)
    if kind == "numpy":
        return numpy_to_arrow(column)
    if kind == "polars":
        return column.to_arrow()
    if kind == "pandas":
        return _pandas_to_arrow(column)
    return column


def numpy_to_arrow(array: NumpyArray) -> pa.Array:
    """A NumPy array: a column of its elements, or of its rows if it has two dimensions."""
    if array.ndim == 2:
        rows, width = array.shape
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError("a masked array of two dimensions cannot be a column")
        flat = _flat_to_arrow(np.ascontiguousarray(array).reshape(rows * width))
        return pa.FixedSizeListArray.from_arrays(
            flat, type=pa.list_(pa.field("item", flat.type, nullable=False), width)
        )
    if array.ndim != 1:
        raise ValueError(f"an array of {array.ndim} dimensions cannot be a column")
    return _flat_to_arrow(array)


def _flat_to_arrow(array: NumpyArray) -> pa.Array:
    if array.dtype.kind not in "biufUOMmTS" or array.dtype == np.float16:
        raise TypeError(f"an array of dtype `{array.dtype}` cannot be a column")
    if not array.dtype.isnative:
        raise TypeError(
            f"an array of dtype `{array.dtype.str}` (another byte order than this machine's) cannot be a column"
        )
    if array.dtype.kind in "OT":
        return values_to_arrow(array.tolist())
    if isinstance(array, np.ma.MaskedArray):
        return pa.array(np.ascontiguousarray(array.data), mask=np.ma.getmaskarray(array))
    return pa.array(np.ascontiguousarray(array))


def values_to_arrow(values: Sequence[object], name: str | None = None) -> pa.Array:
    """A column of Python values; `TypeError` when they are not of one type."""
    types = {type(value) for value in values if value is not None}
    where = "" if name is None else f"column `{name}`: "
    if len(types) > 1 and types != {int, float}:
        names = ", ".join(sorted(f"`{one.__name__}`" for one in types))
        raise TypeError(f"{where}a column holds values of one type, these are {names}")
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise TypeError(f"{where}{error}") from None


def _pandas_to_arrow(series: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return numpy_to_arrow(series.to_numpy())
    return pa.array(series, from_pandas=True)


class _Owned:
    """Lends the memory of an Arrow array that nobody else has to a NumPy array, which may write to it."""

    def __init__(self, column: pa.Array) -> None:
        width = column.type.bit_width // 8
        address = column.buffers()[1].address + column.offset * width
        if pa.types.is_floating(column.type):
            kind = "f"
        else:
            kind = "i" if pa.types.is_signed_integer(column.type) else "u"
        self.column = column
        self.__array_interface__ = {
            "version": 3,
            "shape": (len(column),),
            "typestr": np.dtype(f"{kind}{width}").str,
            "data": (address, False),
        }


def from_arrow(column: pa.Array, like: Any) -> Any:
    """A fresh result, which nobody else has, as a column of the library that ``like`` is of."""
    kind = kind_of(like)
    if kind == "numpy":
        fixed = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if fixed and len(column) and not column.null_count:
            return np.asarray(_Owned(column))
        return to_numpy(column)
    if kind == "polars":
        import polars as pl

        made = pl.from_arrow(column)
        assert isinstance(made, pl.Series)
        return made.alias(like.name)
    if kind == "pandas":
        return to_pandas(column).set_axis(like.index).rename(like.name)
    return pa.chunked_array([column]) if isinstance(like, pa.ChunkedArray) else column


def to_pandas(column: pa.Array | pa.ChunkedArray) -> Any:
    """A pandas Series. Integers and booleans with nulls become pandas' nullable ``Int64`` and ``boolean``."""
    import pandas as pd

    if column.null_count and (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        name = "boolean" if pa.types.is_boolean(column.type) else _nullable_name(column.type)
        return pd.Series(pd.array(column.to_pylist(), dtype=name))
    return pd.Series(column.to_pandas())


def _nullable_name(type_: pa.DataType) -> str:
    """``int64`` as pandas spells its nullable form, ``Int64``."""
    return str(type_).replace("uint", "UInt") if str(type_).startswith("u") else str(type_).replace("int", "Int")


def to_numpy(column: pa.Array | pa.ChunkedArray) -> NumpyArray:
    """A NumPy array that can be written to; a masked array where there are nulls. Text gives an array of objects."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    type_ = column.type
    if pa.types.is_fixed_size_list(type_) and not column.null_count:
        return to_numpy(column.flatten()).reshape(len(column), type_.list_size)
    if not _is_number(type_):
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        if not column.null_count:
            return values
        return np.ma.MaskedArray(values, mask=[value is None for value in values], fill_value=None)
    if not column.null_count:
        array: NumpyArray = column.to_numpy(zero_copy_only=False)
        return array if array.flags.writeable else array.copy()
    mask = column.is_null().to_numpy(zero_copy_only=False)
    zero = pa.scalar(False if pa.types.is_boolean(type_) else 0, type_)
    return np.ma.MaskedArray(column.fill_null(zero).to_numpy(zero_copy_only=False), mask=mask)


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_))


def whole(column: Any) -> NumpyArray:
    """A column as the engine gives it whole: an array and its mask, or Arrow batches."""
    if not isinstance(column, tuple):
        return to_numpy(pa.table(column).column(0))
    values, mask = column
    made: NumpyArray = values if mask is None else np.ma.MaskedArray(values, mask=mask)
    return made


def to_structured(columns: Mapping[str, NumpyArray]) -> NumpyArray:
    """One structured array with a field for each column; masked where a column has nulls."""
    dtype = np.dtype([(name, array.dtype, array.shape[1:]) for name, array in columns.items()])
    masked = any(isinstance(array, np.ma.MaskedArray) for array in columns.values())
    rows = len(next(iter(columns.values()), ()))
    made: NumpyArray = np.ma.empty(rows, dtype=dtype) if masked else np.empty(rows, dtype=dtype)
    for name, array in columns.items():
        made[name] = array
    return made


def table_of_columns(columns: Mapping[str, Any]) -> pa.Table:
    """A table of columns of any library; `ValueError` when their lengths differ."""
    arrays = {}
    for name, column in columns.items():
        if kind_of(column) is not None:
            arrays[str(name)] = to_arrow(column)
        else:
            arrays[str(name)] = values_to_arrow(list(column), str(name))
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise ValueError(f"columns of different lengths: {shown}")
    return pa.table(arrays)
