"""Helpers of the tests: the oracle is CPython itself."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import cluster_processes
import mongod
import numpy as np
import pytest

import fuseline as fl


def equal(one: Any, other: Any) -> bool:
    """Equal in value and exactly in type; NaN equals NaN, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype and one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=True))
        )
    if isinstance(one, (float, np.floating)):
        return bool(
            (math.isnan(one) and math.isnan(other))
            or (one == other and math.copysign(1, one) == math.copysign(1, other))
        )
    return bool(one == other)


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, Any]:
    """What calling the function comes to: its value, or the class and text of the exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return "value", function(*args, **kwargs)
    except fl.CompileError:
        raise
    except Exception as error:
        return "error", (type(error), str(error))


class Oracle:
    """Asserts that a function gives in CPython what it gives compiled."""

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        compiled = function if isinstance(function, fl.CompiledFunction) else fl.compile(function)
        expected = outcome(compiled.__wrapped__, *args, **kwargs)
        found = outcome(compiled, *args, **kwargs)
        assert found[0] == expected[0] and equal(found[1], expected[1]), (args, kwargs, found, expected)
        return found[1]


@pytest.fixture(scope="session", autouse=True)
def session_of_all_tests() -> Iterator[None]:
    """With ``FUSELINE_TEST_CLUSTER=N`` every dataset runs on a cluster of N executors on this machine."""
    executors = os.environ.get("FUSELINE_TEST_CLUSTER")
    if not executors:
        yield
        return
    with fl.local_cluster(executors=int(executors)):
        yield


@pytest.fixture
def processes(tmp_path: pathlib.Path) -> Iterator[Callable[..., cluster_processes.Processes]]:
    """Starts a cluster whose processes a test may kill."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> cluster_processes.Processes:
            made = cluster_processes.Processes(tmp_path, **options)
            stack.callback(made.close)
            return made

        yield start


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What the work of the cluster tests comes to in this process."""
    with fl.session(threads=2) as session:
        rows = cluster_processes.numbers(session).map(cluster_processes.scramble).collect()
        return {"rows": rows, "groups": cluster_processes.two_stages(session)}


@pytest.fixture
def own_server() -> Iterator[mongod.Server]:
    """A MongoDB server that a test may do anything to."""
    with mongod.Server() as started:
        yield started


@pytest.fixture
def same() -> Oracle:
    return Oracle()
