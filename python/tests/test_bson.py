"""`read_bson`, `write_bson` and extended JSON: files of every kind, policies, and files that are damaged."""

from __future__ import annotations

import gzip
import pathlib
import struct
import subprocess
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

import fuseline as fl
from fuseline._bson import encode

DOCUMENTS = [{"n": index, "f": index / 4, "s": f"text {index}", "d": {"x": index}} for index in range(20_000)]
TERMINATOR = b"\xff" * 4


def write(path: pathlib.Path, documents: Sequence[dict[str, Any]]) -> str:
    path.write_bytes(b"".join(encode(document) for document in documents))
    return str(path)


def crc64(data: bytes) -> int:
    """CRC-64 with the polynomial of ECMA-182, reflected, bit by bit."""
    value = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return value ^ 0xFFFFFFFFFFFFFFFF


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def archive(collections: dict[str, list[dict[str, Any]]], *, block: int = 7) -> bytes:
    """What `mongodump --archive` writes: blocks of all collections in turns."""
    data = bytes.fromhex("6de29981") + encode({"version": "0.1"})
    for name in collections:
        data += encode({"db": "test", "collection": name, "metadata": "{}", "size": 0, "type": "collection"})
    data += TERMINATOR
    longest = max(map(len, collections.values()))
    for start in range(0, longest, block):
        for name, documents in collections.items():
            if documents[start : start + block]:
                data += encode({"db": "test", "collection": name, "EOF": False, "CRC": 0})
                data += b"".join(map(encode, documents[start : start + block])) + TERMINATOR
    for name, documents in collections.items():
        checksum = signed(crc64(b"".join(map(encode, documents))))
        data += encode({"db": "test", "collection": name, "EOF": True, "CRC": checksum}) + TERMINATOR
    return data


def rows(dataset: fl.Dataset) -> list[dict[str, Any]]:
    return dataset.collect().to_pylist()


def quiet_rows(dataset: fl.Dataset) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.RowErrorWarning)
        return rows(dataset)


def test_a_file_comes_back_in_order_whatever_the_threads(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "a.bson", DOCUMENTS * 5)
    for threads in (1, 4):
        with fl.session(threads=threads):
            assert rows(fl.read_bson(path)) == DOCUMENTS * 5


def test_several_files_plain_and_compressed_are_one_table(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "a.bson", DOCUMENTS[:10])
    (tmp_path / "b.bson.gz").write_bytes(gzip.compress(b"".join(map(encode, DOCUMENTS[10:]))))
    write(tmp_path / "c.bson", DOCUMENTS[:3])
    dataset = fl.read_bson(tmp_path / "*.bson*")
    assert rows(dataset) == DOCUMENTS + DOCUMENTS[:3]
    assert dataset.count() == len(DOCUMENTS) + 3
    assert len(rows(dataset.limit(15))) == 15


def test_functions_read_the_columns(tmp_path: pathlib.Path) -> None:
    dataset = fl.read_bson(write(tmp_path / "a.bson", DOCUMENTS))
    kept = dataset.filter(lambda t: t.n % 2 == 0).aggregate(total=fl.sum("f"))
    assert kept.to_rows()[0].total == sum(document["f"] for document in DOCUMENTS if document["n"] % 2 == 0)
    assert "columns=[f, n]" in kept.explain() or "columns=[n, f]" in kept.explain()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_collection_of_an_archive(tmp_path: pathlib.Path, compressed: bool) -> None:
    other = [{"other": index} for index in range(40)]
    data = archive({"trips": DOCUMENTS[:500], "other": other})
    path = tmp_path / "dump.archive"
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert rows(fl.read_bson(path, collection="test.trips")) == DOCUMENTS[:500]
    assert rows(fl.read_bson(path, collection="test.other")) == other
    with pytest.raises(fl.CompileError, match="several collections") as several:
        fl.read_bson(path)
    assert "test.trips" in str(several.value)
    with pytest.raises(fl.CompileError, match="no collection `test.x`"):
        fl.read_bson(path, collection="test.x")


