"""Takes turns between the sides of each workload: `run.py [TABLE ...] [--runs N] [--no-save]`; see README.md."""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(PROJECT / "python" / "tests")]

import data
import machine
import peers
import sides
from mongod import Server

RESULTS = HERE.parent / "results"
PYTHONS = {"fuseline": pathlib.Path(sys.executable), "pymongoarrow": peers.PYMONGOARROW, "bsonnumpy": peers.BSON_NUMPY}


class Side:
    """One side's process, which waits for its turn."""

    def __init__(self, workload, name, environment, folder, uri):
        command = [PYTHONS[environment], HERE / "sides.py", workload, name, folder, uri]
        self.name, self.runs = name, []
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the side `{self.name}` failed; run bench/mongo/sides.py by hand to see why")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def agree(one, other):
    if isinstance(one, dict):
        return all(agree(value, other[key]) for key, value in one.items() if key in other)
    return math.isclose(one, other, rel_tol=1e-9)


def measure(name, runs, folder, uri):
    what, clock, members = sides.WORKLOADS[name]
    missing = [side for side, (environment, _) in members.items() if not PYTHONS[environment].exists()]
    started = [Side(name, side, members[side][0], folder, uri) for side in members if side not in missing]
    try:
        first = [side.turn() for side in started]
        answers = [figures["answer"] for figures in first if figures["answer"]]
        if not all(agree(answers[0], answer) for answer in answers):
            sys.exit(f"{name}: the sides do not agree: {answers}")
        for _ in range(runs):
            for side in started:
                side.runs.append(side.turn())
    finally:
        for side in started:
            side.close()
    print(f"\n{name}: {what}" + (f" (without {', '.join(missing)})" if missing else ""))
    ours = statistics.median(run[clock] for run in started[0].runs)
    result = {"what": what, "clock": clock, "runs": runs, "sides": {}}
    for side in started:
        median = {key: statistics.median(run[key] for run in side.runs) for key in ("wall", "cpu")}
        peaks = [run["peak_per_result"] for run in side.runs if "peak_per_result" in run]
        peak = statistics.median(peaks) if peaks else None
        ratio = median[clock] / ours
        print(
            f"  {side.name:32} {median['wall']:8.3f} s  {median['cpu']:8.3f} s cpu  {ratio:7.2f}x"
            + (f"  peak {peak} of the result" if peak is not None else "")
        )
        result["sides"][side.name] = {
            "wall_seconds": [run["wall"] for run in side.runs],
            "cpu_seconds": [run["cpu"] for run in side.runs],
            "times_of_first_side": round(ratio, 2),
            "peak_per_result": peak,
        }
    return result


def fill(uri, path):
    """The flat documents as a collection."""
    import bson
    import pymongo
    from bson.raw_bson import RawBSONDocument

    collection = pymongo.MongoClient(uri)[sides.DATABASE][sides.COLLECTION]
    with open(path, "rb") as file:
        rows = [RawBSONDocument(bson.encode(row)) for row in bson.decode_file_iter(file)]
    for start in range(0, len(rows), 100_000):
        collection.insert_many(rows[start : start + 100_000], ordered=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tables",
        nargs="*",
        help="reads, decode, files, shapes, writes, or one of them, as reads-numpy; all without any",
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-save", action="store_true")
    arguments = parser.parse_args()
    tables = set(arguments.tables)
    wanted = [name for name in sides.WORKLOADS if not tables or {name, name.split("-")[0]} & tables]
    with tempfile.TemporaryDirectory() as folder:
        kinds = {name.partition("-")[2] if name.startswith("shapes") else "flat" for name in wanted}
        for kind in sorted(kinds):
            data.write(pathlib.Path(folder) / f"{kind}.bson", kind)
        server = Server() if any(name.startswith(("reads", "writes")) for name in wanted) else None
        uri = server.uri if server else "none"
        try:
            if any(name.startswith("reads") for name in wanted):
                fill(uri, pathlib.Path(folder) / "flat.bson")
            for name in wanted:
                result = measure(name, arguments.runs, folder, uri)
                if not arguments.no_save:
                    result["machine"] = machine.describe(PROJECT)
                    (RESULTS / f"mongo-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        finally:
            if server:
                server.close()


if __name__ == "__main__":
    main()
