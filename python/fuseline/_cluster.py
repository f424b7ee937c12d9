"""Clusters: sessions whose datasets run on other machines, and a whole cluster on this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuseline import _core
from fuseline._errors import EngineError
from fuseline._session import Session

_STOP_SECONDS = 15.0


def connect(
    address: str, *, tls: str | os.PathLike[str] | None = None, threads: int | None = None, retry_seconds: int = 60
) -> Session:
    """A session whose datasets run on a cluster.

    Plans are made here, so the files that they read have to be found under the same names here and on the executors.

    Args:
        address: Where the scheduler is, as in ``"fuseline://host:50050"``.
        tls: The folder with the certificates of the cluster, which ``fuseline certs`` makes.
        threads: Threads for what runs here all the same: single calls and elementwise functions.
        retry_seconds: How long a job is handed in anew when the scheduler goes away.

    Returns:
        A session with the same methods as any other.

    Raises:
        EngineError: Nobody answers there.

    >>> import fuseline as fl
    >>> trips = fl.connect("fuseline://cluster.example:50050").read_parquet("/shared/trips/*.parquet")  # doctest: +SKIP
    """
    session = Session.__new__(Session)
    folder = None if tls is None else os.fspath(tls)
    session._begin(_core.Session.connect(address, folder, threads, retry_seconds))
    return session


@contextmanager
def local_cluster(
    executors: int = 2,
    *,
    threads: int = 1,
    memory: str | None = None,
    heartbeat_seconds: int = 5,
    timeout_seconds: int = 20,
    retry_seconds: int = 60,
) -> Iterator[Session]:
    """A whole cluster on this machine, for tests and notebooks; it ends with the ``with`` block.

    Args:
        executors: How many executors.
        threads: Parts that each works on at a time.
        memory: Memory of each before it writes to disk, as in ``"4GB"``.
        heartbeat_seconds: How often executors tell the scheduler that they are there.
        timeout_seconds: How long an executor may be silent before its work is given to others.
        retry_seconds: As for `connect`.

    Returns:
        A context manager that gives a session, as from `connect`, and makes it the one of the module's functions.

    >>> import fuseline as fl
    >>> with fl.local_cluster(executors=2):
    ...     fl.from_rows([{"x": 1}, {"x": 2}]).map(lambda t: {"y": 2 * t.x}).to_rows()
    [Row(y=2), Row(y=4)]
    """
    with tempfile.TemporaryDirectory(prefix="fuseline-cluster-") as folder:
        command = [
            *_program(),
            "cluster",
            f"--executors={executors}",
            f"--threads={threads}",
            f"--work-dir={folder}",
            f"--heartbeat={heartbeat_seconds}",
            f"--timeout={timeout_seconds}",
        ]
        if memory is not None:
            command.append(f"--memory={memory}")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise EngineError(f"the cluster did not start: `{command[0]}` ended with {process.wait()}")
            with connect(address, retry_seconds=retry_seconds) as session:
                yield session
        finally:
            process.terminate()
            if process.stdout is not None:
                process.stdout.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _program() -> list[str]:
    """The ``fuseline`` program: ``FUSELINE_PROGRAM``, the one beside this Python, or the one on the path."""
    named = os.environ.get("FUSELINE_PROGRAM")
    if named:
        return [named]
    beside = Path(sys.executable).parent / "fuseline"
    found = str(beside) if beside.exists() else shutil.which("fuseline")
    if found is None:
        raise EngineError(
            "the program `fuseline` is not found\nhelp: it runs the processes of a cluster; put it on the path, or "
            "name it in the environment variable FUSELINE_PROGRAM"
        )
    return [found]
