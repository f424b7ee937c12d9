"""Calls of a compiled function with columns: which arguments are taken row by row, and what comes back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fuseline import _core
from fuseline._columns import from_arrow, kind_of, to_arrow
from fuseline._functions import is_function, with_functions
from fuseline._progress import progress_bar
from fuseline._session import current_session

if TYPE_CHECKING:
    from fuseline._function import CompiledFunction

#: So many parameters without annotation are tried both ways.
_UNDECIDED_MAX = 6


def dispatch(function: CompiledFunction[..., Any], args: tuple[Any, ...]) -> Any:
    """Call ``function``: row by row when some argument is a column that it takes so, else with single values."""
    if any(map(is_function, args)):
        function, args = with_functions(function, args)
        return function(*args)
    kinds = [kind_of(value) for value in args]
    if not any(kinds):
        return function._call(args)
    # NumPy arrays may be meant whole; columns of the other libraries never are. An array without dimensions is a value.
    whole = [kind == "numpy" and value.ndim == 0 for kind, value in zip(kinds, args, strict=True)]
    undecided = []
    for index, (kind, annotated) in enumerate(zip(kinds, function._kinds, strict=True)):
        if kind != "numpy" or whole[index]:
            continue
        if annotated == "array":
            whole[index] = True
        elif annotated == "":
            undecided.append(index)
    if undecided:
        for index, is_whole in zip(undecided, _decide(function, args, kinds, whole, undecided), strict=True):
            whole[index] = is_whole
    by_row = [kind is not None and not is_whole for kind, is_whole in zip(kinds, whole, strict=True)]
    if not any(by_row):
        return function._call(args)
    return _run(function, args, by_row)


def _decide(
    function: CompiledFunction[..., Any],
    args: tuple[Any, ...],
    kinds: list[str | None],
    whole: list[bool],
    undecided: list[int],
) -> tuple[bool, ...]:
    """Which of the parameters ``undecided`` take their array whole: all, as in CPython, or as many as make the function
    compile.
    """
    if len(undecided) > _UNDECIDED_MAX:
        raise TypeError(
            f"more than {_UNDECIDED_MAX} parameters without annotation are given arrays: annotate them, with "
            "`numpy.ndarray` where the function takes the array whole"
        )
    single: list[str] = []
    array: list[str] = []
    for value, kind, is_whole in zip(args, kinds, whole, strict=True):
        as_whole = None if kind not in (None, "numpy") else _core.type_name(value)
        as_rows = as_whole if kind is None or is_whole or value.ndim == 0 else _row_type_name(value)
        single.append(as_rows or "none")
        array.append(as_whole or "")
    key = (*single, *array)
    known = function._whole.get(key)
    if known is not None:
        return known
    choices = sorted(itertools.product((True, False), repeat=len(undecided)), key=sum, reverse=True)
    for choice in choices:
        if any(
            not array[i] if is_whole else kinds[i] == "numpy" and args[i].ndim != 1
            for i, is_whole in zip(undecided, choice, strict=True)
        ):
            continue
        types = list(single)
        for index, is_whole in zip(undecided, choice, strict=True):
            if is_whole:
                types[index] = array[index]
        if function._compiles_for(types):
            function._whole[key] = choice
            return choice
    # Nothing compiles: the diagnostics of the likelier reading are reported.
    return tuple(kinds[i] == "numpy" and args[i].ndim != 1 for i in undecided)


def _row_type_name(column: Any) -> str | None:
    if kind_of(column) == "numpy" and column.ndim != 1:
        return None
    return _core.column_type_name(_one_array(to_arrow(column)))


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    made = column.combine_chunks()
    if isinstance(made, pa.ChunkedArray):
        return pa.concat_arrays(made.chunks) if made.num_chunks else pa.array([], made.type)
    return made


def _run(function: CompiledFunction[..., Any], args: tuple[Any, ...], by_row: list[bool]) -> Any:
    names = function.parameter_names
    for name, value, is_column in zip(names, args, by_row, strict=True):
        if is_column and isinstance(value, np.ndarray) and value.ndim != 1:
            raise ValueError(
                f"argument `{name}` is an array of {value.ndim} dimensions where the function takes single values: "
                "annotate the parameter with `numpy.ndarray` to take the array whole"
            )
    arguments = [
        (is_column, _one_array(to_arrow(value)) if is_column else value)
        for value, is_column in zip(args, by_row, strict=True)
    ]
    lengths = {name: len(value) for name, (is_column, value) in zip(names, arguments, strict=True) if is_column}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise ValueError(f"columns of different lengths: {shown} rows")
    rows = next(iter(lengths.values()))
    like = next(value for value, is_column in zip(args, by_row, strict=True) if is_column)
    with progress_bar(function.__name__) as bar:
        arrays, fields = _core.elementwise(current_session()._core, function, arguments, rows, bar)
    columns = [from_arrow(pa.array(array), like) for array in arrays]
    if fields is None:
        return columns[0]
    if fields:
        return dict(zip(fields, columns, strict=True))
    return tuple(columns)