def test_an_archive_that_was_changed_is_found_out(tmp_path: pathlib.Path) -> None:
    data = archive({"trips": DOCUMENTS[:50]})
    path = tmp_path / "dump.archive"
    path.write_bytes(data.replace(b"text 17", b"text 71"))
    with pytest.raises(fl.EngineError, match="checksum"):
        fl.read_bson(path).collect()
    for length in range(8, len(data) - 1, 97):
        path.write_bytes(data[:length])
        with pytest.raises(fl.EngineError, match="damaged"):
            fl.read_bson(path, schema={"n": int}).collect()


def small_archive() -> bytes:
    return archive(
        {"trips": [{"n": n, "s": "x" * n} for n in range(9)], "other": [{"o": n} for n in range(5)]}, block=2
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_cut_at_any_byte_is_an_error(tmp_path: pathlib.Path, compressed: bool) -> None:
    data = small_archive()
    path = tmp_path / "dump.archive"
    # What follows the collection that is read need not be there.
    end = data.rindex(b"CRC", 0, data.rindex(b"CRC")) + len(b"CRC\0") + 8 + 1
    for length in range(4, end):
        path.write_bytes(gzip.compress(data[:length]) if compressed else data[:length])
        with pytest.raises(fl.EngineError, match="damaged: it is cut short|damaged: it ends before"):
            fl.read_bson(path, collection="test.trips", schema={"n": int}).collect()
    path.write_bytes(gzip.compress(data[:end]) if compressed else data[:end])
    with pytest.raises(fl.EngineError, match="cut short"):
        fl.read_bson(path, collection="test.other", schema={"o": int}).collect()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (bytes.fromhex("6de29981"), bytes.fromhex("6de29982"), "is one collection"),
        (b"version\0", b"versio", "damaged"),
        (b"collection\0", b"collectiox\0", "names no collection"),
        (
            struct.pack("<i", len(encode({"n": 3, "s": "xxx"}))) + b"\x10",
            b"\xff\xff\xff\x7f\x10",
            "length that makes no",
        ),
        (b"xxx\0", b"xx\xff\0", "checksum|UTF-8"),
        (b"\x10n\0\x03", b"\x12n\0\x03", "checksum|not valid BSON"),
        (b"CRC\0", b"CRD\0", "checksum"),
        (TERMINATOR + b"\x3b", b"\xff\xff\xff\xfe\x3b", "damaged|not valid"),
    ],
)
def test_a_damaged_archive_is_an_error(tmp_path: pathlib.Path, old: bytes, new: bytes, message: str) -> None:
    data = small_archive()
    assert old in data
    path = tmp_path / "dump.archive"
    path.write_bytes(data.replace(old, new))
    with pytest.raises((fl.EngineError, fl.CompileError), match=message):
        fl.read_bson(path, collection="test.trips", schema={"n": int}).collect()


def test_any_bit_of_an_archive_that_changes_is_seen_or_harmless(tmp_path: pathlib.Path) -> None:
    data = small_archive()
    path = tmp_path / "dump.archive"
    expected = list(range(9))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            found = fl.read_bson(path, collection="test.trips", schema={"n": int}).collect()["n"].to_pylist()
        except (fl.EngineError, fl.CompileError):
            continue
        assert found == expected, place


def test_views_and_blocks_without_documents(tmp_path: pathlib.Path) -> None:
    data = bytes.fromhex("6de29981") + encode({"concurrent_collections": 4, "version": "0.1"})
    data += encode({"db": "a", "collection": "seen", "metadata": "{}", "size": 0, "type": "view"})
    data += encode({"db": "a", "collection": "b.c", "metadata": "{}", "size": 0, "type": "collection"}) + TERMINATOR
    header = {"db": "a", "collection": "b.c", "EOF": False, "CRC": 0}
    data += (encode(header) + TERMINATOR) * 2 + encode(header) + encode({"n": 1}) + TERMINATOR
    data += encode({**header, "EOF": True, "CRC": signed(crc64(encode({"n": 1})))}) + TERMINATOR
    path = tmp_path / "dump.archive"
    path.write_bytes(data)
    assert rows(fl.read_bson(path)) == [{"n": 1}]
    assert rows(fl.read_bson(path, collection="a.b.c")) == [{"n": 1}]


