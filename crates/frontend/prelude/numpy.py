"""What `numpy` does with whole arrays, for compiled code. A name that ends in `_1`, `_2`, .. is for arguments of these
dimensions (0 is a number), in `_all`, `_axis0` and `_axis1` for matrices along an axis, in `_float` and `_int` for these
kinds of elements. `np._flat`, `np._fold`, `np._is_flat` and `np._stride` are operations of the compiler itself."""

import numpy as np

# The target shares no memory with the source.


def copy_into_1(target, source):
    for i in range(len(target)):
        target[i] = source[i]
    return None


def copy_into_2(target, source):
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = source[i, j]
    return None


def rows_of_list(rows):
    if len(rows) == 0:
        raise NotImplementedError("an empty list of arrays has no number of dimensions in compiled code")
    for row in rows:
        if len(row) != len(rows[0]):
            raise ValueError(
                "setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 dimensions. "
                f"The detected shape was ({len(rows)},) + inhomogeneous part."
            )
    out = np.empty((len(rows), len(rows[0])), dtype=rows[0].dtype)
    for i in range(len(rows)):
        out[i] = rows[i]
    return out


# Elements picked and put.


def pick_1_1(a, positions):
    out = np.empty(len(positions), dtype=a.dtype)
    for i in range(len(positions)):
        out[i] = a[positions[i]]
    return out


def pick_2_1(a, positions):
    out = np.empty((len(positions), a.shape[1]), dtype=a.dtype)
    for i in range(len(positions)):
        out[i] = a[positions[i]]
    return out


def pick_pairs(a, rows, columns):
    count = _pair_count(rows, columns)
    out = np.empty(count, dtype=a.dtype)
    for i in range(count):
        out[i] = a[rows[i if len(rows) > 1 else 0], columns[i if len(columns) > 1 else 0]]
    return out


def _pair_count(rows, columns):
    if len(rows) != len(columns) and len(rows) != 1 and len(columns) != 1:
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes ({len(rows)},) ({len(columns)},) "
        )
    return len(columns) if len(rows) == 1 else len(rows)


def _check_mask(length, expected, axis):
    # An empty axis fits everywhere.
    if length != expected and length != 0:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is {expected} but size of "
            f"corresponding boolean axis is {length}"
        )


def _count_true(mask):
    count = 0
    for i in range(len(mask)):
        count += 1 if mask[i] else 0
    return count


def pick_where_1_1(a, mask):
    _check_mask(len(mask), len(a), 0)
    out = np.empty(_count_true(mask), dtype=a.dtype)
    at = 0
    for i in range(len(mask)):
        if mask[i]:
            out[at] = a[i]
            at += 1
    return out


def pick_where_2_1(a, mask):
    _check_mask(len(mask), len(a), 0)
    out = np.empty((_count_true(mask), a.shape[1]), dtype=a.dtype)
    at = 0
    for i in range(len(mask)):
        if mask[i]:
            out[at] = a[i]
            at += 1
    return out


def pick_where_2_2(a, mask):
    _check_mask(mask.shape[0], a.shape[0], 0)
    _check_mask(mask.shape[1], a.shape[1], 1)
    count = 0
    for i in range(mask.shape[0]):
        count += _count_true(mask[i])
    out = np.empty(count, dtype=a.dtype)
    at = 0
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j]:
                out[at] = a[i, j]
                at += 1
    return out


def put_1_1_0(a, positions, value):
    for i in range(len(positions)):
        position = positions[i]
        a[position] = value


def put_1_1_1(a, positions, values):
    if len(values) != len(positions) and len(values) != 1:
        raise ValueError(
            f"shape mismatch: value array of shape ({len(values)},) could not be broadcast to indexing result of shape "
            f"({len(positions)},)"
        )
    # All positions are looked at before anything is stored.
    for i in range(len(positions)):
        a[positions[i]]
    kept = values.copy()
    for i in range(len(positions)):
        a[positions[i]] = kept[i if len(kept) > 1 else 0]


