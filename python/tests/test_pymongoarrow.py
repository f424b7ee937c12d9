"""The drop-in for PyMongoArrow on a collection of bytes: what it must do as PyMongoArrow does, and what better."""

import datetime
import math
import pickle

import bson
import numpy as np
import pyarrow as pa
import pytest
from bson import Binary, Code, CodecOptions, Decimal128, Int64, ObjectId

from fuseline.pymongoarrow import Schema, api, types
from fuseline.pymongoarrow.errors import InvalidBSON


class Collection:
    """What the functions take from PyMongo's collections."""

    codec_options = CodecOptions()

    class database:
        client = None

    def __init__(self, documents):
        self.batches = [bson.encode(document) for document in documents]
        self.asked = None
        self.inserted = []

    def find_raw_batches(self, query, **options):
        self.asked = (query, options)
        return iter(self.batches)

    def aggregate_raw_batches(self, pipeline, **options):
        self.asked = (pipeline, options)
        return iter(self.batches)

    def insert_many(self, documents):
        self.inserted += [bson.decode(document.raw) for document in documents]


def read(documents, schema=None, **options):
    return api.find_arrow_all(Collection(documents), {}, schema=schema and Schema(schema), **options)


def test_types_without_a_schema():
    when = datetime.datetime(2024, 1, 1)
    document = {
        "_id": ObjectId(),
        "i": 1,
        "l": Int64(1),
        "x": 0.5,
        "s": "text",
        "b": True,
        "d": when,
        "n": Decimal128("1.10"),
        "bin": Binary(b"ab", 7),
        "code": Code("f()"),
        "doc": {"a": [1, 2]},
        "no": None,
    }
    table = read([document])
    assert table.to_pylist() == [document]
    assert table.schema.types == [
        types.ObjectIdType(),
        pa.int32(),
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.bool_(),
        pa.timestamp("ms"),
        types.Decimal128Type(),
        types.BinaryType(7),
        types.CodeType(),
        pa.struct([("a", pa.list_(pa.int32()))]),
        pa.null(),
    ]


def test_the_projection_follows_the_schema():
    collection = Collection([{"a": {"b": 1}}])
    schema = Schema({"a": {"b": int}, "c": [float]})
    assert api.find_arrow_all(collection, {"x": 1}, schema=schema, limit=3).to_pylist() == [{"a": {"b": 1}, "c": None}]
    projection = {"_id": False, "a.b": True, "c": True}
    assert collection.asked == ({"x": 1}, {"projection": projection, "limit": 3})


def test_the_pipeline_of_the_caller_stays_as_it_is():
    collection = Collection([{"a": 1}])
    pipeline = [{"$match": {}}]
    api.aggregate_arrow_all(collection, pipeline, schema=Schema({"a": int}))
    assert pipeline == [{"$match": {}}]
    assert collection.asked[0] == [{"$match": {}}, {"$project": {"_id": False, "a": True}}]
    with pytest.raises(ValueError, match="'\\$out' or '\\$merge'"):
        api.aggregate_arrow_all(collection, [{"$out": "x"}])


def test_later_values_widen_the_type():
    """PyMongoArrow fixes a field's type by its first value, cuts 2.5 to 2 and makes text null."""
    assert read([{"a": 1}, {"a": 2.5}]).to_pylist() == [{"a": 1.0}, {"a": 2.5}]
    assert read([{"a": 1}, {"a": 1 << 40}, {}]).to_pylist() == [{"a": 1}, {"a": 1 << 40}, {"a": None}]
    with pytest.warns(UserWarning, match=r"'a' holds types .*: string \(1\), int \(1\)"):
        table = read([{"a": 1}, {"a": "text"}])
    assert table["a"].to_pylist() == [b"\x10\x01\0\0\0", b"\x02\x05\0\0\0text\0"]


def test_numbers_are_never_cut():
    """PyMongoArrow makes 1.9 the integer 1, and 1e30 the smallest one."""
    with pytest.raises(ValueError, match=r"1.9 does not fit a column of int64 \(document 0, a\)"):
        read([{"a": 1.9}], {"a": int})
    with pytest.raises(OverflowError, match="does not fit a column of int64"):
        read([{"a": 1e30}], {"a": int})
    with pytest.raises(OverflowError, match="34359738368 does not fit a column of int32"):
        read([{"a": 1 << 35}], {"a": pa.int32()})
    assert read([{"a": 1.9}, {"a": 3.0}], {"a": int}, allow_invalid=True).to_pylist() == [{"a": None}, {"a": 3}]
    assert read([{"a": 7}], {"a": pa.int8()}).to_pylist() == [{"a": 7}]


def test_other_types_are_an_error_that_names_both():
    with pytest.raises(
        TypeError, match=r"unexpected type `document` instead of expected type `string` \(document 1, x\)"
    ):
        read([{"x": "a"}, {"x": {}}], {"x": str})
    with pytest.raises(TypeError, match="unexpected subtype `20` instead of expected subtype `10`"):
        read([{"x": Binary(b"1", 20)}], {"x": types.BinaryType(10)})
    with pytest.raises(InvalidBSON, match="Could not read BSON document stream"):
        collection = Collection([])
        collection.batches = [bson.encode({"a": 1})[:-1]]
        api.find_arrow_all(collection, {})
    with pytest.raises(InvalidBSON, match="UTF-8"):
        collection.batches = [bson.encode({"a": "x"}).replace(b"x", b"\xff")]
        api.find_arrow_all(collection, {})


