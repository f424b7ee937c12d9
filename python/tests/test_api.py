"""The public surface: every name documented, typed and with an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import pkgutil

import pytest

import fuseline as fl
from fuseline import _core

MODULES = [
    "fuseline",
    *(f"fuseline.{module.name}" for module in pkgutil.iter_modules(fl.__path__) if module.name != "_core"),
]


def public_members():
    for name in fl.__all__:
        value = getattr(fl, name)
        yield name, value
        if isinstance(value, type):
            for member, inner in vars(value).items():
                if not member.startswith("_") and (callable(inner) or isinstance(inner, property)):
                    yield f"{name}.{member}", inner


MEMBERS = dict(public_members())


@pytest.mark.parametrize("name", MEMBERS)
def test_documented(name):
    doc = inspect.getdoc(MEMBERS[name])
    assert doc and doc.splitlines()[0].strip(), f"{name} has no docstring"


#: The methods of a session are the functions of the module, documented there.
WITHOUT_EXAMPLE = {
    "GroupBy",
    "Aggregate",
    "Session",
    "Dataset",
    "Diagnostic",
    "EngineError",
    "RowErrorWarning",
    "CompiledFunction",
}


@pytest.mark.parametrize("name", MEMBERS)
def test_has_an_example(name):
    if name in WITHOUT_EXAMPLE or name.split(".")[0] in {"Session", "Row", "Diagnostic", "Aggregate"}:
        return
    assert ">>>" in (inspect.getdoc(MEMBERS[name]) or ""), f"{name} has no example"


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    results = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_every_parameter_is_documented_and_typed():
    for name, value in MEMBERS.items():
        if not inspect.isfunction(value):
            continue
        for parameter in inspect.signature(value).parameters.values():
            if parameter.name == "self":
                continue
            assert parameter.annotation is not inspect.Parameter.empty, f"{name}({parameter.name})"
            documented = f"{parameter.name}:" in (inspect.getdoc(value) or "")
            assert documented or name.split(".")[0] == "Session", f"{name}({parameter.name}) is not documented"


def is_typed_dict(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "TypedDict" for base in node.bases)


def test_the_stub_says_what_the_extension_has():
    with open(os.path.join(os.path.dirname(fl.__file__), "_core.pyi")) as file:
        tree = ast.parse(file.read())
    stubbed = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    exported = {name: value for name, value in vars(_core).items() if not name.startswith("__")}
    dicts = {name for name, node in stubbed.items() if isinstance(node, ast.ClassDef) and is_typed_dict(node)}
    assert set(exported) == set(stubbed) - dicts
    for name, value in exported.items():
        node = stubbed[name]
        if isinstance(value, type):
            assert isinstance(node, ast.ClassDef)
            members = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)} - {"__init__"}
            own = {member for member in vars(value) if member not in vars(object) and member != "__module__"}
            assert own - {"__new__", "__doc__"} == members, name
        else:
            assert isinstance(node, ast.FunctionDef), name
        assert inspect.getdoc(value), f"{name} has no docstring"


def test_the_package_is_typed():
    assert os.path.exists(os.path.join(os.path.dirname(fl.__file__), "py.typed"))


def test_star_import_names_exist():
    assert sorted(fl.__all__) == sorted(set(fl.__all__))
    assert all(hasattr(fl, name) for name in fl.__all__)
