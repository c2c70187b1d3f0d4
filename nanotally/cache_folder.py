"""Where files lie that can be made again: plans of TensorRT, machine code."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """A folder of this name in the cache directory that systemd gives, else in that of the user; it may not exist.

    Raises:
        RuntimeError: the user has no home.
    """
    given = os.environ.get("CACHE_DIRECTORY")
    if given:
        return Path(given.partition(":")[0]) / name
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "nanotally" / name
