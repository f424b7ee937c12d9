"""What can go wrong: the program (`CompileError`), the data (CPython's own exceptions), the machine (`EngineError`)."""

from __future__ import annotations

import ast
import math
import os
import sys
import weakref
from dataclasses import dataclass
from typing import Final

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


@dataclass(frozen=True)
class Diagnostic:
    """One problem in a program that Fuseline was asked to compile.

    Attributes:
        code: A stable name of the kind of problem, such as ``"unsupported-statement"``.
        message: What is wrong, in one line.
        file: The source file, or the name of the notebook cell.
        line: The line, counted from 1; 0 when there is no place to point at.
        column: The column, counted from 1.
        help: What to write instead, when there is something to propose.
        rendered: The whole message with the source line and a caret under the place.
    """

    code: str
    message: str
    file: str
    line: int
    column: int
    help: str | None
    rendered: str

    def __str__(self) -> str:
        return self.rendered


class CompileError(Exception):
    """A function cannot be compiled; nothing has been run.

    Attributes:
        diagnostics: The problems, in source order.

    >>> import fuseline as fl
    >>> error = fl.CompileError([fl.Diagnostic("no-source", "no source", "f.py", 1, 1, None, "no source")])
    >>> error.diagnostics[0].code
    'no-source'
    """

    diagnostics: list[Diagnostic]

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n\n".join(diagnostic.rendered for diagnostic in diagnostics))

    def __reduce__(self) -> tuple[type[CompileError], tuple[list[Diagnostic]]]:
        return type(self), (self.diagnostics,)


class EngineError(Exception):
    """Fuseline itself or the machine failed: a file that is cut short, a full disk, a bug of ours."""


class MissingFileError(EngineError, FileNotFoundError):
    """A file to read is not there."""


class RowErrorWarning(UserWarning):
    """Rows failed and were set to null or left out, as ``on_error=`` asked.

    Attributes:
        failures: How many rows failed, by the name of the exception class.
    """

    failures: dict[str, int]

    def __init__(self, message: str, failures: dict[str, int] | None = None) -> None:
        self.failures = failures or {}
        super().__init__(message)


def literal(text: str) -> object:
    """The value that ``text`` shows; the text itself where it is no literal, such as ``nan``."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.get(text, text)


#: The user's own classes of exceptions that compiled functions mention, by name: a row error has only the name.
_own_exceptions: weakref.WeakValueDictionary[str, type[BaseException]] = weakref.WeakValueDictionary()


#: Exception classes of modules that compiled code knows.
_LIBRARY_EXCEPTIONS: Final = {"StatisticsError": "statistics", "LinAlgError": "numpy.linalg"}


def register_exception(cls: type[BaseException]) -> None:
    """Make row errors of a class of this name instances of it."""
    _own_exceptions[cls.__name__] = cls


def own_exception(name: str) -> type[BaseException] | None:
    """The user's class of this name while it is alive, or that of a module of the library that the user has loaded."""
    own = _own_exceptions.get(name)
    if own is None and name in _LIBRARY_EXCEPTIONS:
        return getattr(sys.modules.get(_LIBRARY_EXCEPTIONS[name]), name, None)
    return own


def caller_level() -> int:
    """The ``stacklevel`` of a warning at which the user's call into Fuseline stands, for who calls this."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level


def usage_error(code: str, message: str, help: str | None = None) -> CompileError:
    """A `CompileError` whose place is the user's call into Fuseline that is running."""
    frame = sys._getframe(caller_level() - 1)
    return source_error(code, message, frame.f_code.co_filename, frame.f_lineno, help)


def source_error(code: str, message: str, file: str = "", line: int = 0, help: str | None = None) -> CompileError:
    """A `CompileError` of one diagnostic that has no source text to show."""
    place = f"\n  --> {file}:{line}" if line else ""
    hint = f"\n  = help: {help}" if help else ""
    rendered = f"error[{code}]: {message}{place}{hint}"
    return CompileError([Diagnostic(code, message, file, line, 1 if line else 0, help, rendered)])