def put_2_1_0(a, positions, value):
    for i in range(len(positions)):
        a[positions[i]] = value


def put_2_1_1(a, positions, values):
    kept = values.copy()
    for i in range(len(positions)):
        a[positions[i]] = kept


def put_2_1_2(a, positions, values):
    if values.shape[0] != len(positions) and values.shape[0] != 1:
        raise ValueError("shape mismatch: value array could not be broadcast to indexing result")
    kept = values.copy()
    for i in range(len(positions)):
        a[positions[i]] = kept[i if kept.shape[0] > 1 else 0]


def put_pairs_0(a, rows, columns, value):
    for i in range(_pair_count(rows, columns)):
        a[rows[i if len(rows) > 1 else 0], columns[i if len(columns) > 1 else 0]] = value


def put_pairs_1(a, rows, columns, values):
    count = _pair_count(rows, columns)
    if len(values) != count and len(values) != 1:
        raise ValueError("shape mismatch: value array could not be broadcast to indexing result")
    kept = values.copy()
    for i in range(count):
        a[rows[i if len(rows) > 1 else 0], columns[i if len(columns) > 1 else 0]] = kept[i if len(kept) > 1 else 0]


def put_where_1_1_0(a, mask, value):
    _check_mask(len(mask), len(a), 0)
    for i in range(len(mask)):
        if mask[i]:
            a[i] = value


def put_where_1_1_1(a, mask, values):
    _check_mask(len(mask), len(a), 0)
    count = _count_true(mask)
    _check_assigned(len(values), count)
    kept = values.copy()
    at = 0
    for i in range(len(mask)):
        if mask[i]:
            a[i] = kept[at]
            at += 1 if len(kept) > 1 else 0


def _check_assigned(given, wanted):
    if given != wanted and given != 1:
        raise ValueError(
            f"NumPy boolean array indexing assignment cannot assign {given} input values to the {wanted} output values "
            "where the mask is true"
        )


def put_where_2_1_0(a, mask, value):
    _check_mask(len(mask), len(a), 0)
    for i in range(len(mask)):
        if mask[i]:
            a[i] = value


def put_where_2_1_1(a, mask, values):
    _check_mask(len(mask), len(a), 0)
    kept = values.copy()
    for i in range(len(mask)):
        if mask[i]:
            a[i] = kept


def put_where_2_2_0(a, mask, value):
    _check_mask(mask.shape[0], a.shape[0], 0)
    _check_mask(mask.shape[1], a.shape[1], 1)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j]:
                a[i, j] = value


def put_where_2_2_1(a, mask, values):
    _check_mask(mask.shape[0], a.shape[0], 0)
    _check_mask(mask.shape[1], a.shape[1], 1)
    count = 0
    for i in range(mask.shape[0]):
        count += _count_true(mask[i])
    _check_assigned(len(values), count)
    kept = values.copy()
    at = 0
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            if mask[i, j]:
                a[i, j] = kept[at]
                at += 1 if len(kept) > 1 else 0


# Arrays from other things, and back.


# What the items say of the array, where the compiler has taken something else for granted.


def require_items(items):
    if len(items) == 0:
        raise NotImplementedError("an array of an empty list has elements of another type in compiled code: give its `dtype`")


def require_items_rows(rows):
    for row in rows:
        require_items(row)


def require_float(items):
    if len(items) > 0 and not any([isinstance(x, float) for x in items]):
        raise NotImplementedError("an array of items without a float has another type in compiled code: give its `dtype`")


def require_float_rows(rows):
    if not any([isinstance(x, float) for row in rows for x in row]) and any([len(row) > 0 for row in rows]):
        raise NotImplementedError("an array of items without a float has another type in compiled code: give its `dtype`")


def require_int(items):
    if not any([not isinstance(x, bool) for x in items]):
        raise NotImplementedError("an array of such items has another type in compiled code: give its `dtype`")


