"""Products, sorting and searching of `numpy`, for compiled code. See `numpy.py` for the names."""

import numpy as np


# Products. Rows of the second factor are added up one after the other, so that memory is read in order.


def dot_1_1(a, b):
    if len(a) != len(b):
        raise ValueError(f"shapes ({len(a)},) and ({len(b)},) not aligned: {len(a)} (dim 0) != {len(b)} (dim 0)")
    # Eight sums side by side: the processor adds them at the same time.
    kind = a.dtype
    r0 = kind(0)
    r1 = kind(0)
    r2 = kind(0)
    r3 = kind(0)
    r4 = kind(0)
    r5 = kind(0)
    r6 = kind(0)
    r7 = kind(0)
    last = len(a) - 7
    i = 0
    while i < last:
        r0 += a[i] * b[i]
        r1 += a[i + 1] * b[i + 1]
        r2 += a[i + 2] * b[i + 2]
        r3 += a[i + 3] * b[i + 3]
        r4 += a[i + 4] * b[i + 4]
        r5 += a[i + 5] * b[i + 5]
        r6 += a[i + 6] * b[i + 6]
        r7 += a[i + 7] * b[i + 7]
        i += 8
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for k in range(len(a) - len(a) % 8, len(a)):
        total += a[k] * b[k]
    return total


def dot_2_1(a, b):
    if a.shape[1] != len(b):
        raise ValueError(
            f"shapes ({a.shape[0]},{a.shape[1]}) and ({len(b)},) not aligned: {a.shape[1]} (dim 1) != {len(b)} (dim 0)"
        )
    out = np.zeros(a.shape[0], dtype=a.dtype)
    if abs(np._stride(a, 0)) < abs(np._stride(a, 1)):
        columns = a.T
        for k in range(len(b)):
            _add_product(out, b[k], columns[k])
        return out
    for i in range(a.shape[0]):
        out[i] = dot_1_1(a[i], b)
    return out


def dot_1_2(a, b):
    if len(a) != b.shape[0]:
        raise ValueError(
            f"shapes ({len(a)},) and ({b.shape[0]},{b.shape[1]}) not aligned: {len(a)} (dim 0) != {b.shape[0]} (dim 0)"
        )
    out = np.zeros(b.shape[1], dtype=a.dtype)
    for k in range(len(a)):
        _add_product(out, a[k], b[k])
    return out


