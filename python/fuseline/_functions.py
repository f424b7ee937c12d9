"""Calls with functions among the arguments: each combination of functions is a compiled function of its own."""

from __future__ import annotations

import inspect
import itertools
import linecache
import types
from typing import Any

from fuseline._function import CompiledFunction

#: So many filled functions are kept; the oldest go first.
_KEPT_MAX = 256
_kept: dict[tuple[int, ...], tuple[tuple[object, ...], CompiledFunction[..., Any]]] = {}
_numbers = itertools.count()


#: Built-in classes that are called like functions, and whose methods are functions.
_CLASSES = (bool, bytes, dict, float, frozenset, int, list, set, str, tuple)


def is_function(value: object) -> bool:
    """Whether an argument is a function, which compiled code calls but cannot hold."""
    return isinstance(value, (types.FunctionType, types.BuiltinFunctionType, CompiledFunction)) or (
        _builtin_text(value) is not None
    )


def _builtin_text(value: object) -> str | None:
    """How a program names a built-in class or a method of one: ``int``, ``str.upper``."""
    if isinstance(value, type):
        return value.__name__ if value in _CLASSES else None
    if isinstance(value, types.MethodDescriptorType) and value.__objclass__ in _CLASSES:
        return f"{value.__objclass__.__name__}.{value.__name__}"
    return None


def with_functions(
    function: CompiledFunction[..., Any], args: tuple[Any, ...]
) -> tuple[CompiledFunction[..., Any], tuple[Any, ...]]:
    """The function with its function arguments filled in, and the other arguments."""
    fixed = {name: value for name, value in zip(function.parameter_names, args, strict=True) if is_function(value)}
    rest = tuple(value for value in args if not is_function(value))
    key = (id(function), *(id(fixed.get(name)) for name in function.parameter_names))
    known = _kept.get(key)
    if known is None:
        while len(_kept) >= _KEPT_MAX:
            _, oldest = _kept.pop(next(iter(_kept)))
            linecache.cache.pop(oldest.__wrapped__.__code__.co_filename, None)
        # The objects are kept as well, so that their addresses stay theirs.
        known = _kept[key] = ((function, *fixed.values()), CompiledFunction(_filled(function, fixed)))
    return known[1], rest


def _filled(function: CompiledFunction[..., Any], fixed: dict[str, Any]) -> types.FunctionType:
    """``lambda b: function(a, b)`` as if it stood in a file, with the functions as its globals."""
    names = function.parameter_names
    own = function.__name__ if function.__name__.isidentifier() and function.__name__ not in names else "function"
    while own in names:
        own += "_"
    keywords = function.__wrapped__.__kwdefaults__ or {}
    code = function.__wrapped__.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    star = dict(zip(names[count:], ("*", "**") if code.co_flags & inspect.CO_VARARGS else ("**",), strict=False))
    texts = {name: _builtin_text(value) or name for name, value in fixed.items()}
    # A parameter may have the name of the class.
    texts = {name: name if text.partition(".")[0] in names else text for name, text in texts.items()}
    given = ", ".join(
        f"{name}={texts.get(name, name)}" if name in keywords else star.get(name, "") + texts.get(name, name)
        for name in names
    )
    text = f"lambda {', '.join(name for name in names if name not in fixed)}: {own}({given})\n"
    file = f"<fuseline call {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, [text], file)
    made = eval(compile(text, file, "eval"), {**fixed, own: function})
    assert isinstance(made, types.FunctionType)
    made.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name not in fixed}
    return made
