"""More of what `numpy` does with whole arrays: sets of elements, counts, joins and cuts. Names are made as in `numpy.py`."""

import numpy as np

# Sets of elements.


def unique_counts(a):
    values = np.unique(a)
    counts = np.zeros(len(values), dtype=np.int64)
    for x in np.ravel(a):
        counts[_place_of(values, x)] += 1
    return values, counts


def unique_index(a):
    values = np.unique(a)
    first = np.full(len(values), -1)
    line = np.ravel(a)
    for i in range(len(line)):
        place = _place_of(values, line[i])
        if first[place] < 0:
            first[place] = i
    return values, first


def unique_inverse_1(a):
    values = np.unique(a)
    inverse = np.empty(len(a), dtype=np.int64)
    for i in range(len(a)):
        inverse[i] = _place_of(values, a[i])
    return values, inverse


def _place_of(values, x):
    # The values are in order, and a NaN among them is the last.
    low = 0
    high = len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if values[middle] < x or x != x:
            low = middle + 1
        else:
            high = middle
    return low


def union1d_1_1(a, b):
    return np.unique(np.concatenate((a, b)))


def intersect1d_1_1(a, b):
    one = np.unique(a)
    kept = one[np.isin(one, b)]
    out = np.empty(len(kept), dtype=np.concatenate((a[:0], b[:0])).dtype)
    out[:] = kept
    return out


def setdiff1d_1_1(a, b):
    one = np.unique(a)
    return one[~np.isin(one, b)]


# Places among bounds.


def digitize_1_1(x, bins, right=...):
    side = "left" if _is_true(right) else "right"
    _require_rising(bins)
    return np.searchsorted(bins, x, side)


def digitize_1(x, bins, right=...):
    side = "left" if _is_true(right) else "right"
    _require_rising(bins)
    return np.searchsorted(bins, x, side)


def _is_true(flag):
    if flag is ...:
        return False
    return flag


def _require_rising(bins):
    for i in range(1, len(bins)):
        if not bins[i - 1] <= bins[i]:
            raise NotImplementedError("bins that do not rise are not compiled")


def histogram_1(a, bins=...):
    count = 10
    if bins is not ...:
        count = bins
    if count < 1:
        raise ValueError("`bins` must be positive, when an integer")
    low = 0.0
    high = 1.0
    if len(a) > 0:
        low = float(np.min(a))
        high = float(np.max(a))
        if not (-np.inf < low <= high < np.inf):
            raise ValueError(f"autodetected range of [{low}, {high}] is not finite")
    if low == high:
        low = low - 0.5
        high = high + 0.5
    edges = np.linspace(low, high, count + 1)
    counts = np.zeros(count, dtype=np.int64)
    width = high - low
    for value in a:
        x = float(value)
        # As NumPy: the place by a division, then held against the edges.
        place = int((x - low) / width * count)
        if place == count:
            place -= 1
        if x < edges[place]:
            place -= 1
        elif x >= edges[place + 1] and place != count - 1:
            place += 1
        counts[place] += 1
    return counts, edges


# Other shapes.


def percentile_1_1(a, q):
    out = np.empty(len(q), dtype=np.float64)
    for i in range(len(q)):
        out[i] = np.percentile(a, float(q[i]))
    return out


def quantile_1_1(a, q):
    out = np.empty(len(q), dtype=np.float64)
    for i in range(len(q)):
        out[i] = np.quantile(a, float(q[i]))
    return out


def median_axis0(a):
    if a.shape[0] == 0:
        return np.mean(a, axis=0)
    out = np.empty(a.shape[1], dtype=np.mean(a[:1], axis=0).dtype)
    for j in range(a.shape[1]):
        out[j] = np.median(a[:, j])
    return out


def median_axis1(a):
    return median_axis0(a.T)


def nanmedian_1(a):
    return np.median(a[~np.isnan(a)])


def tile_pair_1(a, rows, columns):
    line = np.tile(a, columns)
    out = np.empty((rows if rows > 0 else 0, len(line)), dtype=a.dtype)
    for i in range(rows):
        out[i] = line
    return out


def tile_pair_2(a, rows, columns):
    height = a.shape[0]
    width = a.shape[1]
    out = np.empty((height * (rows if rows > 0 else 0), width * (columns if columns > 0 else 0)), dtype=a.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i * height : (i + 1) * height, j * width : (j + 1) * width] = a
    return out


def tile_2(a, reps):
    return tile_pair_2(a, 1, reps)