def require_int_rows(rows):
    if not any([not isinstance(x, bool) for row in rows for x in row]):
        raise NotImplementedError("an array of such items has another type in compiled code: give its `dtype`")


def require_dimensions(rows):
    if len(rows) == 0:
        raise NotImplementedError("an empty list of lists has no number of dimensions in compiled code")


def from_list(items, dtype):
    out = np.empty(len(items), dtype=dtype)
    for i in range(len(items)):
        out[i] = items[i]
    return out


def from_lists(rows, dtype):
    columns = len(rows[0]) if len(rows) > 0 else 0
    out = np.empty((len(rows), columns), dtype=dtype)
    for i in range(len(rows)):
        if len(rows[i]) != columns:
            raise ValueError(
                "setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 "
                f"dimensions. The detected shape was ({len(rows)},) + inhomogeneous part."
            )
        for j in range(columns):
            out[i, j] = rows[i][j]
    return out


def to_list_1(a):
    return [x.item() for x in a]


def to_list_2(a):
    return [[x.item() for x in row] for row in a]


def only_1(a):
    if len(a) != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return a[0]


def only_2(a):
    if a.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    return a[0, 0]


def truth_1(a):
    if len(a) > 1:
        raise ValueError("The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()")
    if len(a) == 0:
        raise ValueError(
            "The truth value of an empty array is ambiguous. Use `array.size > 0` to check that an array is not empty."
        )
    return np.bool_(True if a[0] else False)


def truth_2(a):
    return truth_1(line_of(a))


def set_diagonal(a):
    for i in range(min(a.shape[0], a.shape[1])):
        a[i, i] = 1


def arange_int(start, stop, step):
    if step == 0:
        raise ZeroDivisionError("division by zero")
    out = np.empty(len(range(start, stop, step)), dtype=np.int64)
    for i in range(len(out)):
        out[i] = start + i * step
    return out


def arange_float(start, stop, step):
    if step == 0.0:
        raise ZeroDivisionError("float division by zero")
    length = -int((start - stop) / step // 1.0)
    out = np.empty(length if length > 0 else 0)
    delta = (start + step) - start
    for i in range(len(out)):
        out[i] = start + i * delta
    if len(out) > 1:
        out[1] = start + step
    return out


def linspace(start, stop, num, endpoint):
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    out = np.empty(num)
    parts = num - 1 if endpoint else num
    if parts > 0:
        step = (stop - start) / parts
        if step == 0.0:
            for i in range(num):
                out[i] = i / parts * (stop - start) + start
        else:
            for i in range(num):
                out[i] = i * step + start
    else:
        for i in range(num):
            out[i] = i * (stop - start) + start
    if endpoint and num > 1:
        out[num - 1] = stop
    return out


# Shapes.


def check_length(found, wanted):
    if wanted != -1 and wanted != found:
        raise ValueError(f"cannot reshape array of size {found} into shape ({wanted},)")
    return None


def matrix_lengths(found, rows, columns):
    if rows < 0 and columns < 0:
        raise ValueError("can only specify one unknown dimension")
    if rows < 0:
        whole = columns != 0 and found % columns == 0
        if not whole:
            raise ValueError(f"cannot reshape array of size {found} into shape ({columns})")
        return found // columns, columns
    if columns < 0:
        if rows == 0 or found % rows != 0:
            raise ValueError(f"cannot reshape array of size {found} into shape ({rows},newaxis)")
        return rows, found // rows
    if rows * columns != found:
        raise ValueError(f"cannot reshape array of size {found} into shape ({rows},{columns})")
    return rows, columns


def line_of(a):
    if np._is_flat(a):
        return np._flat(a, a.size)
    out = np.empty((a.shape[0], a.shape[1]), dtype=a.dtype)
    out[:] = a
    return np._flat(out, out.size)


def ravel_1(a):
    if np._is_flat(a):
        return a
    return a.copy()


def join_lines(a, b):
    out = np.empty(len(a) + len(b), dtype=a.dtype)
    out[: len(a)] = a
    out[len(a) :] = b
    return out


def join_rows(a, b):
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            "all the input array dimensions except for the concatenation axis must match exactly, but along dimension 1, "
            f"the array at index 0 has size {a.shape[1]} and the array at index 1 has size {b.shape[1]}"
        )
    out = np.empty((a.shape[0] + b.shape[0], a.shape[1]), dtype=a.dtype)
    out[: a.shape[0]] = a
    out[a.shape[0] :] = b
    return out


