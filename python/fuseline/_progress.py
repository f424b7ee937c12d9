"""The progress bar: rows per second, for anything that takes over two seconds, where somebody is looking."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

_SHOWN_AFTER_SECONDS = 2.0
_REDRAWN_AFTER_SECONDS = 0.1
_WIDTH = 30

_enabled = True


def progress(enabled: bool) -> None:
    """Switch progress bars on or off.

    A bar is drawn on a terminal and in Jupyter for anything that takes over two seconds; never where output is piped.

    Args:
        enabled: Whether bars are drawn.

    >>> import fuseline as fl
    >>> fl.progress(False)
    >>> fl.progress(True)
    """
    global _enabled
    _enabled = enabled


def progress_bar(label: str) -> Bar:
    """A bar for one query; it is silent where nobody is looking."""
    return Bar(label, "none" if not _enabled else _place())


def _place() -> str:
    """Where a bar can be drawn: ``"jupyter"``, ``"terminal"`` or ``"none"``."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_ipython() if get_ipython is not None else None
    if type(shell).__name__ == "ZMQInteractiveShell":
        return "jupyter"
    stream = sys.stderr
    return "terminal" if stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" else "none"


class Bar:
    """Counts the rows of one query and draws itself."""

    def __init__(self, label: str, place: str) -> None:
        self.label = label
        self.place = place
        self.started = time.monotonic()
        self.drawn = 0.0
        self.display: object = None

    def __enter__(self) -> Bar | None:
        return None if self.place == "none" else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.drawn:
            return
        if self.place == "terminal":
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        elif self.display is not None:
            self.display.update({"text/plain": ""}, raw=True)  # type: ignore[attr-defined]

    def update(self, rows: int, rows_total: int | None) -> None:
        """Called about every 50 ms while the query runs."""
        now = time.monotonic()
        if now - self.started < _SHOWN_AFTER_SECONDS or now - self.drawn < _REDRAWN_AFTER_SECONDS:
            return
        self.drawn = now
        text = render(self.label, rows, rows_total, now - self.started)
        if self.place == "terminal":
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            return
        from IPython.display import display  # type: ignore[import-not-found,unused-ignore]

        bundle = {"text/plain": text}
        if self.display is None:
            self.display = display(bundle, raw=True, display_id=True)
        else:
            self.display.update(bundle, raw=True)  # type: ignore[attr-defined]


def render(label: str, rows: int, rows_total: int | None, seconds: float) -> str:
    """One line: ``collect  [#####.....]  50%  1,000,000 rows  500,000 rows/s``."""
    rate = f"{rows:,} rows  {rows / max(seconds, 1e-9):,.0f} rows/s"
    if not rows_total:
        return f"{label}  {rate}"
    share = min(rows / rows_total, 1.0)
    done = int(share * _WIDTH)
    return f"{label}  [{'#' * done}{'.' * (_WIDTH - done)}] {share:4.0%}  {rate}"
