"""Runs the benchmarks and keeps their raw figures.

    python bench/run.py [NAME...] [--runs N] [--out FOLDER]

Every benchmark has sides that do the same work. Their answers are compared first; then the sides take turns, so that a
slow minute of the machine hits all of them; every figure is kept in results/NAME.json with the machine's description.
"""

import argparse
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "examples")]

import machine
import suite


def measure(benchmark, runs):
    """Check the answers, warm up, then interleave."""
    sides = benchmark.sides()
    answers = {label: side() for label, side in sides.items()}
    first = next(iter(answers.values()))
    for label, answer in answers.items():
        if not benchmark.same(first, answer):
            raise SystemExit(f"{benchmark.name}: {label} gives another answer: {answer!r}, not {first!r}")
    seconds = {label: [] for label in sides}
    for _ in range(runs):
        for label, side in sides.items():
            started = benchmark.clock()
            side()
            seconds[label].append((benchmark.clock() - started) / benchmark.per)
    return seconds


def show(benchmark, seconds):
    base = statistics.median(seconds[benchmark.base])
    print(benchmark.name)
    for label, times in seconds.items():
        median = statistics.median(times)
        print(
            f"  {label:<28}{benchmark.show(median):>14}   {median / base:7.2f} x {benchmark.base}"
            f"   (from {benchmark.show(min(times))} to {benchmark.show(max(times))})"
        )
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(one.name for one in suite.BENCHMARKS)}")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results")
    arguments = parser.parse_args()
    if arguments.runs < 5:
        parser.error("fewer than five runs say nothing")
    described = machine.describe(HERE.parent)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for benchmark in suite.BENCHMARKS:
        if arguments.names and benchmark.name not in arguments.names:
            continue
        seconds = measure(benchmark, arguments.runs)
        show(benchmark, seconds)
        record = {
            "benchmark": benchmark.name,
            "what": benchmark.what,
            "clock": benchmark.clock.__name__,
            "seconds": seconds,
            "machine": described,
        }
        (arguments.out / f"{benchmark.name}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