def dot_2_2(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(
            f"shapes ({a.shape[0]},{a.shape[1]}) and ({b.shape[0]},{b.shape[1]}) not aligned: {a.shape[1]} (dim 1) != "
            f"{b.shape[0]} (dim 0)"
        )
    out = np.zeros((a.shape[0], b.shape[1]), dtype=a.dtype)
    for i in range(a.shape[0]):
        row = out[i]
        for k in range(a.shape[1]):
            _add_product(row, a[i, k], b[k])
    return out


def _add_product(target, factor, row):
    for j in range(len(target)):
        target[j] += factor * row[j]
    return None


def outer_1_1(a, b):
    return a[:, None] * b[None, :]


def cross_1_1(a, b):
    if len(a) != 3 or len(b) != 3:
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors, but they are not")
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


# Order. NaN is the greatest.


def _less(x, y):
    return x < y or (y != y and x == x)


def argsort_1(a):
    n = len(a)
    order = np.arange(n)
    spare = np.empty(n, dtype=np.int64)
    width = 1
    while width < n:
        for start in range(0, n, 2 * width):
            middle = min(start + width, n)
            end = min(start + 2 * width, n)
            i = start
            j = middle
            for k in range(start, end):
                if i < middle and (j >= end or not _less(a[order[j]], a[order[i]])):
                    spare[k] = order[i]
                    i += 1
                else:
                    spare[k] = order[j]
                    j += 1
        order, spare = spare, order
        width *= 2
    return order


def sort_1(a):
    out = a.copy()
    sort_in_place_1(out)
    return out


def sort_2(a):
    out = a.copy()
    sort_in_place_2(out)
    return out


def sort_axis0(a):
    out = a.T.copy()
    sort_in_place_2(out)
    return out.T


def sort_in_place_1(a):
    n = len(a)
    # Short runs by insertion, then merges of runs.
    for start in range(0, n, 16):
        for i in range(start + 1, min(start + 16, n)):
            x = a[i]
            j = i
            while j > start and _less(x, a[j - 1]):
                a[j] = a[j - 1]
                j -= 1
            a[j] = x
    spare = np.empty(n, dtype=a.dtype)
    width = 16
    while width < n:
        for start in range(0, n - width, 2 * width):
            middle = start + width
            end = min(middle + width, n)
            for k in range(start, middle):
                spare[k] = a[k]
            i = start
            j = middle
            k = start
            while i < middle and j < end:
                if _less(a[j], spare[i]):
                    a[k] = a[j]
                    j += 1
                else:
                    a[k] = spare[i]
                    i += 1
                k += 1
            while i < middle:
                a[k] = spare[i]
                i += 1
                k += 1
        width *= 2
    return None


def sort_in_place_2(a):
    for row in a:
        sort_in_place_1(row)
    return None


def unique_1(a):
    ordered = sort_1(a)
    n = len(ordered)
    count = 0
    for i in range(n):
        if i == 0 or _differs(ordered[i - 1], ordered[i]):
            count += 1
    out = np.empty(count, dtype=a.dtype)
    at = 0
    for i in range(n):
        if i == 0 or _differs(ordered[i - 1], ordered[i]):
            out[at] = ordered[i]
            at += 1
    return out


def unique_2(a):
    return unique_1(np.ravel(a))


def _differs(x, y):
    # All NaN are one.
    return x != y and (x == x or y == y)


def searchsorted_1(a, v, side=...):
    return np.int64(_place(a, v, side))


def searchsorted_1_1(a, v, side=...):
    out = np.empty(len(v), dtype=np.int64)
    for i in range(len(v)):
        out[i] = _place(a, v[i], side)
    return out


def _place(a, x, side):
    right = False
    if side is not ...:
        if side != "left" and side != "right":
            raise ValueError("search side must be 'left' or 'right'")
        right = side == "right"
    low = 0
    high = len(a)
    while low < high:
        middle = (low + high) // 2
        if right:
            before = not _less(x, a[middle])
        else:
            before = _less(a[middle], x)
        if before:
            low = middle + 1
        else:
            high = middle
    return low


def diff_1(a, n=...):
    if n is not ...:
        out = a.copy()
        for i in range(n):
            out = _diff(out)
        return out
    return _diff(a)


def _diff(a):
    return a[1:] - a[:-1]


def diff_2(a, n=...):
    return a[:, 1:] - a[:, :-1]


def diff_axis0(a, n=...):
    return a[1:] - a[:-1]


def ediff1d_1(a):
    return _diff(a)


# Statistics.


def median_1(a):
    n = len(a)
    if n == 0:
        return np.mean(a)
    ordered = sort_1(a)
    # A NaN, which is last, makes the median NaN.
    last = ordered[n - 1]
    if last != last:
        return np.mean(ordered[n - 1 :])
    if n % 2 == 1:
        return np.mean(ordered[n // 2 : n // 2 + 1])
    return np.mean(ordered[n // 2 - 1 : n // 2 + 1])


def median_2(a):
    return median_1(np.ravel(a))


def average_1(a, weights=...):
    if weights is ...:
        return np.mean(a)
    return np.sum(a)


def average_1_1(a, weights):
    if len(a) != len(weights):
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    total = np.sum(weights)
    if total == 0:
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    return np.sum(a * weights) / total


def bincount_1(x, weights=..., minlength=...):
    size = 0 if minlength is ... else minlength
    for value in x:
        if value < 0:
            raise ValueError("'list' argument must have no negative elements")
        size = max(size, int(value) + 1)
    out = np.zeros(size, dtype=np.int64)
    for value in x:
        out[value] += 1
    return out


def bincount_1_1(x, weights, minlength=...):
    if len(x) != len(weights):
        raise ValueError("The weights and list don't have the same length.")
    size = 0 if minlength is ... else minlength
    for value in x:
        if value < 0:
            raise ValueError("'list' argument must have no negative elements")
        size = max(size, int(value) + 1)
    out = np.zeros(size)
    for i in range(len(x)):
        out[x[i]] += weights[i]
    return out


def _is_close(x, y, rtol, atol):
    if x == y:
        return True
    return bool(abs(x - y) <= atol + rtol * abs(y)) and bool(np.isfinite(y))


def isclose_1_1(a, b, rtol=1e-05, atol=1e-08):
    if len(a) != len(b):
        raise ValueError(f"operands could not be broadcast together with shapes ({len(a)},) ({len(b)},) ")
    out = np.empty(len(a), dtype=np.bool_)
    for i in range(len(a)):
        out[i] = _is_close(a[i], b[i], rtol, atol)
    return out


def isclose_1(a, b, rtol=1e-05, atol=1e-08):
    out = np.empty(len(a), dtype=np.bool_)
    for i in range(len(a)):
        out[i] = _is_close(a[i], b, rtol, atol)
    return out


def allclose_1_1(a, b, rtol=1e-05, atol=1e-08):
    return bool(np.all(isclose_1_1(a, b, rtol, atol)))


def allclose_1(a, b, rtol=1e-05, atol=1e-08):
    return bool(np.all(isclose_1(a, b, rtol, atol)))


def allclose_2_2(a, b, rtol=1e-05, atol=1e-08):
    if a.shape[0] != b.shape[0] or a.shape[1] != b.shape[1]:
        raise ValueError("operands could not be broadcast together")
    for i in range(a.shape[0]):
        if not allclose_1_1(a[i], b[i], rtol, atol):
            return False
    return True


def array_equal_1_1(a, b):
    if len(a) != len(b):
        return False
    for i in range(len(a)):
        if a[i] != b[i]:
            return False
    return True


def array_equal_2_2(a, b):
    if a.shape[0] != b.shape[0] or a.shape[1] != b.shape[1]:
        return False
    for i in range(a.shape[0]):
        if not array_equal_1_1(a[i], b[i]):
            return False
    return True


def array_equal_1_2(a, b):
    return False


def array_equal_2_1(a, b):
    return False


def round_1(a, decimals=...):
    if decimals is ...:
        return np.rint(a)
    return _rounded(a, decimals)


def round_2(a, decimals=...):
    if decimals is ...:
        return np.rint(a)
    return _rounded(a, decimals)


def round(a, decimals=...):
    if decimals is ...:
        return np.rint(a)
    return _rounded(a, decimals)


def _rounded(a, decimals):
    # NumPy scales, rounds and scales back.
    if decimals >= 0:
        scale = 10.0**decimals
        return np.rint(a * scale) / scale
    scale = 10.0 ** (-decimals)
    return np.rint(a / scale) * scale


def nansum_1(a):
    kept = np.where(np.isnan(a), 0.0, a)
    return np.sum(kept)


def nanmean_1(a):
    count = 0
    for x in a:
        count += 1 if x == x else 0
    return nansum_1(a) / count


def nanmax_1(a):
    if len(a) == 0:
        raise ValueError("zero-size array to reduction operation fmax which has no identity")
    best = a[0]
    for x in a:
        best = np.fmax(best, x)
    return best


def nanmin_1(a):
    if len(a) == 0:
        raise ValueError("zero-size array to reduction operation fmin which has no identity")
    best = a[0]
    for x in a:
        best = np.fmin(best, x)
    return best


def trapezoid_1(y, x=..., dx=1.0):
    return np.sum(dx * (y[1:] + y[:-1]) / 2.0)


def trapezoid_1_1(y, x, dx=...):
    return np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2.0)


def quantile_1(a, q):
    if q < 0.0 or q > 1.0:
        raise ValueError("Quantiles must be in the range [0, 1]")
    return _quantile(a, q)


def percentile_1(a, q):
    if q < 0.0 or q > 100.0:
        raise ValueError("Percentiles must be in the range [0, 100]")
    return _quantile(a, q / 100)


def _quantile(a, q):
    n = len(a)
    if n == 0:
        raise IndexError("index -1 is out of bounds for axis 0 with size 0")
    ordered = sort_1(a.astype(np.float64))
    last = ordered[n - 1]
    if last != last:
        return last
    place = (n - 1) * q
    low = int(place)
    high = min(low + 1, n - 1)
    part = place - low
    step = ordered[high] - ordered[low]
    if part >= 0.5:
        return ordered[high] - step * (1 - part)
    return ordered[low] + step * part


def interp_1_1_1(x, xp, fp):
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = _interp(x[i], xp, fp)
    return out


def interp_1_1(x, xp, fp):
    return np.float64(_interp(np.float64(x), xp, fp))


def _interp(x, xp, fp):
    n = len(xp)
    if n == 0:
        raise ValueError("array of sample points is empty")
    if n != len(fp):
        raise ValueError("fp and xp are not of the same length.")
    if x != x:
        return np.float64(x)
    if x > xp[n - 1]:
        return np.float64(fp[n - 1])
    if x < xp[0]:
        return np.float64(fp[0])
    at = _place(xp, x, "right") - 1
    if at >= n - 1 or xp[at] == x:
        return np.float64(fp[at])
    slope = (fp[at + 1] - fp[at]) / (xp[at + 1] - xp[at])
    found = slope * (x - xp[at]) + fp[at]
    return np.float64(found)


def convolve_1_1(a, v):
    n = len(a)
    m = len(v)
    if n == 0:
        raise ValueError("a cannot be empty")
    if m == 0:
        raise ValueError("v cannot be empty")
    out = np.zeros(n + m - 1, dtype=(a[:1] * v[:1]).dtype)
    for i in range(n):
        for j in range(m):
            out[i + j] += a[i] * v[j]
    return out


def isin_1_1(a, test):
    out = np.zeros(len(a), dtype=np.bool_)
    for i in range(len(a)):
        for x in test:
            if a[i] == x:
                out[i] = True
                break
    return out
