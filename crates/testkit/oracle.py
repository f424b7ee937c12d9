"""CPython as the oracle: runs blocks of Python and answers with typed JSON, one request and one reply a line.

Request `{"requests": [{"source": "...", "calls": [{"call": "f(7, 2)", "expected": "..."}], "checked": false}, ...]}`;
the reply is a list with one entry a request: `{"error": text}` when the block itself fails, else `{"calls": [...]}`.
The block is run anew for every call, so calls cannot see each other's effects. A call's entry holds

    functions   what each function and class of the block is and what its free names stand for (the same the Python package says)
    captures    the global values that functions read: [name, value]
    function    the index of the called function
    annotated   for each of its parameters, whether it has an annotation
    args        the arguments, bound to the parameters in order, defaults filled in
    outcome     {"value": value} or {"raises": class, "line": n, "message": text}
    after       arguments and captures after the call, for functions that store in place
    repr        how CPython shows the outcome
    expected    `expected` evaluated, in the form of `outcome`

A value is a list whose head names its exact type: ["none"], ["bool", true], ["int", "7"], ["float", "bits as hex"],
["str", "text"], ["np", "int64", "7"], ["np", "float64", "bits"], ["tuple", [..]], ["list", [..]], ["range", "0", "3", "1"],
["array", "float64", [2, 3], [items..]], ["row" | "dict", "", [[name, value]..]], ["namedtuple" | "dataclass", class name,
fields], ["other", text]. Integers are text because JSON readers stop at 64 bits; floats are the bits of the double.
"""

import ast
import bisect
import builtins
import collections
import dataclasses
import datetime
import enum
import functools
import heapq
import inspect
import itertools
import json
import logging
import math
import operator
import os
import re
import signal
import statistics
import struct
import sys
import types

import numpy as np

BLOCK = "<block>"
# A dataclass whose annotations are text looks for the module it is of.
sys.modules["block"] = types.ModuleType("block")
# The modules whose functions are written in C elsewhere: what `__module__` says is not where a program has them from.
LIBRARY = (bisect, collections, datetime, functools, heapq, itertools, math, operator, re, statistics)