def test_missing_null_and_empty_documents_stay_apart():
    """PyMongoArrow makes the three the same, and NaN null."""
    table = read([{"a": {}}, {"a": None}, {"a": {"b": 1}}, {}], {"a": {"b": int}})
    assert table["a"].to_pylist() == [{"b": None}, None, {"b": 1}, None]
    assert math.isnan(read([{"a": math.nan}], {"a": float})["a"][0].as_py())
    assert read([{"a": []}, {"a": [None, 1]}])["a"].to_pylist() == [[], [None, 1]]


def test_a_key_that_stands_twice_is_one_value():
    twice = bson.encode({"a": 1, "b": 2}).replace(b"b\0", b"a\0")
    collection = Collection([])
    collection.batches = [twice]
    assert api.find_arrow_all(collection, {}, schema=Schema({"a": int})).to_pylist() == [{"a": 2}]


def test_numpy_keeps_values():
    """PyMongoArrow makes a null string the text "None", and an int64 beside a null the nearest double."""
    collection = Collection([{"s": "a", "i": (1 << 53) + 1, "j": 1}, {}])
    arrays = api.find_numpy_all(collection, {}, schema=Schema({"s": str, "i": int, "j": int}))
    assert arrays["s"].tolist() == ["a", None]
    assert arrays["i"].tolist() == [(1 << 53) + 1, None] and arrays["i"].dtype == np.int64
    assert arrays["j"].dtype == np.float64
    full = api.find_numpy_all(Collection([{"s": "a", "i": 1}]), {})
    assert full["s"].dtype == np.dtype("<U1") and full["i"].dtype == np.int32


def test_pandas_keeps_values():
    pytest.importorskip("pandas")
    oid = ObjectId()
    frame = api.find_pandas_all(Collection([{"_id": oid, "i": (1 << 53) + 1}, {"_id": oid}]), {})
    assert frame["_id"].tolist() == [oid, oid] and str(frame["_id"].dtype) == "bson_PandasObjectId"
    assert frame["i"][0] == (1 << 53) + 1 and str(frame["i"].dtype) == "Int64"


def test_polars():
    polars = pytest.importorskip("polars")
    frame = api.find_polars_all(Collection([{"i": 1}, {}]), {})
    assert frame.equals(polars.DataFrame({"i": polars.Series([1, None], dtype=polars.Int32)}))


def test_writing():
    collection = Collection([])
    when = [datetime.datetime(2024, 1, 1), None]
    table = pa.table({"i": pa.array([1, None], pa.int16()), "when": pa.array(when, pa.timestamp("us"))})
    assert api.write(collection, table).inserted_count == 2
    assert collection.inserted == [{"i": 1, "when": when[0]}, {"i": None, "when": None}]
    collection.inserted = []
    api.write(collection, table, exclude_none=True)
    assert collection.inserted == [{"i": 1, "when": when[0]}, {}]
    collection.inserted = []
    api.write(collection, {"x": np.array([0.5, math.nan]), "s": np.array(["a", "b"])})
    assert collection.inserted[0] == {"x": 0.5, "s": "a"} and math.isnan(collection.inserted[1]["x"])
    with pytest.raises(ValueError, match="no whole number of milliseconds"):
        api.write(collection, pa.table({"a": pa.array([1], pa.timestamp("us"))}))
    with pytest.raises(ValueError, match="Unsupported data type"):
        api.write(collection, pa.table({"a": [b"plain"]}))
    with pytest.raises(ValueError, match="Invalid tabular data object"):
        api.write(collection, {"a": 1})


def test_types_travel():
    for kind in (types.ObjectIdType(), types.Decimal128Type(), types.CodeType(), types.BinaryType(3)):
        assert pickle.loads(pickle.dumps(kind)) == kind
    table = read([{"_id": ObjectId(), "b": Binary(b"x", 3)}])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert pa.ipc.open_stream(sink.getvalue()).read_all().equals(table)


def test_schemas():
    schema = Schema({"a": int, "b": [str], "c": {"d": datetime.datetime}, "e": None})
    fields = [("a", pa.int64()), ("b", pa.list_(pa.string())), ("c", pa.struct([("d", pa.timestamp("ms"))]))]
    assert Schema.from_arrow(schema.to_arrow()) == schema
    assert [(field.name, field.type) for field in schema.to_arrow()][:3] == fields
    with pytest.raises(ValueError, match="exactly one element, not 2"):
        Schema({"a": [int, int]})
    with pytest.raises(ValueError, match="Unsupported type identifier"):
        Schema({"a": object})
    with pytest.raises(ValueError, match='Unsupported data type in schema for field "h" of type "halffloat"'):
        read([], {"h": pa.float16()})
    with pytest.raises(TypeError, match="must be 'ms'"):
        read([], {"t": pa.timestamp("us")})


def test_methods_of_collections():
    pymongo = pytest.importorskip("pymongo")
    from fuseline.pymongoarrow.monkey import patch_all

    patch_all()
    assert pymongo.collection.Collection.find_arrow_all is api.find_arrow_all
