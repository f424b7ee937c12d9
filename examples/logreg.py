"""Logistic regression by gradient descent: each round is one `reduce` that sums the gradient over all rows.

The weights are a captured value: they change every round, and the code is compiled once.
"""

import math

import numpy as np

import fuseline as fl


def train(x: np.ndarray, y: np.ndarray, rounds: int, rate: float, penalty: float = 0.0) -> np.ndarray:
    """The weights of the features, and the intercept last."""
    data = fl.from_numpy({"x": x, "y": y}).persist()
    rows, features = x.shape
    weights = np.zeros(features + 1)

    def gradient(total, t):
        z = weights[features]
        for j in range(features):
            z += weights[j] * t.x[j]
        error = 1.0 / (1.0 + math.exp(-z)) - t.y
        for j in range(features):
            total[j] += error * t.x[j]
        total[features] += error
        return total

    def merge(a, b):
        for j in range(features + 1):
            a[j] += b[j]
        return a

    for _ in range(rounds):
        total = data.reduce(gradient, np.zeros(features + 1), merge)
        total[:features] += penalty * weights[:features]
        weights = weights - rate / rows * total
    return weights


@fl.compile
def probability(z: float) -> float:
    """The logistic function."""
    return 1.0 / (1.0 + math.exp(-z))


if __name__ == "__main__":
    random = np.random.default_rng(0)
    true_weights = np.array([1.5, -2.0, 0.5])
    features = random.normal(size=(200_000, 3))
    labels = random.random(200_000) < probability(features @ true_weights + 0.25)
    print(train(features, labels.astype(np.float64), rounds=100, rate=2.0))