def test_a_file_cut_anywhere_is_an_error_or_whole(tmp_path: pathlib.Path) -> None:
    data = b"".join(map(encode, DOCUMENTS[:3]))
    ends = {sum(len(encode(document)) for document in DOCUMENTS[:count]): count for count in range(4)}
    for compressed in (False, True):
        for length in range(len(data) + 1):
            path = tmp_path / "cut.bson"
            path.write_bytes(gzip.compress(data[:length]) if compressed else data[:length])
            dataset = fl.read_bson(path, schema={"n": int})
            if length in ends:
                assert dataset.collect().num_rows == ends[length]
            else:
                with pytest.raises(fl.EngineError, match="not valid BSON"):
                    dataset.collect()


def test_damaged_compression_is_an_error(tmp_path: pathlib.Path) -> None:
    data = gzip.compress(b"".join(map(encode, DOCUMENTS)))
    path = tmp_path / "a.bson.gz"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(fl.EngineError, match="damaged or cut short"):
        fl.read_bson(path).collect()


def test_what_is_no_bson_names_file_and_document(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.bson"
    path.write_bytes(encode({"a": 1}) * 5 + b"\x10\0\0\0hello" + b"\0" * 20)
    with pytest.raises(fl.EngineError, match=r"a\.bson` document 5"):
        fl.read_bson(path, schema={"a": int}).collect()
    with pytest.raises(FileNotFoundError):
        fl.read_bson(tmp_path / "no.bson")


def test_an_empty_file_has_no_rows(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "a.bson", [])
    assert fl.read_bson(path).count() == 0
    assert fl.read_bson(path, schema={"a": int}).collect().num_rows == 0


MIXED = [{"x": 1}, {"x": "two"}, {"x": 3.5}, {"x": None}, {}, {"x": 4}, {"x": 5.0}]


def test_a_value_that_does_not_fit_raises_with_its_row(tmp_path: pathlib.Path) -> None:
    documents = [{"x": index} for index in range(30_000)]
    documents[20_001] = documents[29_000] = {"x": "text"}
    dataset = fl.read_bson(write(tmp_path / "a.bson", documents), schema={"x": int})
    with pytest.raises(TypeError, match="x: expected Int64, found string") as error:
        dataset.collect()
    assert error.value.row == 20_001  # type: ignore[attr-defined]


def test_policies_count_what_does_not_fit(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "a.bson", MIXED)
    nulled = fl.read_bson(path, schema={"x": int}, on_error="null")
    with pytest.warns(fl.RowErrorWarning, match="2 rows: TypeError in read_bson"):
        assert [row["x"] for row in rows(nulled)] == [1, None, None, None, None, 4, 5]
    assert nulled.row_errors == {"TypeError": 2}
    assert [(found.field, found.found, found.count, found.first_row) for found in nulled.mismatches] == [
        ("x", "double", 1, 2),
        ("x", "string", 1, 1),
    ]
    dropped = fl.read_bson(path, schema={"x": int}, on_error="drop")
    assert [row["x"] for row in quiet_rows(dropped)] == [1, None, None, 4, 5]
    # What is left out does not depend on what is read.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.RowErrorWarning)
        assert dropped.count() == 5


def test_collected_documents_come_out_whole(tmp_path: pathlib.Path) -> None:
    dataset = fl.read_bson(write(tmp_path / "a.bson", MIXED), schema={"x": int}, on_error="collect")
    assert len(quiet_rows(dataset)) == 5
    assert [(found.row, found.document) for found in dataset.rejected] == [
        (1, encode(MIXED[1])),
        (2, encode(MIXED[2])),
    ]
    assert dataset.rejected[0].reason == "x: expected Int64, found string"


def test_the_schema_is_widened_and_reported(tmp_path: pathlib.Path) -> None:
    documents = [{"a": 1, "b": {"c": "x"}}, {"a": 2**40, "b": {"c": None}}, {"l": [1, 2.5]}]
    dataset = fl.read_bson(write(tmp_path / "a.bson", documents))
    assert dataset.schema.field("a").type == pa.int64()
    assert dataset.schema.field("b").type == pa.struct([("c", pa.string())])
    assert dataset.schema.field("l").type == pa.list_(pa.field("item", pa.float64()))
    report = {field.field: field for field in dataset.schema_report}
    assert report["a"].types == {"int": 1, "long": 1}
    assert (report["a"].missing, report["a"].documents) == (1, 3)
    assert report["b.c"].types == {"string": 1, "null": 1}
    assert report["l[]"].types == {"int": 1, "double": 1}


@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
def test_types_of_some_columns(tmp_path: pathlib.Path) -> None:
    documents = [{"a": 1, "b": {"c": "x"}, "mixed": 1}, {"a": 2, "mixed": "text"}]
    path = write(tmp_path / "a.bson", documents)
    types = {"a": float, "mixed": str, "b": {"c": str, "d": int}, "late": [int]}
    dataset = fl.read_bson(path, types=types, on_error="null")
    assert dataset.columns == ("a", "b", "mixed", "late")
    assert dataset.collect().to_pylist() == [
        {"a": 1.0, "b": {"c": "x", "d": None}, "mixed": None, "late": None},
        {"a": 2.0, "b": None, "mixed": "text", "late": None},
    ]
    assert [(mismatch.field, mismatch.count) for mismatch in dataset.mismatches] == [("mixed", 1)]
    assert {field.field for field in dataset.schema_report} == {"a", "b", "b.c", "mixed"}
    assert fl.read_bson(path, types={"a": pa.int8()}).schema.field("a").type == pa.int8()
    with pytest.raises(ValueError, match="give one of the two"):
        fl.read_bson(path, schema={"a": int}, types={"a": int})
    with pytest.raises(ValueError, match="extended=True"):
        fl.read_json(path, types={"a": int})
    with pytest.raises(fl.CompileError, match="cannot be read from documents"):
        fl.read_bson(path, types={"a": pa.duration("s")})


def test_extension_types_keep_their_names(tmp_path: pathlib.Path) -> None:
    class ObjectId:
        _type_marker = 7
        binary = bytes(range(12))

    path = write(tmp_path / "a.bson", [{"_id": ObjectId(), "x": 1}])
    field = fl.read_bson(path).schema.field("_id")
    # Arrow takes the name out of the metadata where a class is registered for it.
    found = getattr(field.type, "extension_name", None) or field.metadata[b"ARROW:extension:name"].decode()
    assert found == "pymongoarrow.objectid"
    fl.read_bson(path).write_bson(tmp_path / "b.bson")
    assert (tmp_path / "b.bson").read_bytes() == pathlib.Path(path).read_bytes()


def test_write_bson_keeps_or_leaves_out_nulls(tmp_path: pathlib.Path) -> None:
    dataset = fl.from_rows([{"x": 1, "s": "a"}, {"x": None, "s": "b"}])
    dataset.write_bson(tmp_path / "a.bson")
    dataset.write_bson(tmp_path / "b.bson", nulls="leave out")
    assert (tmp_path / "b.bson").read_bytes().endswith(encode({"s": "b"}))
    assert len((tmp_path / "a.bson").read_bytes()) > len((tmp_path / "b.bson").read_bytes())
    assert rows(fl.read_bson(tmp_path / "b.bson")) == [{"x": 1, "s": "a"}, {"x": None, "s": "b"}]
    with pytest.raises(fl.CompileError, match="cannot be written as BSON"):
        fl.from_arrow(pa.table({"t": pa.array([1], pa.duration("s"))})).write_bson(tmp_path / "c.bson")
    assert not (tmp_path / "c.bson").exists()


CANONICAL = (
    '{"_id": {"$oid": "000102030405060708090a0b"}, "n": {"$numberLong": "7"}, "d": {"$date": {"$numberLong": "0"}}}'
)
RELAXED = '{"_id": {"$oid": "000102030405060708090a0b"}, "n": 7, "d": {"$date": "1970-01-01T00:00:00Z"}}'


@pytest.mark.parametrize("text", [f"{CANONICAL}\n{RELAXED}\n", f"[{RELAXED},\n {CANONICAL}]", f"{CANONICAL}{RELAXED}"])
def test_extended_json(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    table = fl.read_json(path, extended=True).collect()
    assert table["n"].to_pylist() == [7, 7]
    assert [value.isoformat() for value in table["d"].to_pylist()] == ["1970-01-01T00:00:00+00:00"] * 2
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text.encode()))
    assert fl.read_json(tmp_path / "a.json.gz", extended=True).collect().equals(table)


