"""Fuseline: ordinary Python functions, compiled ahead of time to LLVM and run over large data at native speed.

The contract: the same answer as CPython, or an error; never a silently different answer.
"""

from fuseline._errors import CompileError, Diagnostic, EngineError, RowErrorWarning
from fuseline._types import Array

__all__ = ["Array", "CompileError", "Diagnostic", "EngineError", "RowErrorWarning"]
