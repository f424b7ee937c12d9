"""Products of arrays of `float64`, with the bits of the library that NumPy calls for them (OpenBLAS, on processors with fused
multiplication and vectors of four). Decision 0240 says how its order was found. A name that ends in `_1_2` is for a vector
and a matrix, and so on; `matmul_` is the operator, `dot_` the function: they differ where the library takes no steps like an
array's."""

import numpy as np


# How an array lies in memory.


def _has_rows(a):
    # Whether the elements of a row are neighbours and rows do not overlap: what the library takes as it is.
    return np._stride(a, 1) == 8 and np._stride(a, 0) >= 8 * a.shape[1]


def _is_vector(v):
    return np._stride(v, 0) > 0


# Sums of products in the order of one kernel each.


def _plain(a, b):
    total = 0.0
    for i in range(len(a)):
        total += float(a[i]) * float(b[i])
    return np.float64(total)


def _with_steps(a, b):
    even = 0.0
    odd = 0.0
    last = len(a) - len(a) % 4
    for i in range(0, last, 4):
        even += float(b[i]) * float(a[i]) + float(b[i + 2]) * float(a[i + 2])
        odd += float(b[i + 1]) * float(a[i + 1]) + float(b[i + 3]) * float(a[i + 3])
    for i in range(last, len(a)):
        even += float(b[i]) * float(a[i])
    return np.float64(even + odd)


def _neighbours(a, b):
    # Four vectors of four sums, sixteen products at a time.
    zero = np.float64(0.0)
    s0 = zero
    s1 = zero
    s2 = zero
    s3 = zero
    s4 = zero
    s5 = zero
    s6 = zero
    s7 = zero
    s8 = zero
    s9 = zero
    s10 = zero
    s11 = zero
    s12 = zero
    s13 = zero
    s14 = zero
    s15 = zero
    last = len(a) - len(a) % 16
    for i in range(0, last, 16):
        s0 = np._fused(a[i], b[i], s0)
        s1 = np._fused(a[i + 1], b[i + 1], s1)
        s2 = np._fused(a[i + 2], b[i + 2], s2)
        s3 = np._fused(a[i + 3], b[i + 3], s3)
        s4 = np._fused(a[i + 4], b[i + 4], s4)
        s5 = np._fused(a[i + 5], b[i + 5], s5)
        s6 = np._fused(a[i + 6], b[i + 6], s6)
        s7 = np._fused(a[i + 7], b[i + 7], s7)
        s8 = np._fused(a[i + 8], b[i + 8], s8)
        s9 = np._fused(a[i + 9], b[i + 9], s9)
        s10 = np._fused(a[i + 10], b[i + 10], s10)
        s11 = np._fused(a[i + 11], b[i + 11], s11)
        s12 = np._fused(a[i + 12], b[i + 12], s12)
        s13 = np._fused(a[i + 13], b[i + 13], s13)
        s14 = np._fused(a[i + 14], b[i + 14], s14)
        s15 = np._fused(a[i + 15], b[i + 15], s15)
    low = ((s0 + s2) + (s4 + s6)) + ((s8 + s10) + (s12 + s14))
    high = ((s1 + s3) + (s5 + s7)) + ((s9 + s11) + (s13 + s15))
    total = low + high
    for i in range(last, len(a)):
        total += a[i] * b[i]
    return total


def _dot(a, b):
    if len(a) < 2 or (np._stride(a, 0) == 8 and np._stride(b, 0) == 8):
        return _neighbours(a, b)
    if _is_vector(a) and _is_vector(b):
        return _with_steps(a, b)
    return _plain(a, b)


def _rest_of_row(a, v, start, y):
    # The last one, two or three products, which come after all blocks of four.
    rest = len(a) - start
    if rest == 1:
        return np._fused(a[start], v[start], y)
    if rest == 2:
        return y + np._fused(a[start], v[start], float(a[start + 1]) * float(v[start + 1]))
    if rest == 3:
        two = np._fused(a[start], v[start], float(a[start + 1]) * float(v[start + 1]))
        return y + np._fused(a[start + 2], v[start + 2], two)
    return y


def _rows_times(a, v):
    # Each row of the matrix times the vector: four rows at a time, then two, then one, in blocks of 2048 columns.
    m = a.shape[0]
    last = len(v) - len(v) % 4
    out = np.zeros(m)
    for i in range(m):
        row = a[i]
        y = np.float64(0.0)
        for start in range(0, last, 2048):
            stop = min(start + 2048, last)
            if i < m - m % 4:
                y += _four_fused(row, v, start, stop)
            elif i < m - m % 2:
                y += _two_sums(row, v, start, stop)
            else:
                y += _four_sums(row, v, start, stop)
        out[i] = _rest_of_row(row, v, last, y)
    return out