def roll_2(a, shift):
    return np.reshape(np.roll(np.ravel(a), shift), a.shape)


def roll_axis0(a, shift):
    out = np.empty(a.shape, dtype=a.dtype)
    n = a.shape[0]
    for i in range(n):
        out[(i + shift) % n] = a[i]
    return out


def roll_axis1(a, shift):
    out = np.empty(a.shape, dtype=a.dtype)
    n = a.shape[1]
    for j in range(n):
        out[:, (j + shift) % n] = a[:, j]
    return out


def pad_1(a, before, after, value):
    _require_width(before, after)
    out = np.empty(before + len(a) + after, dtype=a.dtype)
    out[:] = value
    out[before : before + len(a)] = a
    return out


def pad_2(a, before, after, value):
    _require_width(before, after)
    out = np.empty((before + a.shape[0] + after, before + a.shape[1] + after), dtype=a.dtype)
    out[:] = value
    out[before : before + a.shape[0], before : before + a.shape[1]] = a
    return out


def _require_width(before, after):
    if before < 0 or after < 0:
        raise ValueError("index can't contain negative values")


def diagflat_1(v):
    return np.diag(v)


def meshgrid_1_1(x, y):
    a = np.empty((len(y), len(x)), dtype=x.dtype)
    b = np.empty((len(y), len(x)), dtype=y.dtype)
    for i in range(len(y)):
        a[i] = x
        b[i] = y[i]
    return a, b


def split_1(a, sections):
    if len(a) % sections != 0:
        raise ValueError("array split does not result in an equal division")
    size = len(a) // sections
    return [a[i * size : (i + 1) * size] for i in range(sections)]


def split_1_1(a, places):
    parts = []
    start = 0
    for place in places:
        parts.append(a[start:place])
        start = place
    parts.append(a[start:])
    return parts


def array_split_1(a, sections):
    if sections <= 0:
        raise ValueError("number sections must be larger than 0.")
    size = len(a) // sections
    longer = len(a) % sections
    parts = []
    start = 0
    for i in range(sections):
        stop = start + size + (1 if i < longer else 0)
        parts.append(a[start:stop])
        start = stop
    return parts


# Running results.


def convolve_valid(a, v):
    full = np.convolve(a, v)
    return full[min(len(a), len(v)) - 1 : max(len(a), len(v))]


def convolve_same(a, v):
    full = np.convolve(a, v)
    start = (min(len(a), len(v)) - 1) // 2
    return full[start : start + max(len(a), len(v))]


def accumulate_maximum(a):
    out = a.copy()
    for i in range(1, len(a)):
        out[i] = np.maximum(out[i - 1], a[i])
    return out


def accumulate_minimum(a):
    out = a.copy()
    for i in range(1, len(a)):
        out[i] = np.minimum(out[i - 1], a[i])
    return out


# Statistics.


def cov_1_1(m, y):
    if len(m) != len(y):
        raise ValueError(
            "all the input array dimensions except for the concatenation axis must match exactly, but along dimension 1, "
            f"the array at index 0 has size {len(m)} and the array at index 1 has size {len(y)}"
        )
    if len(m) < 2:
        raise NotImplementedError("the covariance of fewer than two values is not compiled")
    x = np.vstack((m.astype(np.float64), y.astype(np.float64)))
    x -= np.mean(x, axis=1)[:, None]
    c = np.dot(x, x.T)
    return c * np.true_divide(1, len(m) - 1)


def corrcoef_1_1(x, y):
    c = cov_1_1(x, y)
    d = np.sqrt(np.diag(c))
    c /= d[:, None]
    c /= d[None, :]
    return np.clip(c, -1, 1)


def polyval_1_1(p, x):
    total = np.zeros(len(x), dtype=(x[:1] * p[:1]).dtype)
    for i in range(len(p)):
        total = total * x + p[i]
    return total


def gradient_1(values):
    f = values / 1
    if len(f) < 2:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are required."
        )
    n = len(f)
    out = np.empty(n, dtype=f.dtype)
    out[1:-1] = (f[2:] - f[:-2]) / 2.0
    out[0] = (f[1] - f[0]) / 1.0
    out[n - 1] = (f[n - 1] - f[n - 2]) / 1.0
    return out


def delete_1(arr, obj):
    n = len(arr)
    if obj < -n or obj >= n:
        raise IndexError(f"index {obj} is out of bounds for axis 0 with size {n}")
    place = obj if obj >= 0 else obj + n
    return np.concatenate((arr[:place], arr[place + 1 :]))
