"""Processes that die, hang or cannot be reached, disks that are full, kernels that crash: the answer is the same. Each
test asserts that its fault has happened, and when."""

import contextlib
import os
import signal
import subprocess

import pyarrow as pa
import pytest
from cluster_processes import ROWS, InBackground, is_running, numbers, scramble, state_of, two_stages, wait_until

import fuseline as fl
from fuseline._cluster import _program


def start_map_stage(cluster):
    """A job of one stage that runs, with nothing finished."""
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    return job


@pytest.mark.parametrize("victim", [0, 1])
def test_an_executor_is_killed_in_a_map_stage(processes, expected, victim):
    cluster = processes()
    job = start_map_stage(cluster)
    cluster.kill_machine(victim)
    assert job.runs()
    assert job.result().equals(expected["rows"])
    cluster.wait_for_executors(1)


@pytest.mark.parametrize("victim", [0, 1])
def test_an_executor_is_killed_between_two_stages(processes, expected, tmp_path, victim):
    """Half of what the first stage made is gone before the second one has read anything."""
    hold = tmp_path / "stage-2"
    hold.touch()
    cluster = processes(env=os.environ | {"FUSELINE_TEST_HOLD": str(tmp_path)})
    session = cluster.connect()
    job = InBackground(lambda: two_stages(session))
    wait_until(lambda: cluster.completed_stages() == 1)
    cluster.kill_machine(victim)
    hold.unlink()
    assert job.result() == expected["groups"]
    cluster.wait_for_executors(1)


@pytest.mark.parametrize("victim", [0, 1])
def test_an_executor_is_killed_in_a_reduce_stage(processes, expected, victim):
    """One of the two runs the reduce stage; the other one has half of its input."""
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: two_stages(session))
    wait_until(lambda: cluster.completed_stages() == 1)
    cluster.kill_machine(victim)
    assert job.runs()
    assert job.result() == expected["groups"]
    cluster.wait_for_executors(1)


def scramble_some(t):
    row = scramble(t)
    return {"key": row["key"] + 0 // (t.x % 1000), "y": row["y"]}


def joined(session):
    """Rows of a stage that reads another one; some of them fail."""
    keys = numbers(session).map(lambda t: {"key": t.x % 7}).group_by("key").agg(n=fl.count())
    return numbers(session).map(scramble_some, on_error="drop").join(keys, on="key")


def totals(session):
    return joined(session).group_by("key").agg(total=fl.sum("y"), m=fl.count()).sort("key")


@pytest.mark.filterwarnings("ignore::fuseline.RowErrorWarning")
@pytest.mark.parametrize(("victim", "is_worker_alone"), [(0, False), (1, False), (1, True)])
@pytest.mark.parametrize("work", [joined, totals])
def test_an_executor_is_lost_in_a_stage_that_reads_another(processes, work, victim, is_worker_alone):
    """Half of what the stage reads is gone, so it begins anew; what it had made before must not be read as well."""
    with fl.session(threads=2) as local:
        expected = work(local).collect()
    cluster = processes()
    found = work(cluster.connect())
    job = InBackground(found.collect)
    wait_until(lambda: cluster.parts_begun(2) >= 6)
    if is_worker_alone:
        os.kill(cluster.worker(victim), signal.SIGKILL)
    else:
        cluster.kill_machine(victim)
    assert job.runs()
    assert job.result().equals(expected)
    assert found.row_errors == {"ZeroDivisionError": ROWS // 1000 + 1}


def test_an_executor_that_was_given_up_comes_back_with_what_it_had_made(processes, expected):
    """Its rows were made by another one meanwhile, and both can be read."""
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.parts_begun(1, executor=0) >= 3)
    cluster.signal_machine(0, signal.SIGSTOP)
    wait_until(lambda: len(cluster.names()) == 1)
    cluster.signal_machine(0, signal.SIGCONT)
    assert job.runs()
    assert job.result().equals(expected["rows"])


def test_an_executor_is_killed_before_its_rows_are_fetched(processes, expected):
    cluster = processes()
    session = cluster.connect()
    batches = numbers(session).map(scramble).iter_batches()
    found = [next(batches)]
    cluster.kill_machine(0)
    found.extend(batches)
    assert pa.Table.from_batches(found).equals(expected["rows"])


def test_persisted_rows_stay_and_are_made_anew_when_they_are_lost(processes, expected):
    cluster = processes()
    session = cluster.connect()
    kept = numbers(session).map(scramble).persist()
    before = len(cluster.jobs())
    assert kept.collect().equals(expected["rows"])
    assert kept.filter(lambda t: t.key == 3).count() == sum(1 for x in range(ROWS) if x % 7 == 3)
    assert len(cluster.jobs()) == before + 2
    cluster.kill_machine(0)
    assert kept.collect().equals(expected["rows"])
    # The failed job, the one that made the rows, and the job once more.
    assert len(cluster.jobs()) >= before + 5


def test_the_scheduler_is_killed_and_started_again(processes, expected):
    cluster = processes()
    job = start_map_stage(cluster)
    cluster.scheduler.kill()
    assert cluster.scheduler.wait(10) == -signal.SIGKILL
    assert job.runs()
    cluster.scheduler = cluster.start_scheduler()
    assert job.result().equals(expected["rows"])
    assert cluster.jobs(), "the job was handed in anew"


def test_an_executor_hangs_and_comes_back(processes, expected):
    cluster = processes()
    job = start_map_stage(cluster)
    hung = cluster.worker(0)
    cluster.signal_machine(0, signal.SIGSTOP)
    wait_until(lambda: state_of(hung) == "T")
    assert job.runs()
    assert job.result().equals(expected["rows"])
    assert state_of(hung) == "T" and len(cluster.names()) == 1
    cluster.signal_machine(0, signal.SIGCONT)
    cluster.wait_for_executors(2)
    session = cluster.connect()
    assert numbers(session).map(scramble).collect().equals(expected["rows"])


def test_all_executors_are_killed_and_one_is_started(processes, expected):
    cluster = processes()
    job = start_map_stage(cluster)
    for victim in range(2):
        cluster.kill_machine(victim)
    assert job.runs()
    cluster.executors.append(cluster.start_executor(2))
    assert job.result().equals(expected["rows"])


def test_an_executor_that_is_asked_to_end_finishes_its_work(processes, expected):
    cluster = processes()
    job = start_map_stage(cluster)
    cluster.executors[0].terminate()
    assert job.runs()
    assert job.result().equals(expected["rows"])
    assert cluster.executors[0].wait(60) == 0


def test_a_worker_that_dies_is_started_again_at_once(processes, expected):
    cluster = processes()
    job = start_map_stage(cluster)
    victim, names = cluster.worker(0), cluster.names()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not is_running(victim))
    assert job.runs()
    # Another one in its place, and long before a heartbeat is missed.
    wait_until(lambda: len(cluster.names() - names) == 1)
    assert job.result().equals(expected["rows"])


