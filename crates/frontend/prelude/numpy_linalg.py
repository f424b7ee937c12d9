"""`numpy.linalg`, for compiled code: elimination with the largest element of a column as pivot, column by column, as LAPACK does it."""

import math

import numpy as np


class LinAlgError(ValueError):
    pass


def _square(a):
    if a.shape[0] != a.shape[1]:
        raise LinAlgError("Last 2 dimensions of the array must be square")
    return a.astype(np.float64)


def _factors(lu, order):
    # In `lu` the factors, one beside the other; `order` is the order of the rows. The number of exchanges, or -1 when a
    # pivot is zero.
    n = lu.shape[0]
    swaps = 0
    regular = True
    for j in range(n):
        # The rows above have been exchanged already; their part of the column follows from them.
        for i in range(n):
            total = np.float64(0.0)
            for k in range(min(i, j)):
                total += lu[i, k] * lu[k, j]
            lu[i, j] -= total
        best = j
        for i in range(j + 1, n):
            if abs(lu[i, j]) > abs(lu[best, j]):
                best = i
        if lu[best, j] == 0.0:
            regular = False
            continue
        if best != j:
            swaps += 1
            for k in range(n):
                kept = lu[j, k]
                lu[j, k] = lu[best, k]
                lu[best, k] = kept
            kept_row = order[j]
            order[j] = order[best]
            order[best] = kept_row
        factor = 1.0 / lu[j, j]
        for i in range(j + 1, n):
            lu[i, j] *= factor
    return swaps if regular else -1


def det_2(a):
    lu = _square(a)
    swaps = _factors(lu, np.arange(lu.shape[0]))
    if swaps < 0:
        return np.float64(0.0)
    # NumPy adds up logarithms.
    sign = 1.0 if swaps % 2 == 0 else -1.0
    total = 0.0
    for i in range(lu.shape[0]):
        pivot = float(lu[i, i])
        if pivot < 0.0:
            sign = -sign
            pivot = -pivot
        total += math.log(pivot)
    return np.float64(sign * math.exp(total))


def _solved(lu, x):
    # One right side: column by column, with a division for each pivot.
    n = lu.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            x[i] -= lu[i, k] * x[k]
    for k in range(n - 1, -1, -1):
        x[k] /= lu[k, k]
        for i in range(k):
            x[i] -= lu[i, k] * x[k]
    return None


def _solved_in_blocks(lu, x):
    # One of several right sides: rows in blocks of four, then two, then one. What the blocks before contribute is added up
    # first; a pivot is multiplied with its reciprocal.
    n = lu.shape[0]
    start = 0
    while start < n:
        size = 4 if start + 4 <= n else 2 if start + 2 <= n else 1
        _subtract(lu, x, start, start + size, 0, start)
        for k in range(start, start + size):
            for i in range(k + 1, start + size):
                x[i] -= lu[i, k] * x[k]
        start += size
    end = n
    while end > 0:
        size = 1 if end % 2 == 1 else 2 if end % 4 == 2 else 4
        _subtract(lu, x, end - size, end, end, n)
        for k in range(end - 1, end - size - 1, -1):
            x[k] *= 1.0 / lu[k, k]
            for i in range(end - size, k):
                x[i] -= lu[i, k] * x[k]
        end -= size
    return None


def _subtract(lu, x, start, stop, first, last):
    for i in range(start, stop):
        total = np.float64(0.0)
        for k in range(first, last):
            total = np._fused(lu[i, k], x[k], total)
        x[i] -= total
    return None


def solve_2_1(a, b):
    lu = _square(a)
    n = lu.shape[0]
    if len(b) != n:
        raise ValueError("solve1: Input operand 1 has a mismatch in its core dimension 0")
    order = np.arange(n)
    if _factors(lu, order) < 0:
        raise LinAlgError("Singular matrix")
    x = np.zeros(n)
    for i in range(n):
        x[i] = b[order[i]]
    _solved(lu, x)
    return x


def solve_2_2(a, b):
    lu = _square(a)
    n = lu.shape[0]
    if b.shape[0] != n:
        raise ValueError("solve: Input operand 1 has a mismatch in its core dimension 0")
    order = np.arange(n)
    if _factors(lu, order) < 0:
        raise LinAlgError("Singular matrix")
    out = np.zeros((n, b.shape[1]))
    x = np.zeros(n)
    for j in range(b.shape[1]):
        for i in range(n):
            x[i] = b[order[i], j]
        _solved_in_blocks(lu, x)
        for i in range(n):
            out[i, j] = x[i]
    return out


def inv_2(a):
    lu = _square(a)
    return solve_2_2(lu, np.eye(lu.shape[0]))


def matrix_power_2(a, n):
    if a.shape[0] != a.shape[1]:
        raise LinAlgError("Last 2 dimensions of the array must be square")
    if n < 0:
        return _power(inv_2(a), -n)
    return _power(a, n)


def _power(a, n):
    out = np.eye(a.shape[0], dtype=a.dtype)
    square = a.copy()
    while n > 0:
        if n % 2 == 1:
            out = out @ square
        n //= 2
        if n > 0:
            square = square @ square
    return out


def norm_1(a, ord=...):
    # Integers become floats, and a `float32` stays one.
    x = a / 1
    if ord is ...:
        return np.sqrt(np.dot(x, x))
    if ord is None:
        return np.sqrt(np.dot(x, x))
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == 2:
        return np.sqrt(np.dot(x, x))
    if ord == 1:
        return np.sum(np.abs(x))
    if ord == math.inf:
        return np.max(np.abs(x))
    if ord == -math.inf:
        return np.min(np.abs(x))
    if ord == 0:
        return np.sum((x != 0) / 1)
    return np.sum(np.abs(x) ** ord) ** (1.0 / ord)


def norm_2(a, ord=...):
    if ord is not ...:
        if isinstance(ord, str):
            if ord != "fro":
                raise ValueError("Invalid norm order for matrices.")
        elif ord is not None:
            _unsupported("a norm of a matrix by its number cannot be compiled")
    # NumPy takes the elements in the order of memory.
    line = np.ravel((a.T if abs(np._stride(a, 0)) < abs(np._stride(a, 1)) else a) / 1)
    return np.sqrt(np.dot(line, line))


def norm_axis0(a, ord=...):
    if ord is ...:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=0))
    if ord is None:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=0))
    if ord == 2:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=0))
    return norm_axis1(a.T, ord)


def norm_axis1(a, ord=...):
    # Along an axis, squares are added up like any other numbers.
    if ord is ...:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=1))
    if ord is None:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=1))
    if ord == 2:
        return np.sqrt(np.sum((a / 1) * (a / 1), axis=1))
    out = np.zeros(a.shape[0], dtype=(a[:1] / 1).dtype)
    for i in range(a.shape[0]):
        out[i] = norm_1(a[i], ord)
    return out


def kron_2_2(a, b):
    rows = b.shape[0]
    columns = b.shape[1]
    out = np.zeros((a.shape[0] * rows, a.shape[1] * columns), dtype=(a[:1, :1] * b[:1, :1]).dtype)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(rows):
                for m in range(columns):
                    out[i * rows + k, j * columns + m] = a[i, j] * b[k, m]
    return out


def triu_2(m, k=...):
    offset = 0 if k is ... else k
    out = m.copy()
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            if j - i < offset:
                out[i, j] = 0
    return out


def tril_2(m, k=...):
    offset = 0 if k is ... else k
    out = m.copy()
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            if j - i > offset:
                out[i, j] = 0
    return out
