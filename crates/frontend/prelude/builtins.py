"""What the built-in functions need beyond single operations."""


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
