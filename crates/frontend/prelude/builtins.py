"""What the built-in functions need beyond single operations."""

import math


def pow_modulo(base, exponent, modulus, /):
    if not (isinstance(base, int) and isinstance(exponent, int) and isinstance(modulus, int)):
        raise TypeError("pow() 3rd argument not allowed unless all arguments are integers")
    if modulus == 0:
        raise ValueError("pow() 3rd argument cannot be 0")
    size = -modulus if modulus < 0 else modulus
    factor = base % size
    if exponent < 0:
        factor = _inverse(factor, size)
        power = -exponent
    else:
        power = exponent
    result = 1 % size
    while power > 0:
        if power & 1:
            result = _product(result, factor, size)
        power >>= 1
        if power > 0:
            factor = _product(factor, factor, size)
    # The sign is that of the modulus.
    return result + modulus if modulus < 0 and result > 0 else result


def _product(left, right, modulus):
    # Numbers below the root of 2**63 have a product that fits.
    if modulus <= 3037000499:
        return left * right % modulus
    total = 0
    addend = left
    rest = right
    while rest > 0:
        if rest & 1:
            total = total - (modulus - addend) if total >= modulus - addend else total + addend
        addend = addend - (modulus - addend) if addend >= modulus - addend else addend + addend
        rest >>= 1
    return total


def _inverse(number, modulus):
    old, new = number, modulus
    old_factor, new_factor = 1, 0
    while new != 0:
        quotient = old // new
        old, new = new, old - quotient * new
        old_factor, new_factor = new_factor, old_factor - quotient * new_factor
    if old != 1 and modulus != 1:
        raise ValueError("base is not invertible for the given modulus")
    return old_factor % modulus


# What is done item by item where the types of the items do not tell that all will do.


def _texts(items):
    texts = []
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"sequence item {len(texts)}: expected str instance, {type(item).__name__} found")
        texts.append(item)
    return texts


def _byte_strings(items):
    parts = []
    for item in items:
        if not isinstance(item, bytes):
            raise TypeError(f"sequence item {len(parts)}: expected a bytes-like object, {type(item).__name__} found")
        parts.append(item)
    return parts


def _byte_numbers(items):
    numbers: list[int] = []
    for item in items:
        if not isinstance(item, int):
            raise TypeError(f"'{type(item).__name__}' object cannot be interpreted as an integer")
        if item < 0 or item > 255:
            raise ValueError("bytes must be in range(0, 256)")
        numbers.append(int(item))
    return numbers


# Iterators. Those with a number at the end take so many arguments. An exception ends a generator, but none of these: where
# `_again()` stands they go on behind one.


def _iterate(iterable):
    _again()
    for item in iterable:
        yield item


def _iterate_by_next(iterator):
    while True:
        _again()
        try:
            item = iterator.__next__()
        except StopIteration:
            return
        yield item


def _iterate_by_index(sequence):
    index = 0
    while True:
        _again()
        try:
            item = sequence[index]
        except IndexError:
            return
        yield item
        index += 1


def _next_or(iterator, default):
    try:
        return iterator.__next__()
    except StopIteration:
        return default


def _call_until(function, sentinel):
    while True:
        _again()
        value = function()
        if value == sentinel:
            return
        yield value


def _take(iterable, count):
    taken = []
    if count > 0:
        for item in iterable:
            taken.append(item)
            if len(taken) == count:
                break
    return taken


def _contains(iterable, wanted):
    for item in iterable:
        if item == wanted:
            return True
    return False


def enumerate(iterable, start=0):
    number = start
    _again()
    for item in iterable:
        yield number, item
        number += 1
        _again()


def filter(function, iterable, /):
    for item in iterable:
        if _again():
            continue
        if function is None:
            if item:
                yield item
        elif function(item):
            yield item


def map(function, *iterables):
    _unsupported("`map` can be compiled with up to four iterables")


def map__2(function, iterable, /):
    for item in iterable:
        if _again():
            continue
        yield function(item)


