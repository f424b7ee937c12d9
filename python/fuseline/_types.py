"""The names that only annotations need."""

from typing import Annotated, Any

import numpy as np


class Array:
    """The annotation of a NumPy array: `fl.Array[float]`, or `fl.Array[float, 2]` with two dimensions.

    `float`, `int` and `bool` stand for NumPy's types of 64 bits and its `bool`; any other element type is written with
    NumPy's name. Only a file compiled from the command line needs it: from Python the argument says its type.

    >>> import fuseline as fl
    >>> def total(values: fl.Array[float]) -> float:
    ...     result = 0.0
    ...     for value in values:
    ...         result += float(value)
    ...     return result
    """

    def __init__(self, element: Any, dimensions: int) -> None:
        self.element = element
        self.dimensions = dimensions

    def __class_getitem__(cls, items: Any) -> Any:
        element, dimensions = items if isinstance(items, tuple) else (items, 1)
        if dimensions not in (1, 2):
            raise TypeError("an array has one or two dimensions")
        return Annotated[np.ndarray, cls(element, dimensions)]

    def __repr__(self) -> str:
        return f"Array[{getattr(self.element, '__name__', self.element)}, {self.dimensions}]"
