"""The public test-suites of bson-numpy and PyMongoArrow against our drop-ins: their tests with changed imports.

    .venv/bin/python bench/conformance/drop_ins.py bsonnumpy CHECKOUT --port 27017
    .venv/bin/python bench/conformance/drop_ins.py pymongoarrow CHECKOUT --port 27017

CHECKOUT is your copy of mongodb/bson-numpy or mongodb-labs/mongo-arrow; a MongoDB server must listen on the port of
this machine, and the venv needs `pytz`. Every failure is put under a reason of `REASONS`; one without fails the run.
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

# What the suites need that is not theirs to need: names that NumPy and PyMongo dropped since 2019, and private parts of
# PyMongoArrow that its tests read.
SHIMS = {
    "bsonnumpy": """
import types
import bson, numpy, pymongo.collection, pymongo.cursor
for name, kind in dict(int=int, float=float, str=str, bool=bool, float_=numpy.float64).items():
    if name not in vars(numpy):
        setattr(numpy, name, kind)
bson.py3compat = types.SimpleNamespace(_unicode=str)
pymongo.collection.Collection.count = lambda self: self.count_documents({})
pymongo.cursor.Cursor.count = lambda self: self.collection.count_documents({})
""",
    "pymongoarrow": """
import datetime
import pyarrow as pa
from bson import Binary, Code, Decimal128, Int64, ObjectId
from fuseline.pymongoarrow import _tables, api, types
types._TYPE_NORMALIZER_FACTORY = {
    Int64: lambda _: pa.int64(), float: lambda _: pa.float64(), int: lambda _: pa.int64(),
    datetime.datetime: lambda _: pa.timestamp("ms"), ObjectId: lambda _: types.ObjectIdType(),
    Decimal128: lambda _: types.Decimal128Type(), str: lambda _: pa.string(), bool: lambda _: pa.bool_(),
    Binary: types.BinaryType, Code: lambda _: types.CodeType(),
}
types._in_type_map = lambda _: True
api._arrow_to_polars = _tables.to_polars
""",
}

# By the end of the test's name: why a test cannot pass or must not.
REASONS = {
    "test_builders.py": "not applicable: tests PyMongoArrow's compiled builders one by one",
    "test_libbson.py": "not applicable: there is no libbson",
    "TestSerializeExtensions::test_object_id_type": "not applicable: reads a private attribute of the type",
    "decimal128.py::TestSetitem::test_loc_setitem_with_expansion_retains_ea_dtype": "fails with PyMongoArrow too",
    "test_all_types": "by intent: microseconds and nanoseconds that BSON cannot hold are an error, not cut",
    "test_auto_schema_heterogeneous": "by intent: a field of several types keeps all values, not the first type's",
    "test_auto_schema_succeeds_on_find": "by intent: a field of several types keeps all values, not the first type's",
    "test_auto_schema_first_list_element_null": "by intent: null items of arrays are kept",
    "test_mixed_types_int32": "by intent: 2.9 does not become 2",
    "test_mixed_types_int64": "by intent: 2.9 does not become 2",
    "test_schema_arrays_of_documents_orphaned_null": "by intent: text in place of a document is an error",
    "TestNulls::test_int_handling": "by intent: NaN in an integer column is an error, not null",
    "test_numpy.py::TestNulls::test_other_handling": "by intent: a null string does not become the text 'None'",
    "test_pandas.py::TestNulls::test_other_handling": "by intent: a missing date is written; the test expects an error",
}


def prepare(suite, checkout, folder, port):
    source = checkout / ("test" if suite == "bsonnumpy" else "bindings/python/test")
    shutil.copytree(source, folder / "test")
    (folder / "conftest.py").write_text(SHIMS[suite])
    for path in (folder / "test").rglob("*.py"):
        text = path.read_text()
        if suite == "bsonnumpy":
            text = re.sub(r"^import bsonnumpy$", "from fuseline import bsonnumpy", text, flags=re.M)
        else:
            text = re.sub(r"^( *)(from|import) pymongoarrow\b", r"\1\2 fuseline.pymongoarrow", text, flags=re.M)
            text = text.replace("MongoClient()", f'MongoClient("127.0.0.1", {port})')
            text = text.replace('host="localhost", port=27017', f'host="127.0.0.1", port={port}')
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SHIMS)
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--port", default="27017")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(arguments.suite, arguments.checkout, folder, arguments.port)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line"]
        command += ["--junit-xml=results.xml", "--continue-on-collection-errors", "test"]
        environment = dict(os.environ, DB_IP="127.0.0.1", DB_PORT=arguments.port)
        subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
        cases = list(tree.parse(folder / "results.xml").iter("testcase"))
    counts, reasons, unexplained = collections.Counter(), collections.Counter(), []
    for case in cases:
        place = (case.get("classname") or case.get("name")).replace("test.", "", 1).split(".")
        label = "::".join(place[:-1] + [place[-1], case.get("name")])
        label = re.sub(r"(^|::)(test_\w+)(?=::)", r"\1\2.py", label, count=1)
        outcome = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        if outcome in ("failure", "error"):
            reason = next((why for end, why in REASONS.items() if end.removesuffix(".py") in label), None)
            reason or unexplained.append(label)
            reasons[reason or "no reason"] += 1
            outcome = "not applicable" if reason and reason.startswith("not applicable") else "failed"
        counts[outcome] += 1
    print(f"{arguments.suite}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    for reason, count in reasons.most_common():
        print(f"  {count:3} {reason}")
    for label in unexplained:
        print(f"  without a reason: {label}")
    sys.exit(bool(unexplained))


if __name__ == "__main__":
    main()
