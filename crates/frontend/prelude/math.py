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
