"""Linear regression in one pass: a `reduce` gathers the normal equations, NumPy solves them."""

import numpy as np

import fuseline as fl


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The least-squares weights of the features, and the intercept last."""
    features = x.shape[1]
    size = features + 1

    def step(state, t):
        products, right = state
        for i in range(size):
            xi = t.x[i] if i < features else np.float64(1.0)
            for j in range(features):
                products[i, j] += xi * t.x[j]
            products[i, features] += xi
            right[i] += xi * t.y
        return state

    def merge(a, b):
        for i in range(size):
            for j in range(size):
                a[0][i, j] += b[0][i, j]
            a[1][i] += b[1][i]
        return a

    data = fl.from_numpy({"x": x, "y": y})
    products, right = data.reduce(step, (np.zeros((size, size)), np.zeros(size)), merge)
    return np.linalg.solve(products, right)


@fl.compile
def predict(x: fl.Array[float], weights: fl.Array[float]) -> float:
    """The model's value for one row of features."""
    result = float(weights[-1])
    for j in range(len(x)):
        result += float(x[j] * weights[j])
    return result


if __name__ == "__main__":
    random = np.random.default_rng(0)
    features = random.normal(size=(200_000, 4))
    target = features @ np.array([1.0, -2.0, 3.0, 0.5]) + 7.0 + random.normal(size=200_000)
    model = fit(features, target)
    print(model)
    print(predict(features[0], model), target[0])
