"""Columns of BSON's own types in pandas: arrays of objects of `bson` with missing values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from bson import Binary, Code, Decimal128, ObjectId
from pandas.api.extensions import ExtensionArray, ExtensionDtype, register_extension_dtype, take
from pandas.api.indexers import check_array_indexer


class PandasBSONDtype(ExtensionDtype):
    """What the column types share."""

    na_value = np.nan
    type: Any = object
    _array: Any = None

    @property
    def name(self) -> str:
        """How pandas spells the type: ``bson_PandasObjectId``."""
        return f"bson_{type(self).__name__}"

    @classmethod
    def construct_array_type(cls) -> Any:
        """The class of the columns."""
        return cls._array

    @classmethod
    def construct_from_string(cls, string: str) -> PandasBSONDtype:
        """The type that pandas spells so."""
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        dtype = cls._spelled(string)
        if dtype is None:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'")
        return dtype

    @classmethod
    def _spelled(cls, string: str) -> PandasBSONDtype | None:
        dtype = cls()
        return dtype if string == dtype.name else None

    def arrow_type(self) -> pa.DataType:
        """The Arrow type of such a column."""
        raise NotImplementedError

    def _value(self, stored: Any) -> Any:
        """The object of `bson` that Arrow's stored value stands for."""
        return self.type(stored)

    def __from_arrow__(self, array: Any) -> Any:
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        values: list[Any] = []
        for chunk in chunks:
            storage = chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk
            values.extend(np.nan if value is None else self._value(value) for value in storage.to_pylist())
        return self._array._from_sequence(values, dtype=self)


