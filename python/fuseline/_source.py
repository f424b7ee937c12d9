"""From a live function object to the description the compiler takes. Nothing of the user's program is run here.

The source text comes from `linecache`, which knows files, notebook cells, the interactive interpreter of Python 3.13
and doctests. The function is found in it by its code object, and the text is compiled again to see that it still is
the text of that code object: a file edited after its import is an error, not another answer.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import dataclasses
import dis
import enum
import functools
import inspect
import linecache
import logging
import re
import sys
import types
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeGuard

from fuseline._errors import register_exception, source_error

#: What a free name stands for: ``("function", index)``, ``("class", index)``, ``("value", index)``,
#: ``("module", name)``, ``("member", (module, name))``, ``("member of", (class, name))`` for one of an enumeration,
#: ``("pattern", (text, flags))``, ``("table", ((key, binding), ...))`` for a dict of functions,
#: ``("sentinel", number)`` for an `object()`, or ``("unsupported", text)``. A built-in has no entry.
Binding = tuple[str, Any]

#: The modules whose members the compiler knows. `abc`, `builtins` and `typing` appear as members only.
MODULES: Final = (
    *("bisect", "collections", "datetime", "functools", "heapq", "itertools", "logging", "math", "operator", "re"),
    *("copy", "dataclasses", "enum", "numpy", "fuseline", "statistics", "string", "sys"),
    # Those below are known by name only: the compiler says that they are not there yet.
    *("array", "base64", "calendar", "cmath", "contextlib", "csv", "decimal", "fractions", "hashlib", "io", "json"),
    *("multiprocessing", "os", "pathlib", "queue", "random", "secrets", "struct", "textwrap", "threading", "time"),
    *("timeit", "unicodedata", "uuid", "warnings", "zlib"),
)
MEMBER_MODULES: Final = (*MODULES, "abc", "builtins", "typing")

#: Items of a dict of functions that is known when the program is compiled.
TABLE_ITEMS_MAX: Final = 64

#: In place of an object: the name must be absent.
ABSENT: Final = object()

#: Packages whose functions are not compiled from their source.
_FOREIGN: Final = frozenset({"fuseline", "numpy", "pandas", "polars", "pyarrow"})

_FUTURE_FLAGS: Final = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
_GLOBAL_READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_GLOBAL_WRITES: Final = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Index:
    """The functions of one text, and what else is asked of it."""

    definitions: dict[tuple[str, int], list[_Definition]] = field(default_factory=dict)
    lambdas: dict[int, list[ast.Lambda]] = field(default_factory=dict)
    #: What the module assigns to a name at its top level, last.
    assigned: dict[str, ast.expr] = field(default_factory=dict)
    #: Names that the module itself imports: CPython compiles a call of their members in another way.
    imported: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where a function's source is: ``name`` of a ``def``, or ``None`` and the UTF-8 byte column of a lambda."""

    file: str
    text: str
    name: str | None
    line: int
    column: int
    annotation_names: frozenset[str]


@dataclass
class Reference:
    """Where a captured value is read from at each call: a dict by name, a closure cell, a class by the name of an
    attribute of its own, or a fixed object.

    ``check`` is what a function answers.
    """

    kind: Literal["global", "cell", "attribute", "fixed", "check"]
    name: str
    container: Any = field(repr=False)

    def read(self) -> Any:
        """The value now; `ABSENT` when there is none."""
        if self.kind == "global":
            return self.container.get(self.name, ABSENT)
        if self.kind == "attribute":
            return vars(self.container).get(self.name, ABSENT)
        if self.kind == "fixed":
            return self.container
        if self.kind == "check":
            return self.container()
        try:
            return self.container.cell_contents
        except ValueError:
            return ABSENT


@dataclass
class FunctionEntry:
    """One function or class of a description, as `frontend::program::FunctionSource` wants it."""

    #: Of a class the class itself.
    code: types.CodeType | type
    file: int
    name: str | None
    line: int
    column: int
    bindings: dict[str, Binding] = field(default_factory=dict)
    defaults: dict[str, Binding] = field(default_factory=dict)
    #: Of a class: its own attributes that are values, as they are now.
    attributes: dict[str, Binding] = field(default_factory=dict)
    is_class: bool = False


