"""The sides of each workload. Run as a process: `sides.py WORKLOAD SIDE FOLDER URI` answers each line on its input with
one run, as JSON. Imports only what its side needs, because every peer has its own environment.
"""

import ctypes
import json
import pathlib
import socket
import struct
import sys
import time
import warnings

warnings.simplefilter("ignore")

NUMBERS = ("i32", "i64", "f64")
DATABASE, COLLECTION, WRITTEN = "fuseline_bench", "flat", "written"


# ---- what the sides answer with


def answer(result):
    """Sums of what a run gave, and its size in bytes."""
    if result is None:
        return None, 0
    if isinstance(result, int):
        return {"rows": result}, 0
    if hasattr(result, "num_rows"):
        return of_table(result)
    if hasattr(result, "columns"):
        result = {name: result[name].to_numpy() for name in result.columns}
    if not isinstance(result, dict):
        result = {name: result[name] for name in result.dtype.names}
    return {name: of_array(array) for name, array in result.items()}, sum(array.nbytes for array in result.values())


def of_array(array):
    import numpy

    return float(numpy.char.str_len(array).sum() if array.dtype.kind == "S" else array.sum())


def of_table(table):
    import pyarrow as pa
    import pyarrow.compute as pc

    answer = {"rows": table.num_rows}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            answer[name] = float(pc.sum(column).as_py())
        elif pa.types.is_string(column.type) or column.type == pa.string_view():
            answer[name] = pc.sum(pc.binary_length(column.cast(pa.string()))).as_py()
        elif pa.types.is_timestamp(column.type):
            answer[name] = float(pc.sum(pc.cast(column.cast(pa.timestamp("ms")), "int64")).as_py())
        elif pa.types.is_struct(column.type):
            table_of_one = pa.Table.from_batches([pa.RecordBatch.from_struct_array(c) for c in column.chunks])
            answer[name] = of_table(table_of_one)[0]
        elif pa.types.is_list(column.type):
            answer[name] = float(pc.sum(pc.list_flatten(column)).as_py())
    return answer, table.nbytes


# ---- schemas, in pyarrow's types, which every side but PyMongo's takes


def fields(kind):
    import pyarrow as pa

    return {
        "numbers": {"i32": pa.int32(), "i64": pa.int64(), "f64": pa.float64()},
        "five": {"i32": pa.int32(), "i64": pa.int64(), "f64": pa.float64(), "s": pa.string(), "d": pa.timestamp("ms")},
        "wide": {name: pa.float64() for name in ("f10", "f50", "f90")},
        "nested": {
            "a": pa.struct([("b", pa.struct([("x", pa.float64()), ("y", pa.float64())])), ("n", pa.int32())]),
            "s": pa.string(),
        },
        "arrays": {"v": pa.list_(pa.float64())},
    }[kind]


def record(kind):
    import numpy

    numbers = [("i32", "i4"), ("i64", "i8"), ("f64", "f8")]
    kinds = {
        "numbers": numbers,
        "five": [*numbers, ("s", "S12"), ("d", "i8")],
        "wide": [(name, "f8") for name in ("f10", "f50", "f90")],
        "arrays": [("v", "f8", 50)],
    }
    return numpy.dtype(kinds[kind])


def modules(ours):
    if ours:
        from fuseline.pymongoarrow import api, context
    else:
        from pymongoarrow import api, context
    return api, context.PyMongoArrowContext


# ---- reads


def find_numpy(ours, uri):
    import pymongo

    api, _ = modules(ours)
    collection = pymongo.MongoClient(uri)[DATABASE][COLLECTION]
    schema = api.Schema(fields("numbers"))
    return lambda: api.find_numpy_all(collection, {}, schema=schema)


def find_pandas(ours, uri):
    import pymongo

    api, _ = modules(ours)
    collection = pymongo.MongoClient(uri)[DATABASE][COLLECTION]
    schema = api.Schema(fields("numbers"))
    return lambda: api.find_pandas_all(collection, {}, schema=schema)


def find_arrow(ours, uri):
    import pymongo

    api, _ = modules(ours)
    collection = pymongo.MongoClient(uri)[DATABASE][COLLECTION]
    schema = api.Schema(fields("five"))
    return lambda: api.find_arrow_all(collection, {}, schema=schema)


def dictionaries(uri):
    import numpy
    import pymongo

    collection = pymongo.MongoClient(uri)[DATABASE][COLLECTION]

    def run():
        columns = {name: [] for name in NUMBERS}
        for row in collection.find({}, {"_id": 0, **dict.fromkeys(NUMBERS, 1)}):
            for name in NUMBERS:
                columns[name].append(row[name])
        types = {"i32": "i4", "i64": "i8", "f64": "f8"}
        return {name: numpy.array(column, types[name]) for name, column in columns.items()}

    return run


