"""Python values to BSON: filters and pipelines on their way to a server. Knows the types of the `bson` package by their
marks, without importing it.
"""

from __future__ import annotations

import datetime
import re
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_REGEX_FLAGS = (
    (re.IGNORECASE, "i"),
    (re.LOCALE, "l"),
    (re.MULTILINE, "m"),
    (re.DOTALL, "s"),
    (re.UNICODE, "u"),
    (re.VERBOSE, "x"),
)


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as BSON."""
    if not isinstance(document, Mapping):
        raise TypeError(f"a document is a mapping, not an object of class `{type(document).__name__}`")
    body = b"".join(_element(key, value) for key, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def _element(key: str, value: Any) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key of a document is a `str`, not `{key!r}`")
    kind, data = _value(value, key)
    return bytes([kind]) + _cstring(key) + data


def _cstring(text: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"{text!r} has a NUL character, which BSON cannot hold here")
    return text.encode() + b"\0"


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data) + 1) + data + b"\0"


def _binary(data: bytes, subtype: int) -> bytes:
    if subtype == 2:
        data = struct.pack("<i", len(data)) + data
    return struct.pack("<iB", len(data), subtype) + data


def _milliseconds(value: datetime.datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.timezone.utc)
    return (aware - _EPOCH) // datetime.timedelta(milliseconds=1)


def _pattern(pattern: str | bytes, flags: int) -> bytes:
    text = pattern.decode() if isinstance(pattern, bytes) else pattern
    # Python's default for text is Unicode, which a server's patterns are anyway.
    letters = "".join(letter for flag, letter in _REGEX_FLAGS if flags & flag and letter != "u")
    return _cstring(text) + _cstring(letters)


# The marks that the classes of the `bson` package carry are the numbers of the BSON types.
_MARKED: dict[int, Callable[[Any], bytes]] = {
    5: lambda value: _binary(bytes(value), value.subtype),
    7: lambda value: bytes(value.binary),
    9: lambda value: struct.pack("<q", int(value)),
    11: lambda value: _pattern(value.pattern, value.flags),
    17: lambda value: struct.pack("<II", value.inc, value.time),
    18: lambda value: struct.pack("<q", value),
    19: lambda value: bytes(value.bid),
    127: lambda value: b"",
    255: lambda value: b"",
}


def _value(value: Any, key: str) -> tuple[int, bytes]:
    mark = getattr(type(value), "_type_marker", None)
    if mark in _MARKED:
        return mark, _MARKED[mark](value)
    if mark == 13:
        return (13, _text(str(value))) if value.scope is None else (15, _code_with_scope(value))
    if mark == 100:
        return 3, encode(value.as_doc())
    if value is None:
        return 10, b""
    if isinstance(value, bool):
        return 8, bytes([value])
    if isinstance(value, int):
        return _integer(value, key)
    if isinstance(value, float):
        return 1, struct.pack("<d", value)
    if isinstance(value, str):
        return 2, _text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return 5, _binary(bytes(value), 0)
    if isinstance(value, Mapping):
        return 3, encode(value)
    if isinstance(value, (list, tuple)):
        return 4, encode({str(index): item for index, item in enumerate(value)})
    if isinstance(value, datetime.datetime):
        return 9, struct.pack("<q", _milliseconds(value))
    if isinstance(value, uuid.UUID):
        return 5, _binary(value.bytes, 4)
    if isinstance(value, re.Pattern):
        return 11, _pattern(value.pattern, value.flags)
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return _value(value.item(), key)
    raise TypeError(f"`{key}`: an object of class `{type(value).__name__}` has no BSON form")


def _integer(value: int, key: str) -> tuple[int, bytes]:
    if -(2**31) <= value < 2**31:
        return 16, struct.pack("<i", value)
    if -(2**63) <= value < 2**63:
        return 18, struct.pack("<q", value)
    raise OverflowError(f"`{key}`: the int {value} does not fit into 64 bits")


def _code_with_scope(value: Any) -> bytes:
    data = _text(str(value)) + encode(value.scope)
    return struct.pack("<i", len(data) + 4) + data
