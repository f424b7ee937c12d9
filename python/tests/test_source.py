"""Finding the source of a live function and describing what it reads, without running it."""

from __future__ import annotations

import importlib
import linecache
import math
import textwrap
import types
from math import sqrt as root
from typing import Optional

import numpy as np
import pytest

import fuseline as fl
from fuseline import _source

LIMIT = 3


def helper(x):
    return x * LIMIT


def reads_globals(x: Optional[float], y: int = 2) -> float:
    if x > LIMIT:
        return helper(x) + math.pi + np.float64(1)
    return root(x) + abs(y)


class Foo:
    pass


foo = Foo()


def test_what_free_names_stand_for():
    description = _source.describe(reads_globals)
    entry, inner = description.functions
    assert (entry.name, inner.name) == ("reads_globals", "helper")
    assert entry.bindings == {
        "LIMIT": ("value", 0),
        "Optional": ("member", ("typing", "Optional")),
        "helper": ("function", 1),
        "math": ("module", "math"),
        "np": ("module", "numpy"),
        "root": ("member", ("math", "sqrt")),
    }
    assert inner.bindings == {"LIMIT": ("value", 0)}, "one variable is one capture"
    assert entry.defaults == {"y": ("value", 1)}
    assert [reference.name for reference in description.references] == ["LIMIT", "y"]
    assert description.unresolved == []


def test_names_that_cannot_be_compiled_say_what_they_are():
    size = len
    entry = _source.describe(lambda: (Foo, foo, size, fl.compile, types.SimpleNamespace)).functions[0]
    assert entry.bindings["types"] == ("unsupported", "the module `types`")
    assert entry.bindings["Foo"] == ("class", 1), "what a class can be used for is decided by the compiler"
    assert entry.bindings["foo"] == ("value", 0), "whether a value can be captured is decided by its type"
    assert entry.bindings["size"] == ("member", ("builtins", "len"))
    assert entry.bindings["fl"] == ("module", "fuseline")


def test_names_that_stand_for_nothing_are_listed():
    assert _source.describe(lambda: nowhere + 1).unresolved == ["nowhere"]  # noqa: F821


def test_a_decorator_runs_before_its_name_is_bound():
    def fact(n):
        return 1 if n < 2 else n * fact(n - 1)

    assert _source.describe(fact, itself=True).functions[0].bindings == {"fact": ("function", 0)}
    assert _source.describe(fact).functions[0].bindings == {"fact": ("function", 0)}


def test_compiled_functions_are_functions():
    inner = fl.compile(lambda x: x + 1)
    assert [entry.name for entry in _source.describe(lambda x: inner(x)).functions] == [None, None]


lambdas = [lambda a: a + 1, lambda a: a + 2, lambda a: (lambda b: b + a), lambda: 0, lambda a: (a if a else
                                                                                            -a)]  # fmt: skip


def test_lambdas_on_one_line_are_told_apart():
    columns = [_source.locate(one).column for one in [*lambdas, lambdas[2](1)]]
    assert columns == [11, 28, 45, 74, 85, 56]


def test_equal_lambdas_on_one_line_are_as_good_as_each_other():
    one, other = (lambda x: x + 1), (lambda x: x + 1)
    assert _source.locate(one).line == _source.locate(other).line


def test_closures():
    def make(weight):
        def inner(x):
            return x * weight + sum(v for v in (1, 2) if v != weight)

        return inner, lambda x: x + weight

    for function in make(3):
        description = _source.describe(function)
        assert description.functions[0].bindings == {"weight": ("value", 0)}
        assert description.references[0].read() == 3


def test_decorators_and_defaults_and_non_ascii_text():
    def nothing(function):
        return function

    @nothing
    @nothing
    def décoré(x, größe=1.0, *, k=2):
        return x + größe + k

    place = _source.locate(décoré)
    assert place.name == "décoré" and place.text.splitlines()[place.line - 1].strip() == "@nothing"
    text = "é = 'ü'; f = lambda x: x"
    module = _module("non_ascii", text)
    assert _source.locate(module.f).column == len("é = 'ü'; f = ".encode())