def read_mongo(uri, kind):
    import pyarrow as pa

    import fuseline as fl

    schema = pa.schema(list(fields(kind).items()))

    def run():
        found = fl.read_mongo(uri, f"{DATABASE}.{COLLECTION}", schema=schema)
        return found.to_numpy() if kind == "numbers" else found.collect()

    return run


def replies(uri):
    """The server's replies, asked for and thrown away: what no client can beat with one cursor."""
    import bson

    host, port = uri.split("//")[1].split("/")[0].split(":")
    connection = socket.create_connection((host, int(port)))
    memory = bytearray(64 << 20)

    def ask(command):
        body = bytes(4) + b"\0" + bson.encode({**command, "$db": DATABASE})
        connection.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
        view, have = memoryview(memory), 0
        while have < 16 or have < struct.unpack_from("<i", memory)[0]:
            have += connection.recv_into(view[have:])
        # Header, flags, kind, document, `cursor`, its first field: the batch; behind it the cursor's id.
        batch = memory.index(0, 21 + 4 + 1 + 7 + 4 + 1) + 1
        length = struct.unpack_from("<i", memory, batch)[0]
        return struct.unpack_from("<q", memory, batch + length + 4)[0]

    def run():
        cursor = ask({"find": COLLECTION, "batchSize": 20_000})
        while cursor:
            cursor = ask({"getMore": bson.Int64(cursor), "collection": COLLECTION, "batchSize": 20_000})

    return run


# ---- bytes in memory, and files


def decode(ours, folder, kind):
    api, context = modules(ours)
    data = (folder / f"{'flat' if kind in ('numbers', 'five') else kind}.bson").read_bytes()
    schema = api.Schema(fields(kind))

    def run():
        decoder = context(schema)
        decoder.process_bson_stream(data)
        return decoder.finish()

    return run


def records(ours, folder, kind):
    if ours:
        from fuseline import bsonnumpy
    else:
        import bsonnumpy
    data = (folder / f"{'flat' if kind in ('numbers', 'five') else kind}.bson").read_bytes()
    wanted = record(kind)
    count = 1_000_000 if kind in ("numbers", "five") else 50_000

    def run():
        return bsonnumpy.sequence_to_ndarray(iter([data]), wanted, count)

    return run


def file_by_pymongoarrow(folder):
    _, context = modules(False)
    api, _ = modules(False)
    schema = api.Schema(fields("five"))

    def run():
        decoder = context(schema)
        decoder.process_bson_stream((folder / "flat.bson").read_bytes())
        return decoder.finish()

    return run


def file_by_bson(folder):
    import bson
    import pyarrow as pa

    def run():
        columns = {name: [] for name in fields("five")}
        with open(folder / "flat.bson", "rb") as file:
            for row in bson.decode_file_iter(file):
                for name, column in columns.items():
                    column.append(row[name])
        return pa.table(columns, pa.schema(list(fields("five").items())))

    return run


def file_by_fuseline(folder):
    import pyarrow as pa

    import fuseline as fl

    schema = pa.schema(list(fields("five").items()))
    return lambda: fl.read_bson(str(folder / "flat.bson"), schema=schema).collect()


# ---- writes


def rows_to_write():
    import numpy
    import pyarrow as pa

    count = 1_000_000
    numbers = numpy.arange(count)
    names = pa.array([f"name {index % 1000}" for index in range(count)])
    return pa.table({"_id": numbers, "x": numbers * 0.5, "n": (numbers % 97).astype("i4"), "s": names})


def written(uri, write):
    """Runs `write(collection, table)` on an empty collection; emptying it is not part of the time."""
    import pymongo

    collection = pymongo.MongoClient(uri)[DATABASE][WRITTEN]
    table = rows_to_write()

    def run():
        write(collection, table)
        return collection.count_documents({})

    run.before = collection.drop
    return run


def write_by_fuseline(uri):
    import fuseline as fl

    return written(uri, lambda _, table: fl.from_arrow(table).write_mongo(uri, f"{DATABASE}.{WRITTEN}"))


def write_by_drop_in(ours, uri, **options):
    api, _ = modules(ours)
    return written(uri, lambda collection, table: api.write(collection, table, **options))


def write_by_pymongo(uri):
    return written(uri, lambda collection, table: collection.insert_many(table.to_pylist()))


def write_by_socket(uri):
    """Inserts that were made before, over two connections: what no client can beat on two cores."""
    import concurrent.futures
    import itertools

    import bson

    host, port = uri.split("//")[1].split("/")[0].split(":")
    connections = [socket.create_connection((host, int(port))) for _ in range(2)]
    rows = iter(rows_to_write().to_pylist())
    messages = []
    while documents := b"".join(bson.encode(row) for row in itertools.islice(rows, 3000)):
        sequence = b"documents\0" + documents
        command = bson.encode({"insert": WRITTEN, "ordered": False, "$db": DATABASE})
        body = bytes(4) + b"\0" + command + b"\1" + struct.pack("<i", 4 + len(sequence)) + sequence
        messages.append(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)

    def send(place):
        for message in messages[place::2]:
            connections[place].sendall(message)
            reply = b""
            while len(reply) < 4 or len(reply) < struct.unpack_from("<i", reply)[0]:
                reply += connections[place].recv(4096)

    def write(*_):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(send, range(2)))

    return written(uri, write)


