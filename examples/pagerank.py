"""PageRank: each round is one `reduce` over the edges, with the ranks as a captured value."""

import numpy as np

import fuseline as fl


def pagerank(sources: np.ndarray, targets: np.ndarray, pages: int, rounds: int, damping: float = 0.85) -> np.ndarray:
    """The rank of each page; the ranks add up to 1."""
    edges = fl.from_numpy({"source": sources, "target": targets})

    def count(degrees, t):
        degrees[t.source] += 1.0
        return degrees

    def spread(incoming, t):
        incoming[t.target] += ranks[t.source] / degrees[t.source]
        return incoming

    def merge(a, b):
        for page in range(pages):
            a[page] += b[page]
        return a

    degrees = edges.reduce(count, np.zeros(pages), merge)
    ranks = np.full(pages, 1.0 / pages)
    for _ in range(rounds):
        # A page without links gives its rank to all.
        lost = ranks[degrees == 0.0].sum()
        incoming = edges.reduce(spread, np.zeros(pages), merge)
        ranks = (1.0 - damping) / pages + damping * (incoming + lost / pages)
    return ranks


@fl.compile
def change(old: fl.Array[float], new: fl.Array[float]) -> float:
    """How far two rankings are apart: the sum of the differences."""
    total = 0.0
    for page in range(len(old)):
        total += abs(float(old[page] - new[page]))
    return total


if __name__ == "__main__":
    random = np.random.default_rng(0)
    links = random.integers(0, 1_000, size=(200_000, 2)) ** 2 // 1_000
    early, late = (pagerank(links[:, 0], links[:, 1], 1_000, rounds) for rounds in (10, 30))
    print("top pages", np.argsort(-late)[:5], "change after round 10", change(early, late))
