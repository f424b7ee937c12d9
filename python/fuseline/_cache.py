"""Where machine code is kept between processes."""

from __future__ import annotations

import os
import pathlib

from fuseline import _core


def use_object_cache() -> None:
    """Keep machine code under ``~/.cache/fuseline/objects`` (``XDG_CACHE_HOME`` is respected).

    The environment's ``FUSELINE_CACHE`` names another folder, or is ``off``.
    """
    chosen = os.environ.get("FUSELINE_CACHE", "")
    if chosen == "off":
        return
    try:
        home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    except RuntimeError:  # there is no home folder
        return
    _core.set_object_cache(os.fspath(chosen or home / "fuseline" / "objects"))
