"""Work that does not fit into the session's memory goes to disk, or is an error that says so."""

import re

import numpy as np
import pytest

import fuseline as fl

ROWS = 1_000_000
LIMIT = 24 << 20


@pytest.fixture(scope="module")
def columns():
    random = np.random.default_rng(7)
    return {"k": random.permutation(ROWS), "x": random.random(ROWS), "g": np.arange(ROWS) // 2}


def spills(plan):
    return sum(int(count) for count in re.findall(r"spill_count=(\d+)", plan))


def test_an_aggregation_spills(columns):
    with fl.session(threads=2, memory_bytes_max=LIMIT) as session:
        groups = session.from_numpy(columns).group_by("g").agg(n=fl.count(), total=fl.sum("x"), most=fl.max("k"))
        assert spills(groups.explain(analyze=True)) > 0
        answer = groups.to_numpy()
    with fl.session(threads=2) as session:
        roomy = session.from_numpy(columns).group_by("g").agg(n=fl.count(), total=fl.sum("x"), most=fl.max("k"))
        expected = roomy.to_numpy()
    for name in ("g", "n", "total", "most"):
        assert np.array_equal(answer[name], expected[name]), name


def test_a_fold_spills(columns):
    def step(state, t):
        return state[0] + t.x, state[1] + 1

    def merge(a, b):
        return a[0] + b[0], a[1] + b[1]

    fold = fl.aggregate((0.0, 0), step, merge, lambda s: s[0] / s[1])
    with fl.session(threads=2, memory_bytes_max=LIMIT) as session:
        means = session.from_numpy(columns).group_by("g").agg(mean=fold)
        assert spills(means.explain(analyze=True)) > 0
        answer = means.to_numpy()
    assert np.array_equal(answer["g"], np.arange(ROWS // 2))
    assert np.allclose(answer["mean"], columns["x"].reshape(-1, 2).mean(axis=1), rtol=1e-15)


def test_a_join_that_does_not_fit_is_an_error(columns):
    with fl.session(threads=2, memory_bytes_max=4 << 20) as session:
        left = session.from_numpy(columns)
        right = session.from_numpy({"k": columns["k"], "y": columns["x"]})
        with pytest.raises(fl.EngineError, match="memory"):
            left.join(right, on="k").count()


def test_what_a_function_allocates_counts():
    def longer(t):
        return ("x" * t.n).replace("x", "ab")

    with fl.session(threads=1, memory_bytes_max=8 << 20) as session:
        few = session.from_rows([{"n": 10}] * 100)
        assert few.map(longer).count() == 100
        with pytest.raises(fl.EngineError, match="memory"):
            session.from_rows([{"n": 20_000}] * 2000).map(longer).count()
