"""The functions of the language benchmarks: plain Python as people write it. Twins in C are in c/language.c."""

import math

import fuseline as fl


@fl.compile
def word_count(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


@fl.compile
def bedrooms(facts: str) -> int:
    """`3 bds , 1 ba , 1,560 sqft` has three bedrooms; a studio has none."""
    end = facts.find(" bd")
    if end < 0:
        return 0 if "studio" in facts.lower() else -1
    head = facts[:end]
    start = head.rfind(",") + 1
    return int(head[start:].strip())


@fl.compile
def price(text: str) -> int:
    """`$1,250,000+` and `$850/mo`."""
    digits = text.replace("$", "").replace(",", "").replace("+", "")
    slash = digits.find("/")
    if slash >= 0:
        digits = digits[:slash]
    return int(digits) if digits.strip().isdigit() else -1


@fl.compile
def kind(title: str) -> str:
    lowered = title.lower()
    if "condo" in lowered or "apartment" in lowered:
        return "condo"
    if "house" in lowered:
        return "house"
    return "unknown"


@fl.compile
def offer(title: str) -> str:
    lowered = title.lower()
    for word in ("sale", "rent", "sold"):
        if word in lowered:
            return word
    return "foreclosed" if "foreclose" in lowered else lowered.strip()


@fl.compile
def listing(title: str, facts: str, cost: str) -> tuple[int, int, str, str]:
    return bedrooms(facts), price(cost), kind(title), offer(title)


@fl.compile
def fannkuch(n: int) -> int:
    """The most flips over all permutations of 0 .. n - 1, after Anderson and Rettig's benchmark."""
    permutation = list(range(n))
    count = [0] * n
    flips_max = 0
    size = n
    while True:
        while size != 1:
            count[size - 1] = size
            size -= 1
        work = permutation[:]
        flips = 0
        while work[0] != 0:
            last = work[0]
            low, high = 0, last
            while low < high:
                work[low], work[high] = work[high], work[low]
                low += 1
                high -= 1
            flips += 1
        flips_max = max(flips_max, flips)
        while True:
            if size == n:
                return flips_max
            first = permutation[0]
            for i in range(size):
                permutation[i] = permutation[i + 1]
            permutation[size] = first
            count[size] -= 1
            if count[size] > 0:
                break
            size += 1


@fl.compile
def n_body(bodies: list[list[float]], steps: int) -> float:
    """Bodies are position, velocity and mass: the energy after so many steps of 0.01."""
    for _ in range(steps):
        for i in range(len(bodies)):
            a = bodies[i]
            for j in range(i + 1, len(bodies)):
                b = bodies[j]
                x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
                square = x * x + y * y + z * z
                magnitude = 0.01 / (square * math.sqrt(square))
                for k, difference in enumerate((x, y, z)):
                    a[3 + k] -= difference * b[6] * magnitude
                    b[3 + k] += difference * a[6] * magnitude
        for body in bodies:
            for k in range(3):
                body[k] += 0.01 * body[3 + k]
    energy = 0.0
    for i, a in enumerate(bodies):
        energy += 0.5 * a[6] * (a[3] * a[3] + a[4] * a[4] + a[5] * a[5])
        for b in bodies[i + 1 :]:
            x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            energy -= a[6] * b[6] / math.sqrt(x * x + y * y + z * z)
    return energy


@fl.compile
def spectral_norm(n: int) -> float:
    """The largest singular value of the infinite matrix 1 / ((i + j)(i + j + 1) / 2 + i + 1), cut at n."""
    u = [1.0] * n
    v = [0.0] * n
    work = [0.0] * n
    for _ in range(10):
        for source, target in ((u, v), (v, u)):
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += source[j] / ((i + j) * (i + j + 1) // 2 + i + 1)
                work[i] = total
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += work[j] / ((i + j) * (i + j + 1) // 2 + j + 1)
                target[i] = total
    above = sum(a * b for a, b in zip(u, v))
    below = sum(b * b for b in v)
    return math.sqrt(above / below)


@fl.compile
def mandelbrot(size: int) -> int:
    """How many points of a grid stay within 2 for 50 rounds."""
    inside = 0
    for row in range(size):
        imaginary = 2.0 * row / size - 1.0
        for column in range(size):
            real = 2.0 * column / size - 1.5
            x = y = 0.0
            for _ in range(50):
                x, y = x * x - y * y + real, 2.0 * x * y + imaginary
                if x * x + y * y > 4.0:
                    break
            else:
                inside += 1
    return inside


@fl.compile
def levenshtein(a: str, b: str) -> int:
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return previous[-1]


@fl.compile
def lru(capacity: int, requests: int) -> int:
    """Hits of a cache that forgets what was used least recently; requests are a linear congruential sequence."""
    cache: dict[int, int] = {}
    hits = 0
    seed = 42
    for _ in range(requests):
        seed = (seed * 1103515245 + 12345) % 2147483648
        key = (seed >> 8) % (seed % 2000 + 1)
        if key in cache:
            hits += 1
            value = cache.pop(key)
        else:
            value = key * 2
            if len(cache) >= capacity:
                oldest = next(iter(cache))
                del cache[oldest]
        cache[key] = value
    return hits
