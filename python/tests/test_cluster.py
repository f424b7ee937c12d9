"""The cluster besides what the dataset tests show: processes that die, hang or cannot be reached, what travels, TLS."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fuseline as fl
from fuseline._cluster import _program

ROWS = 16 * 32768


class Processes:
    """A scheduler and executors, each a process that a test may kill, stop or start again."""

    def __init__(self, folder, executors=2, tls=None, threads=1, host="127.0.0.1"):
        self.folder, self.tls, self.threads, self.host = folder, tls, threads, host
        self.port = free_port()
        self.scheduler = self.start_scheduler()
        self.executors = [self.start_executor(index) for index in range(executors)]
        self.wait_for_executors(executors)

    def run(self, *arguments, inside=(), **options):
        more = ["--tls", str(self.tls)] if self.tls else []
        return subprocess.Popen([*inside, *_program(), *arguments, *more], stdin=subprocess.DEVNULL, **options)

    def start_scheduler(self):
        process = self.run(
            "scheduler", "--listen", f"{self.host}:{self.port}", "--timeout", "3", stdout=subprocess.PIPE, text=True
        )
        with process.stdout:
            assert process.stdout.readline().strip() == self.address
        return process

    def start_executor(self, index, host=None, **options):
        folder = self.folder / f"executor-{index}"
        arguments = ["--threads", str(self.threads), "--work-dir", str(folder), "--heartbeat", "1"]
        arguments += ["--listen", host or self.host]
        return self.run("executor", "--scheduler", f"{self.host}:{self.port}", *arguments, **options)

    @property
    def address(self):
        return f"fuseline://{self.host}:{self.port}"

    def connect(self, **options):
        return fl.connect(self.address, tls=self.tls, **options)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def wait_for_executors(self, count):
        if self.tls:
            time.sleep(2)
            return
        wait_until(lambda: len(json.loads(self.get("/api/executors"))) == count)

    def completed_stages(self):
        """Of the job that runs."""
        jobs = json.loads(self.get("/api/jobs"))
        return max((job["completed_stages"] for job in jobs if "Running" in str(job["job_status"])), default=-1)

    def close(self):
        for process in [*self.executors, self.scheduler]:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in [*self.executors, self.scheduler]:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.fixture
def processes(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(**options):
            made = Processes(tmp_path, **options)
            stack.callback(made.close)
            return made

        yield start


class InBackground:
    """A call in a thread of its own; `result` waits for it."""

    def __init__(self, function):
        self.value, self.error = None, None

        def run():
            try:
                self.value = function()
            except Exception as error:
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def result(self, seconds=60):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "no answer"
        if self.error is not None:
            raise self.error
        return self.value


def scramble(t):
    x = t.x
    for _ in range(12_000):
        x = (x * 1103515245 + 12345) % 2147483648
    return {"key": t.x % 7, "y": x}


def scramble_again(t):
    x = t.total % 1000
    for _ in range(30_000_000):
        x = (x * 1103515245 + 12345) % 2147483648
    return {"key": t.key, "z": x}


def numbers(session):
    return session.from_numpy({"x": np.arange(ROWS)})


def two_stages(session):
    grouped = numbers(session).map(scramble).group_by("key").agg(total=fl.sum("y"), n=fl.count())
    return grouped.map(scramble_again).to_rows()


@pytest.fixture(scope="module")
def expected():
    with fl.session(threads=2) as session:
        return {"rows": numbers(session).map(scramble).collect(), "groups": two_stages(session)}


@pytest.mark.parametrize("victim", [0, 1])
def test_an_executor_is_killed_in_a_map_stage(processes, expected, victim):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    time.sleep(0.3)
    cluster.executors[victim].kill()
    assert job.result().equals(expected["rows"])


@pytest.mark.parametrize("victim", [0, 1])
def test_an_executor_is_killed_in_a_reduce_stage(processes, expected, victim):
    """One of the two runs the reduce stage; the other one has half of its input."""
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: two_stages(session))
    wait_until(lambda: cluster.completed_stages() == 1)
    cluster.executors[victim].kill()
    assert job.result() == expected["groups"]


def test_an_executor_is_killed_before_its_rows_are_fetched(processes, expected):
    cluster = processes()
    session = cluster.connect()
    batches = numbers(session).map(scramble).iter_batches()
    found = [next(batches)]
    cluster.executors[0].kill()
    found.extend(batches)
    assert pa.Table.from_batches(found).equals(expected["rows"])


def test_the_scheduler_is_killed_and_started_again(processes, expected):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    time.sleep(0.5)
    cluster.scheduler = cluster.start_scheduler()
    assert job.result().equals(expected["rows"])


def test_an_executor_hangs_and_comes_back(processes, expected):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    cluster.executors[0].send_signal(signal.SIGSTOP)
    assert job.result().equals(expected["rows"])
    cluster.executors[0].send_signal(signal.SIGCONT)
    assert numbers(session).map(scramble).collect().equals(expected["rows"])


def test_all_executors_are_killed_and_one_is_started(processes, expected):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    for executor in cluster.executors:
        executor.kill()
    cluster.executors.append(cluster.start_executor(2))
    assert job.result().equals(expected["rows"])


def test_an_executor_that_is_asked_to_end_finishes_its_work(processes, expected):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    cluster.executors[0].terminate()
    assert job.result().equals(expected["rows"])
    assert cluster.executors[0].wait(10) == 0


def test_a_function_that_raises_fails_its_job_at_once(processes):
    cluster = processes()
    session = cluster.connect()

    def inverse(t):
        return {"y": 1 // (t.x - 400_000)}

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError) as raised:
        numbers(session).map(inverse).collect()
    assert time.monotonic() - started < 5
    assert (raised.value.row, raised.value.inputs) == (400_000, {"x": 400_000})
    assert raised.value.line == inverse.__code__.co_firstlineno + 1


def test_each_executor_compiles_a_function_once(processes):
    """Sixteen tasks on two executors, and rounds with other captured values."""
    session = processes().connect()
    totals, compiled = [], 0
    for weight in np.arange(3.0):
        scaled = numbers(session).map(lambda t: {"y": t.x * weight})  # noqa: B023
        totals.append(scaled.aggregate(total=fl.sum("y")).to_rows()[0].total)
        compiled += sum(map(int, re.findall(r"kernels compiled: (\d+)", scaled.explain(analyze=True))))
    assert totals == [weight * (ROWS - 1) * ROWS / 2 for weight in range(3)]
    # The first query of the three has compiled them.
    assert compiled == 0
    new = numbers(session).map(lambda t: {"z": t.x + 17}).explain(analyze=True)
    assert "kernels compiled: 2\n" in new


def test_a_kernel_that_takes_two_executors_down_is_quarantined(processes, tmp_path):
    cluster = processes(executors=0)
    environment = os.environ | {"FUSELINE_TEST_CRASH_IN": "scramble"}
    log = (tmp_path / "log").open("wb")
    cluster.executors = [cluster.start_executor(index, env=environment, stderr=log) for index in range(2)]
    log.close()
    cluster.wait_for_executors(2)
    session = cluster.connect()
    for _ in range(2):
        with pytest.raises(fl.EngineError, match="the kernel of `scramble` took two executors down"):
            numbers(session).map(scramble).collect()
    assert numbers(session).map(lambda t: {"y": t.x}).count() == ROWS
    assert "it died in the kernel of `scramble`" in (tmp_path / "log").read_text()


def test_a_worker_that_dies_is_started_again_at_once(processes, expected):
    cluster = processes()
    session = cluster.connect()
    job = InBackground(lambda: numbers(session).map(scramble).collect())
    wait_until(lambda: cluster.completed_stages() == 0)
    children = pathlib.Path(f"/proc/{cluster.executors[0].pid}/task/{cluster.executors[0].pid}/children")
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    assert job.result().equals(expected["rows"])


def test_what_functions_print_arrives_with_stage_and_task(processes, caplog):
    session = processes().connect()

    def shout(t):
        if t.x % 100_000 == 0:
            print("at", t.x)
        return {"y": t.x}

    with caplog.at_level("INFO", "fuseline"):
        assert numbers(session).map(shout).count() == ROWS
    lines = sorted(record.getMessage() for record in caplog.records)
    assert len(lines) == 6
    assert all(re.fullmatch(r"\[stage 1 task \d+\] at \d00000|\[stage 1 task \d+\] at 0", line) for line in lines)


def test_large_captured_values_arrive(processes):
    cluster = processes()
    session = cluster.connect()
    table = np.random.default_rng(1).random(3_000_000)
    found = numbers(session).map(lambda t: {"y": table[t.x]}).aggregate(total=fl.sum("y")).to_rows()
    with fl.session() as local:
        expected = numbers(local).map(lambda t: {"y": table[t.x]}).aggregate(total=fl.sum("y")).to_rows()
    assert found == expected


def test_persisted_rows_stay_and_are_made_anew_when_they_are_lost(processes, expected):
    cluster = processes()
    session = cluster.connect()
    kept = numbers(session).map(scramble).persist()
    assert kept.collect().equals(expected["rows"])
    assert kept.filter(lambda t: t.key == 3).count() == sum(1 for x in range(ROWS) if x % 7 == 3)
    cluster.executors[0].kill()
    assert kept.collect().equals(expected["rows"])


def test_files_of_every_format(processes, tmp_path):
    cluster = processes()
    rows = [{"x": index, "name": f"n{index % 5}"} for index in range(100_000)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=9000)
    fl.from_arrow(table).write_csv(tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for session in (cluster.connect(), fl.session()):
        for read, name in [("parquet", "a.parquet"), ("csv", "a.csv"), ("json", "a.jsonl"), ("json", "a.json")]:
            data = getattr(session, f"read_{read}")(tmp_path / name)
            doubled = data.map(lambda t: {"name": t.name, "y": 2 * t.x if t.x is not None else 0})
            grouped = doubled.group_by("name").agg(total=fl.sum("y")).to_rows()
            assert [row.total for row in grouped] == [2 * sum(range(key, 100_000, 5)) for key in range(5)], name
            assert doubled.limit(3, offset=70_000).to_rows()[0].y == 140_000, name


def test_folds_have_the_same_bits_as_embedded(processes, tmp_path):
    """However the rows came into batches, and whatever they came from."""
    cluster = processes()
    random = np.random.default_rng(0)
    table = pa.table({"x": random.normal(size=300_000), "k": random.integers(0, 9, 300_000)})
    odd = pa.Table.from_batches(table.to_batches(max_chunksize=777))
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5000)
    fl.from_arrow(table).write_csv(tmp_path / "a.csv")

    def total(data):
        grouped = data.with_columns(y=lambda t: 1 / (1 + t.x * t.x)).group_by("k").agg(s=fl.sum("y"), m=fl.mean("x"))
        return data.reduce(lambda s, t: s + t.x * 1.1, 0.0, lambda a, b: a + b), grouped.to_rows()

    found = []
    for session in (cluster.connect(), fl.session(threads=1), fl.session(threads=2)):
        found.append([total(session.from_arrow(rows)) for rows in (table, odd)])
        found[-1] += [total(session.read_parquet(tmp_path / "a.parquet")), total(session.read_csv(tmp_path / "a.csv"))]
    assert found[0] == found[1] == found[2]
    assert found[0][0] == found[0][1]


def test_the_state_of_the_cluster_can_be_seen(processes):
    cluster = processes()
    session = cluster.connect()
    grouped = numbers(session).map(scramble).group_by("key").agg(n=fl.count())
    shown = grouped.explain(analyze=True)
    assert "stage 1: " in shown and "stage 2: 1 parts" in shown
    assert re.search(r"FunctionExec: .*scramble.*rows=524288", shown), shown
    assert len(json.loads(cluster.get("/api/executors"))) == 2
    assert "job" in cluster.get("/api/metrics") + cluster.get("/api/jobs")


root = pytest.mark.skipif(os.geteuid() != 0, reason="changes the machine's network and mounts")


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@root
def test_the_network_between_an_executor_and_the_others_is_cut_and_heals(processes, tmp_path, expected):
    name, here, there = f"fuseline-{os.getpid()}", "10.213.77.1", "10.213.77.2"
    with contextlib.ExitStack() as stack:
        try:
            command("ip", "netns", "add", name)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces: {error}")
        stack.callback(command, "ip", "netns", "del", name)
        command("ip", "link", "add", "fuseline0", "type", "veth", "peer", "name", "fuseline1", "netns", name)
        for inside, device, address in ([], "fuseline0", here), (["ip", "netns", "exec", name], "fuseline1", there):
            command(*inside, "ip", "addr", "add", f"{address}/24", "dev", device)
            command(*inside, "ip", "link", "set", device, "up")
        folder = tmp_path / "certs"
        command(*_program(), "certs", str(folder), "--host", here, "--host", there)
        cluster = processes(tls=folder, host=here, executors=1)
        inside = ["ip", "netns", "exec", name]
        cluster.executors.append(cluster.start_executor(1, host=there, inside=inside))
        time.sleep(1)
        session = cluster.connect()
        assert numbers(session).map(scramble).collect().equals(expected["rows"])
        job = InBackground(lambda: numbers(session).map(scramble).collect())
        time.sleep(0.5)
        command("ip", "link", "set", "fuseline0", "down")
        assert job.result().equals(expected["rows"])
        command("ip", "link", "set", "fuseline0", "up")
        assert numbers(session).map(scramble).collect().equals(expected["rows"])


@root
def test_the_disk_of_an_executor_is_full(processes, tmp_path, expected):
    full = tmp_path / "executor-0"
    full.mkdir()
    try:
        command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(full))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk: {error}")
    try:
        session = processes().connect()
        assert numbers(session).map(scramble).collect().equals(expected["rows"])
    finally:
        command("umount", "--lazy", str(full))


def test_nobody_there():
    with pytest.raises(fl.EngineError, match="cannot reach the cluster at `127.0.0.1:1`"):
        fl.connect("fuseline://127.0.0.1:1")
    with pytest.raises(fl.CompileError, match="is no address of a cluster"):
        fl.connect("somewhere")


def test_mutual_tls(processes, tmp_path):
    folders = [tmp_path / "certs", tmp_path / "others"]
    for folder in folders:
        subprocess.run([*_program(), "certs", str(folder)], check=True)
    assert (folders[0] / "cluster.key").stat().st_mode & 0o077 == 0
    cluster = processes(tls=folders[0])
    session = cluster.connect()
    data = session.from_rows([{"x": 1}, {"x": 2}])
    assert data.map(lambda t: {"y": 2 * t.x}).group_by("y").agg(n=fl.count()).to_rows() == [
        fl.Row(y=2, n=1),
        fl.Row(y=4, n=1),
    ]
    for wrong in (None, folders[1]):
        with pytest.raises(fl.EngineError, match="cannot reach the cluster"):
            fl.connect(cluster.address, tls=wrong)


def test_beyond_this_machine_only_with_tls():
    refused = subprocess.run([*_program(), "scheduler", "--listen", "0.0.0.0:0"], capture_output=True, text=True)
    assert refused.returncode == 2 and "without TLS" in refused.stderr
    refused = subprocess.run(
        [*_program(), "executor", "--scheduler", "127.0.0.1:1", "--listen", "0.0.0.0"], capture_output=True, text=True
    )
    assert refused.returncode == 2 and "without TLS" in refused.stderr


def test_no_python_in_the_processes(processes):
    cluster = processes(executors=1)
    numbers(cluster.connect()).map(scramble).limit(3).to_rows()
    for process in (cluster.scheduler, cluster.executors[0]):
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        assert "libpython" not in maps and "site-packages" not in maps
