"""Gaussian naive Bayes: one `reduce` gathers counts, sums and squares by class; prediction is a `map`."""

import math

import numpy as np

import fuseline as fl


def fit(x: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log prior, means and variances by class."""
    features = x.shape[1]

    def step(state, t):
        counts, sums, squares = state
        counts[t.y] += 1.0
        for j in range(features):
            sums[t.y, j] += t.x[j]
            squares[t.y, j] += t.x[j] * t.x[j]
        return state

    def merge(a, b):
        for k in range(classes):
            a[0][k] += b[0][k]
            for j in range(features):
                a[1][k, j] += b[1][k, j]
                a[2][k, j] += b[2][k, j]
        return a

    start = (np.zeros(classes), np.zeros((classes, features)), np.zeros((classes, features)))
    counts, sums, squares = fl.from_numpy({"x": x, "y": y}).reduce(step, start, merge)
    means = sums / counts[:, None]
    return np.log(counts / counts.sum()), means, squares / counts[:, None] - means**2


def predict(x: np.ndarray, priors: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The most probable class of each row."""

    def best_class(t):
        best, label = -math.inf, 0
        for k in range(len(priors)):
            score = float(priors[k])
            for j in range(means.shape[1]):
                variance = float(variances[k, j])
                score -= 0.5 * (math.log(2.0 * math.pi * variance) + float(t.x[j] - means[k, j]) ** 2 / variance)
            if score > best:
                best, label = score, k
        return {"label": label}

    return fl.from_numpy({"x": x}).map(best_class).to_numpy()["label"]


if __name__ == "__main__":
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, size=200_000)
    rows = np.array([[0.0, 1.0], [2.0, -1.0], [-3.0, 0.0]])[labels] + random.normal(size=(200_000, 2))
    print("accuracy", (predict(rows, *fit(rows, labels, 3)) == labels).mean())
