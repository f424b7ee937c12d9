"""The documents of the benchmarks, written byte by byte, so that no side made them."""

import struct

COUNT = 1_000_000


def document(body):
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def text(value):
    return struct.pack("<i", len(value) + 1) + value + b"\0"


def flat(index):
    """`{_id, i32, i64, f64, s, d}`, 84 bytes."""
    return document(
        b"\x07_id\0" + bytes(4) + struct.pack(">Q", index)
        + b"\x10i32\0" + struct.pack("<i", index)
        + b"\x12i64\0" + struct.pack("<q", index * 1_000_003)
        + b"\x01f64\0" + struct.pack("<d", index * 0.5)
        + b"\x02s\0" + text(b"abcdefghijkl"[: 4 + index % 9])
        + b"\x09d\0" + struct.pack("<q", 1_700_000_000_000 + index)
    )  # fmt: skip


def wide(index):
    """A hundred doubles, three of which are read: `f10`, `f50`, `f90`."""
    return document(b"".join(b"\x01f%d\0" % field + struct.pack("<d", index + field) for field in range(100)))


def nested(index):
    """`{a: {b: {x, y}, n}, s}`."""
    inner = document(b"\x01x\0" + struct.pack("<d", index) + b"\x01y\0" + struct.pack("<d", -index))
    outer = document(b"\x03b\0" + inner + b"\x10n\0" + struct.pack("<i", index))
    return document(b"\x03a\0" + outer + b"\x02s\0" + text(b"word"))


def arrays(index):
    """`{v: [50 doubles]}`."""
    items = b"".join(b"\x01%d\0" % place + struct.pack("<d", index + place) for place in range(50))
    return document(b"\x04v\0" + document(items))


KINDS = {"flat": (flat, COUNT), "wide": (wide, 50_000), "nested": (nested, 500_000), "arrays": (arrays, 50_000)}


def write(path, kind):
    make, count = KINDS[kind]
    with open(path, "wb") as file:
        for start in range(0, count, 10_000):
            file.write(b"".join(map(make, range(start, min(start + 10_000, count)))))