def join_columns(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            "all the input array dimensions except for the concatenation axis must match exactly, but along dimension 0, "
            f"the array at index 0 has size {a.shape[0]} and the array at index 1 has size {b.shape[0]}"
        )
    out = np.empty((a.shape[0], a.shape[1] + b.shape[1]), dtype=a.dtype)
    out[:, : a.shape[1]] = a
    out[:, a.shape[1] :] = b
    return out


def flip_1(a):
    return a[::-1]


def flip_2(a):
    return a[::-1, ::-1]


def fliplr(a):
    return a[:, ::-1]


def flipud(a):
    return a[::-1]


def diag_1(a):
    out = np.zeros((len(a), len(a)), dtype=a.dtype)
    for i in range(len(a)):
        out[i, i] = a[i]
    return out


def diag_2(a):
    out = np.empty(min(a.shape[0], a.shape[1]), dtype=a.dtype)
    for i in range(len(out)):
        out[i] = a[i, i]
    return out


def trace(a):
    return np.sum(diag_2(a))


def repeat_1(a, repeats):
    if repeats < 0:
        raise ValueError("repeats may not contain negative values.")
    out = np.empty(len(a) * repeats, dtype=a.dtype)
    for i in range(len(a)):
        for j in range(repeats):
            out[i * repeats + j] = a[i]
    return out


def tile_1(a, reps):
    times = reps if reps > 0 else 0
    out = np.empty(len(a) * times, dtype=a.dtype)
    for j in range(times):
        out[j * len(a) : (j + 1) * len(a)] = a
    return out


def roll_1(a, shift):
    n = len(a)
    out = np.empty(n, dtype=a.dtype)
    if n > 0:
        by = shift % n
        out[by:] = a[: n - by]
        out[:by] = a[n - by :]
    return out


def take_1_1(a, indices):
    return pick_1_1(a, indices)


def take_1(a, indices):
    return a[indices]


def take_1_2(a, indices):
    out = np.empty((indices.shape[0], indices.shape[1]), dtype=a.dtype)
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            out[i, j] = a[indices[i, j]]
    return out


def take_2_1(a, indices):
    return pick_1_1(np.ravel(a), indices)


def take_2(a, indices):
    return np.ravel(a)[indices]


def take_axis0(a, indices):
    return a[indices]


def take_axis1(a, indices):
    return a[:, indices]


def argwhere_1(a):
    found = flatnonzero(a)
    return np._fold(found, len(found), 1)


def argwhere_2(a):
    rows, columns = nonzero_2(a)
    out = np.empty((len(rows), 2), dtype=np.int64)
    for i in range(len(rows)):
        out[i, 0] = rows[i]
        out[i, 1] = columns[i]
    return out


def flatnonzero(a):
    count = 0
    for x in a:
        count += 1 if x else 0
    out = np.empty(count, dtype=np.int64)
    at = 0
    for i in range(len(a)):
        if a[i]:
            out[at] = i
            at += 1
    return out


def count_nonzero_1(a):
    count = 0
    for x in a:
        count += 1 if x else 0
    return np.int64(count)


def count_nonzero_2(a):
    count = 0
    for row in a:
        for x in row:
            count += 1 if x else 0
    return np.int64(count)


def nonzero_2(a):
    count = 0
    for row in a:
        for x in row:
            count += 1 if x else 0
    rows = np.empty(count, dtype=np.int64)
    columns = np.empty(count, dtype=np.int64)
    at = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if a[i, j]:
                rows[at] = i
                columns[at] = j
                at += 1
    return rows, columns
