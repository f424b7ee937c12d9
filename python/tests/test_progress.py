"""The progress bar: what is drawn, and where nothing is."""

from __future__ import annotations

import io

import pytest

import fuseline as fl
from fuseline import _progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def draw(clock, seconds, stream, monkeypatch):
    monkeypatch.setattr(_progress.sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with _progress.progress_bar("collect") as bar:
        for _ in range(int(seconds * 20)):
            clock[0] += 0.05
            if bar is not None:
                bar.update(1_000_000, 2_000_000)
        drawn = stream.getvalue()
    return drawn, stream.getvalue()


def test_a_bar_on_a_terminal_after_two_seconds(clock, monkeypatch):
    drawn, after = draw(clock, 4, Terminal(), monkeypatch)
    assert "1,000,000 rows" in drawn and " 50%" in drawn and "rows/s" in drawn
    assert after.endswith("\r\x1b[K"), "it is wiped at the end"


def test_nothing_within_two_seconds(clock, monkeypatch):
    assert draw(clock, 1.5, Terminal(), monkeypatch)[1] == ""


def test_nothing_when_piped(clock, monkeypatch):
    assert draw(clock, 10, io.StringIO(), monkeypatch)[1] == ""


def test_switched_off(clock, monkeypatch):
    fl.progress(False)
    try:
        assert draw(clock, 10, Terminal(), monkeypatch)[1] == ""
    finally:
        fl.progress(True)


def test_without_a_total():
    assert _progress.render("count", 10, None, 2.0) == "count  10 rows  5 rows/s"
    assert _progress.render("count", 0, 0, 0.0).startswith("count")
