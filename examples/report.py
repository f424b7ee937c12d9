"""Printing for flights.py: a stage clock and two tables. Nothing of Fuseline is in here."""

import contextlib
import time


class Clock:
    """Runs stages and keeps their times."""

    def __init__(self):
        self.seconds = {}

    def __call__(self, name, stage):
        started = time.perf_counter()
        result = stage()
        self.seconds[name] = time.perf_counter() - started
        return result


@contextlib.contextmanager
def stages(title):
    """A clock; says at the end how long all stages took."""
    clock = Clock()
    yield clock
    print(f"{title}: {sum(clock.seconds.values()):.2f} s\n")


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(title, rows, columns):
    """Rows with aligned columns."""
    lines = [columns, *([shown(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    print(title)
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        print("  " + "  ".join(cells))
    print()


def times(native, cpython):
    """Both times of each stage and their ratio."""
    print(f"{'stage':<24}{'native':>10}{'CPython':>10}{'ratio':>8}")
    for name in (*native, "all stages"):
        ours = native.get(name, sum(native.values()))
        theirs = cpython.get(name, sum(cpython.values()))
        print(f"{name:<24}{ours:>8.3f} s{theirs:>8.2f} s{theirs / ours:>7.1f}x")
    print()
