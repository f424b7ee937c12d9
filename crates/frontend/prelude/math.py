"""What `math` has beyond single operations."""

import math


def fsum(seq, /):
    # The sum so far is that of `partials[:count]`, floats that do not overlap, the smallest first: nothing is lost.
    partials = []
    count = 0
    specials = 0.0
    infinities = 0.0
    is_special = False
    for item in seq:
        number = math.copysign(item, item)
        given = number
        kept = 0
        for position in range(count):
            other = partials[position]
            if math.fabs(number) < math.fabs(other):
                number, other = other, number
            total = number + other
            error = other - (total - number)
            if error != 0.0:
                partials[kept] = error
                kept += 1
            number = total
        count = kept
        if number != 0.0:
            if not math.isfinite(number):
                if math.isfinite(given):
                    raise OverflowError("intermediate overflow in fsum")
                if math.isinf(given):
                    infinities += given
                specials += given
                is_special = True
                count = 0
            else:
                if count < len(partials):
                    partials[count] = number
                else:
                    partials.append(number)
                count += 1
    if is_special:
        if math.isnan(infinities):
            raise ValueError("-inf + inf in fsum")
        return specials
    return _rounded(partials, count)


def _rounded(partials, count):
    high = 0.0
    error = 0.0
    if count > 0:
        count -= 1
        high = partials[count]
        while count > 0:
            before = high
            count -= 1
            other = partials[count]
            high = before + other
            error = other - (high - before)
            if error != 0.0:
                break
        # Half way between two floats: what is left decides.
        if count > 0 and (error < 0.0 and partials[count - 1] < 0.0 or error > 0.0 and partials[count - 1] > 0.0):
            twice = error * 2.0
            larger = high + twice
            if twice == larger - high:
                high = larger
    return high


def _dist(p, q, /):
    a = [math.copysign(item, item) for item in p]
    b = [math.copysign(item, item) for item in q]
    if len(a) != len(b):
        raise ValueError("both points must have the same number of dimensions")
    return _norm([math.fabs(x - y) for x, y in zip(a, b)])


def _hypot_of(values):
    return _norm([math.fabs(math.copysign(value, value)) for value in values])


def _norm(values):
    # The root of the sum of squares, as CPython finds it: scaled by a power of two, with what each rounding loses kept apart
    # and the root corrected once.
    largest = 0.0
    is_unknown = False
    for value in values:
        if math.isnan(value):
            is_unknown = True
        elif value > largest:
            largest = value
    if math.isinf(largest):
        return largest
    if is_unknown:
        return math.nan
    if largest == 0.0 or len(values) == 1:
        return largest
    exponent = math.frexp(largest)[1]
    if exponent < -1023:
        least = 2.2250738585072014e-308
        return least * _norm([value / least for value in values])
    scale = math.ldexp(1.0, -exponent)
    total = 1.0
    lost = 0.0
    lost_less = 0.0
    for value in values:
        high, low = _halves(value * scale)
        before = total
        total += high * high
        lost += (before - total) + high * high
        before = total
        total += 2.0 * high * low
        lost_less += (before - total) + 2.0 * high * low
        lost_less += low * low
    root = math.sqrt(total - 1.0 + (lost + lost_less))
    high, low = _halves(root)
    before = total
    total += -high * high
    lost += (before - total) + -high * high
    before = total
    total += -2.0 * high * low
    lost_less += (before - total) + -2.0 * high * low
    before = total
    total += -low * low
    lost_less += (before - total) + -low * low
    rest = total - 1.0 + (lost + lost_less)
    return (root + rest / (2.0 * root)) / scale


def _halves(value):
    wide = value * 134217729.0
    high = wide - (wide - value)
    return high, value - high


def _gcd_of(values):
    found = 0
    for value in values:
        found = math.gcd(found, value)
    return found


def _lcm_of(values):
    found = 1
    for value in values:
        found = math.lcm(found, value)
    return found
