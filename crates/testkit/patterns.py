"""What CPython's `re` does with patterns and texts, for tests/patterns.rs.

Run as `patterns.py FOLDER COUNT SEED`: prints a JSON line for every pattern of FOLDER/patterns.txt and for COUNT random
ones, with what it gives on the texts. A pattern that CPython refuses has an `error`.
"""

import json
import pathlib
import random
import re
import signal
import sys
import warnings

warnings.simplefilter("ignore")
ATOMS = ["a", "b", "c", "ab", ".", "\\w", "\\d", "\\s", "\\W", "[ab]", "[^a]", "[a-c]", "\\b", "\\B", "^", "$", "\\Z", "é",
         "\\1", "\\2", "", "\\S", "[\\w-]", "A"]
QUANTIFIERS = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "*+", "?+"]
GROUPS = ["(%s)", "(?:%s)", "(%s)", "(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)", "(?>%s)", "(?i:%s)", "(?P<n>%s)"]
FLAGS = ["", "", "", "", "(?i)", "(?m)", "(?s)", "(?a)"]
LETTERS = "aabbc A\n1é_"


def pattern(rng, depth):
    """A random pattern, mostly well-formed."""
    parts = []
    for _ in range(rng.randrange(1, 4)):
        if depth and rng.random() < 0.45:
            atom = rng.choice(GROUPS) % pattern(rng, depth - 1)
        else:
            atom = rng.choice(ATOMS)
        parts.append(atom + (rng.choice(QUANTIFIERS) if atom else ""))
    joined = "".join(parts)
    return f"{joined}|{pattern(rng, 0)}" if rng.random() < 0.25 else joined


def offsets(text, spans):
    return [-1 if at < 0 else len(text[:at].encode()) for span in spans for at in span]


def spans(found):
    return [found.span(group) for group in range(found.re.groups + 1)]


def answers(compiled, text):
    everything = [offsets(text, spans(found)) for found in compiled.finditer(text)]
    single = []
    for how in (compiled.search, compiled.match, compiled.fullmatch):
        found = how(text)
        single.append(offsets(text, spans(found)) if found else [])
    pieces = [piece or "" for piece in compiled.split(text)]
    replaced = compiled.sub(r"<\g<0>>", text)
    return {"text": text, "all": everything, "single": single, "split": pieces, "sub": replaced}


def line(source, texts):
    try:
        compiled = re.compile(source)
    except (re.error, OverflowError, ValueError) as error:
        return {"pattern": source, "error": str(error)}
    return {"pattern": source, "answers": [answers(compiled, text) for text in texts]}


def too_long(number, frame):
    raise TimeoutError


def main():
    folder, count, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    texts = [json.loads(text) for text in (folder / "texts.txt").read_text(encoding="utf-8").splitlines()]
    sources = (folder / "patterns.txt").read_text(encoding="utf-8").splitlines()
    for source in sources:
        if not source.startswith("# "):
            print(json.dumps(line(source, texts)))
    for _ in range(count):
        source = rng.choice(FLAGS) + pattern(rng, 3)
        # Some patterns never come to an end.
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        some = ["".join(rng.choices(LETTERS, k=rng.randrange(10))) for _ in range(8)]
        try:
            found = line(source, some)
        except TimeoutError:
            continue
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(found))


signal.signal(signal.SIGALRM, too_long)
main()
