"""Compiles the functions of a public collection and compares every call with CPython: see README.md."""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
WORKER = HERE / "worker.py"
#: Seconds that one module may take, its doctests in CPython included.
TIME_LIMIT = 120

#: What is outside the language: a refusal that says one of these does not count against it.
OUTSIDE = (
    "cannot be imported",
    "is not a module that can be compiled",
    "not yet",
    "`open`",
    "`input`",
    "complex",
    "`eval`",
    "`exec`",
    "`globals`",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", choices=["doctests", "pyllvm"])
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--write", action="store_true", help="keep the verdicts under results/")
    options = parser.parse_args()
    if options.collection == "doctests":
        files = [file for folder in options.folders for file in sorted((options.checkout / folder).rglob("*.py"))]
    else:
        files = [options.checkout / "lots_test.py", *sorted((options.checkout / "tp_tests").glob("*.py"))]
    verdicts = []
    for number, file in enumerate(files, 1):
        verdicts += verdicts_of(options.collection, options.checkout, file)
        if sys.stderr.isatty():
            print(f"\r{number} of {len(files)} files, {len(verdicts)} functions", end="", file=sys.stderr)
    for verdict in verdicts:
        if verdict["verdict"] == "refused" and any(text in verdict["detail"] for text in OUTSIDE):
            verdict["verdict"] = "outside"
    report(verdicts)
    if options.write:
        (HERE / "results").mkdir(exist_ok=True)
        text = json.dumps(verdicts, indent=1, sort_keys=True)
        (HERE / "results" / f"{options.collection}.json").write_text(text + "\n")
    return int(any(verdict["verdict"] in ("wrong", "crash", "hang") for verdict in verdicts))


def verdicts_of(collection: str, checkout: pathlib.Path, file: pathlib.Path) -> list[dict[str, str]]:
    """The verdicts of one file's functions; the worker writes a line when it begins a function and one when it ends."""
    command = [sys.executable, str(WORKER), collection, str(checkout), str(file)]
    ended = None
    try:
        worker = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
        output = worker.stdout
        if worker.returncode != 0:
            ended = ("crash", f"exit code {worker.returncode}: {worker.stderr.strip()[-300:]}")
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode()
        ended = ("hang", f"more than {TIME_LIMIT} s")
    lines = [json.loads(line[1:]) for line in output.split("\n") if line.startswith("\x1e{")]
    done = [line for line in lines if "verdict" in line]
    begun = [line for line in lines if "verdict" not in line]
    if ended is not None and len(begun) > len(done):
        done.append({**begun[-1], "verdict": ended[0], "detail": ended[1]})
    for line in done:
        line["file"] = str(file.relative_to(checkout))
    return done


def report(verdicts: list[dict[str, str]]) -> None:
    counts = collections.Counter(verdict["verdict"] for verdict in verdicts)
    for verdict in ("identical", "documented", "refused", "outside", "wrong", "crash", "hang"):
        print(f"{verdict:<11}{counts[verdict]:>6}")
    within = sum(counts.values()) - counts["outside"]
    if within:
        share = 100 * (counts["identical"] + counts["documented"]) / within
        print(f"compiled and identical (or a documented difference): {share:.1f} % of {within} within the language")
    reasons = collections.Counter(
        verdict["detail"].splitlines()[0] for verdict in verdicts if verdict["verdict"] in ("refused", "outside")
    )
    for reason, count in reasons.most_common(40):
        print(f"{count:>5}  {reason}")
    for verdict in verdicts:
        if verdict["verdict"] in ("wrong", "crash", "hang"):
            print(f"{verdict['verdict']}: {verdict['file']}: {verdict['function']}: {verdict['detail']}")


if __name__ == "__main__":
    sys.exit(main())