def _four_fused(row, v, start, stop):
    s0 = np.float64(0.0)
    s1 = np.float64(0.0)
    s2 = np.float64(0.0)
    s3 = np.float64(0.0)
    for j in range(start, stop, 4):
        s0 = np._fused(row[j], v[j], s0)
        s1 = np._fused(row[j + 1], v[j + 1], s1)
        s2 = np._fused(row[j + 2], v[j + 2], s2)
        s3 = np._fused(row[j + 3], v[j + 3], s3)
    return (s0 + s2) + (s1 + s3)


def _two_sums(row, v, start, stop):
    s0 = np.float64(0.0)
    s1 = np.float64(0.0)
    for j in range(start, stop, 2):
        s0 += row[j] * v[j]
        s1 += row[j + 1] * v[j + 1]
    return s0 + s1


def _four_sums(row, v, start, stop):
    s0 = np.float64(0.0)
    s1 = np.float64(0.0)
    s2 = np.float64(0.0)
    s3 = np.float64(0.0)
    for j in range(start, stop, 4):
        s0 += row[j] * v[j]
        s1 += row[j + 1] * v[j + 1]
        s2 += row[j + 2] * v[j + 2]
        s3 += row[j + 3] * v[j + 3]
    return (s0 + s2) + (s1 + s3)


def _times_rows(v, b):
    # The sum of the rows of the matrix, each times its element of the vector: four rows at a time for four columns and
    # more; the last columns from the first row to the last.
    n = b.shape[1]
    full = n - n % 4
    out = np.zeros(n)
    i = 0
    while i + 4 <= len(v):
        for j in range(full):
            even = np._fused(b[i + 2, j], v[i + 2], b[i, j] * v[i])
            odd = np._fused(b[i + 3, j], v[i + 3], b[i + 1, j] * v[i + 1])
            out[j] += even + odd
        i += 4
    if i + 2 <= len(v):
        for j in range(full):
            out[j] += b[i, j] * v[i] + b[i + 1, j] * v[i + 1]
        i += 2
    if i < len(v):
        for j in range(full):
            out[j] += b[i, j] * v[i]
    paired = 0
    if n < 4 and np._stride(b, 0) == 8 * n:
        # A narrow matrix without gaps has a loop of its own, which adds two products first.
        paired = len(v) - len(v) % 4
    for j in range(full, n):
        y = 0.0
        for k in range(0, paired, 2):
            y += float(b[k, j]) * float(v[k]) + float(b[k + 1, j]) * float(v[k + 1])
        for k in range(paired, len(v)):
            y += float(b[k, j]) * float(v[k])
        out[j] = y
    return out


def _plain_rows_times(a, v):
    out = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        out[i] = _plain(a[i], v)
    return out


