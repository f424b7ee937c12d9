"""The dataset corpus: `tests/dataset/*.md`. A section is a pipeline, the same in plain Python, and the answer of both.

A section has prose, a `python` block with tables (lists of dicts) and functions, a `pipeline` block (one expression in
which each table's name is a dataset), a `cpython` block (one expression in which it is a list of rows) and an `answer`
block: a Python literal, or `ZeroDivisionError row 2 line 3`. Lines of a `plan` block must be in what `explain` shows.

Nothing here knows where the pipeline runs: `make_dataset` decides, so the same files can run on a cluster.
"""

import dataclasses
import math
import pathlib

import numpy as np
import pytest

import fuseline as fl

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "dataset"
BLOCKS = ("python", "pipeline", "cpython", "answer", "plan")


@dataclasses.dataclass
class Section:
    page: str
    heading: str
    line: int
    prose: str = ""
    blocks: dict = dataclasses.field(default_factory=dict)


def sections_of(page):
    found, fence = [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if fence is not None:
            if line.rstrip() == "```":
                fence = None
            elif found:
                found[-1].blocks[fence] += line + "\n"
        elif line.startswith("## "):
            found.append(Section(page.name, line[3:].strip(), number))
        elif line.startswith("```"):
            fence = line[3:].strip()
            assert found and fence in BLOCKS, f"{page.name}:{number}: unknown block `{fence}`"
            assert fence not in found[-1].blocks, f"{page.name}:{number}: a section has one `{fence}` block"
            found[-1].blocks[fence] = ""
        elif found:
            found[-1].prose += line + "\n"
    assert fence is None, f"{page.name}: a block is not closed"
    return found


SECTIONS = [section for page in sorted(FOLDER.glob("*.md")) for section in sections_of(page)]


def make_dataset(rows):
    return fl.from_rows(rows)


def is_table(value):
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def run_block(section, folder):
    """The names of the block; from a real file, because the compiler reads the source."""
    path = folder / "section.py"
    path.write_text(section.blocks["python"])
    names = {"fl": fl, "np": np, "math": math, "__name__": "section"}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


def expression(section, block, folder):
    """The block's expression as code; in a file of its own, because the compiler reads the source of lambdas."""
    path = folder / f"{block}.py"
    path.write_text("(" + section.blocks[block].strip() + "\n)")
    return compile(path.read_text(), str(path), "eval")


def evaluate(code, names):
    """The value of the expression, or how it failed."""
    try:
        return plain(eval(code, names))
    except Exception as error:
        if isinstance(error, fl.CompileError | fl.EngineError):
            raise
        return error


def plain(value):
    """Datasets and rows as lists of dicts, arrays as lists."""
    if isinstance(value, fl.Dataset):
        value = value.to_rows()
    if isinstance(value, fl.Row):
        return dict(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def same(a, b):
    """Equal and of the same types; floats to the last digits, which a fold may round differently."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    return a == b


def meets(outcome, answer, names, *, native):
    """Whether the outcome is the stated one. Only a native row error knows its row and its line."""
    words = answer.split()
    if not isinstance(outcome, Exception):
        return same(outcome, eval(answer, dict(names)))
    if type(outcome).__name__ != words[0]:
        return False
    stated = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
    return not native or all(getattr(outcome, name) == number for name, number in stated.items())


def test_the_corpus_is_there():
    assert len(SECTIONS) >= 20


@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: f"{section.page}: {section.heading}")
def test_section(section, tmp_path):
    missing = {"python", "pipeline", "cpython", "answer"} - set(section.blocks)
    assert not missing, f"line {section.line}: no {', '.join(sorted(missing))} block"
    assert section.prose.strip(), f"line {section.line}: no prose that says what it shows"
    answer = section.blocks["answer"].strip()
    names = run_block(section, tmp_path)
    tables = {name: value for name, value in names.items() if is_table(value)}
    lists = names | {name: [fl.Row(row) for row in table] for name, table in tables.items()}
    by_cpython = evaluate(expression(section, "cpython", tmp_path), lists)
    assert meets(by_cpython, answer, names, native=False), f"CPython gives {by_cpython!r}"
    datasets = names | {name: make_dataset(table) for name, table in tables.items()}
    pipeline = expression(section, "pipeline", tmp_path)
    natively = evaluate(pipeline, datasets)
    assert meets(natively, answer, names, native=True), f"fuseline gives {natively!r}"
    if "plan" in section.blocks:
        plan = eval(pipeline, datasets).explain()
        for line in section.blocks["plan"].splitlines():
            assert line.strip() in plan, f"the plan has no `{line.strip()}`:\n{plan}"
