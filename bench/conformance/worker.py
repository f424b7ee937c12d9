"""Judges the functions of one file; `run.py` starts a process for each and reads what `say` prints."""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
import doctest
import importlib.util
import io
import itertools
import json
import linecache
import math
import pathlib
import re
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from typing import Any

import fuseline as fl

#: Calls of one function that are compared.
CALLS_MAX = 40
#: Values of a generator that are compared.
YIELDED_MAX = 200


@dataclasses.dataclass
class Call:
    """A call as CPython made it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any = None
    raised: type[BaseException] | None = None
    args_after: tuple[Any, ...] = ()


def say(**fields: str) -> None:
    print("\x1e" + json.dumps(fields), file=sys.__stdout__, flush=True)


@dataclasses.dataclass
class Yielded:
    """The first values of a generator, and the exception that ended them."""

    values: list[Any]
    raised: type[BaseException] | None = None

    @classmethod
    def by(cls, generator: Iterator[Any]) -> Yielded:
        found = cls([])
        try:
            for value in itertools.islice(generator, YIELDED_MAX):
                found.values.append(copy.deepcopy(value))
        except Exception as error:
            found.raised = type(error)
        return found


def is_instance(value: Any) -> bool:
    """Whether it is an instance of a class of the collection's own, which most have no ``==`` for."""
    return hasattr(value, "__dict__") and not isinstance(value, (type, types.FunctionType, Yielded))


def same(ours: Any, theirs: Any, met: set[tuple[int, int]] | None = None) -> bool:
    """Equal, of the same type through and through, with NaN equal to NaN; instances by their attributes."""
    met = set() if met is None else met
    if type(ours) is not type(theirs):
        return False
    if (id(ours), id(theirs)) in met:
        return True
    if isinstance(theirs, Yielded):
        return same(ours.values, theirs.values, met) and ours.raised is theirs.raised
    if is_instance(theirs):
        met.add((id(ours), id(theirs)))
        left, right = vars(ours), vars(theirs)
        return left.keys() == right.keys() and all(same(left[name], right[name], met) for name in right)
    if isinstance(theirs, float):
        return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(same(a, b, met) for a, b in zip(ours, theirs, strict=True))
    if isinstance(theirs, dict):
        keys = zip(ours, theirs, strict=False)
        return len(ours) == len(theirs) and all(same(a, b, met) and same(ours[a], theirs[b], met) for a, b in keys)
    if type(theirs).__module__ == "numpy":
        import numpy as np

        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=theirs.dtype.kind == "f")
    return bool(ours == theirs)


def is_reordered(ours: Any, theirs: Any) -> bool:
    """Whether two lists of texts differ in their order alone, as they do from one CPython process to the next."""
    texts = [isinstance(value, list) and all(isinstance(item, str) for item in value) for value in (ours, theirs)]
    return all(texts) and sorted(ours) == sorted(theirs)


