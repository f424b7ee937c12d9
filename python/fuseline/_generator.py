"""Generators of compiled code, as Python's own."""

from __future__ import annotations

import types
from collections.abc import Generator
from typing import Any, cast

from fuseline import _core


def generator(step: _core.Generator, name: str) -> Generator[Any, None, Any]:
    """An iterator over the values of a compiled generator function that has not begun."""
    made = _values(step)
    cast("types.GeneratorType[Any, None, Any]", made).__name__ = name
    return made


def _values(step: _core.Generator) -> Generator[Any, None, Any]:
    while True:
        has_value, value = step.step()
        if not has_value:
            return value
        yield value
