"""Compilation to machine code, for what is counted in thousands a frame: boxes, contours, pixels of an edge."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from nanotally.cache_folder import cache_folder

F = TypeVar("F", bound=Callable[..., Any])
PACKAGES = ("detect", "measure")
"""Where compiled functions lie."""


def compiled(function: F) -> F:
    """The same function as machine code, which runs without the interpreter's lock.

    It is compiled when it is first called, which takes a second or so, and kept for the next process in the cache
    folder `compiled`; where nothing can be written, for this process alone.
    """
    folder = _folder()
    if folder is None:
        return cast(F, numba.njit(nogil=True, error_model="numpy")(function))
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)  # looked at while a function is wrapped; that of other programs stays
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    finally:
        settings.CACHE_DIR = before


@functools.cache
def _folder() -> Path | None:
    """Where machine code is kept; None: nowhere.

    Named after the sources: Numba looks at the file of a function alone, not at those of the functions it calls.
    """
    sources = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((Path(__file__).parent / package).glob("*.py")):
            sources.update(path.read_bytes())
    try:
        folder = cache_folder("compiled") / sources.hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