class PandasBSONExtensionArray(ExtensionArray):
    """A column of objects of one class of `bson`; a missing value is NaN."""

    _default_dtype: Any = None

    def __init__(self, values: Any, dtype: Any, copy: bool = False) -> None:
        if not isinstance(values, np.ndarray):
            raise TypeError("Need to pass a numpy array as values")
        dtype = dtype or self._default_dtype
        if dtype is None:
            raise ValueError("dtype must be a valid data type")
        for value in values:
            if not isinstance(value, dtype.type) and not pd.isna(value):
                raise ValueError(f"Values must be either {dtype.type} or NA")
        self._dtype = dtype
        self.data = values.copy() if copy else values

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Any:
        values = np.empty(len(scalars), dtype=object)
        for index, value in enumerate(scalars):
            values[index] = value
        return cls(values, dtype=dtype, copy=copy)

    @classmethod
    def _from_factorized(cls, values: Any, original: Any) -> Any:
        return cls(values, dtype=original.dtype)

    @classmethod
    def _concat_same_type(cls, to_concat: Any) -> Any:
        return cls(np.concatenate([array.data for array in to_concat]), dtype=to_concat[0].dtype)

    @property
    def dtype(self) -> Any:
        """The column's type."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """The size of the references; the objects are not counted."""
        return int(self.data.nbytes)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: Any) -> Any:
        item = check_array_indexer(self, item)
        if isinstance(item, int | np.integer):
            return self.data[item]
        result = type(self)(self.data[item], dtype=self._dtype)
        if isinstance(item, slice) and getattr(self, "_readonly", False):
            # A view of what must not change must not change either (pandas 3).
            result._readonly = True
        return result

    def __setitem__(self, item: Any, value: Any) -> None:
        if getattr(self, "_readonly", False):
            raise ValueError("Cannot modify read-only array")
        item = check_array_indexer(self, item)
        many = isinstance(value, Iterable) and not isinstance(value, self._dtype.type)
        for single in value if many else [value]:
            if not isinstance(single, self._dtype.type) and not pd.isna(single):
                raise ValueError(f"Value must be of type {self._dtype.type} or nan")
        if many:
            if isinstance(item, int | np.integer):
                raise ValueError("setting an array element with a sequence")
            value = self._from_sequence(value, dtype=self._dtype).data
        self.data[item] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is True:
            return np.array(self.data, dtype=dtype)
        result = self.data if dtype is None else np.asarray(self.data, dtype=dtype)
        if getattr(self, "_readonly", False) and result is self.data:
            result = result.view()
            result.flags.writeable = False
        return result

    def __arrow_array__(self, type: Any = None) -> Any:
        return pa.array([self._stored(value) for value in self.data], type=self._dtype.arrow_type())

    def _stored(self, value: Any) -> Any:
        """What Arrow stores for the value."""
        return None if pd.isna(value) else value

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, pd.Series | pd.Index | pd.DataFrame):
            return NotImplemented
        if isinstance(other, self._dtype.type):
            # Some of these classes are strings or bytes, which NumPy would compare in its own way.
            return np.array([value == other for value in self.data], dtype=bool)
        return self.data == other

    def isna(self) -> np.ndarray[Any, Any]:
        """Which values are missing."""
        return np.array([not isinstance(value, self._dtype.type) and pd.isna(value) for value in self.data], dtype=bool)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Any:
        """The values at these places."""
        if allow_fill and fill_value is None:
            fill_value = self._dtype.na_value
        values = take(self.data, indices, allow_fill=allow_fill, fill_value=fill_value)
        return type(self)(values, dtype=self._dtype)

    def copy(self) -> Any:
        """A column of the same objects."""
        return type(self)(self.data.copy(), dtype=self._dtype)


class PandasObjectIdArray(PandasBSONExtensionArray):
    """A column of ObjectIds."""

    @property
    def _default_dtype(self) -> PandasObjectId:
        return PandasObjectId()

    def _stored(self, value: Any) -> Any:
        return value.binary if isinstance(value, ObjectId) else None


class PandasDecimal128Array(PandasBSONExtensionArray):
    """A column of 128-bit decimals."""

    @property
    def _default_dtype(self) -> PandasDecimal128:
        return PandasDecimal128()

    def _stored(self, value: Any) -> Any:
        return value.bid if isinstance(value, Decimal128) else None


class PandasBinaryArray(PandasBSONExtensionArray):
    """A column of binary data of one subtype."""


class PandasCodeArray(PandasBSONExtensionArray):
    """A column of JavaScript code."""

    def __init__(self, values: Any, dtype: Any, copy: bool = False) -> None:
        if isinstance(values, np.ndarray):
            # pandas may hand the code back as plain text.
            values = values.copy()
            for index, value in enumerate(values):
                if isinstance(value, str) and not isinstance(value, Code):
                    values[index] = Code(value)
        super().__init__(values, dtype, copy)

    @property
    def _default_dtype(self) -> PandasCode:
        return PandasCode()


@register_extension_dtype
class PandasObjectId(PandasBSONDtype):
    """The type of a column of ObjectIds."""

    type = ObjectId
    _array = PandasObjectIdArray

    def arrow_type(self) -> pa.DataType:
        """The Arrow type of such a column."""
        from fuseline.pymongoarrow.types import ObjectIdType

        return ObjectIdType()


@register_extension_dtype
class PandasDecimal128(PandasBSONDtype):
    """The type of a column of 128-bit decimals."""

    type = Decimal128
    _array = PandasDecimal128Array

    def arrow_type(self) -> pa.DataType:
        """The Arrow type of such a column."""
        from fuseline.pymongoarrow.types import Decimal128Type

        return Decimal128Type()

    def _value(self, stored: Any) -> Any:
        return Decimal128.from_bid(stored)


@register_extension_dtype
class PandasCode(PandasBSONDtype):
    """The type of a column of JavaScript code."""

    type = Code
    _array = PandasCodeArray

    def arrow_type(self) -> pa.DataType:
        """The Arrow type of such a column."""
        from fuseline.pymongoarrow.types import CodeType

        return CodeType()


@register_extension_dtype
class PandasBinary(PandasBSONDtype):
    """The type of a column of binary data of one subtype."""

    type = Binary
    _array = PandasBinaryArray
    _metadata = ("subtype",)

    def __init__(self, subtype: int) -> None:
        self.subtype = int(subtype)

    @property
    def name(self) -> str:
        """How pandas spells the type: ``bson_Binary[0]``."""
        return f"bson_{self.type.__name__}[{self.subtype}]"

    @classmethod
    def _spelled(cls, string: str) -> PandasBSONDtype | None:
        match = re.fullmatch(r"bson_Binary\[(\d+)\]", string)
        return cls(int(match[1])) if match else None

    def arrow_type(self) -> pa.DataType:
        """The Arrow type of such a column."""
        from fuseline.pymongoarrow.types import BinaryType

        return BinaryType(self.subtype)

    def _value(self, stored: Any) -> Any:
        return Binary(stored, self.subtype)


def dtype_of(arrow_type: Any) -> PandasBSONDtype:
    """The pandas type of a column of an extension type."""
    subtype = getattr(arrow_type, "subtype", None)
    if subtype is not None:
        return PandasBinary(subtype)
    classes = {
        "pymongoarrow.objectid": PandasObjectId,
        "pymongoarrow.decimal128": PandasDecimal128,
        "pymongoarrow.code": PandasCode,
    }
    return classes[arrow_type.extension_name]()
