"""Which files are micrographs, and in what order people expect them."""

from __future__ import annotations

import re
from pathlib import Path

from nanotally.errors import MicrographError

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})
"""Endings of the files that `list_micrographs` takes, in lower case."""


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts `frame2` before `frame10`."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def list_micrographs(path: Path | str) -> list[Path]:
    """The micrographs in a folder, in natural order; a single file is answered as it is.

    Sidecars, hidden files and folders inside the folder are passed over.

    Raises:
        MicrographError: if nothing is there, or the folder holds no micrograph.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MicrographError(f"{path}: no such file or folder")
    found = [
        file
        for file in path.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    if not found:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise MicrographError(f"{path}: no micrograph in this folder; looked for {endings}")
    return sorted(found, key=natural_order)
