"""A replica set of three: which member is read, and what happens when it goes away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mongod import CommandError, Server

import fuseline as fl

COUNT = 60_000


class ReplicaSet:
    """Three members, the first of them the primary."""

    def __init__(self) -> None:
        self.members = [Server("--replSet", "three", "--oplogSize", "64") for _ in range(3)]
        hosts = [
            {"_id": index, "host": f"127.0.0.1:{member.port}", "priority": 1 if index == 0 else 0}
            for index, member in enumerate(self.members)
        ]
        self.members[0].command("admin", {"replSetInitiate": {"_id": "three", "members": hosts}})
        self.wait(lambda: self.members[0].command("admin", {"hello": 1})["isWritablePrimary"])
        documents = [{"_id": index, "pad": "x" * 200} for index in range(COUNT)]
        self.members[0].insert("test", "rows", documents)
        self.wait(lambda: all(self.count(member) == COUNT for member in self.members))

    @property
    def uri(self) -> str:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/?replicaSet=three"

    def count(self, member: Server) -> int:
        command = {"count": "rows", "$readPreference": {"mode": "secondaryPreferred"}}
        return int(member.command("test", command)["n"])

    def queries(self) -> list[int]:
        """How many queries each member that runs has answered."""
        running = [member for member in self.members if member.process is not None]
        return [member.command("admin", {"serverStatus": 1})["opcounters"]["query"] for member in running]

    @staticmethod
    def wait(condition: Any) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if condition():
                    return
            except CommandError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="module")
def three() -> Iterator[ReplicaSet]:
    started = ReplicaSet()
    try:
        yield started
    finally:
        for member in started.members:
            member.close()


@pytest.mark.parametrize("path", ["", "&compressors=zlib"])
@pytest.mark.parametrize("where", ["address", "argument"])
def test_the_read_preference_chooses_the_member(three: ReplicaSet, path: str, where: str) -> None:
    uri = three.uri + path + ("&readPreference=secondary" if where == "address" else "")
    preference = "secondary" if where == "argument" else None
    dataset = fl.read_mongo(uri, "test.rows", schema={"_id": int}, read_preference=preference)
    primary, secondaries = queries_of(three, lambda counts: counts[0] == 0, lambda: read_all(dataset))
    assert primary == 0
    assert secondaries > 0
    dataset = fl.read_mongo(three.uri + path, "test.rows", schema={"_id": int})
    primary, secondaries = queries_of(three, lambda counts: counts[1] == 0, lambda: read_all(dataset))
    assert primary > 0
    assert secondaries == 0


def read_all(dataset: fl.Dataset) -> None:
    assert sorted(dataset.collect()["_id"].to_pylist()) == list(range(COUNT))


def queries_of(
    members: ReplicaSet, expected: Callable[[tuple[int, int]], bool], read: Callable[[], None]
) -> tuple[int, int]:
    """What a read asks of the primary and of the others. Members ask each other things of their own now and then, which
    the counters cannot tell apart: a read that seems to ask the wrong one is made again, twice at most.
    """
    for _ in range(3):
        before = members.queries()
        read()
        primary, *secondaries = (after - earlier for after, earlier in zip(members.queries(), before, strict=True))
        counts = (primary, sum(secondaries))
        if expected(counts):
            break
    return counts


@pytest.mark.parametrize("path", ["", "&compressors=zlib"])
def test_a_read_does_not_go_on_at_another_member(three: ReplicaSet, path: str) -> None:
    """Members number their records each for itself: to go on by number there would lose and double documents."""
    uri = three.uri + path + "&readPreference=secondary&heartbeatFrequencyMS=500"

    def read(resume: Any) -> list[int]:
        dataset = fl.read_mongo(
            uri, "test.rows", schema={"_id": int, "pad": str}, resume=resume, batch_size=500, timeout=6
        )
        before = three.queries()
        found: list[int] = []
        victim: Server | None = None
        try:
            for batch in dataset.iter_batches():
                if victim is None:
                    counts = list(zip(three.members, three.queries(), before, strict=True))
                    victim = next(member for member, after, earlier in counts[1:] if after > earlier)
                    victim.stop(9)
                found.extend(batch["_id"].to_pylist())
        finally:
            if victim is not None:
                victim.start()
                three.wait(lambda: three.count(victim) == COUNT)
        return found

    with pytest.raises(fl.EngineError, match="another member of the replica set"):
        read("whole")
    assert read("_id") == list(range(COUNT))
