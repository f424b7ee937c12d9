"""What a benchmark is, and what the suites share."""

import ctypes
import dataclasses
import os
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def close(a, b):
    return np.allclose(a, b, rtol=1e-12)


def equal(a, b):
    return a == b


@dataclasses.dataclass
class Benchmark:
    name: str
    what: str
    sides: Callable[[], dict[str, Callable[[], Any]]]
    #: The side that the others are compared with.
    base: str
    same: Callable[[Any, Any], bool] = close
    #: How many units of work one run does; figures are for one unit.
    per: int = 1
    show: Callable[[float], str] = lambda seconds: f"{seconds * 1e3:.2f} ms"
    #: Sides of one thread are timed by what that thread used, so that another process does not count.
    clock: Callable[[], float] = time.perf_counter


def nanoseconds(seconds):
    return f"{seconds * 1e9:.1f} ns"


def c_library(name):
    """The C file of this name, compiled for this machine."""
    library = pathlib.Path(tempfile.gettempdir()) / f"fuseline-bench-{os.getuid()}-{name}.so"
    flags = ["-O3", "-march=native", "-fPIC", "-shared"]
    subprocess.run(["clang-19", *flags, str(HERE / "c" / f"{name}.c"), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))