def test_a_function_that_raises_fails_its_job_at_once(processes):
    cluster = processes()
    session = cluster.connect()

    def inverse(t):
        return {"y": 1 // (t.x - 400_000)}

    with pytest.raises(ZeroDivisionError) as raised:
        numbers(session).map(inverse).collect()
    assert (raised.value.row, raised.value.inputs) == (400_000, {"x": 400_000})
    assert raised.value.line == inverse.__code__.co_firstlineno + 1
    # The job, and the one that looks for the first row that fails: nothing was tried again.
    assert len(cluster.jobs()) == 2


def test_a_kernel_that_takes_two_executors_down_is_quarantined(processes, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        cluster = processes(env=os.environ | {"FUSELINE_TEST_CRASH_IN": "scramble"}, stderr=stderr)
    session, names = cluster.connect(), cluster.names()
    for _ in range(2):
        with pytest.raises(fl.EngineError, match="the kernel of `scramble` took two executors down"):
            numbers(session).map(scramble).collect()
    assert log.read_text().count("it died in the kernel of `scramble`") == 2
    assert numbers(session).map(lambda t: {"y": t.x}).count() == ROWS
    assert cluster.names().isdisjoint(names), "both workers are new"


root = pytest.mark.skipif(os.geteuid() != 0, reason="changes the machine's network and mounts")


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@root
def test_the_network_between_an_executor_and_the_others_is_cut_and_heals(processes, tmp_path, expected):
    # Names and addresses of this process alone: what a killed run has left is in nobody's way.
    own = os.getpid()
    name, outer, inner = f"fuseline-{own}", f"fl{own}a", f"fl{own}b"
    here, there = (f"10.213.{own // 64 % 256}.{own % 64 * 4 + last}" for last in (1, 2))
    with contextlib.ExitStack() as stack:
        try:
            command("ip", "netns", "add", name)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces: {error}")
        stack.callback(command, "ip", "netns", "del", name)
        command("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        for inside, device, address in ([], outer, here), (["ip", "netns", "exec", name], inner, there):
            command(*inside, "ip", "addr", "add", f"{address}/30", "dev", device)
            command(*inside, "ip", "link", "set", device, "up")
        folder = tmp_path / "certs"
        command(*_program(), "certs", str(folder), "--host", here, "--host", there)
        cluster = processes(tls=folder, host=here, executors=1)
        cluster.executors.append(cluster.start_executor(1, host=there, inside=["ip", "netns", "exec", name]))
        cluster.wait_for_executors(2)
        names = cluster.names()
        job = start_map_stage(cluster)
        command("ip", "link", "set", outer, "down")
        assert job.runs()
        cluster.wait_for_executors(1)
        assert job.result().equals(expected["rows"])
        assert is_running(cluster.worker(1))
        command("ip", "link", "set", outer, "up")
        cluster.wait_for_executors(2)
        assert cluster.names() == names, "the same process is there again"
        assert start_map_stage(cluster).result().equals(expected["rows"])


@root
def test_the_disk_of_an_executor_is_full(processes, tmp_path, expected):
    full, log = tmp_path / "executor-0", tmp_path / "log"
    full.mkdir()
    try:
        command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(full))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk: {error}")
    try:
        with log.open("wb") as stderr:
            session = processes(stderr=stderr).connect()
        assert numbers(session).map(scramble).collect().equals(expected["rows"])
        assert "the disk of the work folder is full; the executor leaves the cluster" in log.read_text()
    finally:
        command("umount", "--lazy", str(full))
