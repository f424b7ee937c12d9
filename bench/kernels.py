"""The functions that are measured: plain Python, compiled by Fuseline. Their C twins are in c/kernels.c."""

import math

import fuseline as fl


@fl.compile
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@fl.compile
def assign(points: fl.Array[float, 2], centres: fl.Array[float, 2], labels: fl.Array[int]) -> float:
    """The nearest centre of each point, and the sum of the squared distances."""
    total = 0.0
    for i in range(points.shape[0]):
        best = math.inf
        label = 0
        for k in range(centres.shape[0]):
            distance = 0.0
            for j in range(points.shape[1]):
                difference = float(points[i, j]) - float(centres[k, j])
                distance += difference * difference
            if distance < best:
                best = distance
                label = k
        labels[i] = label
        total += best
    return total


@fl.compile
def gradient(x: fl.Array[float, 2], y: fl.Array[float], weights: fl.Array[float], out: fl.Array[float]) -> float:
    """The gradient of a logistic regression, added to `out`, and the squared error."""
    rows, features = x.shape
    loss = 0.0
    for i in range(rows):
        z = float(weights[features])
        for j in range(features):
            z += float(weights[j]) * float(x[i, j])
        p = 1.0 / (1.0 + math.exp(-z))
        error = p - float(y[i])
        for j in range(features):
            out[j] += error * x[i, j]
        out[features] += error
        loss += error * error
    return loss


@fl.compile
def elementwise(x: float, y: float) -> float:
    return x * x + 3.0 * y - 1.0


@fl.compile
def label(x: float, y: float) -> tuple[str, float]:
    return f"{x:.1f}/{y:.1f}", x / y


@fl.compile
def speed(distance: float, minutes: float) -> float:
    return distance / (minutes / 60)
