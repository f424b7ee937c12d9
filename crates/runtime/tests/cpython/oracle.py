"""Answers calls as CPython does, for tests/cpython.rs.

Reads one call a line, `name TAB argument TAB ...`, and writes one answer a line. Values: `i:12`, `f:` and the bits in
hex, `s:` and the UTF-8 bytes in hex, `b:0` or `b:1`, `l:` and strings in hex with commas, `n:` and ints with
commas; several results with tabs.
An exception is `e:Class:` and the text in hex, or `e:Class:*` where the text is ours to choose.
"""

import math
import re
import struct
import sys


def isclose(a, b, relative, absolute):
    return math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


def to_base(n, base):
    return {16: hex, 8: oct, 2: bin}[base](n)


def range_new(start, stop, step):
    r = range(start, stop, step)
    return r.start, r.stop, r.step


def char_at(text, offset):
    """The character at a byte offset."""
    data = text.encode()
    if not 0 <= offset < len(data) or data[offset] & 0xC0 == 0x80:
        raise IndexError("string index out of range")
    return data[offset:].decode()[0]


def percent(value, conversion):
    """A `*` in the conversion says that the precision was an argument."""
    if ".*" in conversion:
        head, _, tail = conversion.partition(".*")
        return f"%{head}.*{tail[-1]}" % (int(tail[:-1] or 0), value)
    return f"%{conversion}" % (value,)


def byte_slice(text, start, end):
    data = text.encode()
    whole = (0 <= start <= end <= len(data)) and all(at == len(data) or data[at] & 0xC0 != 0x80 for at in (start, end))
    if not whole:
        raise IndexError("string index out of range")
    return data[start:end].decode()


def position(text, offset):
    if offset < 0:
        return -1
    try:
        return len(text.encode()[:offset].decode())
    except UnicodeDecodeError:
        return 0


FUNCTIONS = {
    "re_escape": re.escape,
    "str_byte_slice": byte_slice,
    "str_position": position,
    "str_byte_offset": lambda s, i: len(s[:max(i, 0)].encode()),
    "int_percent": percent,
    "float_percent": percent,
    "str_percent": percent,
    "str_char_at": char_at,
    "str_escape": lambda s: "".join(c if c.isascii() else ascii(c)[1:-1] for c in s),
    # A negative exponent is `float.pow`'s business: any `NotCompiled` will do.
    "int_pow": lambda a, b: a**b if b >= 0 else 0j,
    "int_truediv": lambda a, b: a / b,
    "int_round_digits": round,
    "int_to_str": str,
    "int_to_base": to_base,
    "int_format": format,
    "int_chr": chr,
    "float_pow": lambda a, b: a**b,
    "float_floordiv": lambda a, b: a // b,
    "float_mod": lambda a, b: a % b,
    "float_round": round,
    "float_round_digits": round,
    "float_to_int": int,
    "float_to_str": repr,
    "float_format": format,
    "str_len": len,
    "str_concat": lambda a, b: a + b,
    "str_repeat": lambda a, n: a * n,
    "str_index": lambda a, i: a[i],
    "str_slice": lambda a, i, j, k: a[i:j:k],
    "str_eq": lambda a, b: a == b,
    "str_ne": lambda a, b: a != b,
    "str_lt": lambda a, b: a < b,
    "str_le": lambda a, b: a <= b,
    "str_gt": lambda a, b: a > b,
    "str_ge": lambda a, b: a >= b,
    "str_contains": lambda a, b: b in a,
    "str_strip_chars": str.strip,
    "str_lstrip_chars": str.lstrip,
    "str_rstrip_chars": str.rstrip,
    "str_split_whitespace": str.split,
    "str_split_whitespace_max": lambda s, limit: s.split(None, limit),
    "str_rsplit_whitespace": lambda s, limit: s.rsplit(None, limit),
    "str_find_between": str.find,
    "str_rfind_between": str.rfind,
    "str_count_between": str.count,
    "str_startswith_between": str.startswith,
    "str_endswith_between": str.endswith,
    "str_ord": ord,
    "str_repr": repr,
    "str_ascii": ascii,
    "str_to_int": lambda s, base: int(s) if base == 10 else int(s, base),
    "str_to_float": float,
    "str_format": format,
    "math_isclose": isclose,
    "range_new": range_new,
    "range_len": lambda a, b, c: len(range(a, b, c)),
    "range_index": lambda a, b, c, i: range(a, b, c)[i],
    "list_argsort": lambda keys, reverse: sorted(range(len(keys)), key=keys.__getitem__, reverse=bool(reverse)),
}