def has_big_int(value: Any) -> bool:
    """Whether an int outside 64 bits is in the value."""
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    if isinstance(value, dict):
        return any(map(has_big_int, value)) or any(map(has_big_int, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(has_big_int, value))
    return False


def made(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """The call, made."""
    call = Call(copy.deepcopy(args), copy.deepcopy(kwargs))
    try:
        call.result = copy.deepcopy(function(*args, **kwargs))
    except Exception as error:
        call.raised = type(error)
    call.args_after = copy.deepcopy(args)
    return call


def judge(name: str, function: types.FunctionType, calls: list[Call]) -> None:
    say(function=name)
    try:
        compiled = fl.compile(function)
        for call in calls[:CALLS_MAX]:
            problem = problem_of(compiled, call)
            if problem is not None:
                say(function=name, verdict=problem[0], detail=problem[1])
                return
    except fl.CompileError as error:
        first = error.diagnostics[0] if error.diagnostics else None
        detail = f"{first.code}: {first.message}" if first is not None else str(error)
        say(function=name, verdict="refused", detail=detail)
    else:
        say(function=name, verdict="identical", detail=f"{len(calls)} calls")


def problem_of(compiled: Callable[..., Any], call: Call) -> tuple[str, str] | None:
    args, kwargs = copy.deepcopy(call.args), copy.deepcopy(call.kwargs)
    shown = f"{args!r} {kwargs or ''}"[:200]
    try:
        result = compiled(*args, **kwargs)
        if isinstance(result, types.GeneratorType):
            result = Yielded.by(result)
    except fl.CompileError:
        if call.raised is TypeError:
            # What CPython says when it runs is said before.
            return None
        raise
    except fl.EngineError as error:
        return "wrong", f"{shown}: EngineError: {error}"
    except Exception as error:
        if call.raised is not None and type(error) is call.raised:
            return None
        if isinstance(error, OverflowError) and "64 bits" in str(error):
            return "documented", f"{shown}: an int outside 64 bits"
        if isinstance(error, TypeError) and "compiled code cannot take" in str(error):
            return "refused", f"argument: {error}"
        expected = call.raised.__name__ if call.raised is not None else repr(call.result)
        return "wrong", f"{shown}: {type(error).__name__}: {error}, CPython {expected[:200]}"
    if call.raised is not None:
        return "wrong", f"{shown}: gives {result!r}, CPython raises {call.raised.__name__}"
    if not same(result, call.result):
        if type(result) is float and type(call.result) is int and result == call.result:
            return "documented", f"{shown}: an int literal that meets a float"
        if is_reordered(result, call.result):
            return "documented", f"{shown}: the order of a set of strings"
        if has_big_int(call.result):
            return "documented", f"{shown}: an int outside 64 bits"
        return "wrong", f"{shown}: gives {result!r}, CPython {call.result!r}"[:400]
    if not all(map(same, args, call.args_after)):
        return "wrong", f"{shown}: leaves {args!r}, CPython {call.args_after!r}"[:400]
    return None


def load(path: pathlib.Path, name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def recorded(module: types.ModuleType, name: str, calls: list[Call]) -> Iterator[None]:
    """While this holds, outer calls of the module's function are written down."""
    function = getattr(module, name)
    depth = 0

    def record(*args: Any, **kwargs: Any) -> Any:
        nonlocal depth
        if depth > 0:
            return function(*args, **kwargs)
        depth += 1
        try:
            try:
                before = Call(copy.deepcopy(args), copy.deepcopy(kwargs))
            except Exception:
                return function(*args, **kwargs)
            try:
                result = function(*args, **kwargs)
                if isinstance(result, types.GeneratorType):
                    before.result = Yielded.by(function(*copy.deepcopy(args), **copy.deepcopy(kwargs)))
                else:
                    before.result = copy.deepcopy(result)
            except Exception as error:
                before.raised = type(error)
                raise
            finally:
                before.args_after = copy.deepcopy(args)
                calls.append(before)
            return result
        finally:
            depth -= 1

    setattr(module, name, record)
    try:
        yield
    finally:
        setattr(module, name, function)


def doctests(checkout: pathlib.Path, path: pathlib.Path) -> None:
    sys.path.insert(0, str(checkout))
    try:
        module = load(path, ".".join(path.relative_to(checkout).with_suffix("").parts))
    except BaseException:
        # A module that CPython cannot import here (a missing package, a script that wants input) has no answers.
        return
    finder, quiet = doctest.DocTestFinder(recurse=False), io.StringIO()
    for name, function in list(vars(module).items()):
        if not isinstance(function, types.FunctionType) or function.__module__ != module.__name__:
            continue
        calls: list[Call] = []
        for test in finder.find(function, name, module, globs=module.__dict__):
            if not test.examples:
                continue
            for number, example in enumerate(test.examples):
                # What an example defines has its text here, as it has while doctest runs it.
                file = f"<doctest {test.name}[{number}]>"
                linecache.cache[file] = (len(example.source), None, example.source.splitlines(keepends=True), file)
            with recorded(module, name, calls):
                test.globs = module.__dict__
                doctest.DocTestRunner(verbose=False).run(test, out=quiet.write, clear_globs=False)
        if calls:
            judge(name, function, calls)


#: What the programs expect of their own library.
PYLLVM_HEAD = """\
from math import *

def vec(items):
    return items

def zeros(*lengths):
    return [0.0] * lengths[0]

"""
#: The types that the programs name as defaults of parameters, with a value of each.
PYLLVM_VALUES: dict[str, Any] = {"int": 7, "float": 2.5, "vec": [4.0, 2.0, 2.5, 1.0], "str": "hello"}


def pyllvm_value(kind: str) -> Any:
    sized = re.fullmatch(r"list([if])(\d+)", kind)
    if sized is None:
        return PYLLVM_VALUES[kind]
    items = range(int(sized[2]))
    return list(items) if sized[1] == "i" else [float(item) for item in items]


def pyllvm(checkout: pathlib.Path, path: pathlib.Path) -> None:
    text = re.sub(r"^(\s*)print (.*)$", r"\1print(\2)", path.read_text().replace("\t", "    "), flags=re.MULTILINE)
    tree = ast.parse(text)
    kinds: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            kinds[node.name] = [ast.unparse(default) for default in node.args.defaults]
            node.args.defaults = []
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    with tempfile.TemporaryDirectory() as folder:
        written = pathlib.Path(folder) / path.name
        written.write_text(PYLLVM_HEAD + ast.unparse(ast.fix_missing_locations(tree)) + "\n")
        module = load(written, path.stem)
        for name, parameters in kinds.items():
            function = getattr(module, name)
            with contextlib.redirect_stdout(io.StringIO()):
                judge(name, function, [made(function, tuple(map(pyllvm_value, parameters)), {})])


def main() -> None:
    collection, checkout, path = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
    {"doctests": doctests, "pyllvm": pyllvm}[collection](checkout, path)


if __name__ == "__main__":
    main()