class Row:
    """A row of a dataset: fields by attribute and by key."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __getitem__(self, name):
        return self.__dict__[name]

    def __eq__(self, other):
        return isinstance(other, Row) and self.__dict__ == other.__dict__

    def __repr__(self):
        return "row(" + ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items()) + ")"


def float_bits(value):
    return struct.pack(">d", value).hex()


def encode_text(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return ["other", f"text with lone surrogates: {ascii(text)}"]
    return ["str", text]


def encode_fields(kind, name, fields):
    return [kind, name, [[field, encode(value)] for field, value in fields]]


def encode_np_scalar(value):
    name = value.dtype.name
    if name.startswith("float"):
        return ["np", name, float_bits(float(value))]
    return ["np", name, str(int(value))]


def insertion_order(items):
    """An order in which the items of a set can be added so that it iterates as it does: where hashes meet, not any will do."""
    wanted = list(items)
    for order in itertools.islice(itertools.permutations(wanted), 720):
        if list(set(order)) == wanted:
            return order
    return wanted


def encode_argument(value):
    encoded = encode(value)
    if encoded[0] in ("set", "frozenset"):
        return [encoded[0], [encode(item) for item in insertion_order(value)]]
    return encoded


def encode_container(value):
    kind = type(value)
    if kind is tuple:
        return ["tuple", [encode(item) for item in value]]
    if kind is list:
        return ["list", [encode(item) for item in value]]
    if kind is bytes:
        return ["bytes", value.hex()]
    if kind is set or kind is frozenset:
        return [kind.__name__, [encode(item) for item in value]]
    if kind is dict and not all(type(key) is str for key in value):
        return ["items", [[encode(key), encode(item)] for key, item in value.items()]]
    if kind is dict:
        return encode_fields("dict", "", value.items())
    if kind is Row:
        return encode_fields("row", "", value.__dict__.items())
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return encode_fields("namedtuple", kind.__name__, zip(kind._fields, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return encode_fields("dataclass", kind.__name__, fields)
    return ["other", f"{kind.__name__}: {value!r}"]


def encode(value):
    kind = type(value)
    if value is None:
        return ["none"]
    if kind is bool:
        return ["bool", value]
    if kind is int:
        return ["int", str(value)]
    if kind is float:
        return ["float", float_bits(value)]
    if kind is str:
        return encode_text(value)
    if kind is range:
        return ["range", str(value.start), str(value.stop), str(value.step)]
    if kind is np.ndarray:
        return ["array", value.dtype.name, list(value.shape), [encode_np_scalar(item)[2] for item in value.flat]]
    if isinstance(value, np.generic):
        return encode_np_scalar(value)
    return encode_container(value)


def is_value(encoded):
    """Whether the whole value could be encoded."""
    if encoded[0] == "other":
        return False
    if encoded[0] == "items":
        return all(is_value(part) for pair in encoded[1] for part in pair)
    if encoded[0] in ("tuple", "list", "set", "frozenset"):
        return all(is_value(item) for item in encoded[1])
    if encoded[0] in ("row", "dict", "namedtuple", "dataclass"):
        return all(is_value(item) for _, item in encoded[2])
    return True


# The checked oracle: CPython with integers held to 64 bits, as the contract says.


class IntTooLarge(BaseException):
    """An int that leaves 64 bits. No handler of the program takes it; the world outside is told `OverflowError`."""


# The lines of the program at which the call left 64 bits.
too_large_at = []


def checked_value(value):
    if type(value) is int and not -(2**63) <= value < 2**63:
        frame = sys._getframe()
        while frame.f_code.co_filename != BLOCK:
            frame = frame.f_back
        too_large_at.append(frame.f_lineno)
        raise IntTooLarge
    if type(value) in (tuple, list):
        for item in value:
            checked_value(item)
    return value


def checked_item(container, key, operand, operate):
    """`container[key] += operand()`: each part once, and in order."""
    container[key] = checked_value(operate(container[key], operand()))


def checked_attribute(owner, name, operand, operate):
    setattr(owner, name, checked_value(operate(getattr(owner, name), operand())))


def checked_prod(values, *, start=1):
    for value in values:
        start = checked_value(start * value)
    return start


def checked_sum(values, start=0):
    if isinstance(start, (str, bytes)):
        raise TypeError("sum() can't sum these")
    total = start
    for value in values:
        total = checked_value(total + value)
    return total


class CheckEveryInteger(ast.NodeTransformer):
    """Wraps each operation that can give an integer, so that one outside 64 bits raises where it arises."""

    def wrap(self, node):
        self.generic_visit(node)
        name = ast.copy_location(ast.Name("_checked_value", ast.Load()), node)
        return ast.copy_location(ast.Call(name, [node], []), node)

    visit_BinOp = visit_UnaryOp = wrap

    def visit_Call(self, node):
        if ast.unparse(node.func) == "math.prod":
            node.func = ast.copy_location(ast.Name("_checked_prod", ast.Load()), node.func)
        return self.wrap(node)

    def visit_MatchValue(self, node):
        return node  # A pattern is no expression.

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        target = node.target
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            return self.in_place("_checked_item", target.value, target.slice, node)
        if isinstance(target, ast.Attribute):
            return self.in_place("_checked_attribute", target.value, ast.Constant(target.attr), node)
        if not isinstance(target, ast.Name):
            return node
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        # In place: other names of a list see what is added to it.
        operate = ast.Name("_checked_" + type(node.op).__name__, ast.Load())
        value = self.wrap(ast.copy_location(ast.Call(operate, [read, node.value], []), node))
        return ast.copy_location(ast.Assign([node.target], value), node)


    def in_place(self, helper, owner, key, node):
        no_parameters = ast.arguments([], [], None, [], [], None, [])
        operate = ast.Name("_checked_" + type(node.op).__name__, ast.Load())
        args = [owner, key, ast.Lambda(no_parameters, node.value), operate]
        return ast.copy_location(ast.Expr(ast.Call(ast.Name(helper, ast.Load()), args, [])), node)


# The operators of augmented assignment by the names of their syntax nodes.
IN_PLACE = {
    "_checked_Add": operator.iadd,
    "_checked_Sub": operator.isub,
    "_checked_Mult": operator.imul,
    "_checked_Div": operator.itruediv,
    "_checked_FloorDiv": operator.ifloordiv,
    "_checked_Mod": operator.imod,
    "_checked_Pow": operator.ipow,
    "_checked_BitAnd": operator.iand,
    "_checked_BitOr": operator.ior,
    "_checked_BitXor": operator.ixor,
    "_checked_LShift": operator.ilshift,
    "_checked_RShift": operator.irshift,
    "_checked_MatMult": operator.imatmul,
}


def parse_block(source, checked):
    tree = ast.parse(source, BLOCK)
    if checked:
        tree = ast.fix_missing_locations(CheckEveryInteger().visit(tree))
    return compile(tree, BLOCK, "exec")


def fresh_namespace(code, checked):
    namespace = {"__name__": "block", "row": Row, "np": np}
    if checked:
        namespace |= {"_checked_value": checked_value, "sum": checked_sum, "_checked_item": checked_item}
        namespace |= {"_checked_attribute": checked_attribute, "_checked_prod": checked_prod} | IN_PLACE
    exec(code, namespace)
    return namespace


class BlockText:
    """What is looked up in the text of a block, the same for all its calls."""

    def __init__(self, source):
        tree = ast.parse(source)
        self.lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        self.classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if isinstance(node, ast.Assign) and "namedtuple" in ast.unparse(node.value):
                self.classes[node.targets[0].id] = node


def is_function(value):
    return isinstance(value, (types.FunctionType, types.BuiltinFunctionType, functools._lru_cache_wrapper))


class Describer:
    """Says what functions are and what their free names stand for, as the Python package does for the compiler."""

    def __init__(self, text):
        self.text = text
        self.functions = []
        self.numbers = {}
        self.sentinels = {}
        self.captures = []
        # How each captured value is read again after the call.
        self.readers = []

    def function(self, function):
        function = inspect.unwrap(function)
        if function in self.numbers:
            return self.numbers[function]
        number = self.numbers[function] = len(self.functions)
        code = function.__code__
        description = {"name": function.__name__, "line": code.co_firstlineno, "bindings": {}, "defaults": {}}
        self.functions.append(description)
        if function.__name__ == "<lambda>":
            description["column"] = self.lambda_column(code)
        for name, value in self.free_values(function, code):
            description["bindings"][name] = self.binding(name, value, function.__globals__)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is not parameter.empty:
                if type(parameter.default) is object:
                    value = self.binding(parameter.name, parameter.default, function.__globals__)
                    description["sentinels"] = {**description.get("sentinels", {}), parameter.name: value[1]}
                    continue
                if is_function(parameter.default):
                    value = self.binding(parameter.name, parameter.default, function.__globals__)
                    description.setdefault("functions", {})[parameter.name] = value
                    continue
                description["defaults"][parameter.name] = encode(parameter.default)
        return number

    def class_(self, cls, namespace):
        if cls in self.numbers:
            return self.numbers[cls]
        number = self.numbers[cls] = len(self.functions)
        node = self.text.classes[cls.__name__]
        description = {"class": True, "name": cls.__name__, "line": node.lineno, "bindings": {}, "defaults": {}}
        self.functions.append(description)
        names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        for name in sorted(names & namespace.keys()):
            description["bindings"][name] = self.binding(name, namespace[name], namespace)
        for name, value in self.field_defaults(cls):
            description["defaults"][name] = encode(value)
        for name, method in vars(cls).items():
            method = getattr(method, "__func__", method)
            if isinstance(method, types.FunctionType) and method.__code__.co_filename == BLOCK:
                for parameter in inspect.signature(method).parameters.values():
                    if is_function(parameter.default):
                        value = self.binding(parameter.name, parameter.default, namespace)
                        description.setdefault("functions", {})[f"{name}.{parameter.name}"] = value
                        continue
                    if parameter.default is not parameter.empty and is_value(encode(parameter.default)):
                        description["defaults"][f"{name}.{parameter.name}"] = encode(parameter.default)
        description["attributes"] = dict(self.attributes(cls, node, namespace))
        return number

    def attributes(self, cls, node, namespace):
        """What the class has that is not as good as a literal of its text."""
        fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
        fields |= set(getattr(cls, "_fields", ()))
        if not isinstance(node, ast.ClassDef) or issubclass(cls, enum.Enum):
            return
        for name, value in vars(cls).items():
            if (name.startswith("__") and name.endswith("__")) or name in fields or hasattr(type(value), "__get__"):
                continue
            if name in ("_abc_impl", "_is_protocol"):
                continue
            yield name, self.binding(f"{cls.__name__}.{name}", value, namespace, functools.partial(getattr, cls, name))

    def field_defaults(self, cls):
        if dataclasses.is_dataclass(cls):
            fields = dataclasses.fields(cls)
            return [(field.name, field.default) for field in fields if field.default is not dataclasses.MISSING]
        return getattr(cls, "_field_defaults", {}).items()

    def lambda_column(self, code):
        columns = [node.col_offset for node in self.text.lambdas if node.lineno == code.co_firstlineno]
        if len(columns) != 1:
            raise ValueError("a block may hold one lambda a line")
        return columns[0]

    def free_values(self, function, code):
        names = set()
        pending = [code]
        while pending:
            current = pending.pop()
            names.update(current.co_names)
            pending.extend(const for const in current.co_consts if isinstance(const, types.CodeType))
        # Annotations are evaluated away by then; the compiler reads them in the source, so their names count too.
        for annotation in inspect.get_annotations(function).values():
            names.update(name for name, value in function.__globals__.items() if value is annotation)
        names.update(name for name, value in function.__globals__.items() if isinstance(value, types.ModuleType))
        for name in sorted(names):
            # The names of attributes are among them: `__name__` of a class is not the module's.
            if name in function.__globals__ and not name.startswith(("_checked", "__")):
                value = function.__globals__[name]
                if value is not checked_sum:
                    yield name, value
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            yield name, cell.cell_contents

    def binding(self, name, value, namespace, reader=None):
        if isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        if isinstance(value, types.FunctionType) and value.__code__.co_filename == BLOCK:
            return ["function", self.function(value)]
        if isinstance(value, type) and value.__module__ == "block" and value.__name__ in self.text.classes:
            return ["class", self.class_(value, namespace)]
        if isinstance(value, enum.Enum) and type(value).__name__ in self.text.classes:
            return ["member of", self.class_(type(value), namespace), value.name]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        if isinstance(value, logging.Logger):
            return ["module", "logging"]
        if isinstance(value, re.Pattern):
            return ["pattern", value.pattern, int(value.flags)]
        if isinstance(value, (types.BuiltinFunctionType, np.ufunc, type)) or callable(value):
            if isinstance(value, types.MethodDescriptorType):
                return ["member", value.__objclass__.__name__, value.__name__]
            if getattr(builtins, getattr(value, "__name__", ""), None) is value:
                return ["member", "builtins", value.__name__]
            for module in LIBRARY:
                if vars(module).get(getattr(value, "__name__", "")) is value:
                    return ["member", module.__name__, value.__name__]
            module = getattr(value, "__module__", None) or "numpy"
            return ["member", module, getattr(value, "__name__", repr(value))]
        if type(value) is object:
            return ["sentinel", self.sentinels.setdefault(id(value), len(self.sentinels))]
        if is_tuple_of_classes(value):
            return ["tuple", [self.binding(name, item, namespace) for item in value]]
        if has_functions(value):
            return self.container(name, value, namespace)
        encoded = encode(value)
        if not is_value(encoded):
            kind = "written" if isinstance(value, (list, dict, set, tuple)) else "unsupported"
            return [kind, f"an object of class `{type(value).__name__}`"]
        for number, (known, _) in enumerate(self.captures):
            if known == name:
                return ["capture", number]
        self.captures.append([name, encoded])
        self.readers.append(reader or (lambda: namespace[name]))
        return ["capture", len(self.captures) - 1]


    def container(self, name, value, namespace):
        """A list, tuple or dict with functions among its items."""
        items = value.values() if type(value) is dict else value
        bindings = []
        for position, item in enumerate(items):
            at = f"{name}[{position}]"
            known = self.container(at, item, namespace) if has_functions(item) else None
            bindings.append(known or self.binding(at, item, namespace, lambda item=item: item))
        if type(value) is dict:
            return ["table", [[key, binding] for key, binding in zip(value, bindings)]]
        return [type(value).__name__, bindings]


def has_functions(value):
    if type(value) is dict:
        return all(type(key) in (str, int) for key in value) and has_functions(tuple(value.values()))
    return type(value) in (list, tuple) and any(callable(item) or has_functions(item) for item in value)


def is_tuple_of_classes(value):
    return type(value) is tuple and value and all(isinstance(item, type) or is_tuple_of_classes(item) for item in value)


# A program that is made smaller can lose what ends its loop.
SECONDS_MAX = 20 * int(os.environ.get("FUSELINE_PATIENCE", "1"))


class TooLong(BaseException):
    """The call takes longer than any that is worth waiting for."""


def too_long(*_):
    raise TooLong


signal.signal(signal.SIGALRM, too_long)


def outcome_of(function, args):
    try:
        too_large_at.clear()
        signal.alarm(SECONDS_MAX)
        try:
            value = function(*args)
            if too_large_at:
                # A `finally` that returns has dropped it.
                raise IntTooLarge
        finally:
            signal.alarm(0)
    except BaseException as error:
        if isinstance(error, IntTooLarge):
            message = "integer result does not fit in 64 bits"
            return {"raises": "OverflowError", "line": too_large_at[-1], "message": message}, "OverflowError"
        line = 0
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == BLOCK:
                line = trace.tb_lineno
            trace = trace.tb_next
        return {"raises": type(error).__name__, "line": line, "message": str(error)}, type(error).__name__
    return {"value": encode(value)}, re.sub(r"\n\s*", " ", repr(value))


def expected_outcome(text, namespace):
    """`OverflowError`, `OverflowError line 3` or a Python expression."""
    words = text.split()
    kind = getattr(builtins, words[0], namespace.get(words[0]))
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return {"raises": words[0], "line": int(words[2]) if len(words) == 3 else 0, "message": ""}
    return {"value": encode(eval(text, dict(namespace)))}


def run_call(text, code, request, checked):
    namespace = fresh_namespace(code, checked)
    call = ast.parse(request["call"].strip(), mode="eval").body
    function = namespace[call.func.id]
    args, kwargs = [], {}
    for node in call.args:
        args.append(eval(compile(ast.Expression(node), "<call>", "eval"), namespace))
    for keyword in call.keywords:
        kwargs[keyword.arg] = eval(compile(ast.Expression(keyword.value), "<call>", "eval"), namespace)
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    # Keyword-only parameters come in order like the others, so that every function is called by position.
    parameters = inspect.signature(function).parameters
    values = [bound.arguments[name] for name in parameters]
    describer = Describer(text)
    reply = {"function": describer.function(function), "args": [encode_argument(value) for value in values]}
    reply |= {"functions": describer.functions, "captures": describer.captures}
    reply["annotated"] = [parameter.annotation is not parameter.empty for parameter in parameters.values()]
    reply["outcome"], reply["repr"] = outcome_of(lambda *_: function(*bound.args, **bound.kwargs), values)
    reply["after"] = {
        "args": [encode(value) for value in values],
        "captures": [encode(reader()) for reader in describer.readers],
    }
    if request.get("expected") is not None:
        reply["expected"] = expected_outcome(request["expected"], namespace)
    return reply


def answer(request):
    checked = request.get("checked", False)
    try:
        text = BlockText(request["source"])
        code = parse_block(request["source"], checked)
    except SyntaxError as error:
        return {"error": f"SyntaxError: {error}"}
    calls = []
    for call in request["calls"]:
        try:
            calls.append(run_call(text, code, call, checked))
        except Exception as error:
            calls.append({"error": f"{type(error).__name__}: {error}"})
    return {"calls": calls}


def main():
    np.seterr(all="ignore")
    replies = sys.stdout
    sys.stdout = sys.stderr
    sys.set_int_max_str_digits(0)
    for line in sys.stdin:
        print(json.dumps([answer(request) for request in json.loads(line)["requests"]]), file=replies, flush=True)


if __name__ == "__main__":
    main()
