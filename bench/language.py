"""The benchmarks of the language: text, containers and loops as people write them."""

import ctypes
import random
import time

import language_kernels as kernels
from benchmark import Benchmark, c_library, equal

LONG = ctypes.c_int64
TEXT_BYTES = 100_000_000
LISTINGS = 100_000


def twins():
    loaded = c_library("language")
    loaded.fannkuch.argtypes, loaded.fannkuch.restype = [LONG], LONG
    loaded.mandelbrot.argtypes, loaded.mandelbrot.restype = [LONG], LONG
    loaded.spectral_norm.argtypes, loaded.spectral_norm.restype = [LONG], ctypes.c_double
    loaded.n_body.argtypes, loaded.n_body.restype = [ctypes.POINTER(ctypes.c_double), LONG, LONG], ctypes.c_double
    loaded.levenshtein.argtypes, loaded.levenshtein.restype = [ctypes.c_char_p, ctypes.c_char_p], LONG
    return loaded


def jitted(function):
    """The function by Numba, when it is installed and can compile it."""
    try:
        import numba
    except ImportError:
        return None
    return numba.njit(function.__wrapped__)


def sides(function, *args, twin=None, numba=True):
    """CPython, Fuseline, and Numba and C where there is such a side; each gets arguments of its own."""

    def make():
        found = {
            "CPython": lambda: function.__wrapped__(*fresh(args)),
            "fuseline": lambda: function(*fresh(args)),
        }
        compiled = jitted(function) if numba else None
        if compiled is not None:
            found["numba"] = lambda: compiled(*fresh(args))
        if twin is not None:
            found["clang -O3"] = twin(twins())
        return found

    return make


def fresh(args):
    """The arguments with lists copied: a function may store in them."""
    return [[list(item) for item in arg] if isinstance(arg, list) else arg for arg in args]


def words():
    """Text of some 50,000 different words, frequent ones and rare ones."""
    source = random.Random(0)
    vocabulary = ["".join(source.choices("etaoinshrdlucmfwyp", k=source.randint(2, 9))) for _ in range(50_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    line = " ".join(source.choices(vocabulary, weights, k=1_000_000))
    return (line + "\n") * (TEXT_BYTES // (len(line) + 1))


def word_count():
    text = words()
    return sides(kernels.word_count, text, numba=False)()


def listings():
    source = random.Random(0)
    rows = [
        (
            source.choice(
                ["House For Sale", "Condo for rent", "APARTMENT - SOLD", "Lot", "Foreclosed house", "Studio"]
            ),
            source.choice(["{} bds , 2 ba , 1,560 sqft", "Studio , 1 ba , 480 sqft", "-- , {} ba"]).format(
                source.randint(1, 9)
            ),
            source.choice(["${:,}", "${:,}+", "${:,}/mo", "on request"]).format(source.randint(500, 3_000_000)),
        )
        for _ in range(LISTINGS)
    ]
    columns = [list(column) for column in zip(*rows)]

    def in_python():
        listing = kernels.listing.__wrapped__
        return [listing(*row) for row in rows][-1]

    import pyarrow as pa

    import fuseline as fl

    table = pa.table(dict(zip(("title", "facts", "cost"), columns)))

    compiled = kernels.listing

    def native():
        result = fl.from_arrow(table).map(lambda t: compiled(t.title, t.facts, t.cost)).collect()
        return tuple(column[-1].as_py() for column in result.columns)

    return {"CPython": in_python, "fuseline": native}


#: Position, velocity and mass of the sun and the four large planets, roughly.
BODIES = [
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.478417],
    [4.841431, -1.160320, -0.103622, 0.606326, 2.811986, -0.025218, 0.037693],
    [8.343366, 4.124798, -0.403523, -1.010774, 1.825662, 0.008415, 0.011286],
    [12.894369, -15.111151, -0.223307, 1.082791, 0.868713, -0.010832, 0.001723],
    [15.379697, -25.919314, 0.179258, 0.979090, 0.594698, -0.034755, 0.002033],
]


def bodies_in_c(library):
    flat = [number for body in BODIES for number in body]
    return lambda: library.n_body((ctypes.c_double * len(flat))(*flat), len(BODIES), 20_000)


LEFT = "the quick brown fox jumps over the lazy dog " * 12
RIGHT = "a quick brown dog jumps over the lazy foxes " * 12


def loop(name, what, make, same=equal):
    return Benchmark(name, what, make, "CPython", same=same, clock=time.thread_time)


def near(a, b):
    return abs(a - b) <= 1e-9 * abs(b)


BENCHMARKS = [
    loop("word-count", "words of 100 MB of text into a dict", word_count),
    Benchmark("listings", "bedrooms, price, kind and offer of 100,000 listings", listings, "CPython", same=equal),
    loop("fannkuch", "fannkuch(9)", sides(kernels.fannkuch, 9, twin=lambda library: lambda: library.fannkuch(9))),
    loop(
        "n-body", "5 bodies, 20,000 steps", sides(kernels.n_body, BODIES, 20_000, twin=bodies_in_c, numba=False), near
    ),
    loop(
        "spectral-norm",
        "spectral_norm(300)",
        sides(kernels.spectral_norm, 300, twin=lambda library: lambda: library.spectral_norm(300), numba=False),
        near,
    ),
    loop(
        "mandelbrot",
        "mandelbrot(300)",
        sides(kernels.mandelbrot, 300, twin=lambda library: lambda: library.mandelbrot(300)),
    ),
    loop(
        "levenshtein",
        "distance of two texts of 528 letters",
        sides(
            kernels.levenshtein,
            LEFT,
            RIGHT,
            twin=lambda library: lambda: library.levenshtein(LEFT.encode(), RIGHT.encode()),
        ),
    ),
    loop("lru", "a cache of 1,000 entries, 1,000,000 requests", sides(kernels.lru, 1_000, 1_000_000, numba=False)),
]