def _module(name, text):
    """A module whose text only `linecache` has, as for a notebook cell."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module = types.ModuleType(name)
    exec(compile(text, file, "exec"), module.__dict__)
    return module


def test_cells_of_a_notebook():
    module = _module("cell-1", "import math\ndef area(r):\n    return math.pi * r ** 2\n")
    assert _source.locate(module.area).file == "<cell-1>"


def test_no_source_is_a_clear_error():
    namespace = {}
    exec("def hidden(x):\n    return x\nf = lambda x: x", namespace)
    for name in ("hidden", "f"):
        with pytest.raises(fl.CompileError) as caught:
            _source.locate(namespace[name])
        diagnostic = caught.value.diagnostics[0]
        assert diagnostic.code == "no-source"
        assert "cannot be found" in diagnostic.message and diagnostic.help


def test_a_file_changed_after_import_is_an_error(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "changing_module.py"
    file.write_text("def f(x):\n    return x + 1\n\ng = lambda x: x * 2\n")
    module = importlib.import_module("changing_module")
    assert _source.locate(module.f).line == 1
    _source._places.clear()
    linecache.clearcache()
    file.write_text("def f(x):\n    return x + 2\n\ng = lambda x: x * 3\n")
    for function in (module.f, module.g):
        with pytest.raises(fl.CompileError, match="is not in") as caught:
            _source.locate(function)
        assert caught.value.diagnostics[0].code == "changed-source"
    importlib.reload(module)
    assert _source.locate(module.f).line == 1


def test_a_constant_of_another_type_is_a_change(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "constants_module.py"
    file.write_text("def f(x):\n    return x + 1\n")
    module = importlib.import_module("constants_module")
    linecache.clearcache()
    for other in ("1.0", "True"):
        file.write_text(f"def f(x):\n    return x + {other}\n")
        with pytest.raises(fl.CompileError, match="is not in"):
            _source.locate(module.f)


def test_asserts_that_pytest_rewrote():
    def checked(x):
        assert x > 0, "positive"
        return x

    assert _source.locate(checked).name == "checked"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1,), {}), ((1, 2, 3), {}), ((1, 2, 3, 4), {}), ((1, 2), {"c": 3, "d": 4, "e": 5}), ((1, 2), {"b": 1})],
)
def test_a_bad_call_is_explained_without_running_the_function(args, kwargs):
    def function(a, b, /, c, *, d):
        raise SystemExit

    with pytest.raises(TypeError) as expected:
        function(*args, **kwargs)
    with pytest.raises(TypeError) as found:
        _source.without_body(function)(*args, **kwargs)
    assert str(found.value) == str(expected.value)


def test_text_of_a_class_body_and_a_long_file():
    text = "class A:\n    k = 1\n    @staticmethod\n    def f(x):\n        return x\n" + "y = 1\n" * 2000
    module = _module("class-cell", text)
    assert _source.locate(module.A.f).line == 3


def test_dedented_blocks_and_strings():
    text = textwrap.dedent(
        '''
        if True:
            def f(x):
                """A text
        that is not indented."""
                return x
        '''
    )
    assert _source.locate(_module("indented-cell", text).f).name == "f"


def test_two_record_classes_of_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    other = (
        "from typing import NamedTuple\n\n"
        "class Point(NamedTuple):\n    x: int\n\n    def size(self):\n        return self.x * 100\n"
    )
    (tmp_path / "other_points.py").write_text(other)
    (tmp_path / "points.py").write_text(
        "import other_points\nfrom other_points import Point as Other\n"
        + other.replace("* 100", "* 1")
        + "\ndef both(n: int) -> int:\n    return Point(n).size() + Other(n).size()\n"
        + "\ndef one(n: int) -> int:\n    return Other(n).size()\n"
    )
    module = importlib.import_module("points")
    with pytest.raises(fl.CompileError, match="two classes that are named `Point`"):
        fl.compile(module.both)(2)
    assert fl.compile(module.one)(2) == 200
