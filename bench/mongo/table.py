"""Prints the README's table of MongoDB and BSON from the committed runs, `bench/results/mongo-*.json`."""

import json
import pathlib
import statistics

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"


class Table:
    """A workload: its sides by the beginning of their names."""

    def __init__(self, name):
        self.found = json.loads((RESULTS / f"mongo-{name}.json").read_text())

    def side(self, name):
        sides = self.found["sides"]
        return sides.get(name) or next(side for known, side in sides.items() if known.startswith(name))

    def median(self, name):
        return statistics.median(self.side(name)[f"{self.found['clock']}_seconds"])

    def ratio(self, name):
        return self.median(name) / self.median("fuseline")

    def peak(self, name):
        return f"{self.side(name)['peak_per_result']:.2f}"


def main():
    numpy, pandas, arrow, files = map(Table, ("reads-numpy", "reads-pandas", "reads-arrow", "files"))
    numbers, five, writes = map(Table, ("decode-numbers", "decode-five", "writes"))
    shapes = [Table(f"shapes-{kind}") for kind in ("wide", "nested", "arrays")]
    drop_in = "fuseline.pymongoarrow write"
    rows = [
        (
            "collection to NumPy, 3 numeric fields, `read_mongo`",
            f"{numpy.median('fuseline'):.2f} s",
            f"{numpy.ratio('PyMongo dictionaries'):.1f} x",
            f"{numpy.ratio('PyMongoArrow'):.1f} x",
            f"a socket that only reads replies: {numpy.ratio('a socket'):.2f} x",
        ),
        (
            "collection to Arrow, 5 fields, `read_mongo`",
            f"{arrow.median('fuseline'):.2f} s",
            "",
            f"{arrow.ratio('PyMongoArrow'):.1f} x",
            f"`fuseline.pymongoarrow`: {arrow.ratio('fuseline find_arrow_all'):.2f} x",
        ),
        (
            "decode in memory, 3 / 5 fields, one thread",
            f"{1000 * numbers.median('fuseline'):.0f} / {1000 * five.median('fuseline'):.0f} ms",
            "",
            f"{numbers.ratio('PyMongoArrow'):.1f} / {five.ratio('PyMongoArrow'):.1f} x",
            f"bson-numpy (C): {numbers.ratio('bson-numpy'):.1f} / {five.ratio('bson-numpy'):.1f} x",
        ),
        (
            "`.bson` file to Arrow, all threads",
            f"{1000 * files.median('fuseline'):.0f} ms",
            f"{files.ratio('bson.decode_file_iter'):.1f} x",
            f"{files.ratio('PyMongoArrow'):.1f} x",
            "",
        ),
        (
            "documents of 100 fields (3 read) / nested / 50 doubles",
            " / ".join(f"{1000 * shape.median('fuseline'):.0f}" for shape in shapes) + " ms",
            "",
            " / ".join(f"{shape.ratio('PyMongoArrow'):.1f}" for shape in shapes) + " x",
            "",
        ),
        (
            "write 1 M rows, `write_mongo`",
            f"{writes.median('fuseline'):.2f} s",
            f"{writes.ratio('PyMongo insert_many'):.1f} x",
            f"{writes.ratio('PyMongoArrow'):.1f} x",
            f"a socket that sends inserts: {writes.ratio('a socket'):.2f} x",
        ),
        (
            "the same by `fuseline.pymongoarrow`, ordered / not",
            f"{writes.median(drop_in):.2f} / {writes.median(drop_in + ', ordered=False'):.2f} s",
            *(
                " / ".join(
                    f"{writes.median(peer) / writes.median(side):.1f}"
                    for side in (drop_in, drop_in + ", ordered=False")
                )
                + " x"
                for peer in ("PyMongo insert_many", "PyMongoArrow")
            ),
            "",
        ),
    ]
    print("| what | Fuseline | PyMongo | PyMongoArrow | others |\n| --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |"))
    print(
        f"\nPeak of memory in units of the result: to NumPy {numpy.peak('fuseline read')}, to Arrow "
        f"{arrow.peak('fuseline read')}, a `.bson` file {files.peak('fuseline')}; `fuseline.pymongoarrow` to NumPy "
        f"{numpy.peak('fuseline find')}, to pandas {pandas.peak('fuseline')}, to Arrow {arrow.peak('fuseline find')}."
    )


if __name__ == "__main__":
    main()
