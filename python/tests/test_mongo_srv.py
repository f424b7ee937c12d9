"""``mongodb+srv``: servers found by name, from a nameserver of the test's own. It runs in a network of its own, where
there is nothing but loopback; this file is the program that runs there.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import pytest

APART = ["unshare", "--map-root-user", "--net", "--mount"]
A, TXT, SRV = 1, 16, 33


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("unshare") is None, reason="needs Linux namespaces")
def test_servers_found_by_name() -> None:
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        pytest.skip("this machine permits no network of one's own")
    done = subprocess.run([*APART, sys.executable, __file__], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- in the network of its own


def name_of(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def answer(question: bytes, records: dict[tuple[str, int], bytes]) -> bytes:
    """The reply to a question about one name; a name without any record is none."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode().lower())
        at += 1 + question[at]
    name, (kind,) = ".".join(labels), struct.unpack_from(">H", question, at + 1)
    found = records.get((name, kind))
    known = any(name == other for other, _ in records)
    header = question[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, 0 if found is None else 1, 0, 0)
    reply = header + question[12 : at + 5]
    if found is not None:
        reply += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(found)) + found
    return reply


def serve_names(records: dict[tuple[str, int], bytes]) -> None:
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            question, who = asked.recvfrom(4096)
            asked.sendto(answer(question, records), who)

    threading.Thread(target=serve, daemon=True).start()


def use_own_nameserver() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        # SIOCSIFFLAGS with IFF_UP.
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))
    place = pathlib.Path(tempfile.mkdtemp()) / "resolv.conf"
    place.write_text("nameserver 127.0.0.1\n")
    target = os.path.realpath("/etc/resolv.conf")
    bind = 4096
    if ctypes.CDLL(None, use_errno=True).mount(os.fsencode(place), os.fsencode(target), None, bind, None):
        raise OSError(ctypes.get_errno(), "mount")


def inside() -> None:
    import pyarrow as pa
    import pymongo
    from mongod import Server

    import fuseline as fl
    from fuseline.pymongoarrow import api

    use_own_nameserver()
    with Server() as server:
        service = struct.pack(">HHH", 0, 0, server.port)
        serve_names({
            ("_mongodb._tcp.cluster.example.test", SRV): service + name_of("member.example.test"),
            ("cluster.example.test", TXT): b"\x0fauthSource=test",
            ("_mongodb._tcp.elsewhere.example.test", SRV): service + name_of("member.other.test"),
            ("_mongodb._tcp.strange.example.test", SRV): service + name_of("member.example.test"),
            ("strange.example.test", TXT): b"\x0bretryReads=",
            ("member.example.test", A): socket.inet_aton("127.0.0.1"),
        })  # fmt: skip
        rows = [{"_id": n, "x": n / 2} for n in range(1000)]
        server.insert("test", "rows", rows)
        server.command("test", {"createUser": "reader", "pwd": "secret", "roles": ["readWrite"]})
        server.ask_for_users()
        # Where the user is known is said by the name's own text.
        uri = "mongodb+srv://reader:secret@cluster.example.test/?tls=false"
        found = fl.read_mongo(uri, "test.rows", timeout=10)
        assert found.collect().to_pylist() == rows
        assert fl.read_mongo(uri, "test.rows", partitions=3).count() == 1000
        written = fl.from_rows([{"_id": n} for n in range(10)]).write_mongo(uri, "test.written")
        assert written.inserted == 10
        with pymongo.MongoClient(uri) as client:
            assert api.find_arrow_all(client.test.rows, {}).to_pylist() == rows
            assert api.write(client.test.more, pa.table({"_id": [1, 2]})).inserted_count == 2
        # TLS is on unless the address says otherwise: this server has none.
        refuse(fl, "mongodb+srv://reader:secret@cluster.example.test/", "member.example.test")
        refuse(fl, "mongodb+srv://reader:secret@elsewhere.example.test/", "does not match domain name")
        refuse(fl, "mongodb+srv://reader:secret@strange.example.test/", "TXT|option")
        refuse(fl, "mongodb+srv://reader:secret@nobody.example.test/", "nobody.example.test")


def refuse(fl, uri: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(fl.EngineError, match=message) as error:
        fl.read_mongo(uri, "test.rows", timeout=1)
    assert "secret" not in str(error.value)


if __name__ == "__main__":
    inside()
