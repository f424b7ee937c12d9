"""The drop-in for bson-numpy, on documents that `bson` wrote."""

import datetime

import bson
import numpy as np
import pytest

from fuseline import bsonnumpy

RECORD = np.dtype([("i", "i4"), ("wide", "i8"), ("x", "f8"), ("s", "S4"), ("u", "U4"), ("b", "?"), ("_id", "S12")])


def documents(count):
    for i in range(count):
        yield {
            "_id": bson.ObjectId(f"{i:024x}"),
            "i": -i,
            "wide": -i,
            "x": i / 2,
            "s": "ab",
            "u": "ß🦀",
            "b": i % 2 == 0,
            "more": [1, {"a": None}],
        }


def test_every_kind_of_field():
    data = b"".join(bson.encode(document) for document in documents(3))
    array = bsonnumpy.sequence_to_ndarray(iter([data[:0] + data]), RECORD, 3)
    assert array.dtype == RECORD and array.flags.owndata
    assert array["i"].tolist() == [0, -1, -2]
    # bson-numpy leaves the upper half of a wider field as it is.
    assert array["wide"].tolist() == [0, -1, -2]
    assert array["x"].tolist() == [0, 0.5, 1]
    assert array["s"].tolist() == [b"ab"] * 3
    assert array["u"].tolist() == ["ß🦀"] * 3
    assert array["b"].tolist() == [True, False, True]
    assert [bson.ObjectId(value.ljust(12, b"\0")) for value in array["_id"]] == [d["_id"] for d in documents(3)]


def test_the_length_is_the_smaller_one():
    chunks = [bson.encode({"a": i}) for i in range(5)]
    record = np.dtype([("a", "i8")])
    assert bsonnumpy.sequence_to_ndarray(chunks, record, 100)["a"].tolist() == [0, 1, 2, 3, 4]
    assert bsonnumpy.sequence_to_ndarray(chunks, record, 2)["a"].tolist() == [0, 1]
    assert len(bsonnumpy.sequence_to_ndarray(chunks, record, 0)) == 0
    assert len(bsonnumpy.sequence_to_ndarray([], record, 3)) == 0


def test_nested_records_and_arrays():
    record = np.dtype([("r", [("n", "f8"), ("grid", "(3,2)i4")]), ("big", ">i8"), ("when", "M8[ms]")])
    when = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    document = {"big": 1 << 40, "when": when, "r": {"grid": [[1, 2], [3, 4], [5, 6]], "n": 0.5}}
    array = bsonnumpy.sequence_to_ndarray([bson.encode(document)], record, 1)
    assert array["r"]["grid"].tolist() == [[[1, 2], [3, 4], [5, 6]]]
    assert array["r"]["n"].tolist() == [0.5]
    assert array["big"].tolist() == [1 << 40]
    assert array["when"][0] == np.datetime64("2024-02-29T12:00")


def test_hundreds_of_columns():
    record = np.dtype([(f"c{i}", "i8") for i in range(500)])
    document = {f"c{i}": i for i in range(500)}
    array = bsonnumpy.sequence_to_ndarray([bson.encode(document)] * 3, record, 3)
    assert array.tolist() == [tuple(range(500))] * 3


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        ({}, "i4", r'document does not match dtype, missing key "x" \(document 0\)'),
        ({"x": -1}, "u8", r"cannot convert Int32 to dtype\('uint64'\): -1 is negative"),
        ({"x": bson.Int64(1)}, "i4", r"cannot convert Int64 to dtype\('int32'\): use at least a 64-bit integer type"),
        ({"x": 1.5}, "i8", r"cannot convert Double to dtype\('int64'\): use a floating point type"),
        ({"x": 1.5}, "f4", "use at least a 64-bit floating point type"),
        ({"x": "text"}, "f8", "use 'S' 'U' or 'V'"),
        ({"x": None}, "V9", r"unsupported BSON type: Null \(document 0, x\)"),
        ({"x": 1}, "2i4", "expected list from dtype, got other type"),
        ({"x": [1, 2, 3]}, "2i4", "array is of incorrect length"),
        ({"x": 1}, [("y", "i4")], "expected subdoc from dtype, got other type"),
        ({"x": {"y": [1, "a"]}}, [("y", "2i4")], r"cannot convert UTF-8 string .* \(document 0, x\.y\[1\]\)"),
    ],
)
def test_what_does_not_fit(document, field, message):
    with pytest.raises(bsonnumpy.error, match=message):
        bsonnumpy.sequence_to_ndarray([bson.encode(document)], np.dtype([("x", field)]), 1)


def test_wrong_arguments():
    record = np.dtype([("a", "i8")])
    with pytest.raises(TypeError, match="requires an iterator"):
        bsonnumpy.sequence_to_ndarray(0, record, 1)
    with pytest.raises(TypeError, match="requires sequence of bytes objects"):
        bsonnumpy.sequence_to_ndarray([{}], record, 1)
    with pytest.raises(bsonnumpy.error, match="count argument was negative"):
        bsonnumpy.sequence_to_ndarray([], record, -1)
    with pytest.raises(bsonnumpy.error, match="dtype must include field names"):
        bsonnumpy.sequence_to_ndarray([], np.dtype("i4"), 1)
    with pytest.raises(bsonnumpy.error, match="must not hold Python objects"):
        bsonnumpy.sequence_to_ndarray([], np.dtype([("a", "O")]), 1)
    with pytest.raises(bsonnumpy.error, match="requires a numpy.ndarray"):
        bsonnumpy.ndarray_to_sequence([1])


def test_bytes_that_are_not_bson():
    record = np.dtype([("a", "i8")])
    whole = bson.encode({"a": 1})
    for end in range(len(whole)):
        with pytest.raises(bsonnumpy.error, match="failed validation"):
            bsonnumpy.sequence_to_ndarray([whole[:end]], record, 1)
    with pytest.raises(bsonnumpy.error, match="not valid UTF-8"):
        bsonnumpy.sequence_to_ndarray([whole.replace(b"a", b"\xff")], record, 1)


def test_records_become_documents():
    record = np.dtype([("_id", "S12"), ("n", "u2"), ("r", [("p", "2f4")]), ("s", "U3"), ("t", "M8[ms]"), ("v", "V2")])
    array = np.zeros(2, record)
    array["_id"] = b"x" * 12
    array["n"], array["s"], array["v"] = 7, "ß", np.void(b"ab")
    array["t"] = [np.datetime64("2024-01-01"), np.datetime64("NaT")]
    array["r"]["p"] = [1, 2]
    first, second = map(bson.decode, bsonnumpy.ndarray_to_sequence(array))
    assert first == {
        "_id": bson.ObjectId(b"x" * 12),
        "n": 7,
        "r": {"p": [1, 2]},
        "s": "ß",
        "t": datetime.datetime(2024, 1, 1),
        "v": b"ab",
    }
    assert second["t"] is None
    with pytest.raises(bsonnumpy.error, match="larger than a long can be"):
        bsonnumpy.ndarray_to_sequence(np.array([(2**64 - 1,)], [("a", "u8")]))
