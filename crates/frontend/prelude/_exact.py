"""Sums and quotients of floats without rounding, for `statistics`.

A number is a list of limbs of 24 bits, the lowest first, in units of a power of two; while numbers are added up the
limbs may be larger or negative.
"""

import math

# The units of sums and of sums of squares: below the smallest float and its square.
SUM_EXPONENT = -1080
SQUARES_EXPONENT = -2160


def zero(count):
    return [0] * count


def add(limbs, value, offset):
    # Adds a non-negative value times 2**offset units.
    position = offset // 24
    shift = offset % 24
    while value > 0:
        piece = (value & 0xFFFFFF) << shift
        limbs[position] += piece & 0xFFFFFF
        limbs[position + 1] += piece >> 24
        value >>= 24
        position += 1


def subtract(limbs, value, offset):
    position = offset // 24
    shift = offset % 24
    while value > 0:
        piece = (value & 0xFFFFFF) << shift
        limbs[position] -= piece & 0xFFFFFF
        limbs[position + 1] -= piece >> 24
        value >>= 24
        position += 1


def add_number(sums, squares, number):
    # The mantissa is an integer of 53 bits.
    fraction, exponent = math.frexp(abs(number))
    mantissa = int(fraction * 9007199254740992.0)
    exponent -= 53
    # The smallest floats have fewer bits below them.
    while mantissa > 0 and exponent < -1074:
        mantissa >>= 1
        exponent += 1
    if number < 0.0:
        subtract(sums, mantissa, exponent - SUM_EXPONENT)
    else:
        add(sums, mantissa, exponent - SUM_EXPONENT)
    add_square(squares, mantissa, 2 * exponent - SQUARES_EXPONENT)


def add_int(sums, squares, number):
    # Two halves: the square of one fits.
    if number < 0:
        subtract(sums, -number, -SUM_EXPONENT)
        add_square(squares, -number, -SQUARES_EXPONENT)
    else:
        add(sums, number, -SUM_EXPONENT)
        add_square(squares, number, -SQUARES_EXPONENT)


def add_square(squares, number, offset):
    if len(squares) == 0:
        return
    low = number & 0x3FFFFFFF
    middle = (number >> 30) & 0x3FFFFFFF
    high = number >> 60
    add(squares, low * low, offset)
    add(squares, low * middle, offset + 31)
    add(squares, middle * middle, offset + 60)
    add(squares, low * high, offset + 61)
    add(squares, middle * high, offset + 91)
    add(squares, high * high, offset + 120)


def settle(limbs):
    # Carries, so that all limbs but the last are of 24 bits; gives whether the number is negative, and makes it positive.
    carry = 0
    for position in range(len(limbs)):
        total = limbs[position] + carry
        limbs[position] = total & 0xFFFFFF
        carry = total >> 24
    if carry >= 0:
        return False
    borrow = 1
    for position in range(len(limbs)):
        total = (limbs[position] ^ 0xFFFFFF) + borrow
        limbs[position] = total & 0xFFFFFF
        borrow = total >> 24
    return True


def times(limbs, factor):
    # By a number of up to 38 bits.
    carry = 0
    result = zero(len(limbs) + 2)
    for position in range(len(limbs)):
        total = limbs[position] * factor + carry
        result[position] = total & 0xFFFFFF
        carry = total >> 24
    result[len(limbs)] = carry & 0xFFFFFF
    result[len(limbs) + 1] = carry >> 24
    return result


def squared(limbs):
    used = len(limbs)
    while used > 0 and limbs[used - 1] == 0:
        used -= 1
    result = zero(2 * len(limbs))
    for i in range(used):
        carry = 0
        for j in range(used):
            total = result[i + j] + limbs[i] * limbs[j] + carry
            result[i + j] = total & 0xFFFFFF
            carry = total >> 24
        result[i + used] += carry
    return result


def difference(left, right):
    # left - right, which is not negative.
    result = zero(max(len(left), len(right)))
    borrow = 0
    for position in range(len(result)):
        total = borrow
        if position < len(left):
            total += left[position]
        if position < len(right):
            total -= right[position]
        result[position] = total & 0xFFFFFF
        borrow = total >> 24
    return result