@dataclass
class Description:
    """A program: the entry is function 0.

    ``watches`` are the free names whose meaning was built in: the description holds as long as each still stands for
    the same object. ``unresolved`` are the names that stand for nothing yet.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    functions: list[FunctionEntry] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    watches: list[tuple[Reference, Any]] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)


def describe(function: types.FunctionType, *, itself: bool = False, classes: Sequence[type] = ()) -> Description:
    """Describe ``function`` and everything it reaches, and ``classes``: those of its arguments.

    With ``itself`` the function's own name stands for the function, whatever it stands for now: a decorator runs
    before the name is bound.
    """
    return _Describer(function, itself).run(classes)


class _Describer:
    def __init__(self, function: types.FunctionType, itself: bool) -> None:
        self.entry = function
        self.itself = itself
        self.description = Description()
        self.function_index: dict[int, int] = {}
        self.reference_index: dict[tuple[int, str], int] = {}
        self.file_index: dict[tuple[str, int], int] = {}
        self.sentinels: dict[int, int] = {}
        self.queue: list[tuple[types.FunctionType, FunctionEntry, Place]] = []

    def run(self, classes: Sequence[type]) -> Description:
        self.function(self.entry)
        for cls in classes:
            self.class_(cls)
        while self.queue:
            function, entry, place = self.queue.pop(0)
            self.bind(function, entry, place)
        return self.description

    def function(self, function: types.FunctionType) -> int:
        """The number of ``function`` in the description, which it enters if it is new."""
        known = self.function_index.get(id(function))
        if known is not None:
            return known
        place = locate(function)
        entry = FunctionEntry(function.__code__, self.file(place), place.name, place.line, place.column)
        index = len(self.description.functions)
        self.function_index[id(function)] = index
        self.description.functions.append(entry)
        self.queue.append((function, entry, place))
        return index

    def class_(self, cls: type) -> int | None:
        """The number of a class whose source is known; ``None`` when it is not."""
        known = self.function_index.get(id(cls))
        if known is not None:
            return known
        found = locate_class(cls)
        if found is None:
            return None
        place, names = found
        entry = FunctionEntry(cls, self.file(place), place.name, place.line, place.column, is_class=True)
        index = len(self.description.functions)
        self.function_index[id(cls)] = index
        self.description.functions.append(entry)
        if issubclass(cls, BaseException):
            register_exception(cls)
        namespace = vars(sys.modules[cls.__module__])
        for name in sorted(names & namespace.keys()):
            self.name(None, entry, Reference("global", name, namespace), required=False)
        for name, value in _field_defaults(cls):
            entry.defaults[name] = ("value", self.reference(Reference("fixed", name, value), id(cls)))
        for method, function in ((name, _function_of(value)) for name, value in vars(cls).items()):
            for name, value in _defaults(function) if function is not None else ():
                if binding := self.default(value, id(function)):
                    entry.defaults[f"{method}.{name}"] = binding
        for name in _attributes(cls):
            reference = Reference("attribute", name, cls)
            binding = self.classify(reference.read())
            if binding is None:
                binding = ("value", self.reference(reference, id(cls)))
            else:
                self.description.watches.append((reference, reference.read()))
            entry.attributes[name] = binding
        for name, method in vars(cls).items():
            if isinstance(method, (types.FunctionType, staticmethod, classmethod, property)):
                self.description.watches.append((Reference("attribute", name, cls), method))
        return index

    def default(self, value: object, owner: int) -> Binding | None:
        """A default of a method; ``None`` of one that is no value and no function."""
        if _is_function(value):
            return self.classify(value)
        if isinstance(value, (type, types.FunctionType)) or callable(value):
            return None
        if type(value) is object:
            return self.sentinel(value)
        return "value", self.reference(Reference("fixed", f"default {id(value)}", value), owner)

    def file(self, place: Place) -> int:
        """The number of the file that ``place`` is in."""
        key = (place.file, hash(place.text))
        if key not in self.file_index:
            self.file_index[key] = len(self.description.files)
            self.description.files.append((place.file, place.text))
        return self.file_index[key]

    def bind(self, function: types.FunctionType, entry: FunctionEntry, place: Place) -> None:
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.name(function, entry, Reference("cell", name, cell), required=True)
        for name in sorted(global_names(code)):
            self.name(function, entry, Reference("global", name, function.__globals__), required=True)
        self.members(function, entry, parse(function), function.__globals__)
        for name in sorted(place.annotation_names - entry.bindings.keys()):
            self.name(function, entry, Reference("global", name, function.__globals__), required=False)
        for name, value in _defaults(function):
            if type(value) is object:
                entry.defaults[name] = self.sentinel(value)
                continue
            binding = self.classify(value) if _is_function(value) else None
            if binding is None:
                binding = ("value", self.reference(Reference("fixed", name, value), id(function)))
            entry.defaults[name] = binding

    def members(
        self, function: types.FunctionType, entry: FunctionEntry, tree: ast.AST, namespace: dict[str, Any]
    ) -> None:
        """Bind what is reached as ``module.name`` in modules of the user's own, under that path."""
        for inner in ast.walk(tree):
            path = _path(inner) if isinstance(inner, ast.Attribute) else None
            if path is None or path[0] not in entry.bindings or path[0] in function.__code__.co_freevars:
                continue
            module = namespace.get(path[0])
            for depth, name in enumerate(path[1:], 2):
                if not _is_own_module(module) or name not in vars(module):
                    break
                entry.bindings[".".join(path[: depth - 1])] = ("module", module.__name__)
                known_as = ".".join(path[:depth])
                if known_as not in entry.bindings:
                    reference = Reference("global", name, vars(module))
                    self.name(function, entry, reference, required=False, known_as=known_as)
                module = vars(module)[name]

    def name(
        self,
        function: types.FunctionType | None,
        entry: FunctionEntry,
        reference: Reference,
        *,
        required: bool,
        known_as: str | None = None,
    ) -> None:
        """Bind what the name stands for; ``known_as`` is the path by which the text reaches it."""
        value = reference.read()
        name = known_as or reference.name
        if self.itself and function is self.entry and function is not None and name == function.__name__:
            entry.bindings[name] = ("function", 0)
            return
        if value is ABSENT:
            self.description.watches.append((reference, ABSENT))
            known = _builtins_of(function) if function is not None else {}
            if reference.kind == "cell" or (required and name not in known):
                self.description.unresolved.append(name)
            return
        binding = self.classify(value)
        if binding is None and reference.kind == "global" and known_as is None:
            binding = self.written(name, value, entry.file, reference.container)
        if binding is None:
            binding = ("value", self.reference(reference, id(reference.container)))
        else:
            self.description.watches.append((reference, value))
        entry.bindings[name] = binding

    def classify(self, value: object) -> Binding | None:
        """What ``value`` stands for when that is more than a value."""
        wrapped = getattr(value, "__fuseline_function__", None)
        if isinstance(wrapped, types.FunctionType):
            return "function", self.function(wrapped)
        if isinstance(value, functools._lru_cache_wrapper) and isinstance(value.__wrapped__, types.FunctionType):
            return "function", self.function(value.__wrapped__)
        if isinstance(value, types.FunctionType):
            member = _member(value)
            return member if member is not None else ("function", self.function(value))
        if isinstance(value, enum.Enum) and type(value).__members__.get(value.name) is value:
            number = self.class_(type(value))
            if number is not None:
                return "member of", (number, value.name)
        if isinstance(value, types.ModuleType):
            if value.__name__ in MODULES:
                return "module", value.__name__
            return "unsupported", f"the module `{value.__name__}`"
        if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
            return "pattern", (value.pattern, int(value.flags))
        if isinstance(value, logging.Logger):
            # All loggers are one in compiled code: its functions are those of the module.
            return "module", "logging"
        if _is_tuple_of_classes(value):
            return self.classes(value)
        if _has_functions(value):
            return self.container(value)
        if type(value) is object:
            return self.sentinel(value)
        if isinstance(value, (type, types.BuiltinFunctionType)) or callable(value) or _is_typing_form(value):
            member = _member(value)
            if member is not None:
                return member
            if isinstance(value, type):
                number = self.class_(value)
                if number is not None:
                    return "class", number
                return "unsupported", f"the class `{value.__qualname__}`"
            if isinstance(value, types.BuiltinFunctionType):
                return "unsupported", f"the function `{value.__qualname__}` of `{value.__module__}`"
            return "unsupported", f"an object of class `{type(value).__qualname__}`"
        return None

    def sentinel(self, value: object) -> Binding:
        return "sentinel", self.sentinels.setdefault(id(value), len(self.sentinels))

    def classes(self, value: tuple[Any, ...]) -> Binding:
        """A tuple of classes, as ``except`` and ``isinstance`` take it."""
        bindings = (self.classes(item) if type(item) is tuple else self.classify(item) for item in value)
        return "tuple", tuple(binding for binding in bindings if binding is not None)

    def written(self, name: str, value: object, file: int, namespace: dict[str, Any]) -> Binding | None:
        """A container with members of enumerations, as long as it is what the text of the module says."""
        if type(value) not in (list, set, dict, tuple):
            return None
        expression = _indexed(*self.description.files[file]).assigned.get(name)
        if expression is None or not _names_members(expression, namespace):
            return None
        check = functools.partial(_is_as_written, expression, value, namespace)
        if not check():
            return None
        self.description.watches.append((Reference("check", name, check), True))
        return "written", f"an object of class `{type(value).__qualname__}`"

    def container(self, value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> Binding | None:
        """A list, tuple or dict with functions in it; the description holds as long as it has the same items."""
        if len(value) > TABLE_ITEMS_MAX:
            return None
        bindings = []
        for position, item in enumerate(value.values() if isinstance(value, dict) else value):
            binding = self.item(item, position, id(value))
            if binding is None:
                return None
            bindings.append(binding)
        if not isinstance(value, tuple):
            check = functools.partial(_holds, value, _items(value))
            self.description.watches.append((Reference("check", "", check), True))
        if isinstance(value, dict):
            return "table", tuple(zip(value, bindings, strict=True))
        return type(value).__name__, tuple(bindings)

    def item(self, value: object, position: int, container: int) -> Binding | None:
        """A part of a container with functions: a function, a class, something immutable, or a tuple of these."""
        if type(value) is tuple and _has_functions(value):
            return self.container(value)
        binding = self.classify(value)
        if binding is not None:
            return binding if binding[0] in ("function", "class", "member", "member of", "tuple") else None
        if not _is_immutable(value):
            return None
        return "value", self.reference(Reference("fixed", f"item {position}", value), container)

    def reference(self, reference: Reference, owner: int) -> int:
        key = (owner, reference.name)
        known = self.reference_index.get(key)
        if known is None:
            known = self.reference_index[key] = len(self.description.references)
            self.description.references.append(reference)
        return known


def _is_function(value: object) -> bool:
    return isinstance(value, (types.FunctionType, types.BuiltinFunctionType, functools._lru_cache_wrapper))


def _defaults(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    yield from zip(positional[len(positional) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _field_defaults(cls: type) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(cls):
        for known in dataclasses.fields(cls):
            if known.default is not dataclasses.MISSING:
                yield known.name, known.default
    else:
        yield from getattr(cls, "_field_defaults", {}).items()


def _attributes(cls: type) -> Iterator[str]:
    """The names of a class's own attributes that are values for all who ask: no methods, and no defaults of fields."""
    if issubclass(cls, enum.Enum):
        return
    fields = {known.name for known in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    fields |= set(getattr(cls, "_fields", ()))
    for name, value in vars(cls).items():
        is_special = name.startswith("__") and name.endswith("__")
        if not is_special and name not in fields and not hasattr(type(value), "__get__") and name != "_abc_impl":
            yield name


def locate_class(cls: type) -> tuple[Place, frozenset[str]] | None:
    """Where the source of a class at the top of its module, or in such a class, is, and the names in it; ``None`` when
    it is not there.

    A class with methods is taken only when its methods still have the source that the file has now.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None) or _file_of_methods(cls)
    if module is None or file is None or "<locals>" in cls.__qualname__:
        return None
    text = "".join(linecache.getlines(file, vars(module)))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    outer, *inner_names = cls.__qualname__.split(".")
    found = _classes_named(tree.body, outer) or _classes_named(ast.walk(tree), outer)
    for name in inner_names:
        found = [inner for node in found for inner in _classes_named(node.body, name)]
    if not found:
        return _locate_named_tuple(cls, file, text, tree)
    if len(found) != 1:
        return None
    node = found[0]
    for inner in node.body:
        method = _function_of(vars(cls).get(_mangled(cls, inner.name))) if isinstance(inner, ast.FunctionDef) else None
        if method is None:
            continue
        if method.__code__.co_filename == file:
            locate(method)
        lines = {_first_line(known) for known in node.body if isinstance(known, ast.FunctionDef)}
        if method.__code__.co_filename != file or method.__code__.co_firstlineno not in lines:
            return None  # Another function was put in the place of the one that the text has.
    names = frozenset(name.id for name in ast.walk(node) if isinstance(name, ast.Name))
    line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return Place(file, text, node.name, line, node.col_offset, frozenset()), names


def _classes_named(nodes: Iterable[ast.AST], name: str) -> list[ast.ClassDef]:
    return [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == name]


def _function_of(method: object) -> types.FunctionType | None:
    """The function behind a method, a property, a static or class method."""
    if isinstance(method, property):
        method = method.fget
    elif isinstance(method, (staticmethod, classmethod)):
        method = method.__func__
    return method if isinstance(method, types.FunctionType) else None


def _mangled(cls: type, name: str) -> str:
    """What a name is inside the class: ``__x`` is ``_C__x``."""
    prefix = cls.__name__.lstrip("_")
    is_private = name.startswith("__") and not name.endswith("__")
    return f"_{prefix}{name}" if prefix and is_private else name


def _locate_named_tuple(cls: type, file: str, text: str, tree: ast.Module) -> tuple[Place, frozenset[str]] | None:
    """Where `Name = namedtuple(...)` stands that made the class."""
    fields = getattr(cls, "_fields", None)
    if cls.__bases__ != (tuple,) or fields is None:
        return None
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and "namedtuple" in (getattr(node.value.func, "id", ""), getattr(node.value.func, "attr", ""))
        and node.value.args
        and getattr(node.value.args[0], "value", None) == cls.__name__
    ]
    if len(found) != 1 or _literal_fields(found[0].value) != fields:
        return None
    return Place(file, text, cls.__name__, found[0].lineno, found[0].col_offset, frozenset()), frozenset()


def _literal_fields(call: ast.expr) -> tuple[str, ...] | None:
    """The fields that a call of `namedtuple` names in its text."""
    try:
        names = ast.literal_eval(call.args[1]) if isinstance(call, ast.Call) else ()
    except (ValueError, IndexError):
        return None
    return tuple(names.replace(",", " ").split() if isinstance(names, str) else names)


def _file_of_methods(cls: type) -> str | None:
    """The file of a class whose module has none: a notebook cell is one."""
    files = {method.__code__.co_filename for method in vars(cls).values() if isinstance(method, types.FunctionType)} - {
        "<string>"
    }
    return files.pop() if len(files) == 1 else None


def _path(node: ast.Attribute) -> list[str] | None:
    """The names of ``a.b.c``."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return [inner.id, *reversed(names)] if isinstance(inner, ast.Name) else None


def _is_own_module(value: object) -> TypeGuard[types.ModuleType]:
    """Whether it is a module whose functions may be compiled: none of the standard library or of the known packages."""
    if not isinstance(value, types.ModuleType):
        return False
    package = value.__name__.partition(".")[0]
    return package not in sys.stdlib_module_names and package not in _FOREIGN


def _builtins_of(function: types.FunctionType) -> dict[str, Any]:
    found = function.__globals__.get("__builtins__", builtins)
    return found if isinstance(found, dict) else vars(found)


def _is_typing_form(value: object) -> bool:
    return type(value).__module__ == "typing"


def _has_functions(value: object) -> TypeGuard[list[Any] | tuple[Any, ...] | dict[Any, Any]]:
    """Whether this is a list, tuple or dict in which functions or classes stand, also in tuples within."""
    if type(value) is dict:
        return all(type(key) in (str, int) for key in value) and _has_functions(tuple(value.values()))
    if not isinstance(value, (list, tuple)) or type(value) not in (list, tuple):
        return False
    return any(callable(item) or (type(item) is tuple and _has_functions(item)) for item in value)


def _is_immutable(value: object) -> bool:
    if isinstance(value, tuple):
        return type(value) is tuple and all(map(_is_immutable, value))
    return value is None or type(value) in (bool, int, float, str, bytes)


def _items(value: list[Any] | dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(value.items() if isinstance(value, dict) else value)


def _holds(value: list[Any] | dict[Any, Any], items: tuple[Any, ...]) -> bool:
    """Whether the container has these very items, in this order."""
    if len(value) != len(items):
        return False
    if isinstance(value, dict):
        return all(key is k and item is v for (key, item), (k, v) in zip(value.items(), items, strict=True))
    return all(item is known for item, known in zip(value, items, strict=True))


def _is_tuple_of_classes(value: object) -> TypeGuard[tuple[Any, ...]]:
    if type(value) is not tuple or not value:
        return False
    return all(isinstance(item, type) or _is_tuple_of_classes(item) for item in value)


def _names_members(node: ast.expr, namespace: dict[str, Any]) -> bool:
    """Whether an expression is a display of a container in which members of enumerations are named."""
    if not isinstance(node, (ast.List, ast.Set, ast.Dict, ast.Tuple)):
        return False
    owners = (inner.value for inner in ast.walk(node) if isinstance(inner, ast.Attribute))
    return any(isinstance(owner, ast.Name) and isinstance(namespace.get(owner.id), enum.EnumMeta) for owner in owners)


def _is_as_written(node: ast.expr, value: Any, namespace: dict[str, Any]) -> bool:
    """Whether a value is what an expression of constants, members of classes and containers says."""

    def all_as_written(nodes: Sequence[ast.expr], values: Iterable[Any]) -> bool:
        return all(_is_as_written(node, value, namespace) for node, value in zip(nodes, values, strict=True))

    match node:
        case ast.Constant(known):
            return type(value) is type(known) and bool(value == known)
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as known)):
            return type(value) is type(known) and bool(value == -known)
        case ast.Attribute(ast.Name(owner), member):
            return getattr(namespace.get(owner), member, ABSENT) is value
        case ast.List(items):
            return type(value) is list and len(value) == len(items) and all_as_written(items, value)
        case ast.Tuple(items):
            return type(value) is tuple and len(value) == len(items) and all_as_written(items, value)
        case ast.Set(items):
            found = type(value) is set and len(value) == len(items)
            return found and all(any(_is_as_written(item, known, namespace) for known in value) for item in items)
        case ast.Dict(keys, items) if type(value) is dict and len(value) == len(items) and None not in keys:
            given = [key for key in keys if key is not None]
            return all_as_written(given, value) and all_as_written(items, value.values())
    return False


def _member(value: object) -> Binding | None:
    """The module member that ``value`` is, by identity."""
    name = getattr(value, "__name__", None) or getattr(value, "_name", None)
    if not isinstance(name, str):
        return None
    if isinstance(value, types.MethodDescriptorType):
        owner = value.__objclass__
        return ("member", (owner.__name__, name)) if vars(builtins).get(owner.__name__) is owner else None
    for module in MEMBER_MODULES:
        loaded = sys.modules.get(module)
        if loaded is not None and vars(loaded).get(name, ABSENT) is value:
            return "member", (module, name)
    return None


def global_names(code: types.CodeType) -> set[str]:
    """The global names that ``code`` and the functions within it read or write."""
    names = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in _GLOBAL_READS or instruction.opname in _GLOBAL_WRITES:
            names.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= global_names(constant)
    return names


_places: dict[int, tuple[weakref.ref[types.CodeType], Place]] = {}


def locate(function: types.FunctionType) -> Place:
    """Find the source of ``function``; raise `fuseline.CompileError` when there is none or it has changed."""
    code = function.__code__
    known = _places.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    place = _locate(function)
    key = id(code)
    _places[key] = (weakref.ref(code, lambda _: _places.pop(key, None)), place)
    return place


def parse(function: types.FunctionType) -> _Definition | ast.Lambda:
    """The syntax tree of ``function``."""
    place = locate(function)
    node = _find(function.__code__, place.file, place.text)
    assert node is not None  # `locate` found it in this very text
    return node


def _locate(function: types.FunctionType) -> Place:
    code = function.__code__
    what = "this lambda" if code.co_name == "<lambda>" else f"`{function.__name__}`"
    file = code.co_filename
    seen = False
    for fresh in (False, True):
        if fresh:
            linecache.checkcache(file)
        lines = linecache.getlines(file, function.__globals__)
        if not lines:
            continue
        seen = True
        text = "".join(lines)
        node = _find(code, file, text)
        if node is not None:
            return _place(node, file, text)
    if not seen:
        raise source_error(
            "no-source",
            f"the source of {what} cannot be found: `{file}` is not a file that can be read",
            file,
            code.co_firstlineno,
            "put the function into a file or a notebook cell",
        )
    raise source_error(
        "changed-source",
        f"the source of {what} is not in `{file}` as it is now",
        file,
        code.co_firstlineno,
        "the file was changed after it was imported, or the function was made by other code: import it again",
    )


def _place(node: _Definition | ast.Lambda, file: str, text: str) -> Place:
    if isinstance(node, ast.Lambda):
        return Place(file, text, None, node.lineno, node.col_offset, frozenset())
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [argument.annotation for argument in every if argument.annotation is not None]
    if node.returns is not None:
        annotations.append(node.returns)
    # Annotations of local variables count as well: `x: Optional[float] = None`.
    annotations += [inner.annotation for inner in ast.walk(node) if isinstance(inner, ast.AnnAssign)]
    names = {inner.id for annotation in annotations for inner in ast.walk(annotation) if isinstance(inner, ast.Name)}
    return Place(file, text, node.name, _first_line(node), node.col_offset, frozenset(names))


_indexes: dict[str, tuple[str, _Index]] = {}


def _indexed(file: str, text: str) -> _Index:
    known = _indexes.get(file)
    if known is None or known[0] != text:
        known = _indexes[file] = (text, _index(ast.parse(text)))
    return known[1]


def _find(code: types.CodeType, file: str, text: str) -> _Definition | ast.Lambda | None:
    """The node of ``text`` that ``code`` was compiled from."""
    try:
        index = _indexed(file, text)
    except (SyntaxError, ValueError):
        return None
    if code.co_name != "<lambda>":
        candidates: Sequence[_Definition | ast.Lambda] = index.definitions.get((code.co_name, code.co_firstlineno), [])
    else:
        candidates = _by_columns(code, index.lambdas.get(code.co_firstlineno, []))
    # Lambdas that compile to the same code mean the same, so the first will do.
    for node in candidates:
        if _is_source_of(node, code, index.imported):
            return node
    # What surrounds a function can change its code in ways not known here; compiling all of it settles the matter.
    if len(candidates) == 1 and any(_same_code(one, code) for one in _compile_all(code, text)):
        return candidates[0]
    return None


def _index(tree: ast.Module) -> _Index:
    index = _Index()
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                index.assigned[name] = value
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            index.definitions.setdefault((node.name, _first_line(node)), []).append(node)
        elif isinstance(node, ast.Lambda):
            index.lambdas.setdefault(node.lineno, []).append(node)
    open_nodes: list[ast.AST] = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            index.imported += [(alias.asname or alias.name).split(".")[0] for alias in node.names]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            open_nodes.extend(ast.iter_child_nodes(node))
    return index


def _first_line(node: _Definition) -> int:
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def _by_columns(code: types.CodeType, candidates: list[ast.Lambda]) -> list[ast.Lambda]:
    """The lambdas whose body encloses every position of ``code``, innermost first; all of them where there are no
    columns (Python 3.10, `-X no_debug_ranges`).
    """
    positions = getattr(code, "co_positions", None)
    spans = []
    for line, end_line, column, end_column in positions() if positions is not None else ():
        if line is not None and column is not None and (line, column) < (end_line, end_column):
            spans.append((line, column, end_line, end_column))
    if not spans:
        return candidates
    start = min(span[:2] for span in spans)
    end = max(span[2:] for span in spans)
    fitting = [node for node in candidates if _begin(node.body) <= start and end <= _end(node.body)]
    return sorted(fitting, key=_begin, reverse=True)


def _begin(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _is_source_of(node: _Definition | ast.Lambda, code: types.CodeType, imported: list[str]) -> bool:
    """Whether ``node`` compiles to ``code``."""
    if any(name.startswith("@py") for name in code.co_names):
        return True  # pytest rewrote the asserts of this module, so the code is not its source's; name and line agree
    return any(_same_code(compiled, code) for compiled in _compile_alone(node, code, imported))


def _compile_alone(
    node: _Definition | ast.Lambda, code: types.CodeType, imported: list[str]
) -> Iterator[types.CodeType]:
    """The code of ``node``, compiled after the module's imports and in a function that has the closure variables."""
    statement: ast.stmt
    if isinstance(node, ast.Lambda):
        statement = ast.Expr(node)
    else:
        bare = copy.copy(node)
        bare.decorator_list = []
        statement = bare
    if code.co_freevars:
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in code.co_freevars]
        outer = ast.parse("def outer():\n    pass").body[0]
        assert isinstance(outer, ast.FunctionDef)
        outer.body = [ast.Assign(targets, ast.Constant(None)), statement]
        statement = outer
    body: list[ast.stmt] = [statement]
    used = [ast.alias(name) for name in imported if name in code.co_names and name != "*"]
    if used:
        body.insert(0, ast.Import(used))
    compiled = _compile(ast.fix_missing_locations(ast.Module(body, [])), code)
    if compiled is None:
        return
    if code.co_freevars:
        compiled = next(_codes_in(compiled))
    yield from (one for one in _codes_in(compiled) if one.co_name == code.co_name)


def _compile_all(code: types.CodeType, text: str) -> Iterator[types.CodeType]:
    """The functions of the whole text at the line of ``code``."""
    compiled = _compile(text, code)
    open_codes = [] if compiled is None else [compiled]
    while open_codes:
        inner = list(_codes_in(open_codes.pop()))
        open_codes += inner
        yield from (one for one in inner if one.co_firstlineno == code.co_firstlineno)


def _compile(source: ast.Module | str, code: types.CodeType) -> types.CodeType | None:
    try:
        compiled = compile(source, code.co_filename, "exec", flags=code.co_flags & _FUTURE_FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    assert isinstance(compiled, types.CodeType)
    return compiled


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """The functions directly in ``code``."""
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))


def _same_code(one: types.CodeType, other: types.CodeType) -> bool:
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and one.co_argcount == other.co_argcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return _same_code(one, other)
    if isinstance(one, str) and isinstance(other, str) and ".<locals>." in one and ".<locals>." in other:
        return True  # Python 3.10 keeps the qualified names of inner functions here; ours was compiled elsewhere
    if type(one) is not type(other):
        return False
    if isinstance(one, (tuple, frozenset)):
        return repr(one) == repr(other) if isinstance(one, tuple) else one == other
    return repr(one) == repr(other)


def without_body(function: types.FunctionType) -> types.FunctionType:
    """A function with the signature of ``function`` that does nothing: calling it raises what a bad call raises."""
    empty = compile("def empty(): pass", "<fuseline>", "exec").co_consts[0]
    code = function.__code__
    variadic = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    count = code.co_argcount + code.co_kwonlyargcount + variadic.bit_count()
    stub = empty.replace(
        co_argcount=code.co_argcount,
        co_posonlyargcount=code.co_posonlyargcount,
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_varnames=code.co_varnames[:count],
        co_nlocals=count,
        co_flags=empty.co_flags | variadic,
        co_name=code.co_name,
        # Python 3.11 and later have it.
        **({"co_qualname": function.__qualname__} if hasattr(code, "co_qualname") else {}),
    )
    made = types.FunctionType(stub, {}, function.__name__, function.__defaults__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    return made
