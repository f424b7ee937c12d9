"""The main job by CPython: the functions of flights.py over lists of rows, and the comparison of the two.

Rows are read before the clock starts, as named tuples: CPython's quickest way to read a field by name.
"""

from collections import defaultdict, namedtuple


def as_tuples(data):
    """The rows of a dataset as named tuples."""
    Record = namedtuple("Record", data.columns)
    return [Record(*row.values()) for row in data.to_rows()]


def extended(rows, **functions):
    """What `with_columns` does."""
    if not rows:
        return rows
    Record = namedtuple("Record", (*rows[0]._fields, *functions))
    return [Record(*t, *[function(t) for function in functions.values()]) for t in rows]


def by_cpython(job, clock, flights, airports):
    """`job` is the module of flights.py; its `weights` are set as the native job sets them."""
    flights, airports = as_tuples(flights), as_tuples(airports)
    clean = clock("clean", lambda: [t for t in flights if job.flown(t)])
    derived = clock(
        "derive columns",
        lambda: extended(clean, mph=job.miles_per_hour, part=job.part_of_day, made_up=job.made_up, route=job.route),
    )

    def join():
        place = {airport.faa: airport for airport in airports}
        nowhere = airports[0]._replace(lat=None, lon=None)
        with_places = extended(
            [t for t in derived if t.origin in place],
            from_lat=lambda t: place[t.origin].lat,
            from_lon=lambda t: place[t.origin].lon,
            lat=lambda t: place.get(t.dest, nowhere).lat,
            lon=lambda t: place.get(t.dest, nowhere).lon,
        )
        return extended(with_places, km=job.kilometres)

    joined = clock("join, distance", join)

    def group():
        groups = defaultdict(list)
        for t in joined:
            groups[t.carrier].append(t)
        result = {}
        for carrier, rows in groups.items():
            state = (0, 0)
            for t in rows:
                state = job.recovered_step(state, t)
            known = [t.km for t in rows if t.km is not None]
            result[carrier] = (
                len(rows),
                sum(t.arr_delay for t in rows) / len(rows),
                sum(t.mph for t in rows) / len(rows),
                max(known) if known else None,
                job.recovered_finish(state),
            )
        return result

    carriers = clock("group by carrier", group)

    def learn_from():
        Features = namedtuple("Features", ("late", "delay", "far", "evening", "winter"))
        return [Features(**job.features(t)) for t in derived]

    known = clock("features", learn_from)

    def train():
        for _ in range(job.ROUNDS):
            total = (0.0,) * 5
            for t in known:
                total = job.gradient(total, t)
            job.weights = job.descend(total, len(known))

    job.weights = (0.0,) * 5
    clock(f"{job.ROUNDS} rounds of learning", train)

    def judge_all():
        state = (0, 0.0)
        for t in known:
            state = job.judge(state, t)
        return state

    judged = clock("accuracy, log-loss", judge_all)
    return {"joined": joined, "features": known, "carriers": carriers, "weights": job.weights, "judged": judged}


def compare(ours, theirs):
    """How many rows are identical, value by value and type by type, and how far the folds are apart."""
    identical = total = 0
    for name in ("joined", "features"):
        fields = theirs[name][0]._fields
        native_rows = zip(*(ours[name].collect()[field].to_pylist() for field in fields))
        for mine, other in zip(native_rows, theirs[name], strict=True):
            total += 1
            identical += all(a == b and type(a) is type(b) for a, b in zip(mine, other))
    folds = list(zip(ours["weights"], theirs["weights"])) + list(zip(ours["judged"], theirs["judged"]))
    for row in ours["carriers"]:
        values = (row.flights, row.delay, row.mph, row.longest, row.recovered)
        folds += [(a, b) for a, b in zip(values, theirs["carriers"][row.carrier]) if a is not None and b is not None]
    return identical, total, max(abs(a - b) / max(abs(b), 1e-300) for a, b in folds)