def _block_end(start, count):
    # Products are added up in blocks of 256; two blocks share what is left of fewer than 512, in steps of four.
    rest = count - start
    if rest >= 512:
        return start + 256
    if rest > 256:
        return start + (rest // 2 + 3) // 4 * 4
    return count


def _add_row(target, a, b, start, stop):
    # Elements of one row of the result: products in order, each sum rounded once.
    part = target if start == 0 else np.zeros(len(target))
    for k in range(start, stop):
        factor = a[k]
        row = b[k]
        for j in range(len(part)):
            part[j] = np._fused(factor, row[j], part[j])
    if start > 0:
        for j in range(len(target)):
            target[j] += part[j]
    return None


def _add_last_row(target, a, b, start, stop):
    # The last of an odd number of rows, for four columns and more: four sums side by side in steps of eight.
    last = stop - (stop - start) % 8
    for j in range(len(target)):
        column = b[:, j]
        s0 = np.float64(0.0)
        s1 = np.float64(0.0)
        s2 = np.float64(0.0)
        s3 = np.float64(0.0)
        for k in range(start, last, 4):
            s0 = np._fused(a[k], column[k], s0)
            s1 = np._fused(a[k + 1], column[k + 1], s1)
            s2 = np._fused(a[k + 2], column[k + 2], s2)
            s3 = np._fused(a[k + 3], column[k + 3], s3)
        for k in range(last, stop):
            s0 = np._fused(a[k], column[k], s0)
        target[j] += (s0 + s1) + (s2 + s3)
    return None


def _product(a, b):
    m = a.shape[0]
    n = b.shape[1]
    count = a.shape[1]
    full = n - n % 4
    out = np.zeros((m, n))
    start = 0
    while start < count:
        stop = _block_end(start, count)
        for i in range(m - m % 2):
            _add_row(out[i], a[i], b, start, stop)
        if m % 2 == 1:
            _add_last_row(out[m - 1, :full], a[m - 1], b[:, :full], start, stop)
            _add_row(out[m - 1, full:], a[m - 1], b[:, full:], start, stop)
        start = stop
    return out


def with_own_transpose(a):
    # A matrix times itself turned: the library works out one half of the result.
    if a.shape[0] < 2 or a.shape[1] < 2:
        return _matrices(a, a.T)
    b = a.T
    out = np.zeros((a.shape[0], a.shape[0]))
    start = 0
    while start < a.shape[1]:
        rest = a.shape[1] - start
        stop = start + 256 if rest >= 512 else start + (rest + 1) // 2 if rest > 256 else a.shape[1]
        for i in range(a.shape[0]):
            _add_row(out[i], a[i], b, start, stop)
        start = stop
    return out


def _matrices(a, b):
    if a.shape[0] == 1 and b.shape[1] == 1:
        out = np.zeros((1, 1))
        out[0, 0] = _dot(a[0], b[:, 0])
        return out
    return _product(a, b)


def _copied_times(a, v):
    # What does not lie in one piece is copied first.
    if a.shape[0] == 1:
        return _line_of(_dot(a[0], v))
    if np._is_flat(a.T):
        return _times_rows(v, a.T)
    return _rows_times(a, v)


def _times_copied(v, b):
    if b.shape[1] == 1:
        return _line_of(_dot(v, b[:, 0]))
    if np._is_flat(b.T):
        return _rows_times(b.T, v)
    return _times_rows(v, b if np._is_flat(b) else b.copy())


def _times(a, v):
    # What does not lie in one piece is multiplied without the library.
    if a.shape[0] == 1:
        return _line_of(_dot(a[0], v))
    if _is_vector(v):
        if _has_rows(a):
            return _rows_times(a, v)
        if _has_rows(a.T):
            return _times_rows(v, a.T)
    return _plain_rows_times(a, v)


def _line_of(x):
    out = np.zeros(1)
    out[0] = x
    return out


# The operator.


def _require_core(left, right):
    if left != right:
        raise ValueError(
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) "
            f"(size {right} is different from {left})"
        )
    return None


def matmul_1_1(a, b):
    _require_core(len(a), len(b))
    return _dot(a, b)


def matmul_2_1(a, v):
    _require_core(a.shape[1], len(v))
    return _times(a, v)


def matmul_1_2(v, b):
    _require_core(len(v), b.shape[0])
    return _times(b.T, v)


def matmul_2_2(a, b):
    _require_core(a.shape[1], b.shape[0])
    if a.shape[0] == 1 and b.shape[1] == 1:
        return _matrices(a, b)
    if b.shape[1] == 1:
        return np.reshape(_times(a, b[:, 0]), (a.shape[0], 1))
    if a.shape[0] == 1:
        return np.reshape(_times(b.T, a[0]), (1, b.shape[1]))
    return _product(a, b)


# The function.


def as_floats(a):
    if np._is_flat(a.T):
        return a.T.astype(np.float64).T
    return a.astype(np.float64)


def dot_1_1(a, b):
    if len(a) != len(b):
        raise ValueError(f"shapes ({len(a)},) and ({len(b)},) not aligned: {len(a)} (dim 0) != {len(b)} (dim 0)")
    return _dot(a, b)


def dot_2_1(a, v):
    if a.shape[1] != len(v):
        raise ValueError(
            f"shapes ({a.shape[0]},{a.shape[1]}) and ({len(v)},) not aligned: {a.shape[1]} (dim 1) != {len(v)} (dim 0)"
        )
    return _copied_times(a, v)


def dot_1_2(v, b):
    if len(v) != b.shape[0]:
        raise ValueError(
            f"shapes ({len(v)},) and ({b.shape[0]},{b.shape[1]}) not aligned: {len(v)} (dim 0) != {b.shape[0]} (dim 0)"
        )
    return _times_copied(v, b)


def dot_2_2(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError(
            f"shapes ({a.shape[0]},{a.shape[1]}) and ({b.shape[0]},{b.shape[1]}) not aligned: {a.shape[1]} (dim 1) != "
            f"{b.shape[0]} (dim 0)"
        )
    if a.shape[0] == 1 and b.shape[1] == 1:
        return _matrices(a, b)
    if b.shape[1] == 1:
        return np.reshape(_copied_times(a, b[:, 0]), (a.shape[0], 1))
    if a.shape[0] == 1:
        return np.reshape(_times_copied(a[0], b), (1, b.shape[1]))
    return _product(a, b)
