"""The flights that left New York City in 2013: cleaning, features, groups and a learner.

Every function below is plain Python. Fuseline compiles it and runs it over all rows; afterwards CPython runs the very
same functions over the very same rows (flights_twin.py), and the two are compared: every value, and the time.

    python examples/flights.py [--data FOLDER] [--rows N]
"""

import argparse
import math
import os
import pathlib
import sys
import time

import flights_twin
import report

import fuseline as fl

# ---- The functions: of one row, of a state and a row, of two states.


def flown(t):
    """Cancelled flights have no departure; a few were diverted and have no arrival delay."""
    return t.dep_time is not None and t.arr_delay is not None and t.air_time is not None


def miles_per_hour(t):
    return t.distance / (t.air_time / 60)


def part_of_day(t):
    if t.hour < 6:
        return "night"
    if t.hour < 12:
        return "morning"
    return "afternoon" if t.hour < 18 else "evening"


def made_up(t):
    """Minutes that the flight made up in the air."""
    return t.dep_delay - t.arr_delay


def route(t):
    return f"{t.origin}-{t.dest} {t.carrier}{t.flight:04d}"


def haversine(lat1, lon1, lat2, lon2):
    """Kilometres between two places on the globe."""
    dlat = math.radians(lat2 - lat1)
    dlon = math.radians(lon2 - lon1)
    a = math.sin(dlat / 2) ** 2 + math.cos(math.radians(lat1)) * math.cos(math.radians(lat2)) * math.sin(dlon / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(a))


def kilometres(t):
    """The great circle; `None` where the airport is not in the list."""
    if t.lat is None or t.lon is None:
        return None
    return haversine(t.from_lat, t.from_lon, t.lat, t.lon)


def recovered_step(state, t):
    """Of the flights that left more than 15 minutes late, those that arrived in time."""
    late, recovered = state
    if t.dep_delay > 15:
        late += 1
        if t.arr_delay <= 15:
            recovered += 1
    return late, recovered


def recovered_merge(a, b):
    return a[0] + b[0], a[1] + b[1]


def recovered_finish(state):
    return 100 * state[1] / state[0] if state[0] > 0 else None


def features(t):
    """What the learner sees, each number of the order of 1, and what it shall tell: is it 15 minutes late?"""
    return {
        "late": 1.0 if t.arr_delay > 15 else 0.0,
        "delay": min(max(t.dep_delay, -30), 180) / 60,
        "far": t.distance / 1000,
        "evening": 1.0 if t.part == "evening" else 0.0,
        "winter": 1.0 if t.month in (12, 1, 2) else 0.0,
    }


weights = (0.0, 0.0, 0.0, 0.0, 0.0)


def score(t):
    w, delay, far, evening, winter = weights
    return w + delay * t.delay + far * t.far + evening * t.evening + winter * t.winter


def gradient(state, t):
    g, delay, far, evening, winter = state
    error = 1 / (1 + math.exp(-score(t))) - t.late
    return (
        g + error,
        delay + error * t.delay,
        far + error * t.far,
        evening + error * t.evening,
        winter + error * t.winter,
    )


def add_gradients(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]


def judge(state, t):
    """How often the model is right, and its log-loss."""
    right, loss = state
    z = score(t)
    if (z > 0) == (t.late == 1.0):
        right += 1
    return right, loss + math.log1p(math.exp(-z if t.late == 1.0 else z))


def add_judgements(a, b):
    return a[0] + b[0], a[1] + b[1]


ROUNDS = 20
RATE = 2.0
COLUMNS = (
    "month",
    "dep_time",
    "dep_delay",
    "arr_delay",
    "carrier",
    "flight",
    "origin",
    "dest",
    "air_time",
    "distance",
    "hour",
)


def descend(total, rows):
    """The next weights."""
    return tuple(weight - RATE / rows * slope for weight, slope in zip(weights, total))


# ---- The job, natively. `clock` runs a stage and takes its time.