def map__3(function, first, second, /):
    for a, b in zip__2(first, second):
        if _again():
            continue
        yield function(a, b)


def map__4(function, first, second, third, /):
    for a, b, c in zip__3(first, second, third):
        if _again():
            continue
        yield function(a, b, c)


def map__5(function, first, second, third, fourth, /):
    for a, b, c, d in zip__4(first, second, third, fourth):
        if _again():
            continue
        yield function(a, b, c, d)


def reversed(sequence, /):
    for position in range(len(sequence) - 1, -1, -1):
        yield sequence[position]


def zip(*iterables, strict=False):
    _unsupported("`zip` can be compiled with up to four iterables")


def zip__0():
    for item in range(0):
        yield item


def zip__1(iterable, /, *, strict=False):
    _again()
    for item in iterable:
        yield (item,)


# `for item in iterator: break` takes one item; its `else` is the end of the iterator.


def zip__2(first, second, /, *, strict=False):
    others = iter(second)
    for a in first:
        if _again():
            continue
        for b in others:
            break
        else:
            if strict:
                raise ValueError("zip() argument 2 is shorter than argument 1")
            return
        yield a, b
    if strict:
        for b in others:
            raise ValueError("zip() argument 2 is longer than argument 1")


def zip__3(first, second, third, /, *, strict=False):
    others = iter(second)
    thirds = iter(third)
    for a in first:
        if _again():
            continue
        for b in others:
            break
        else:
            if strict:
                raise ValueError("zip() argument 2 is shorter than argument 1")
            return
        for c in thirds:
            break
        else:
            if strict:
                raise ValueError("zip() argument 3 is shorter than arguments 1-2")
            return
        yield a, b, c
    if strict:
        for b in others:
            raise ValueError("zip() argument 2 is longer than argument 1")
        for c in thirds:
            raise ValueError("zip() argument 3 is longer than arguments 1-2")


def zip__4(first, second, third, fourth, /, *, strict=False):
    others = zip__3(second, third, fourth, strict=strict)
    for a in first:
        if _again():
            continue
        for b, c, d in others:
            break
        else:
            return
        yield a, b, c, d


# Built-ins that look at the syntax of their arguments, as functions to be passed to others.


def _passed_all(iterable, /):
    return all(iterable)


def _passed_any(iterable, /):
    return any(iterable)


def _passed_list(iterable, /):
    return list(iterable)


def _passed_max(iterable, /):
    return max(iterable)


def _passed_min(iterable, /):
    return min(iterable)


def _passed_print(value, /):
    print(value)


def _passed_set(iterable, /):
    return set(iterable)


def _passed_sorted(iterable, /):
    return sorted(iterable)


def _passed_sum(iterable, /):
    return sum(iterable)


def _passed_tuple(iterable, /):
    return tuple(iterable)


def _bytes_removeprefix(data, prefix, /):
    return data[len(prefix) :] if data.startswith(prefix) else data


def _bytes_removesuffix(data, suffix, /):
    return data[: len(data) - len(suffix)] if data.endswith(suffix) else data


def _bytes_partition(data, separator, /):
    if len(separator) == 0:
        raise ValueError("empty separator")
    at = data.find(separator)
    if at < 0:
        return data, b"", b""
    return data[:at], separator, data[at + len(separator) :]


def _bytes_rpartition(data, separator, /):
    if len(separator) == 0:
        raise ValueError("empty separator")
    at = data.rfind(separator)
    if at < 0:
        return b"", b"", data
    return data[:at], separator, data[at + len(separator) :]


def _bytes_fill(fill):
    if len(fill) != 1:
        raise TypeError("argument 2 must be a byte string of length 1")
    return fill


def _bytes_ljust(data, width, fill=b" ", /):
    return data + _bytes_fill(fill) * (width - len(data))


def _bytes_rjust(data, width, fill=b" ", /):
    return _bytes_fill(fill) * (width - len(data)) + data


def _bytes_center(data, width, fill=b" ", /):
    missing = width - len(data)
    if missing <= 0:
        return _bytes_fill(fill) * 0 + data
    left = missing // 2 + (missing & width & 1)
    return _bytes_fill(fill) * left + data + fill * (missing - left)