# What is not named above is the method of `str` or the function of `math` with the primitive's name.
MODULES = {"math": math, "str": str}


def function(name):
    if name not in FUNCTIONS:
        module, _, attribute = name.partition("_")
        FUNCTIONS[name] = getattr(MODULES[module], attribute)
    return FUNCTIONS[name]


def decode_scalar(text):
    kind, value = text[0], text[2:]
    if kind in "ib":
        return int(value)
    if kind == "f":
        return struct.unpack("<d", int(value, 16).to_bytes(8, "little"))[0]
    return bytes.fromhex(value).decode()


def decode(text):
    if text[0] == "k":  # keys: tuples written `scalar scalar;scalar scalar`
        keys = [[decode_scalar(part) for part in key.split(" ")] for key in text[2:].split(";") if key]
        return [key[0] if len(key) == 1 else tuple(key) for key in keys]
    if text[0] == "l":
        return [bytes.fromhex(item).decode() for item in text[2:].split(",")] if len(text) > 2 else []
    return decode_scalar(text)


def encode(value):
    if isinstance(value, bool):
        return f"b:{int(value)}"
    if isinstance(value, int):
        # Beyond 64 bits the language has no int.
        return f"i:{value}" if -(2**63) <= value < 2**63 else "e:IntTooLarge:*"
    if isinstance(value, float):
        return "f:nan" if value != value else f"f:{struct.unpack('<Q', struct.pack('<d', value))[0]:016x}"
    if isinstance(value, str):
        return f"s:{value.encode().hex()}"
    if isinstance(value, list):
        return "l:" + ",".join(item.encode().hex() for item in value)
    if isinstance(value, tuple):
        return "\t".join(map(encode, value))
    raise ValueError(f"no encoding for {value!r}")


def encode_positions(positions):
    return "n:" + ",".join(map(str, positions))


def answer(line):
    name, *arguments = line.rstrip("\n").split("\t")
    arguments = [decode(argument) for argument in arguments]
    try:
        value = function(name)(*arguments)
    except Exception as error:
        return f"e:{type(error).__name__}:{str(error).encode().hex()}"
    # A complex number and a lone surrogate have no type here: both are `NotCompiled`.
    if isinstance(value, complex):
        return "e:NotCompiled:*"
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        return "e:NotCompiled:*"
    return encode_positions(value) if name == "list_argsort" else encode(value)


CHARACTER_TESTS = [
    str.isalpha, str.isdecimal, str.isdigit, str.isnumeric, str.islower, str.isupper, str.istitle, str.isprintable,
    str.isspace, str.isidentifier,
]
CHARACTER_MAPPINGS = [str.lower, str.upper, str.title, str.casefold]


def characters():
    """One line for every character about which there is something to say."""
    for code_point in range(0x110000):
        if 0xD800 <= code_point < 0xE000:
            continue
        character = chr(code_point)
        bits = sum(1 << bit for bit, test in enumerate(CHARACTER_TESTS) if test(character))
        mapped = [convert(character) for convert in CHARACTER_MAPPINGS]
        if bits or any(text != character for text in mapped):
            print(f"{code_point:x} {bits:x} " + " ".join(text.encode().hex() for text in mapped))


if sys.argv[1] == "version":
    print(*sys.version_info[:2], sep=".")
elif sys.argv[1] == "characters":
    characters()
else:
    sys.stdout.write("".join(answer(line) + "\n" for line in sys.stdin))
