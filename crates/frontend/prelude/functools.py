"""`functools`, for compiled code."""


def reduce(function, iterable, initial=..., /):
    if initial is not ...:
        total = initial
        for item in iterable:
            total = function(total, item)
        return total
    found = False
    for item in iterable:
        if found:
            total = function(total, item)
        else:
            total = item
            found = True
    if not found:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total
