"""Taxi trips that start and end in one square of the map, by hour of the day: found by a MongoDB server over its
2dsphere index, counted and averaged by Fuseline, drawn by matplotlib.

The trips are generated, with the columns of New York's taxi data. Needs a server, and pymongo and matplotlib.

    python examples/taxi.py [mongodb://localhost] [--rows 200000] [--out taxi.png]
"""

import argparse
import math

import numpy as np
import pyarrow as pa
import pymongo
from matplotlib.figure import Figure

import fuseline as fl

COLLECTION = "taxi.trips"
DEGREES_PER_MILE = 1 / 69.0
WEST, EAST, SOUTH, NORTH = -73.9950, -73.9750, 40.7460, 40.7610
SQUARE = [[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]
POINT = pa.struct([("type", pa.string()), ("coordinates", pa.list_(pa.float64()))])


# ---- The trips


def points(longitude, latitude):
    """GeoJSON points."""
    pairs = pa.array(np.column_stack([longitude, latitude]).ravel())
    offsets = pa.array(np.arange(0, len(pairs) + 1, 2, dtype="i4"))
    coordinates = pa.ListArray.from_arrays(offsets, pairs)
    return pa.StructArray.from_arrays([pa.array(["Point"] * len(coordinates)), coordinates], fields=list(POINT))


def trips(rows, seed=7):
    """Trips along Manhattan, more of them and slower ones in the rush hours."""
    random = np.random.default_rng(seed)
    along, across = random.normal(0, 2.2, rows), random.normal(0, 0.6, rows)
    longitude = -73.985 + (across + 0.55 * along) * DEGREES_PER_MILE
    latitude = 40.752 + along * DEGREES_PER_MILE
    miles, heading = random.gamma(2, 0.9, rows), random.uniform(0, 2 * math.pi, rows)
    day = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 7, 8, 8, 8, 7, 6, 7, 9, 10, 9, 8, 6, 4], float)
    hour = random.choice(24, rows, p=day / day.sum())
    speed = np.maximum(3, 18 - day[hour] + random.normal(0, 2, rows))
    second = random.integers(0, 31, rows) * 86_400 + hour * 3600 + random.integers(0, 3600, rows)
    start = np.datetime64("2013-01-01T00:00:00", "ms") + (second * 1000).astype("m8[ms]")
    duration = (miles / speed * 3600).astype("i4")
    fare = np.round(2.5 + 2.5 * miles + duration / 120, 2)
    return pa.table({
        "medallion": [f"{number:04X}" for number in random.integers(0, 13_000, rows)],
        "pickup_datetime": start,
        "dropoff_datetime": start + duration.astype("m8[s]"),
        "passenger_count": random.integers(1, 5, rows).astype("i4"),
        "trip_time_in_secs": duration,
        "trip_distance": np.round(miles, 2),
        "pickup": points(longitude, latitude),
        "dropoff": points(
            longitude + miles * np.cos(heading) * DEGREES_PER_MILE,
            latitude + miles * np.sin(heading) * DEGREES_PER_MILE,
        ),
        "fare_amount": fare,
        "tip_amount": np.where(random.random(rows) < 0.6, np.round(fare * 0.2, 2), 0.0),
    })  # fmt: skip


def fill(uri, rows):
    database, name = COLLECTION.split(".")
    with pymongo.MongoClient(uri) as client:
        collection = client[database][name]
        collection.drop()
        fl.from_arrow(trips(rows)).write_mongo(uri, COLLECTION)
        collection.create_index([("pickup", "2dsphere")])


# ---- The question


def miles_per_hour(t):
    return t.trip_distance / (t.trip_time_in_secs / 3600)


def moved(t):
    return t.trip_time_in_secs > 0


def in_the_square(uri):
    """The server looks the square up in its index; only what is in it is sent, and only these columns."""
    square = {"$geoWithin": {"$geometry": {"type": "Polygon", "coordinates": [SQUARE]}}}
    columns = {"hour": {"$hour": "$pickup_datetime"}} | dict.fromkeys(
        ("trip_time_in_secs", "trip_distance", "fare_amount", "pickup"), 1
    )
    return fl.read_mongo(
        uri,
        COLLECTION,
        pipeline=[{"$match": {"pickup": square, "dropoff": square}}, {"$project": columns}],
        schema={"hour": int, "trip_time_in_secs": int, "trip_distance": float, "fare_amount": float, "pickup": POINT},
    )


def by_hour(found):
    hours = found.filter(moved).with_columns(mph=miles_per_hour)
    return hours.group_by("hour").agg(trips=fl.count(), mph=fl.mean("mph"), fare=fl.mean("fare_amount")).sort("hour")


# ---- The answer


def draw(places, hours, path):
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    chart, town = figure.subplots(1, 2, width_ratios=(3, 2))
    chart.bar(hours["hour"], hours["trips"], color="#c8a200", width=0.8)
    chart.set(xlabel="hour of the day", ylabel="trips in the square", xticks=range(0, 24, 3), xlim=(-0.6, 23.6))
    speed = chart.twinx()
    speed.plot(hours["hour"], hours["mph"], color="#1f4e79", marker="o", markersize=3)
    speed.set_ylabel("miles an hour (line)", color="#1f4e79")
    speed.set_ylim(bottom=0)
    longitude, latitude = np.array(places).T
    town.scatter(longitude, latitude, s=2, color="#c8a200", alpha=0.5, linewidths=0)
    town.plot(*np.array(SQUARE).T, color="#1f4e79")
    margin = 0.004
    town.set(xlim=(WEST - margin, EAST + margin), ylim=(SOUTH - margin, NORTH + margin), aspect=1.32)
    town.set(xlabel="longitude", ylabel="latitude", title="where they start")
    town.ticklabel_format(useOffset=False)
    town.locator_params(axis="x", nbins=4)
    chart.set_title("Trips that start and end in one square, January 2013 (generated)")
    figure.savefig(path, dpi=110)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uri", nargs="?", default="mongodb://localhost")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--out", default="taxi.png")
    options = parser.parse_args(arguments)
    fill(options.uri, options.rows)
    found = in_the_square(options.uri).persist()
    hours = by_hour(found).to_numpy()
    places = [row["coordinates"] for row in found.select("pickup").collect()["pickup"].to_pylist()]
    draw(places, hours, options.out)
    print(f"{int(hours['trips'].sum()):,} of {options.rows:,} trips are in the square; the picture is {options.out}")
    return hours


if __name__ == "__main__":
    main()