def _bytes_zfill(data, width, /):
    missing = width - len(data)
    if missing <= 0:
        return data
    if data.startswith((b"+", b"-")):
        return data[:1] + b"0" * missing + data[1:]
    return b"0" * missing + data


def _maketrans_mapping(mapping, /):
    if not isinstance(mapping, dict):
        raise TypeError("if you give only one argument to maketrans it must be a dict")
    table = {}
    for key in mapping:
        if isinstance(key, str):
            if len(key) != 1:
                raise ValueError("string keys in translate table must be of length 1")
            table[ord(key)] = mapping[key]
        else:
            table[key] = mapping[key]
    return table


def _maketrans_pairs(before, after, /):
    if len(before) != len(after):
        raise ValueError("the first two maketrans arguments must have equal length")
    table = {}
    for old, new in zip(before, after):
        table[ord(old)] = ord(new)
    return table


def _maketrans_removing(before, after, removed, /):
    if len(before) != len(after):
        raise ValueError("the first two maketrans arguments must have equal length")
    table = {}
    for old, new in zip(before, after):
        table[ord(old)] = ord(new)
    for old in removed:
        table[ord(old)] = None
    return table


def _translate(text, table, /):
    parts = []
    for c in text:
        code = ord(c)
        if code not in table:
            parts.append(c)
            continue
        new = table[code]
        if isinstance(new, str):
            parts.append(new)
        elif isinstance(new, int):
            if new < 0 or new > 0x10FFFF:
                raise ValueError("character mapping must be in range(0x110000)")
            parts.append(chr(new))
        elif new is not None:
            raise TypeError("character mapping must return integer, None or str")
    return "".join(parts)


def _iterate(items, /):
    for item in items:
        yield item


def _int_bit_length(n, /):
    if n < 0:
        if n == -9223372036854775808:
            return 64
        n = -n
    count = 0
    for step in (32, 16, 8, 4, 2, 1):
        if n >> step != 0:
            n >>= step
            count += step
    return count + n


def _int_bit_count(n, /):
    if n < 0:
        if n == -9223372036854775808:
            return 1
        n = -n
    count = 0
    while n != 0:
        n &= n - 1
        count += 1
    return count


def _float_as_integer_ratio(x, /):
    if math.isinf(x):
        raise OverflowError("cannot convert Infinity to integer ratio")
    if math.isnan(x):
        raise ValueError("cannot convert NaN to integer ratio")
    part, exponent = math.frexp(x)
    while part != math.floor(part):
        part *= 2.0
        exponent -= 1
    if exponent > 0:
        return int(part) << exponent, 1
    return int(part), 1 << -exponent


def _float_hex(x, /):
    if math.isnan(x):
        return "nan"
    sign = "-" if math.copysign(1.0, x) < 0 else ""
    if math.isinf(x):
        return sign + "inf"
    if x == 0.0:
        return sign + "0x0.0p+0"
    part, exponent = math.frexp(math.fabs(x))
    shift = 1 - max(-1021 - exponent, 0)
    part = math.ldexp(part, shift)
    exponent -= shift
    first = int(part)
    part -= first
    digits = []
    for place in range(13):
        part *= 16.0
        digit = int(part)
        part -= digit
        digits.append("0123456789abcdef"[digit])
    return f"{sign}0x{first}.{''.join(digits)}p{'-' if exponent < 0 else '+'}{abs(exponent)}"


def _zip_of_iterators(rows, /):
    while len(rows) > 0:
        items = []
        for row in rows:
            for item in row:
                items.append(item)
                break
            else:
                return
        yield tuple(items)


def _zip_of_rows(rows, /):
    sources = [list(row) for row in rows]
    if len(sources) > 0:
        for place in range(min([len(source) for source in sources])):
            yield tuple([source[place] for source in sources])


def _unknown_text():
    raise NotImplementedError("this text is not among the constants of the file that compiled code was made for")
