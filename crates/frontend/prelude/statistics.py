"""`statistics`, for compiled code: like CPython's, sums are exact and only results are rounded."""

import _exact
import math

# Limbs for a sum and for a sum of squares, with room for 2**38 numbers.
SUM_LIMBS = 94
SQUARES_LIMBS = 184
# The units of both, as in `_exact`.
SUM_EXPONENT = -1080
SQUARES_EXPONENT = -2160


class StatisticsError(ValueError):
    pass


def fmean(data, weights=None):
    if weights is None:
        values = list(data)
        if len(values) == 0:
            raise StatisticsError("fmean requires at least one data point")
        return math.fsum(values) / len(values)
    values = list(data)
    factors = list(weights)
    if len(values) != len(factors):
        raise StatisticsError("data and weights must be the same length")
    total = math.fsum(factors)
    if not total:
        raise StatisticsError("sum of weights must be non-zero")
    return math.fsum([a * b for a, b in zip(values, factors)]) / total


def mean(data):
    values = list(data)
    if len(values) == 0:
        raise StatisticsError("mean requires at least one data point")
    first = values[0]
    if isinstance(first, float):
        return _mean_of_floats(values)
    elif isinstance(first, int):
        return _mean(values)
    else:
        _unsupported("`mean` can be compiled for ints and floats")


def _mean(values):
    sums, squares, special, is_special, floats = _sums(values, 0)
    if is_special:
        return special / len(values)
    negative = _exact.settle(sums)
    if not floats:
        whole = _whole(sums, len(values), 1, -SUM_EXPONENT)
        if whole is not None:
            return -whole if negative else whole
    result = _exact.quotient(sums, len(values), 1, SUM_EXPONENT)
    return -result if negative else result


def _mean_of_floats(values):
    sums, squares, special, is_special, floats = _sums(values, 0)
    if is_special:
        return special / len(values)
    negative = _exact.settle(sums)
    result = _exact.quotient(sums, len(values), 1, SUM_EXPONENT)
    return -result if negative else result


def _sums(values, squares_limbs):
    sums = _exact.zero(SUM_LIMBS)
    squares = _exact.zero(squares_limbs)
    # The sum of those that are infinite or NaN, which is the result when there are any.
    special = 0.0
    is_special = False
    floats = False
    for value in values:
        if isinstance(value, float):
            floats = True
            if math.isfinite(value):
                _exact.add_number(sums, squares, value)
            else:
                special += value
                is_special = True
        elif isinstance(value, int):
            _exact.add_int(sums, squares, int(value))
        else:
            _unsupported("`statistics` can be compiled for ints and floats")
    return sums, squares, special, is_special, floats


def _whole(limbs, first, second, unit):
    # The quotient of limbs in units of 2**-unit, when it is an int; else None.
    number = limbs + [0]
    if _exact.divide(number, first) != 0:
        return None
    if _exact.divide(number, second) != 0:
        return None
    if _exact.any_below(number, unit):
        return None
    if _exact.bits(number) > unit + 63:
        # Too large for an int, which the shift says.
        return _exact.part(number, unit, 60) | (1 << 63)
    return _exact.part(number, unit, 60) | (_exact.part(number, unit + 60, 3) << 60)


def variance(data, xbar=None):
    return _spread(list(data), xbar, 1, "variance requires at least two data points")


def pvariance(data, mu=None):
    return _spread(list(data), mu, 0, "pvariance requires at least one data point")


def stdev(data, xbar=None):
    return _deviation(list(data), xbar, 1, "stdev requires at least two data points")


def pstdev(data, mu=None):
    return _deviation(list(data), mu, 0, "pstdev requires at least one data point")


def _spread(values, center, freedom, message):
    if center is not None:
        _unsupported("a given mean cannot be used in compiled code yet")
    if len(values) <= freedom:
        raise StatisticsError(message)
    first = values[0]
    if isinstance(first, float):
        return _spread_of_floats(values, freedom)
    elif isinstance(first, int):
        return _spread_of_any(values, freedom)
    else:
        _unsupported("`variance` can be compiled for ints and floats")


def _spread_of_floats(values, freedom):
    limbs, special, is_special, floats = _sum_of_squares(values)
    if is_special:
        return special / (len(values) - freedom)
    return _exact.quotient(limbs, len(values), len(values) - freedom, SQUARES_EXPONENT)


def _spread_of_any(values, freedom):
    limbs, special, is_special, floats = _sum_of_squares(values)
    if is_special:
        return special / (len(values) - freedom)
    if not floats:
        whole = _whole(limbs, len(values), len(values) - freedom, -SQUARES_EXPONENT)
        if whole is not None:
            return whole
    return _exact.quotient(limbs, len(values), len(values) - freedom, SQUARES_EXPONENT)


def _deviation(values, center, freedom, message):
    if center is not None:
        _unsupported("a given mean cannot be used in compiled code yet")
    if len(values) <= freedom:
        raise StatisticsError(message)
    limbs, special, is_special, floats = _sum_of_squares(values)
    if is_special:
        # CPython fails on what is neither a fraction nor a number.
        raise AttributeError("'float' object has no attribute 'numerator'")
    return _exact.root_of_quotient(limbs, len(values), len(values) - freedom, SQUARES_EXPONENT)


def _sum_of_squares(values):
    # n times the sum of squares less the square of the sum: n times the sum of the squared differences from the mean.
    sums, squares, special, is_special, floats = _sums(values, SQUARES_LIMBS)
    _exact.settle(sums)
    _exact.settle(squares)
    limbs = _exact.difference(_exact.times(squares, len(values)), _exact.squared(sums))
    return limbs, special, is_special, floats


def mode(data):
    counts = _counts(data)
    if len(counts) == 0:
        raise StatisticsError("no mode for empty data")
    most = max(counts.values())
    for value, count in counts.items():
        if count == most:
            break
    return value


def multimode(data):
    counts = _counts(data)
    most = max(counts.values(), default=0)
    return [value for value, count in counts.items() if count == most]


def _counts(data):
    counts = {}
    for value in data:
        counts[value] = counts.get(value, 0) + 1
    return counts


def median(data):
    values = sorted(data)
    count = len(values)
    if count == 0:
        raise StatisticsError("no median for empty data")
    if count % 2 == 1:
        return values[count // 2]
    return (values[count // 2 - 1] + values[count // 2]) / 2


def median_low(data):
    values = sorted(data)
    count = len(values)
    if count == 0:
        raise StatisticsError("no median for empty data")
    return values[(count - 1) // 2]


def median_high(data):
    values = sorted(data)
    count = len(values)
    if count == 0:
        raise StatisticsError("no median for empty data")
    return values[count // 2]


def quantiles(data, *, n=4, method="exclusive"):
    if n < 1:
        raise StatisticsError("n must be at least 1")
    values = sorted(data)
    count = len(values)
    if count < 2:
        raise StatisticsError("must have at least two data points")
    cuts = []
    if method == "inclusive":
        for i in range(1, n):
            j, delta = divmod(i * (count - 1), n)
            cuts.append((values[j] * (n - delta) + values[j + 1] * delta) / n)
        return cuts
    if method == "exclusive":
        for i in range(1, n):
            j = i * (count + 1) // n
            j = 1 if j < 1 else count - 1 if j > count - 1 else j
            delta = i * (count + 1) - j * n
            cuts.append((values[j - 1] * (n - delta) + values[j] * delta) / n)
        return cuts
    raise ValueError(f"Unknown method: {method!r}")
