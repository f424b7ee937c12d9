"""What the drop-ins for BSON share: their native errors. `crates/python` raises these classes."""

from __future__ import annotations


class BsonError(ValueError):
    """Something about BSON is wrong; the classes below say what."""


class BsonFormatError(BsonError):
    """Bytes that are not BSON."""


class BsonRecordError(BsonError):
    """Documents and a structured array that do not go together."""


class BsonEncodeError(BsonError):
    """A value or a column that BSON cannot hold unchanged."""


class BsonMismatchError(BsonError):
    """A value that its column cannot hold without changing it.

    Attributes:
        document: The number of the document, from 0.
        path: Where in the document: ``a.b[3]``.
        expected: What the column holds, in Arrow's words.
        found_type: The BSON type that came; ``"nothing"`` for a missing field.
        found: The same with the value, where the value is what does not fit: ``"double 1.9"``.
    """

    def __init__(self, text: str, document: int, path: str, expected: str, found_type: str, found: str) -> None:
        super().__init__(text)
        self.document = document
        self.path = path
        self.expected = expected
        self.found_type = found_type
        self.found = found
