"""`bisect`, for compiled code."""


def bisect_left(a, x, lo=0, hi=None, *, key=None):
    low, high = _bounds(a, lo, hi)
    while low < high:
        middle = (low + high) // 2
        if key is None:
            smaller = a[middle] < x
        else:
            smaller = key(a[middle]) < x
        if smaller:
            low = middle + 1
        else:
            high = middle
    return low


def bisect_right(a, x, lo=0, hi=None, *, key=None):
    low, high = _bounds(a, lo, hi)
    while low < high:
        middle = (low + high) // 2
        if key is None:
            larger = x < a[middle]
        else:
            larger = x < key(a[middle])
        if larger:
            high = middle
        else:
            low = middle + 1
    return low


def bisect(a, x, lo=0, hi=None, *, key=None):
    return bisect_right(a, x, lo, hi, key=key)


def insort_left(a: list["x"], x, lo=0, hi=None, *, key=None):
    if key is None:
        a.insert(bisect_left(a, x, lo, hi), x)
    else:
        a.insert(bisect_left(a, key(x), lo, hi, key=key), x)


def insort_right(a: list["x"], x, lo=0, hi=None, *, key=None):
    if key is None:
        a.insert(bisect_right(a, x, lo, hi), x)
    else:
        a.insert(bisect_right(a, key(x), lo, hi, key=key), x)


def insort(a: list["x"], x, lo=0, hi=None, *, key=None):
    insort_right(a, x, lo, hi, key=key)


def _bounds(a, lo, hi):
    if isinstance(a, dict):
        raise TypeError("'dict' is not a sequence")
    if lo < 0:
        raise ValueError("lo must be non-negative")
    if hi is None:
        return lo, len(a)
    return lo, hi