def divide(limbs, divisor):
    # In place, by a number of up to 38 bits; gives the remainder.
    rest = 0
    for position in range(len(limbs) - 1, -1, -1):
        total = (rest << 24) | limbs[position]
        limbs[position] = total // divisor
        rest = total % divisor
    return rest


def bits(limbs):
    for position in range(len(limbs) - 1, -1, -1):
        if limbs[position] != 0:
            count = 24 * position
            top = limbs[position]
            while top > 0:
                count += 1
                top >>= 1
            return count
    return 0


def part(limbs, start, count):
    # The `count` bits from `start` on, up to 60; bits below the number are 0.
    result = 0
    taken = 0
    while taken < count:
        place = start + taken
        if place < 0:
            taken += 1
            continue
        limb = place // 24
        if limb >= len(limbs):
            break
        shift = place % 24
        step = min(24 - shift, count - taken)
        result |= ((limbs[limb] >> shift) & ((1 << step) - 1)) << taken
        taken += step
    return result


def any_below(limbs, end):
    # Whether a bit below `end` is set.
    position = 0
    while 24 * (position + 1) <= end and position < len(limbs):
        if limbs[position] != 0:
            return True
        position += 1
    if position < len(limbs) and end > 24 * position:
        return limbs[position] & ((1 << (end - 24 * position)) - 1) != 0
    return False


def shifted(limbs, count):
    # By `count` whole limbs, so that a quotient has enough bits.
    return zero(count) + limbs


def rounded(limbs, exponent, sticky):
    # The nearest float to limbs * 2**exponent, to the even one where two are; `sticky`: the number is a little larger.
    size = bits(limbs)
    if size == 0:
        return 0.0
    unit = max(size - 53, -1074 - exponent)
    kept = part(limbs, unit, 54)
    half = part(limbs, unit - 1, 1)
    rest = sticky or any_below(limbs, unit - 1)
    if half == 1 and (rest or kept & 1 == 1):
        kept += 1
    if unit + exponent + 53 > 1025:
        raise OverflowError("integer division result too large for a float")
    return math.ldexp(float(kept), unit + exponent)


def quotient(limbs, first, second, exponent):
    # limbs / (first * second) * 2**exponent as the nearest float; the divisors are of up to 38 bits.
    room = 8
    number = shifted(limbs, room)
    rest = divide(number, first)
    more = divide(number, second)
    return rounded(number, exponent - 24 * room, rest != 0 or more != 0)


def root_of_quotient(limbs, first, second, exponent):
    # The nearest float to the square root of that.
    room = 10
    number = shifted(limbs, room)
    sticky = divide(number, first) != 0
    sticky = divide(number, second) != 0 or sticky
    exponent -= 24 * room
    size = bits(number)
    if size == 0:
        return 0.0
    # The highest bits, an even exponent: its root has at least 55 bits.
    start = size - 112
    if (start + exponent) % 2 != 0:
        start -= 1
    high = part(number, start + 60, 60)
    low = part(number, start, 60)
    sticky = sticky or any_below(number, start)
    # Bit by bit: root * root <= high * 2**60 + low.
    root = 0
    for place in range(57, -1, -1):
        candidate = root | (1 << place)
        square_high, square_low = _square(candidate)
        if square_high < high or (square_high == high and square_low <= low):
            root = candidate
    square_high, square_low = _square(root)
    sticky = sticky or square_high != high or square_low != low
    result = [root & 0xFFFFFF, (root >> 24) & 0xFFFFFF, root >> 48]
    return rounded(result, (start + exponent) // 2, sticky)


def _square(number):
    # Of up to 58 bits, as two parts of 60 bits.
    low = number & 0x3FFFFFFF
    high = number >> 30
    middle = 2 * low * high
    total = low * low + ((middle & 0x3FFFFFFF) << 30)
    return high * high + (middle >> 30) + (total >> 60), total & 0xFFFFFFFFFFFFFFF
