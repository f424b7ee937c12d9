"""Writes src/unicode_tables.rs from the Unicode data of the Python that runs it.

    python3.11 tools/generate_unicode_tables.py > src/unicode_tables.rs

Every property is asked of `str` itself, so the tables agree with CPython by construction. Use CPython 3.11
(Unicode 14.0), the version the project is compared with.
"""

import sys
import unicodedata

CODE_POINTS = range(0x110000)
LINE_CHARACTERS_MAX = 116


def is_cased(c):
    """A letter after a cased character is put in lower case by `str.title`."""
    return (c + "a").title()[-1] == "a"


def is_case_ignorable(c):
    """Looked through in the search for the cased character that makes a sigma the final form."""
    final_after_letter = ("A" + c + "\u03a3").lower()[-1] == "\u03c2"
    final_after_character = (c + "\u03a3").lower()[-1] == "\u03c2"
    return final_after_letter and not final_after_character


PROPERTIES = [
    ("ALPHA", str.isalpha),
    ("DECIMAL", str.isdecimal),
    ("DIGIT", str.isdigit),
    ("NUMERIC", str.isnumeric),
    ("LOWER", str.islower),
    ("UPPER", str.isupper),
    ("TITLE", lambda c: c.istitle() and not c.isupper()),
    ("PRINTABLE", str.isprintable),
    ("SPACE", str.isspace),
    ("XID_START", str.isidentifier),
    ("XID_CONTINUE", lambda c: ("a" + c).isidentifier()),
    ("CASED", is_cased),
    ("CASE_IGNORABLE", is_case_ignorable),
]


def property_bits(code_point):
    character = chr(code_point)
    return sum(1 << bit for bit, (_, test) in enumerate(PROPERTIES) if test(character))


def property_runs():
    """Stretches of code points with equal properties: [(first, bits)]."""
    runs = []
    for code_point in CODE_POINTS:
        bits = property_bits(code_point)
        if not runs or runs[-1][1] != bits:
            runs.append((code_point, bits))
    return runs


def case_mapping(convert, base=None):
    """Where `convert` changes a character (or differs from `base`): ranges of one difference, and the rest as text."""
    ranges, specials = [], []
    for code_point in CODE_POINTS:
        character = chr(code_point)
        mapped = convert(character)
        if mapped == (base(character) if base else character):
            continue
        if len(mapped) > 1:
            specials.append((code_point, mapped))
            continue
        difference = ord(mapped) - code_point
        if ranges and ranges[-1][3] == difference:
            first, last, step, _ = ranges[-1]
            gap = code_point - last
            if gap in (1, 2) and (gap == step or first == last):
                ranges[-1] = (first, code_point, gap, difference)
                continue
        ranges.append((code_point, code_point, 1, difference))
    return ranges, specials


def print_items(items):
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > LINE_CHARACTERS_MAX:
            print(line)
            line = "   "
        line += " " + item + ","
    print(line)
    print("];")


def print_mapping(name, doc, mapping):
    ranges, specials = mapping
    print(f"\n/// {doc}: first, last, step, difference.")
    print("#[rustfmt::skip]")
    print(f"pub(crate) static {name}: [(u32, u32, u32, i32); {len(ranges)}] = [")
    print_items([f"({first:#x}, {last:#x}, {step}, {difference})" for first, last, step, difference in ranges])
    print(f"\n/// {doc}: those that become several characters.")
    print("#[rustfmt::skip]")
    print(f"pub(crate) static {name}_SPECIAL: [(u32, &str); {len(specials)}] = [")
    escaped = ["".join(f"\\u{{{ord(c):x}}}" for c in text) for _, text in specials]
    print_items([f'({code_point:#x}, "{text}")' for (code_point, _), text in zip(specials, escaped)])


def main():
    print("//! Unicode properties and case mappings as CPython has them. Written by `tools/generate_unicode_tables.py`: do")
    print(f"//! not edit. Unicode {unicodedata.unidata_version}, CPython {sys.version_info[0]}.{sys.version_info[1]}.")
    for bit, (name, _) in enumerate(PROPERTIES):
        print(f"{chr(10) if bit == 0 else ''}pub(crate) const {name}: u16 = 1 << {bit};")
    runs = property_runs()
    records = sorted({bits for _, bits in runs})
    print("\n/// The distinct sets of properties.")
    print("#[rustfmt::skip]")
    print(f"pub(crate) static RECORDS: [u16; {len(records)}] = [")
    print_items([f"{bits:#x}" for bits in records])
    print("\n/// Runs of code points with the same properties: the first code point times 64, plus the position in `RECORDS`.")
    assert len(records) <= 64
    print("#[rustfmt::skip]")
    print(f"pub(crate) static RUNS: [u32; {len(runs)}] = [")
    print_items([f"{first * 64 + records.index(bits):#x}" for first, bits in runs])
    zeros = [c for c in CODE_POINTS if chr(c).isdecimal() and unicodedata.decimal(chr(c)) == 0]
    assert all(unicodedata.decimal(chr(zero + n)) == n for zero in zeros for n in range(10))
    assert sum(chr(c).isdecimal() for c in CODE_POINTS) == 10 * len(zeros)
    print("\n/// The digit zero of each script; the other nine follow it.")
    print("#[rustfmt::skip]")
    print(f"pub(crate) static ZEROS: [u32; {len(zeros)}] = [")
    print_items([f"{zero:#x}" for zero in zeros])
    print_mapping("LOWER_MAP", "`str.lower` of one character", case_mapping(str.lower))
    print_mapping("UPPER_MAP", "`str.upper` of one character", case_mapping(str.upper))
    print_mapping("TITLE_MAP", "`str.title` of one character where it differs from upper", case_mapping(str.title, str.upper))
    print_mapping("FOLD_MAP", "`str.casefold` of one character where it differs from lower", case_mapping(str.casefold, str.lower))


main()