def test_much_extended_json_in_order(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n".join(f'{{"n": {index}, "s": "a \\"}}{{ {index}"}}' for index in range(100_000)))
    table = fl.read_json(path, extended=True).collect()
    assert table["n"].to_pylist() == list(range(100_000))
    assert table["s"][99_999].as_py() == 'a "}{ 99999'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1} {"a": 9223372036854775808}', "object 1: `a`: the integer 9223372036854775808 does not fit"),
        ('{"a": {"$oid": "xyz"}}', "`[$]oid`"),
        ('{"a": 1', "text ends"),
        ("hello", "expected an object"),
    ],
)
def test_what_is_no_extended_json_is_an_error(tmp_path: pathlib.Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(fl.EngineError, match=message):
        fl.read_json(path, extended=True).collect()
    with pytest.raises(fl.EngineError, match=message):
        fl.read_json(path, extended=True, schema={"a": int}).collect()


def test_memory_stays_bounded(tmp_path: pathlib.Path) -> None:
    """Reading 200 MB of compressed documents, a batch at a time, takes a small part of that."""
    block = b"".join(encode({"n": index, "s": "x" * 1000}) for index in range(2_000))
    with gzip.open(tmp_path / "big.bson.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(block)
    program = f"""
import resource, fuseline as fl
dataset = fl.read_bson({str(tmp_path / "big.bson.gz")!r}, schema={{"n": int, "s": str}})
small = fl.from_rows([{{"n": 1}}]).count()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(batch.num_rows for batch in dataset.iter_batches()) == 200_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert int(grown) < 100_000, f"{grown} KB more"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("take", ["to_numpy", "collect"])
def test_a_result_is_not_held_twice(tmp_path: pathlib.Path, take: str) -> None:
    """The peak of a read, over what was there before, is little more than the result."""
    block = b"".join(encode({"n": index, "x": index / 2, "k": -index}) for index in range(10_000))
    (tmp_path / "big.bson").write_bytes(block * 150)
    program = f"""
import ctypes, pathlib, fuseline as fl
def memory(what):
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))
trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
dataset = fl.read_bson({str(tmp_path / "big.bson")!r}, schema={{"n": int, "x": float, "k": int}})
for turn in range(2):
    result = None
    trim(0)
    before = memory("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    result = dataset.{take}()
    size = sum(array.nbytes for array in result.values()) if isinstance(result, dict) else result.nbytes
    assert size == 36_000_000, size
    peak = (memory("VmHWM") - before) / size
print(peak)
"""
    peak = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert float(peak) < 1.3, f"{peak} times the result"


def test_a_length_that_lies_is_no_crash(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.bson"
    for length in (-1, 0, 4, 2**31 - 1):
        path.write_bytes(encode({"a": 1}) + struct.pack("<i", length) + b"\0" * 40)
        with pytest.raises(fl.EngineError, match="not valid BSON"):
            fl.read_bson(path, schema={"a": int}).collect()
