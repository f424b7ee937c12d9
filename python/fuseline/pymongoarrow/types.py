"""Arrow's extension types for BSON, and what a caller may name a type by.

Where PyMongoArrow is installed the classes are its own, so that a column of one library is a column of the other.
"""

from __future__ import annotations

import datetime
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from bson import Binary, Code, Decimal128, Int64, ObjectId
from pyarrow import int64, string

__all__ = [
    "BinaryType",
    "CodeType",
    "Decimal128Type",
    "ObjectId",
    "ObjectIdType",
    "arrow_type",
    "int64",
    "string",
]


def _installed_types() -> Any:
    """PyMongoArrow's own module of types, where there is one that can be imported."""
    if importlib.util.find_spec("pymongoarrow") is None:
        return None
    with warnings.catch_warnings():
        # It warns when its native part was built for another Arrow; its types need no native part.
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("pymongoarrow.types")
        except ImportError:
            return None


_installed = _installed_types()
if _installed is not None:
    BinaryType = _installed.BinaryType
    CodeType = _installed.CodeType
    Decimal128Type = _installed.Decimal128Type
    ObjectIdType = _installed.ObjectIdType
else:
    from fuseline.pymongoarrow._extension_types import BinaryType, CodeType, Decimal128Type, ObjectIdType

_PYTHON_TYPES: dict[Any, Callable[[], pa.DataType]] = {
    int: pa.int64,
    Int64: pa.int64,
    float: pa.float64,
    str: pa.string,
    bool: pa.bool_,
    None: pa.null,
    # A class names no time zone, so there is none.
    datetime.datetime: lambda: pa.timestamp("ms"),
    ObjectId: ObjectIdType,
    Decimal128: Decimal128Type,
    Binary: lambda: BinaryType(0),
    Code: CodeType,
}


def arrow_type(wanted: Any, name: str) -> pa.DataType:
    """The Arrow type that ``wanted`` names in a schema; ``name`` is the field's, for messages."""
    if isinstance(wanted, pa.DataType):
        return wanted
    if isinstance(wanted, dict):
        return pa.struct([(inner, arrow_type(inner_type, inner)) for inner, inner_type in wanted.items()])
    if isinstance(wanted, list):
        if len(wanted) != 1:
            raise ValueError(f"list field in schema must contain exactly one element, not {len(wanted)}")
        return pa.list_(pa.field("0", arrow_type(wanted[0], name)))
    try:
        return _PYTHON_TYPES[wanted]()
    except (KeyError, TypeError):
        raise ValueError(f"Unsupported type identifier {wanted} for field {name}") from None