def load(folder, rows):
    flights = fl.read_csv(folder / "flights.csv", null_values=["NA"]).select(*COLUMNS)
    airports = fl.read_csv(folder / "airports.csv").select("faa", "lat", "lon")
    airlines = fl.read_csv(folder / "airlines.csv").rename(name="airline")
    return [fl.from_arrow(data.collect()) for data in (flights.limit(rows), airports, airlines)]


def native(clock, flights, airports, airlines):
    """Each stage is collected, so that it can be timed by itself; without that all would be one plan."""
    global weights
    held = lambda data: fl.from_arrow(data.collect())
    clean = clock("clean", lambda: held(flights.filter(flown)))
    derived = clock(
        "derive columns",
        lambda: held(clean.with_columns(mph=miles_per_hour, part=part_of_day, made_up=made_up, route=route)),
    )
    home = airports.rename(faa="origin", lat="from_lat", lon="from_lon")
    joined = clock(
        "join, distance",
        lambda: held(
            derived.join(home, on="origin").join(airports, on={"dest": "faa"}, how="left").with_columns(km=kilometres)
        ),
    )
    carriers = clock(
        "group by carrier",
        lambda: (
            joined.group_by("carrier")
            .agg(
                flights=fl.count(),
                delay=fl.mean("arr_delay"),
                mph=fl.mean("mph"),
                longest=fl.max("km"),
                recovered=fl.aggregate((0, 0), recovered_step, recovered_merge, recovered_finish),
            )
            .join(airlines, on="carrier")
            .sort("flights", descending=True)
            .to_rows()
        ),
    )
    # Read once a round: on a cluster it stays on the executors.
    known = clock("features", lambda: derived.map(features).persist())

    def train():
        global weights
        for _ in range(ROUNDS):
            weights = descend(known.reduce(gradient, (0.0,) * 5, add_gradients), rows)
        return weights

    weights, rows = (0.0,) * 5, known.count()
    clock(f"{ROUNDS} rounds of learning", train)
    judged = clock("accuracy, log-loss", lambda: known.reduce(judge, (0, 0.0), add_judgements))
    return {"joined": joined, "features": known, "carriers": carriers, "weights": weights, "judged": judged}


# ---- The command.


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = os.environ.get("FUSELINE_DATA") or pathlib.Path.home() / ".cache" / "fuseline" / "data"
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(default) / "nycflights13")
    parser.add_argument("--rows", type=int, default=336_776)
    parser.add_argument("--cluster", action="store_true", help="run the datasets on two executors on this machine")
    arguments = parser.parse_args()
    with fl.local_cluster(executors=2) if arguments.cluster else fl.session():
        run(arguments)


def run(arguments):
    started = time.perf_counter()
    flights, airports, airlines = load(arguments.data, arguments.rows)
    print(f"{flights.count():,} flights read in {time.perf_counter() - started:.2f} s")
    with report.stages("natively") as clock:
        ours = native(clock, flights, airports, airlines)
    native_times = clock.seconds
    print(f"{fl.compile_count()} kernels compiled, each once: new weights are new arguments\n")
    report.table("carriers", ours["carriers"], ("airline", "flights", "delay", "mph", "longest", "recovered"))
    rows = ours["features"].count()
    names = ("intercept", "delay", "far", "evening", "winter")
    print("weights   " + "  ".join(f"{name} {weight:+.3f}" for name, weight in zip(names, ours["weights"])))
    print(f"accuracy  {ours['judged'][0] / rows:.4f}   log-loss {ours['judged'][1] / rows:.4f}\n")

    print("the same functions by CPython, over the same rows; this takes its time")
    with report.stages("by CPython") as clock:
        theirs = flights_twin.by_cpython(sys.modules[__name__], clock, flights, airports)
    report.times(native_times, clock.seconds)
    identical, total, difference = flights_twin.compare(ours, theirs)
    print(f"rows identical: {identical:,} of {total:,}")
    print(f"largest relative difference of the folds: {difference:.1e}")


if __name__ == "__main__":
    main()
