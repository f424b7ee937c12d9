"""k-means clustering: each round is one `reduce` over the points, with the centres as a captured value.

The centres change every round; the code is compiled once.
"""

import math

import numpy as np

import fuseline as fl


@fl.compile
def absorb(
    point: fl.Array[float], centres: fl.Array[float, 2], sums: fl.Array[float, 2], counts: fl.Array[float]
) -> int:
    """Add the point to the sum of the centre that is nearest to it; the number of that centre."""
    best, nearest = math.inf, 0
    for k in range(centres.shape[0]):
        distance = 0.0
        for j in range(centres.shape[1]):
            distance += float((point[j] - centres[k, j]) ** 2)
        if distance < best:
            best, nearest = distance, k
    for j in range(centres.shape[1]):
        sums[nearest, j] += point[j]
    counts[nearest] += 1
    return nearest


def kmeans(points: np.ndarray, centres: np.ndarray, rounds: int) -> np.ndarray:
    """Move the centres to the means of their nearest points, so many times."""
    # On a cluster the points stay on the executors; only the centres travel.
    data = fl.from_numpy({"p": points}).persist()
    clusters, dimensions = centres.shape

    def step(state, t):
        sums, counts = state
        absorb(t.p, centres, sums, counts)
        return state

    def merge(a, b):
        for k in range(clusters):
            for j in range(dimensions):
                a[0][k, j] += b[0][k, j]
            a[1][k] += b[1][k]
        return a

    for _ in range(rounds):
        sums, counts = data.reduce(step, (np.zeros((clusters, dimensions)), np.zeros(clusters)), merge)
        centres = sums / np.maximum(counts, 1.0)[:, None]
    return centres


if __name__ == "__main__":
    random = np.random.default_rng(0)
    true_centres = np.array([[0.0, 0.0], [5.0, 5.0], [0.0, 6.0]])
    cloud = np.concatenate([centre + random.normal(size=(100_000, 2)) for centre in true_centres])
    print(kmeans(cloud, cloud[[0, 100_000, 200_000]], rounds=10))
