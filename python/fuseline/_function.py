"""`fuseline.compile` and the compiled function."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import types
import weakref
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from fuseline import _core
from fuseline._errors import source_error
from fuseline._types import Array

P = ParamSpec("P")
R = TypeVar("R")

#: Functions of modules by name in lower case, then by module and qualified name.
_named: dict[str, weakref.WeakValueDictionary[tuple[str, str], CompiledFunction[..., Any]]] = {}

_ARRAY_NAMES = frozenset({"Array", "NDArray", "ndarray"})


class CompiledFunction(_core.Function, Generic[P, R]):
    """A Python function that runs as native code. Made by `compile`.

    Call it with single values, or with columns (NumPy arrays, Arrow arrays, Polars or pandas Series) to run it for
    every row on all cores. It compiles once for each combination of argument types; new values of globals and closure
    variables compile nothing.

    Attributes:
        __wrapped__: The Python function.
    """

    __wrapped__: Callable[P, R]
    __name__: str
    __qualname__: str

    def __init__(self, function: Callable[P, R], signature: str | None = None) -> None:
        functools.update_wrapper(self, function)
        self._kinds = _parameter_kinds(cast(types.FunctionType, function))
        self._whole: dict[tuple[str, ...], tuple[bool, ...]] = {}

    def _dispatch(self, args: tuple[Any, ...]) -> Any:
        from fuseline._elementwise import dispatch

        return dispatch(self, args)

    def ir(self) -> str:
        """The Fuseline IR of the function as text: typed, in SSA form.

        Returns:
            The IR for the types of the last call, else for the annotations.

        Raises:
            CompileError: The function cannot be compiled, or the types are not known yet.

        >>> import fuseline as fl
        >>> @fl.compile
        ... def double(x: float) -> float:
        ...     return x * 2
        >>> "float.mul" in double.ir()
        True
        """
        return self._ir()

    def llvm_ir(self) -> str:
        """The optimised LLVM IR as text, for this machine.

        Raises:
            CompileError: The function cannot be compiled, or the types are not known yet.

        >>> import fuseline as fl
        >>> "fmul" in fl.compile(lambda x: x * 2.0, signature="(float) -> float").llvm_ir()
        True
        """
        return self._artifact("llvm-ir").decode()

    def bitcode(self) -> bytes:
        """LLVM bitcode, for this machine.

        Raises:
            CompileError: The function cannot be compiled, or the types are not known yet.

        >>> import fuseline as fl
        >>> fl.compile(lambda x: x * 2.0, signature="(float) -> float").bitcode()[:2]
        b'BC'
        """
        return self._artifact("bitcode")

    def assembly(self, target: str | None = None) -> str:
        """Assembly text.

        Args:
            target: An LLVM target triple such as ``"aarch64-unknown-linux-gnu"``; this machine without one.

        Raises:
            CompileError: The function cannot be compiled, or the types are not known yet.
            EngineError: The target is not known.

        >>> import fuseline as fl
        >>> "ret" in fl.compile(lambda x: x * 2.0, signature="(float) -> float").assembly()
        True
        """
        return self._artifact("assembly", target).decode()

    def object_code(self, target: str | None = None) -> bytes:
        """A relocatable object file.

        Args:
            target: An LLVM target triple such as ``"aarch64-unknown-linux-gnu"``; this machine without one.

        Raises:
            CompileError: The function cannot be compiled, or the types are not known yet.
            EngineError: The target is not known.

        >>> import fuseline as fl
        >>> fl.compile(lambda x: x * 2.0, signature="(float) -> float").object_code()[1:4]
        b'ELF'
        """
        return self._artifact("object", target)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns that a function of one row reads, in the row's order once it has been used over a dataset, else
        in the order of the source. Empty for other functions.

        >>> import fuseline as fl
        >>> fl.compile(lambda t: t.distance / (t["minutes"] / 60)).columns_read
        ('distance', 'minutes')
        """
        known = self._columns_read()
        if known is not None:
            return tuple(known)
        return _columns_in_source(cast(types.FunctionType, self.__wrapped__))

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind as a method; a method's ``self`` cannot be compiled, so only static use works."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<compiled function {self.__qualname__}>"

    def __reduce__(self) -> str:
        return self.__qualname__


