"""The extension types themselves. Names, storage and serialised form are PyMongoArrow's."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from bson import Binary, Code, Decimal128, ObjectId


class _Scalar(pa.ExtensionScalar):
    """A value that `bson` has a class for."""

    def as_py(self, **kwargs: Any) -> Any:
        return None if self.value is None else self.type.from_storage_value(self.value.as_py(**kwargs))


class _BsonType(pa.ExtensionType):
    """What the types share: no parameters, and a class of `bson` for single values."""

    def __reduce__(self) -> Any:
        return type(self), ()

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Any:
        return cls()

    def __arrow_ext_scalar_class__(self) -> type:
        return _Scalar

    def to_pandas_dtype(self) -> Any:
        """The pandas type of a column."""
        from fuseline.pymongoarrow import pandas_types

        return pandas_types.dtype_of(self)

    def from_storage_value(self, value: Any) -> Any:
        """The object of `bson` that the stored value stands for."""
        raise NotImplementedError


class ObjectIdType(_BsonType):
    """A column of ObjectIds."""

    def __init__(self) -> None:
        super().__init__(pa.binary(12), "pymongoarrow.objectid")

    def from_storage_value(self, value: bytes) -> Any:
        """The ObjectId of twelve bytes."""
        return ObjectId(value)


class Decimal128Type(_BsonType):
    """A column of 128-bit decimals."""

    def __init__(self) -> None:
        super().__init__(pa.binary(16), "pymongoarrow.decimal128")

    def from_storage_value(self, value: bytes) -> Any:
        """The decimal of sixteen bytes."""
        return Decimal128.from_bid(value)


class CodeType(_BsonType):
    """A column of JavaScript code."""

    def __init__(self) -> None:
        super().__init__(pa.string(), "pymongoarrow.code")

    def from_storage_value(self, value: str) -> Any:
        """The code with this text."""
        return Code(value)


class BinaryType(_BsonType):
    """A column of binary data of one subtype."""

    def __init__(self, subtype: int) -> None:
        self._subtype = subtype
        super().__init__(pa.binary(), "pymongoarrow.binary")

    @property
    def subtype(self) -> int:
        """The subtype of every value."""
        return self._subtype

    def __reduce__(self) -> Any:
        return type(self), (self._subtype,)

    def __arrow_ext_serialize__(self) -> bytes:
        subtype = int(self._subtype) if isinstance(self._subtype, bool) else self._subtype
        return f"subtype={subtype}".encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> BinaryType:
        return cls(int(serialized.decode().removeprefix("subtype=")))

    def from_storage_value(self, value: bytes) -> Any:
        """The binary data of these bytes."""
        return Binary(value, self._subtype)


for _example in (ObjectIdType(), Decimal128Type(), CodeType(), BinaryType(0)):
    pa.register_extension_type(_example)