#: By workload: what it is, the clock that counts, and its sides: the environment they run in, and how they start.
WORKLOADS = {
    "reads-numpy": ("1 M documents of a collection to NumPy, 3 numeric fields", "wall", {
        "fuseline read_mongo": ("fuseline", lambda folder, uri: read_mongo(uri, "numbers")),
        "fuseline find_numpy_all": ("fuseline", lambda folder, uri: find_numpy(True, uri)),
        "PyMongo dictionaries": ("fuseline", lambda folder, uri: dictionaries(uri)),
        "PyMongoArrow find_numpy_all": ("pymongoarrow", lambda folder, uri: find_numpy(False, uri)),
        "a socket that reads replies": ("fuseline", lambda folder, uri: replies(uri)),
    }),
    "reads-pandas": ("1 M documents of a collection to pandas, 3 numeric fields", "wall", {
        "fuseline find_pandas_all": ("fuseline", lambda folder, uri: find_pandas(True, uri)),
        "PyMongoArrow find_pandas_all": ("pymongoarrow", lambda folder, uri: find_pandas(False, uri)),
    }),
    "reads-arrow": ("1 M documents of a collection to Arrow, 5 fields", "wall", {
        "fuseline read_mongo": ("fuseline", lambda folder, uri: read_mongo(uri, "five")),
        "fuseline find_arrow_all": ("fuseline", lambda folder, uri: find_arrow(True, uri)),
        "PyMongoArrow find_arrow_all": ("pymongoarrow", lambda folder, uri: find_arrow(False, uri)),
    }),
    **{
        f"decode-{kind}": (f"1 M documents in memory, {count} fields, one thread", "cpu", {
            "fuseline to Arrow": ("fuseline", lambda folder, uri, kind=kind: decode(True, folder, kind)),
            "PyMongoArrow": ("pymongoarrow", lambda folder, uri, kind=kind: decode(False, folder, kind)),
            "fuseline.bsonnumpy": ("fuseline", lambda folder, uri, kind=kind: records(True, folder, kind)),
            "bson-numpy": ("bsonnumpy", lambda folder, uri, kind=kind: records(False, folder, kind)),
        })
        for kind, count in (("numbers", 3), ("five", 5))
    },
    "files": ("a .bson file of 1 M documents to Arrow, 5 fields, all threads", "wall", {
        "fuseline read_bson": ("fuseline", lambda folder, uri: file_by_fuseline(folder)),
        "PyMongoArrow": ("pymongoarrow", lambda folder, uri: file_by_pymongoarrow(folder)),
        "bson.decode_file_iter": ("fuseline", lambda folder, uri: file_by_bson(folder)),
    }),
    **{
        f"shapes-{kind}": (what, "cpu", {
            "fuseline to Arrow": ("fuseline", lambda folder, uri, kind=kind: decode(True, folder, kind)),
            "PyMongoArrow": ("pymongoarrow", lambda folder, uri, kind=kind: decode(False, folder, kind)),
        })
        for kind, what in (
            ("wide", "documents of 100 fields, 3 read"),
            ("nested", "nested documents"),
            ("arrays", "arrays of 50 doubles"),
        )
    },
    "writes": ("1 M rows of 4 columns into a collection", "wall", {
        "fuseline write_mongo": ("fuseline", lambda folder, uri: write_by_fuseline(uri)),
        "fuseline.pymongoarrow write": ("fuseline", lambda folder, uri: write_by_drop_in(True, uri)),
        "fuseline.pymongoarrow write, ordered=False": (
            "fuseline", lambda folder, uri: write_by_drop_in(True, uri, ordered=False)
        ),
        "PyMongoArrow write": ("pymongoarrow", lambda folder, uri: write_by_drop_in(False, uri)),
        "PyMongo insert_many": ("fuseline", lambda folder, uri: write_by_pymongo(uri)),
        "a socket that sends inserts": ("fuseline", lambda folder, uri: write_by_socket(uri)),
    }),
}  # fmt: skip


def memory(what):
    """``VmRSS`` or ``VmHWM`` (the peak) of this process."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))


def main():
    workload, side, folder, uri = sys.argv[1:]
    run = WORKLOADS[workload][2][side][1](pathlib.Path(folder), uri)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)
    for _ in sys.stdin:
        getattr(run, "before", lambda: None)()
        trim(0)
        before = memory("VmRSS")
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        figures = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        peak = memory("VmHWM") - before
        figures["answer"], size = answer(result)
        if size:
            figures["peak_per_result"] = round(peak / size, 2)
        del result
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
