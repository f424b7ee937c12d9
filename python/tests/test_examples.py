"""The examples agree with scikit-learn or NumPy, compile once however many rounds they run, and stay small."""

import ast
import importlib
import pathlib
import runpy

import numpy as np
import pytest

import fuseline as fl

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
LEARNERS = ("kmeans", "logreg", "linreg", "naive_bayes", "pagerank")


@pytest.fixture(autouse=True)
def examples_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


def example(name):
    return importlib.import_module(name)


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_example_is_short_and_imports_little(name):
    text = (EXAMPLES / f"{name}.py").read_text()
    assert len(text.splitlines()) < 60
    imported = {
        alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(ast.parse(text)))
    assert imported <= {"fuseline", "math", "numpy"}


def test_kmeans_agrees_with_scikit_learn(random):
    from sklearn.cluster import KMeans

    points = np.concatenate([centre + random.normal(size=(500, 3)) for centre in ([0, 0, 0], [6, 0, 1], [0, 7, 2])])
    start = points[[0, 500, 1000]]
    ours = example("kmeans").kmeans(points, start, rounds=20)
    theirs = KMeans(3, init=start, n_init=1, max_iter=20, tol=0.0, algorithm="lloyd").fit(points)
    np.testing.assert_allclose(ours, theirs.cluster_centers_, rtol=1e-9)


def test_kmeans_compiles_once_however_many_rounds(random):
    points = random.normal(size=(300, 2))
    kmeans = example("kmeans").kmeans
    kmeans(points, points[:3], rounds=1)
    before = fl.compile_count()
    kmeans(points, points[:3], rounds=25)
    assert fl.compile_count() == before


def test_the_kernel_of_kmeans_is_vectorised():
    absorb = example("kmeans").absorb
    assert absorb(np.ones(2), np.eye(3, 2), np.zeros((3, 2)), np.zeros(3)) == 0
    assert "x double>" in absorb.llvm_ir()


def test_logistic_regression_agrees_with_scikit_learn(random):
    from sklearn.linear_model import LogisticRegression

    x = random.normal(size=(2_000, 3))
    y = (random.random(2_000) < 1 / (1 + np.exp(-(x @ [1.0, -2.0, 0.5] + 0.3)))).astype(float)
    ours = example("logreg").train(x, y, rounds=2_000, rate=2.0, penalty=1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1_000).fit(x, y)
    np.testing.assert_allclose(ours, [*theirs.coef_[0], *theirs.intercept_], rtol=1e-5)


def test_logistic_regression_compiles_once_however_many_rounds(random):
    x = random.normal(size=(100, 2))
    train = example("logreg").train
    train(x, np.ones(100), rounds=1, rate=0.1)
    before = fl.compile_count()
    train(x, np.zeros(100), rounds=30, rate=0.1)
    assert fl.compile_count() == before


def test_linear_regression_agrees_with_numpy(random):
    x = random.normal(size=(1_000, 4))
    y = x @ [1.0, 2.0, -3.0, 0.5] + 5.0 + random.normal(size=1_000)
    linreg = example("linreg")
    weights = linreg.fit(x, y)
    expected, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(1_000)]), y, rcond=None)
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert linreg.predict(x[3], weights) == pytest.approx(x[3] @ weights[:-1] + weights[-1], rel=1e-12)


def test_naive_bayes_agrees_with_scikit_learn(random):
    from sklearn.naive_bayes import GaussianNB

    labels = random.integers(0, 3, size=1_500)
    x = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.0]])[labels] + random.normal(size=(1_500, 2))
    bayes = example("naive_bayes")
    priors, means, variances = bayes.fit(x, labels, 3)
    theirs = GaussianNB(var_smoothing=0.0).fit(x, labels)
    np.testing.assert_allclose(means, theirs.theta_, rtol=1e-9)
    np.testing.assert_allclose(variances, theirs.var_, rtol=1e-9)
    assert (bayes.predict(x, priors, means, variances) == theirs.predict(x)).all()


def test_pagerank_agrees_with_dense_power_iteration(random):
    pages = 50
    sources, targets = random.integers(0, pages - 5, size=400), random.integers(0, pages, size=400)
    ours = example("pagerank").pagerank(sources, targets, pages, rounds=40)
    matrix = np.zeros((pages, pages))
    np.add.at(matrix, (targets, sources), 1.0)
    sums = matrix.sum(axis=0)
    matrix = np.where(sums > 0, matrix / np.where(sums > 0, sums, 1.0), 1.0 / pages)
    ranks = np.full(pages, 1.0 / pages)
    for _ in range(40):
        ranks = 0.15 / pages + 0.85 * matrix @ ranks
    np.testing.assert_allclose(ours, ranks, rtol=1e-10)
    assert ours.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_example_runs_as_a_script(name, capsys):
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_the_taxi_example_asks_the_server_and_draws(tmp_path, capsys):
    from mongod import Server

    taxi = example("taxi")
    server = Server()
    try:
        picture = tmp_path / "taxi.png"
        hours = taxi.main([server.uri, "--rows", "20000", "--out", str(picture)])
        table = taxi.trips(20_000).to_pylist()

        def inside(point):
            longitude, latitude = point["coordinates"]
            return taxi.WEST < longitude < taxi.EAST and taxi.SOUTH < latitude < taxi.NORTH

        # The sides of a polygon on a sphere are not straight on this map: a few trips at the border may differ.
        expected = sum(inside(trip["pickup"]) and inside(trip["dropoff"]) for trip in table)
        assert abs(hours["trips"].sum() - expected) <= 0.02 * expected
        assert len(hours["hour"]) >= 18
        assert hours["hour"].tolist() == sorted(set(hours["hour"].tolist()) & set(range(24)))
        assert (5 < hours["mph"]).all() and (hours["mph"] < 30).all()
        assert picture.read_bytes().startswith(b"\x89PNG")
        shown = taxi.in_the_square(server.uri).explain()
        assert "$geoWithin" in shown and "$project" in shown
        indexes = server.command("taxi", {"listIndexes": "trips"})["cursor"]["firstBatch"]
        assert {"pickup": "2dsphere"} in [index["key"] for index in indexes]
    finally:
        server.close()
    assert "trips are in the square" in capsys.readouterr().out
