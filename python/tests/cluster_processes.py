"""A cluster whose processes a test may kill, stop and start again, and work for it that takes some seconds."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import numpy as np

import fuseline as fl
from fuseline._cluster import _program

ROWS = 16 * 32768


class Processes:
    """A scheduler and executors. An executor is a supervisor and its worker."""

    def __init__(self, folder, executors=2, tls=None, threads=1, host="127.0.0.1", more=(), **options):
        self.folder, self.tls, self.threads, self.host = folder, tls, threads, host
        self.port = free_port()
        self.scheduler = self.start_scheduler()
        self.executors = [self.start_executor(index, *more, **options) for index in range(executors)]
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

    def start_executor(self, index, *more, host=None, **options):
        folder = self.folder / f"executor-{index}"
        arguments = ["--threads", str(self.threads), "--work-dir", str(folder), "--heartbeat", "1"]
        arguments += ["--listen", host or self.host, *more]
        return self.run("executor", "--scheduler", f"{self.host}:{self.port}", *arguments, **options)

    @property
    def address(self):
        return f"fuseline://{self.host}:{self.port}"

    def connect(self, **options):
        return fl.connect(self.address, tls=self.tls, **options)

    def get(self, path):
        context = None
        if self.tls:
            context = ssl.create_default_context(cafile=str(self.tls / "ca.pem"))
            context.load_cert_chain(self.tls / "cluster.pem", self.tls / "cluster.key")
        url = f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return answer.read().decode()

    def names(self):
        """The names of the executors that the scheduler counts on."""
        return {executor["id"] for executor in json.loads(self.get("/api/executors"))}

    def wait_for_executors(self, count):
        wait_until(lambda: len(self.names()) == count)

    def jobs(self):
        return json.loads(self.get("/api/jobs"))

    def completed_stages(self):
        """Of the job that runs; -1 when none does."""
        return max((job["completed_stages"] for job in self.jobs() if "Running" in str(job["job_status"])), default=-1)

    def parts_begun(self, stage, executor="*"):
        """How many parts of the stage have begun to write rows; of each executor all but the last one are done."""
        return len(list(self.folder.glob(f"executor-{executor}/shuffle/*/{stage}/*")))

    def worker(self, index):
        """The process that does the work of an executor."""
        pid = self.executors[index].pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise ProcessLookupError(f"executor {index} has no worker at the moment")
        return int(children[0])

    def signal_machine(self, index, number):
        """Sends a signal to all processes of an executor, as if it met its machine."""
        for pid in (self.executors[index].pid, self.worker(index)):
            os.kill(pid, number)

    def kill_machine(self, index):
        """Kills an executor as if its machine went down: nobody is left to tell."""
        worker = self.worker(index)
        self.executors[index].kill()
        assert self.executors[index].wait(10) == -signal.SIGKILL
        wait_until(lambda: not is_running(worker))

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


def state_of(pid):
    """The letter of a process in ``/proc``: ``T`` when it is stopped."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_running(pid):
    try:
        return state_of(pid) != "Z"
    except FileNotFoundError:
        return False


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


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

    def runs(self):
        return self.thread.is_alive()

    def result(self, seconds=120):
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