@overload
def compile(function: Callable[P, R], /, *, signature: str | None = None) -> CompiledFunction[P, R]: ...
@overload
def compile(
    function: None = None, /, *, signature: str | None = None
) -> Callable[[Callable[P, R]], CompiledFunction[P, R]]: ...
def compile(
    function: Callable[P, R] | None = None, /, *, signature: str | None = None
) -> CompiledFunction[P, R] | Callable[[Callable[P, R]], CompiledFunction[P, R]]:
    """Compile a Python function to native code, as a decorator or as a function.

    When every parameter is annotated, or a signature is given, the function is compiled at once and what cannot be
    compiled is reported at once; else it is compiled at its first call for the types of the arguments. A parameter
    annotated `numpy.ndarray` (or `fuseline.Array`) takes arrays whole; one annotated otherwise takes the rows of an
    array one by one. A parameter without annotation takes the array whole, as Python would, if the function compiles
    for that, else the rows one by one.

    Args:
        function: A ``def`` or a lambda whose source can be read.
        signature: Types of the parameters, such as ``"(float, int) -> float"``, in place of annotations.

    Returns:
        The compiled function; the decorator when called without a function.

    Raises:
        CompileError: The function uses something that is not covered; ``.diagnostics`` say what, where and what to do.
        TypeError: ``function`` is not a Python function.

    >>> import fuseline as fl
    >>> @fl.compile
    ... def speed(distance: float, minutes: float) -> float:
    ...     return distance / (minutes / 60)
    >>> speed(3.0, 10.0)
    18.0
    >>> import numpy as np
    >>> speed(np.array([3.0, 5.0]), 10.0)
    array([18., 30.])
    >>> fl.compile(lambda x: x * 2, signature="(float) -> float")(4.0)
    8.0
    """
    if function is None:
        return lambda function: compile(function, signature=signature)
    if isinstance(function, CompiledFunction):
        function = function.__wrapped__
    if isinstance(function, functools._lru_cache_wrapper):
        function = function.__wrapped__
    if not isinstance(function, types.FunctionType):
        raise TypeError(
            f"`fuseline.compile` takes a Python function, not an object of class `{type(function).__name__}`"
        )
    compiled = CompiledFunction(function, signature)
    if function.__name__.isidentifier() and "<locals>" not in function.__qualname__:
        by_place = _named.setdefault(function.__name__.lower(), weakref.WeakValueDictionary())
        by_place[function.__module__, function.__qualname__] = compiled
    if signature is not None or _all_annotated(function):
        compiled._compile_annotated(itself=function.__name__ != "<lambda>")
    return compiled


def functions_named(name: str) -> list[CompiledFunction[..., Any]]:
    """The functions of modules that `compile` made under this name, whatever its case; the newest of each."""
    return list(_named.get(name.lower(), {}).values())


def as_function(function: object) -> CompiledFunction[..., Any]:
    """The compiled form of what a user gave as a function of rows."""
    if isinstance(function, CompiledFunction):
        return function
    if isinstance(function, types.FunctionType):
        return CompiledFunction(function)
    raise source_error(
        "not-a-function",
        f"an object of class `{type(function).__name__}` is not a Python function",
        help="write a `def` or a `lambda`",
    )


def _all_annotated(function: types.FunctionType) -> bool:
    """Whether the annotations say all: an array's element type is known at the call only."""
    if function.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return False
    kinds = zip(_parameter_names(function), _parameter_kinds(function), strict=True)
    return all(
        kind == "value" or (kind == "array" and _says_all(function.__annotations__[name])) for name, kind in kinds
    )


def _says_all(annotation: object) -> bool:
    """Whether an array's annotation gives its element type: `fuseline.Array[float]` does, `numpy.ndarray` does not."""
    if isinstance(annotation, str):
        return re.match(r"(\w+\.)?Array\[", annotation.strip()) is not None
    return any(isinstance(extra, Array) for extra in getattr(annotation, "__metadata__", ()))


def _parameter_names(function: types.FunctionType) -> tuple[str, ...]:
    """The names of the parameters, ``*args`` and ``**kwargs`` last."""
    code = function.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    variadic = [bool(code.co_flags & flag) for flag in (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)]
    return code.co_varnames[: count + sum(variadic)]


def _parameter_kinds(function: types.FunctionType) -> tuple[str, ...]:
    """By parameter: ``"array"`` (takes arrays whole), ``"value"`` (takes single values), ``""`` (not annotated)."""
    annotations = function.__annotations__
    names = _parameter_names(function)
    return tuple(_annotation_kind(annotations[name]) if name in annotations else "" for name in names)


def _annotation_kind(annotation: object) -> str:
    """What an annotation says of arrays; one that is only text is read as text, since nothing may be run."""
    text = annotation if isinstance(annotation, str) else _annotation_name(annotation)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return "value"
    if isinstance(tree, ast.Subscript):
        tree = tree.value
    name = tree.attr if isinstance(tree, ast.Attribute) else tree.id if isinstance(tree, ast.Name) else ""
    return "array" if name in _ARRAY_NAMES else "value"


def _annotation_name(annotation: object) -> str:
    origin = getattr(annotation, "__origin__", annotation)
    return getattr(origin, "__qualname__", None) or getattr(origin, "__name__", None) or "object"


def _columns_in_source(function: types.FunctionType) -> tuple[str, ...]:
    from fuseline._source import parse

    node = parse(function)
    arguments = [*node.args.posonlyargs, *node.args.args]
    if len(arguments) != 1:
        return ()
    row = arguments[0].arg
    found: dict[tuple[int, int], str] = {}
    for inner in ast.walk(node):
        if (
            isinstance(inner, (ast.Attribute, ast.Subscript))
            and isinstance(inner.value, ast.Name)
            and inner.value.id == row
        ):
            name = inner.attr if isinstance(inner, ast.Attribute) else getattr(inner.slice, "value", None)
            if isinstance(name, str):
                found[inner.lineno, inner.col_offset] = name
    return tuple(dict.fromkeys(found[place] for place in sorted(found)))


def compile_count() -> int:
    """How many kernels this process has compiled so far.

    Captured values are parameters, so the rounds of an iterative algorithm leave it unchanged.

    >>> import fuseline as fl
    >>> scale = 2.0
    >>> scaled = fl.compile(lambda x: x * scale)
    >>> scaled(1.0)
    2.0
    >>> before = fl.compile_count()
    >>> scale = 3.0
    >>> scaled(1.0), fl.compile_count() - before
    (3.0, 0)
    """
    return _core.compile_count()
