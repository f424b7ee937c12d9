"""Sums and other reductions of `numpy`, for compiled code. Floats are added in NumPy's order, so that the last digits are
the same: halves of halves down to 128 elements, those by eight sums side by side; whole rows at a time where a matrix has
gaps. See `numpy.py` for the names."""

import numpy as np


def pairwise(a, start, count):
    kind = a.dtype
    v = a[start : start + count]
    if count < 8:
        total = kind(-0.0)
        for x in v:
            total += x
        return total
    if count > 128:
        half = count // 2
        half -= half % 8
        return pairwise(a, start, half) + pairwise(a, start + half, count - half)
    r0 = v[0]
    r1 = v[1]
    r2 = v[2]
    r3 = v[3]
    r4 = v[4]
    r5 = v[5]
    r6 = v[6]
    r7 = v[7]
    last = count - count % 8 - 7
    i = 8
    while i < last:
        r0 += v[i]
        r1 += v[i + 1]
        r2 += v[i + 2]
        r3 += v[i + 3]
        r4 += v[i + 4]
        r5 += v[i + 5]
        r6 += v[i + 6]
        r7 += v[i + 7]
        i += 8
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(count - count % 8, count):
        total += v[i]
    return total


def sum_float(a):
    kind = a.dtype
    return kind(0) + pairwise(a, 0, len(a))


def _by_memory(a):
    # The same elements with the axis whose neighbours are nearer last.
    if abs(np._stride(a, 0)) < abs(np._stride(a, 1)):
        return a.T
    return a


def _has_one_step(a):
    # Whether a single step leads from each element to the next, through all rows.
    return np._stride(a, 0) == a.shape[1] * np._stride(a, 1)


