"""A real MongoDB server for tests, and the few lines of its protocol that are needed to fill it. Independent of what is
tested: nothing here goes through Fuseline but the writing of BSON.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fuseline._bson import encode

DATA = pathlib.Path(os.environ.get("FUSELINE_DATA", "~/.cache/fuseline/data")).expanduser()
MONGOD = DATA / "mongod-6.0.5" / "mongod"
TLS = pathlib.Path(__file__).parent / "tls"
START_SECONDS = 60
MESSAGE_BYTES = 8_000_000


class CommandError(Exception):
    """The server says no."""


def decode(data: bytes, at: int = 0, array: bool = False) -> Any:
    """The document at ``at`` as Python values; types that no test needs are left out."""
    end = at + struct.unpack_from("<i", data, at)[0] - 1
    at += 4
    found: dict[str, Any] = {}
    while at < end:
        kind = data[at]
        stop = data.index(0, at + 1)
        key = data[at + 1 : stop].decode()
        at = stop + 1
        if kind in (3, 4):
            found[key] = decode(data, at, kind == 4)
            at += struct.unpack_from("<i", data, at)[0]
        elif kind == 2:
            size = struct.unpack_from("<i", data, at)[0]
            found[key] = data[at + 4 : at + 3 + size].decode()
            at += 4 + size
        elif kind == 5:
            size = struct.unpack_from("<i", data, at)[0]
            found[key] = data[at + 5 : at + 5 + size]
            at += 5 + size
        else:
            width, form = {1: (8, "<d"), 7: (12, "12s"), 8: (1, "?"), 9: (8, "<q"), 10: (0, ""), 16: (4, "<i")}.get(
                kind, (8, "<q")
            )
            found[key] = struct.unpack_from(form, data, at)[0] if form else None
            at += width
    return list(found.values()) if array else found


class Server:
    """One `mongod` on a free port of loopback, with a folder of its own."""

    def __init__(self, *arguments: str, tls: bool = False) -> None:
        if not MONGOD.exists():
            raise FileNotFoundError(f"`{MONGOD}` is missing: run scripts/fetch-mongod")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fuseline-mongod-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.arguments = list(arguments)
        self.tls = tls
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "mongod.log"

    def start(self) -> None:
        secure = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(TLS / "server.pem"), "--tlsCAFile"]
        arguments = [*self.arguments, *([*secure, str(TLS / "ca.pem")] if self.tls else [])]
        place = [
            "--dbpath",
            str(self.folder),
            "--port",
            str(self.port),
            "--bind_ip",
            "127.0.0.1",
            "--logpath",
            str(self.log),
        ]
        cache = ["--wiredTigerCacheSizeGB", "0.25", "--unixSocketPrefix", str(self.folder)]
        self.process = subprocess.Popen([str(MONGOD), *place, *cache, *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.command("admin", {"ping": 1})
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"mongod did not start:\n{self.log.read_text()[-2000:]}") from None
                time.sleep(0.05)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kill_and_restart(self, seconds: float = 0.7) -> None:
        """Kills it; it comes back after a while, which nobody waits for here."""
        self.stop(signal.SIGKILL)
        threading.Timer(seconds, self.start).start()

    def ask_for_users(self) -> None:
        """Starts it anew so that it serves only users who sign in."""
        self.stop()
        self.arguments.append("--auth")
        self.start()

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            if not self.tls:
                yield plain
                return
            context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
            context.load_cert_chain(str(TLS / "client.pem"))
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                yield secure

    def command(self, database: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a command."""
        body = b"\0\0\0\0\0" + encode({**command, "$db": database})
        with self.connection() as connection:
            connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
            size = struct.unpack("<i", _exactly(connection, 4))[0]
            reply = decode(_exactly(connection, size - 4), 17)
        if reply.get("ok") != 1 or reply.get("writeErrors"):
            raise CommandError(reply)
        return reply

    def insert(self, database: str, collection: str, documents: Iterable[Mapping[str, Any]]) -> None:
        batch: list[Mapping[str, Any]] = []
        size = 0
        for document in documents:
            batch.append(document)
            size += len(encode(document))
            if size > MESSAGE_BYTES or len(batch) == 50_000:
                self.command(database, {"insert": collection, "documents": batch})
                batch, size = [], 0
        if batch:
            self.command(database, {"insert": collection, "documents": batch})

    def find(self, database: str, collection: str, filter: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """All documents, in the order of ``_id``; for small collections."""
        command = {"find": collection, "filter": filter or {}, "sort": {"_id": 1}, "batchSize": 100_000}
        return self.command(database, command)["cursor"]["firstBatch"]

    @contextlib.contextmanager
    def profiled(self, database: str) -> Iterator[list[dict[str, Any]]]:
        """The commands that the server receives for this database in the block; the list is filled at its end."""
        seen: list[dict[str, Any]] = []
        self.command(database, {"profile": 2})
        try:
            yield seen
        finally:
            self.command(database, {"profile": 0})
            found = self.command(database, {"find": "system.profile", "batchSize": 10_000})["cursor"]["firstBatch"]
            seen.extend(entry["command"] for entry in found if "command" in entry)
            self.command(database, {"drop": "system.profile"})


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return bytes(data)
