"""What the process notices: memory, Ctrl-C, threads, time for a call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import fuseline as fl


def resident_kib() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_million_calls_that_return_strings_and_tuples_do_not_grow_the_process():
    @fl.compile
    def describe(name: str, x: float, n: int) -> tuple[str, tuple[float, str], int]:
        return (name + "!", (x * 2, f"{x} {n}"), n + 1)

    def run(rounds):
        for i in range(rounds):
            result = describe("zürich", 1.5, i)
        return result

    run(50_000)
    before = resident_kib()
    started = time.perf_counter()
    assert run(1_000_000) == ("zürich!", (3.0, "1.5 999999"), 1_000_000)
    print(f"{(time.perf_counter() - started):.2f} us a call")
    assert resident_kib() - before < 2_000


def test_calls_that_raise_do_not_grow_the_process():
    compiled = fl.compile(lambda x: 1 / x)

    def run(rounds):
        for _ in range(rounds):
            try:
                compiled(0)
            except ZeroDivisionError:
                pass

    run(5_000)
    before = resident_kib()
    run(50_000)
    assert resident_kib() - before < 2_000


def test_elementwise_calls_do_not_grow_the_process():
    compiled = fl.compile(lambda s, x: f"{s}{x}")
    texts, numbers = np.array(["abc"] * 10_000, dtype=object), np.arange(10_000)

    def run(rounds):
        for _ in range(rounds):
            compiled(texts, numbers)

    run(20)
    before = resident_kib()
    run(100)
    assert resident_kib() - before < 20_000


def test_calls_that_build_nested_values_do_not_grow_the_process():
    @fl.compile
    def nested(name: str, n: int):
        rows = [[i, i * i] for i in range(n % 7)]
        words = {f"{name}{i}": [name.upper()] * (i % 3) for i in range(5)}
        return rows, words, {i % 4 for i in range(n % 9)}, [(name, float(n)), ("b", 0.5)], name.encode()

    def run(rounds):
        for i in range(rounds):
            result = nested("zürich", i)
        return result

    calls = int(os.environ.get("FUSELINE_CALLS", "60000"))
    run(5_000)
    before = resident_kib()
    rows, words, *_ = run(calls)
    assert rows == [[i, i * i] for i in range((calls - 1) % 7)] and words["zürich2"] == ["ZÜRICH"] * 2
    assert resident_kib() - before < 2_000


INTERRUPTED = """
import os, re, signal, sys, threading, time
import numpy as np
import fuseline as fl

def spin(n: int) -> int:
    total = i = 0
    while i < n:
        total = (total * 31 + i) % 1000003
        i += 1
    return total

def count(n: int) -> int:
    total = 0
    for i in range(n):
        total = (total * 31 + i) % 1000003
    return total

def count_down(values: list[int], n: int) -> int:
    total = 0
    for _ in range(3):
        for i in range(n):
            total ^= i
    return total

def fib(n: int, k: int) -> int:
    return k % 7 if n < 2 else fib(n - 1, k * 3 % 1001) - fib(n - 2, k * 5 % 1003) % 11

def even(n: int, k: int) -> int:
    return k if n == 0 else (odd(n - 1, k + 1) + odd(n - 1, k + 2)) % 1003

def odd(n: int, k: int) -> int:
    return k if n == 0 else (even(n - 1, k + 3) + even(n - 1, k + 4)) % 1001

def matcher(text: str) -> bool:
    return re.search("(a|aa)+$", text) is not None

def endless(n: int):
    while True:
        yield n

def total(n: int) -> int:
    return sum(x for x in endless(n))

def caught(n: int) -> int:
    while True:
        try:
            n = count(n + 1) // (n - n)
        except ZeroDivisionError:
            n = 10**6

spin, fib, count, matcher = fl.compile(spin), fl.compile(fib), fl.compile(count), fl.compile(matcher)
even, total, caught, count_down = fl.compile(even), fl.compile(total), fl.compile(caught), fl.compile(count_down)
spin(10), fib(10, 1), spin(np.arange(10)), count(10), matcher("a"), even(3, 1), count_down([1], 10)
work = {
    "loop": lambda: spin(10**15),
    "counted": lambda: count(10**15),
    "nested": lambda: count_down([1], 10**14),
    "recursion": lambda: fib(80, 1),
    "mutual": lambda: even(80, 1),
    "matcher": lambda: matcher("a" * 80 + "b"),
    "generator": lambda: total(0),
    "caught": lambda: caught(1),
    "elementwise": lambda: spin(np.full(100_000, 10**9)),
    "dataset": lambda: fl.from_numpy({"n": np.full(100_000, 10**9)}).map(lambda t: spin(t.n)).count(),
    "reduce": lambda: fl.from_numpy({"n": np.full(100_000, 10**9)}).reduce(lambda s, t: (s + spin(t.n)) % 7, 0),
}[sys.argv[1]]
sent = 0.0
def send():
    global sent
    time.sleep(0.3)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
try:
    work()
except KeyboardInterrupt:
    print((time.perf_counter() - sent) * 1000)
assert spin(3) == 33
"""


KINDS = [
    "loop",
    "counted",
    "nested",
    "recursion",
    "mutual",
    "matcher",
    "generator",
    "caught",
    "elementwise",
    "dataset",
    "reduce",
]


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_stops_native_code(tmp_path, kind):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, script, kind], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    milliseconds = float(done.stdout)
    print(f"{kind}: {milliseconds:.0f} ms")
    assert milliseconds < 500, "100 ms on an idle machine"


def test_a_signal_handler_that_does_not_raise_lets_the_call_go_on():
    @fl.compile
    def spin(n: int) -> int:
        total = 0
        for i in range(n):
            total = (total * 31 + i) % 1000003
        return total

    spin(10)
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(spin(5)))
    try:
        expected = spin(60_000_000)
        timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        timer.start()
        assert spin(60_000_000) == expected
        timer.join()
        assert seen == [spin(5)]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_calls_from_many_threads(same):
    @fl.compile
    def work(x: float, s: str) -> tuple[float, str]:
        total = 0.0
        for i in range(100):
            total += x * i
        return (total, s + s)

    wrong = []

    def run(seed):
        for i in range(2_000):
            args = (float(seed + i), f"t{seed}")
            if work(*args) != (sum(args[0] * i for i in range(100)), args[1] * 2):
                wrong.append(args)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_recursion_in_a_thread_with_a_small_stack():
    @fl.compile
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + depth(n - 1)

    found = []

    def run():
        try:
            depth(10**9)
        except RecursionError:
            found.append(depth(50))

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found == [50]


def test_a_forked_process_can_call():
    compiled = fl.compile(lambda x: x * 2)
    compiled(1.0)
    script = textwrap.dedent(
        """
        import os, fuseline as fl
        def f(n: int) -> int:
            total = 0
            for i in range(n):
                total += i
            return total
        f = fl.compile(f)
        f(10)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if f(100) == 4950 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        """
    )
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"fork-{os.getpid()}.py")
    with open(path, "w") as file:
        file.write(script)
    try:
        subprocess.run([sys.executable, "-W", "ignore", path], check=True, timeout=60)
    finally:
        os.unlink(path)


def test_functions_that_hold_themselves_are_collected():
    import gc
    import weakref

    def make():
        @fl.compile
        def fact(n):
            return 1 if n < 2 else n * fact(n - 1)

        assert fact(5) == 120
        return weakref.ref(fact)

    made = make()
    gc.collect()
    assert made() is None