def sum_float_all(m):
    kind = m.dtype
    total = kind(0)
    if m.shape[0] == 0 or m.shape[1] == 0:
        return total
    if m.shape[0] == 1:
        return total + pairwise(m[0], 0, m.shape[1])
    if m.shape[1] == 1:
        return total + pairwise(m[:, 0], 0, m.shape[0])
    if np._is_flat(m):
        return total + pairwise(np._flat(m, m.size), 0, m.size)
    a = _by_memory(m)
    if np._is_flat(a):
        return total + pairwise(np._flat(a, a.size), 0, a.size)
    if _has_one_step(a):
        return total + _stepped(a)
    # NumPy gathers as many whole rows as its buffer takes.
    rows = max(1, 8192 // a.shape[1])
    for i in range(0, a.shape[0], rows):
        part = a[i : i + rows].copy()
        total += pairwise(np._flat(part, part.size), 0, part.size)
    return total


def _stepped(a):
    line = np.empty(a.size, dtype=a.dtype)
    for i in range(a.shape[0]):
        line[i * a.shape[1] : (i + 1) * a.shape[1]] = a[i]
    return pairwise(line, 0, len(line))


def _rows_first(a):
    # Whether NumPy adds up the rows of the matrix one after the other instead of each column by itself.
    if a.shape[0] == 1:
        return True
    if a.shape[1] == 1:
        return False
    return abs(np._stride(a, 0)) >= abs(np._stride(a, 1))


def sum_float_axis0(a):
    out = np.zeros(a.shape[1], dtype=a.dtype)
    if _rows_first(a):
        for row in a:
            out += row
    else:
        for j in range(a.shape[1]):
            out[j] += pairwise(a[:, j], 0, a.shape[0])
    return out


def sum_float_axis1(a):
    out = np.zeros(a.shape[0], dtype=a.dtype)
    if a.shape[0] > 1 and a.shape[1] > 1 and abs(np._stride(a, 1)) > abs(np._stride(a, 0)):
        for column in a.T:
            out += column
    else:
        for i in range(a.shape[0]):
            out[i] += pairwise(a[i], 0, a.shape[1])
    return out


def sum_int(a):
    kind = a.dtype
    total = kind(0)
    for x in a:
        total += x
    return total


def sum_int_all(a):
    kind = a.dtype
    total = kind(0)
    for row in a:
        total += sum_int(row)
    return total


def sum_int_axis0(a):
    out = np.zeros(a.shape[1], dtype=a.dtype)
    for row in a:
        out += row
    return out


def sum_int_axis1(a):
    out = np.zeros(a.shape[0], dtype=a.dtype)
    for i in range(a.shape[0]):
        out[i] = sum_int(a[i])
    return out


def prod_float(a):
    return prod_int(a)


def prod_int(a):
    kind = a.dtype
    total = kind(1)
    for x in a:
        total *= x
    return total


def prod_float_all(m):
    kind = m.dtype
    total = kind(1)
    for row in _by_memory(m):
        for x in row:
            total *= x
    return total


def prod_int_all(a):
    return prod_float_all(a)


def prod_float_axis0(a):
    out = np.ones(a.shape[1], dtype=a.dtype)
    for row in a:
        out *= row
    return out


def prod_int_axis0(a):
    return prod_float_axis0(a)


def prod_float_axis1(a):
    return prod_float_axis0(a.T)


def prod_int_axis1(a):
    return prod_float_axis0(a.T)


# Means of ints are sums of floats that NumPy makes in its buffer of 8192 elements.


def _sum_buffered(a):
    total = np.float64(0)
    for i in range(0, len(a), 8192):
        part = a[i : i + 8192].astype(np.float64)
        total += pairwise(part, 0, len(part))
    return total


def _sum_buffered_all(m):
    if np._is_flat(m):
        return _sum_buffered(np._flat(m, m.size))
    a = _by_memory(m)
    if np._is_flat(a):
        return _sum_buffered(np._flat(a, a.size))
    total = np.float64(0)
    if a.shape[1] == 1 or a.shape[0] == 1 or _has_one_step(a):
        return _sum_buffered(np.ravel(a))
    if a.shape[1] > 8192:
        for row in a:
            for i in range(0, a.shape[1], 8192):
                part = row[i : i + 8192].astype(np.float64)
                total += pairwise(part, 0, len(part))
        return total
    rows = max(1, 8192 // max(1, a.shape[1]))
    for i in range(0, a.shape[0], rows):
        part = a[i : i + rows].astype(np.float64)
        total += pairwise(np._flat(part, part.size), 0, part.size)
    return total


def mean_float(a):
    return sum_float(a) / len(a)


def mean_float_all(a):
    return sum_float_all(a) / a.size


def mean_float_axis0(a):
    return sum_float_axis0(a) / a.shape[0]


def mean_float_axis1(a):
    return sum_float_axis1(a) / a.shape[1]


def mean_int(a):
    return _sum_buffered(a) / len(a)


def mean_int_all(a):
    return _sum_buffered_all(a) / a.size


def _sum_buffered_axis0(a):
    out = np.zeros(a.shape[1])
    if _rows_first(a):
        for row in a:
            out += row
    else:
        for j in range(a.shape[1]):
            out[j] += _sum_buffered(a[:, j])
    return out


def _sum_buffered_axis1(a):
    out = np.zeros(a.shape[0])
    if a.shape[0] > 1 and a.shape[1] > 1 and abs(np._stride(a, 1)) > abs(np._stride(a, 0)):
        for column in a.T:
            out += column
    else:
        for i in range(a.shape[0]):
            out[i] += _sum_buffered(a[i])
    return out


def mean_int_axis0(a):
    return _sum_buffered_axis0(a) / a.shape[0]


def mean_int_axis1(a):
    return _sum_buffered_axis1(a) / a.shape[1]


def _freedom(count, ddof):
    left = count - ddof
    return left if left > 0 else 0


def pairwise_squares(a, mean, start, count):
    kind = mean.dtype
    # As `pairwise`, of the squares of the distances from the mean.
    v = a[start : start + count]
    if count < 8:
        total = kind(-0.0)
        for x in v:
            d = x - mean
            total += d * d
        return total
    if count > 128:
        half = count // 2
        half -= half % 8
        return pairwise_squares(a, mean, start, half) + pairwise_squares(a, mean, start + half, count - half)
    d0 = v[0] - mean
    d1 = v[1] - mean
    d2 = v[2] - mean
    d3 = v[3] - mean
    d4 = v[4] - mean
    d5 = v[5] - mean
    d6 = v[6] - mean
    d7 = v[7] - mean
    r0 = d0 * d0
    r1 = d1 * d1
    r2 = d2 * d2
    r3 = d3 * d3
    r4 = d4 * d4
    r5 = d5 * d5
    r6 = d6 * d6
    r7 = d7 * d7
    last = count - count % 8 - 7
    i = 8
    while i < last:
        d0 = v[i] - mean
        d1 = v[i + 1] - mean
        d2 = v[i + 2] - mean
        d3 = v[i + 3] - mean
        d4 = v[i + 4] - mean
        d5 = v[i + 5] - mean
        d6 = v[i + 6] - mean
        d7 = v[i + 7] - mean
        r0 += d0 * d0
        r1 += d1 * d1
        r2 += d2 * d2
        r3 += d3 * d3
        r4 += d4 * d4
        r5 += d5 * d5
        r6 += d6 * d6
        r7 += d7 * d7
        i += 8
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(count - count % 8, count):
        d = v[i] - mean
        total += d * d
    return total


def var_float(a, ddof):
    return pairwise_squares(a, mean_float(a), 0, len(a)) / _freedom(len(a), ddof)


def var_int(a, ddof):
    return pairwise_squares(a, mean_int(a), 0, len(a)) / _freedom(len(a), ddof)


def var_float_all(m, ddof):
    a = _by_memory(m)
    if np._is_flat(a):
        line = np._flat(a, a.size)
        return pairwise_squares(line, mean_float_all(m), 0, a.size) / _freedom(a.size, ddof)
    d = a - mean_float_all(m)
    return sum_float_all(d * d) / _freedom(a.size, ddof)


def var_int_all(m, ddof):
    a = _by_memory(m)
    d = a - mean_int_all(m)
    return sum_float_all(d * d) / _freedom(a.size, ddof)


def var_float_axis0(a, ddof):
    if not _rows_first(a):
        return var_float_axis1(a.T, ddof)
    d = a - mean_float_axis0(a)
    return sum_float_axis0(d * d) / _freedom(a.shape[0], ddof)


def var_float_axis1(a, ddof):
    if a.shape[0] > 1 and a.shape[1] > 1 and abs(np._stride(a, 1)) > abs(np._stride(a, 0)):
        return var_float_axis0(a.T, ddof)
    d = a - mean_float_axis1(a)[:, None]
    return sum_float_axis1(d * d) / _freedom(a.shape[1], ddof)


def var_int_axis0(a, ddof):
    if not _rows_first(a):
        return var_int_axis1(a.T, ddof)
    d = a - mean_int_axis0(a)
    return sum_float_axis0(d * d) / _freedom(a.shape[0], ddof)


def var_int_axis1(a, ddof):
    if a.shape[0] > 1 and a.shape[1] > 1 and abs(np._stride(a, 1)) > abs(np._stride(a, 0)):
        return var_int_axis0(a.T, ddof)
    d = a - mean_int_axis1(a)[:, None]
    return sum_float_axis1(d * d) / _freedom(a.shape[1], ddof)


def std_float(a, ddof):
    return np.sqrt(var_float(a, ddof))


def std_int(a, ddof):
    return np.sqrt(var_int(a, ddof))


def std_float_all(a, ddof):
    return np.sqrt(var_float_all(a, ddof))


def std_int_all(a, ddof):
    return np.sqrt(var_int_all(a, ddof))


def std_float_axis0(a, ddof):
    return np.sqrt(var_float_axis0(a, ddof))


def std_int_axis0(a, ddof):
    return np.sqrt(var_int_axis0(a, ddof))


def std_float_axis1(a, ddof):
    return np.sqrt(var_float_axis1(a, ddof))


def std_int_axis1(a, ddof):
    return np.sqrt(var_int_axis1(a, ddof))


# The least and the greatest; NaN wins.


def min_float(a):
    if len(a) == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    # Four side by side.
    b0 = a[0]
    b1 = b0
    b2 = b0
    b3 = b0
    last = len(a) - 3
    i = 0
    while i < last:
        b0 = np.minimum(b0, a[i])
        b1 = np.minimum(b1, a[i + 1])
        b2 = np.minimum(b2, a[i + 2])
        b3 = np.minimum(b3, a[i + 3])
        i += 4
    best = np.minimum(np.minimum(b0, b1), np.minimum(b2, b3))
    for k in range(len(a) - len(a) % 4, len(a)):
        best = np.minimum(best, a[k])
    return best


def max_float(a):
    if len(a) == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    # Four side by side.
    b0 = a[0]
    b1 = b0
    b2 = b0
    b3 = b0
    last = len(a) - 3
    i = 0
    while i < last:
        b0 = np.maximum(b0, a[i])
        b1 = np.maximum(b1, a[i + 1])
        b2 = np.maximum(b2, a[i + 2])
        b3 = np.maximum(b3, a[i + 3])
        i += 4
    best = np.maximum(np.maximum(b0, b1), np.maximum(b2, b3))
    for k in range(len(a) - len(a) % 4, len(a)):
        best = np.maximum(best, a[k])
    return best


def min_int(a):
    return min_float(a)


def max_int(a):
    return max_float(a)


def min_float_all(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    return min_float(min_float_axis1(a))


def max_float_all(a):
    if a.size == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    return max_float(max_float_axis1(a))


def min_int_all(a):
    return min_float_all(a)


def max_int_all(a):
    return max_float_all(a)


def min_float_axis0(a):
    return min_float_axis1(a.T)


def max_float_axis0(a):
    return max_float_axis1(a.T)


def min_int_axis0(a):
    return min_float_axis1(a.T)


def max_int_axis0(a):
    return max_float_axis1(a.T)


def min_float_axis1(a):
    out = np.empty(a.shape[0], dtype=a.dtype)
    if a.shape[1] == 0:
        raise ValueError("zero-size array to reduction operation minimum which has no identity")
    for i in range(a.shape[0]):
        out[i] = min_float(a[i])
    return out


def max_float_axis1(a):
    out = np.empty(a.shape[0], dtype=a.dtype)
    if a.shape[1] == 0:
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    for i in range(a.shape[0]):
        out[i] = max_float(a[i])
    return out


def min_int_axis1(a):
    return min_float_axis1(a)


def max_int_axis1(a):
    return max_float_axis1(a)


def ptp(a):
    return max_float(a) - min_float(a)


def ptp_all(a):
    return max_float_all(a) - min_float_all(a)


def ptp_axis0(a):
    return max_float_axis0(a) - min_float_axis0(a)


def ptp_axis1(a):
    return max_float_axis1(a) - min_float_axis1(a)


def argmin_float(a):
    if len(a) == 0:
        raise ValueError("attempt to get argmin of an empty sequence")
    best = 0
    value = a[0]
    if value != value:
        return np.int64(0)
    for i in range(1, len(a)):
        x = a[i]
        if not x >= value:
            best = i
            value = x
            if x != x:
                break
    return np.int64(best)


def argmax_float(a):
    if len(a) == 0:
        raise ValueError("attempt to get argmax of an empty sequence")
    best = 0
    value = a[0]
    if value != value:
        return np.int64(0)
    for i in range(1, len(a)):
        x = a[i]
        if not x <= value:
            best = i
            value = x
            if x != x:
                break
    return np.int64(best)


def argmin_int(a):
    return argmin_float(a)


def argmax_int(a):
    return argmax_float(a)


def argmin_float_all(a):
    return argmin_float(np.ravel(a))


def argmax_float_all(a):
    return argmax_float(np.ravel(a))


def argmin_int_all(a):
    return argmin_float(np.ravel(a))


def argmax_int_all(a):
    return argmax_float(np.ravel(a))


def argmin_float_axis1(a):
    out = np.empty(a.shape[0], dtype=np.int64)
    for i in range(a.shape[0]):
        out[i] = argmin_float(a[i])
    return out


def argmax_float_axis1(a):
    out = np.empty(a.shape[0], dtype=np.int64)
    for i in range(a.shape[0]):
        out[i] = argmax_float(a[i])
    return out


def argmin_float_axis0(a):
    return argmin_float_axis1(a.T)


def argmax_float_axis0(a):
    return argmax_float_axis1(a.T)


def argmin_int_axis0(a):
    return argmin_float_axis1(a.T)


def argmax_int_axis0(a):
    return argmax_float_axis1(a.T)


def argmin_int_axis1(a):
    return argmin_float_axis1(a)


def argmax_int_axis1(a):
    return argmax_float_axis1(a)


# Truth.


def any(a):
    for x in a:
        if x:
            return np.bool_(True)
    return np.bool_(False)


def all(a):
    for x in a:
        if not x:
            return np.bool_(False)
    return np.bool_(True)


def any_all(a):
    for row in a:
        for x in row:
            if x:
                return np.bool_(True)
    return np.bool_(False)


def all_all(a):
    for row in a:
        for x in row:
            if not x:
                return np.bool_(False)
    return np.bool_(True)


def any_axis1(a):
    out = np.empty(a.shape[0], dtype=np.bool_)
    for i in range(a.shape[0]):
        out[i] = any(a[i])
    return out


def all_axis1(a):
    out = np.empty(a.shape[0], dtype=np.bool_)
    for i in range(a.shape[0]):
        out[i] = all(a[i])
    return out


def any_axis0(a):
    return any_axis1(a.T)


def all_axis0(a):
    return all_axis1(a.T)


# Running sums.


def cumsum_int(a):
    out = np.empty(len(a), dtype=a.dtype)
    if len(a) > 0:
        total = a[0]
        out[0] = total
        for i in range(1, len(a)):
            total += a[i]
            out[i] = total
    return out


def cumprod_int(a):
    out = np.empty(len(a), dtype=a.dtype)
    if len(a) > 0:
        total = a[0]
        out[0] = total
        for i in range(1, len(a)):
            total *= a[i]
            out[i] = total
    return out


def cumsum_float(a):
    return cumsum_int(a)


def cumprod_float(a):
    return cumprod_int(a)


def cumsum_int_all(a):
    return cumsum_int(np.ravel(a))


def cumsum_float_all(a):
    return cumsum_int(np.ravel(a))


def cumprod_int_all(a):
    return cumprod_int(np.ravel(a))


def cumprod_float_all(a):
    return cumprod_int(np.ravel(a))


def cumsum_int_axis0(a):
    out = np.empty((a.shape[0], a.shape[1]), dtype=a.dtype)
    if a.shape[0] > 0:
        out[0] = a[0]
        for i in range(1, a.shape[0]):
            out[i] = out[i - 1] + a[i]
    return out


def cumsum_float_axis0(a):
    return cumsum_int_axis0(a)


def cumsum_int_axis1(a):
    out = np.empty((a.shape[0], a.shape[1]), dtype=a.dtype)
    for i in range(a.shape[0]):
        out[i] = cumsum_int(a[i])
    return out


def cumsum_float_axis1(a):
    return cumsum_int_axis1(a)
