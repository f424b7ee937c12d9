"""A drop-in for bson-numpy: BSON documents to NumPy structured arrays and back, without Python objects in between.

Existing code gains by changing its import to ``import fuseline.bsonnumpy as bsonnumpy``. Names, arguments, types and
messages are bson-numpy's. What it does differently, always for the better:

- a negative 32-bit integer keeps its value in a 64-bit field, and is an error in an unsigned one;
- big-endian fields, ``U`` fields and fields of any number work;
- arrays, documents and lengths are checked: malformed bytes are an error with the document's number, never a crash;
- `ndarray_to_sequence`, a stub there, writes documents;
- a date also goes into a ``datetime64[ms]`` field.

As there, text longer than its field is cut, as NumPy itself does, and a null has no place in a structured array: it is
an error. `fuseline.pymongoarrow` and `fuseline.read_bson` give columns with nulls.

>>> import numpy
>>> from fuseline import bsonnumpy
>>> documents = [b"\\x0c\\x00\\x00\\x00\\x10a\\x00\\x01\\x00\\x00\\x00\\x00"]
>>> bsonnumpy.sequence_to_ndarray(documents, numpy.dtype([("a", "i8")]), 1)["a"].tolist()
[1]
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from fuseline import _core
from fuseline._bson_errors import BsonRecordError

__all__ = ["__version__", "error", "ndarray_to_sequence", "sequence_to_ndarray"]

__version__ = "1.0.0"

error = BsonRecordError

_NESTING_MAX = 32

_Layout = tuple[str, int, bool, str, list[int], list[tuple[str, int, Any]]]


def sequence_to_ndarray(
    iterator: Iterable[bytes], dtype: Any, length: int, /, *surplus: object
) -> np.ndarray[Any, Any]:
    """Read BSON documents into a structured array.

    Args:
        iterator: Gives ``bytes`` objects, each of one or more whole documents: PyMongo's `find_raw_batches` does.
        dtype: The array's type; its field names are the documents' keys. Every document must have them all.
        length: The array's length at most; it is shorter where there are fewer documents.
        *surplus: None, as in bson-numpy.

    Returns:
        An array that owns its memory.

    Raises:
        error: A document does not fit the type, or is not BSON; the message names the document and the field.
    """
    if surplus:
        raise TypeError(f"function takes exactly 3 arguments ({3 + len(surplus)} given)")
    dtype = np.dtype(dtype)
    try:
        length = operator.index(length)
    except TypeError:
        raise TypeError(f"an integer is required (got type {type(length).__name__})") from None
    try:
        chunks: Iterator[bytes] = iter(iterator)
    except TypeError:
        raise TypeError("sequence_to_ndarray requires an iterator") from None
    if length < 0:
        raise error("count argument was negative")
    decoder = _core.RecordDecoder(_layout(dtype, 0))
    array = np.zeros(length, dtype)
    # A record without bytes cannot be viewed as bytes; it takes no rows either.
    memory = array.view(np.uint8) if array.nbytes else np.zeros(0, np.uint8)
    rows = 0
    for chunk in chunks:
        if not isinstance(chunk, bytes):
            raise TypeError("sequence_to_ndarray requires sequence of bytes objects")
        rows += decoder.append(chunk, memory, rows * dtype.itemsize)
        if rows >= length:
            break
    del memory
    if rows < length:
        array.resize(rows, refcheck=False)
    return array


def ndarray_to_sequence(array: np.ndarray[Any, Any]) -> Sequence[bytes]:
    """Write each record of a structured array as a BSON document.

    Integers of up to 32 bits become int, wider ones long; ``f`` double, ``b`` bool, ``S`` and ``U`` string, ``V``
    binData, ``datetime64[ms]`` date; ``V12``, and ``S12`` named ``_id``, an ObjectId; nested types become documents and
    arrays.

    Raises:
        error: A value or type that BSON does not have; the message names the record and the field.
    """
    if not isinstance(array, np.ndarray):
        raise error("sequence_to_ndarray requires a numpy.ndarray")
    layout = _layout(array.dtype, 0)
    flat = np.ascontiguousarray(array).reshape(-1)
    memory = flat.view(np.uint8) if flat.nbytes else np.zeros(0, np.uint8)
    return _core.bson_encode_records(layout, memory)


def _layout(dtype: np.dtype[Any], level: int) -> _Layout:
    """The type as `crates/python` takes it."""
    if level > _NESTING_MAX:
        raise error(f"dtype exceeds {_NESTING_MAX} levels of nesting")
    if dtype.hasobject:
        raise error("dtype must not hold Python objects")
    base, shape = dtype.subdtype or (dtype, ())
    kind = base.str[1:] if base.kind == "M" else base.kind
    fields: list[tuple[str, int, Any]] = []
    if base.names is not None and base.fields is not None:
        for name in base.names:
            inner, offset = base.fields[name][:2]
            fields.append((name, offset, _layout(inner, level + 1)))
    elif base.subdtype is not None:
        # An array type inside an array type takes no values, as in bson-numpy.
        kind = "O"
    return kind, base.itemsize, not base.isnative, repr(dtype), list(shape), fields
