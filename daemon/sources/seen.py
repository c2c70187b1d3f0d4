"""Which files of a watched folder have been read, kept over restarts where the daemon has a folder for its state."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

STATE_VARIABLE = "STATE_DIRECTORY"
"""Set by systemd for a unit with `StateDirectory=`."""


class FileStamp(NamedTuple):
    """What tells whether a file is still the same.

    Attributes:
        size: bytes.
        modified_ns: time of the last change, nanoseconds since 1970 UTC, by the clock of whoever holds the file.
    """

    size: int
    modified_ns: int


class SeenFiles:
    """Names with the stamps of the files that were read under them.

    A file is read once. Saved again under its name it is not read again, which is said; deleted, and another written
    under its name, it is a new one. A file that went away and came back as it was (a share that was not mounted for a
    while) is the same one.
    """

    def __init__(self, record: Path | None, stamps: dict[str, FileStamp]) -> None:
        self._record = record
        self._stamps = stamps
        self._gone: set[str] = set()
        self._told: set[str] = set()

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, FileStamp]) -> SeenFiles:
        """What was read of `folder` by former runs. Without a record of them: all `files` that are there now."""
        record = _record_of(folder)
        if record is not None and record.is_file():
            return cls(record, _read(record))
        seen = cls(record, {})
        seen._add(files)
        return seen

    def add(self, name: str, stamp: FileStamp) -> None:
        """Note that the file was read, on disk too."""
        self._add({name: stamp})

    def new_among(self, files: Mapping[str, FileStamp]) -> dict[str, FileStamp]:
        """Those of `files`, which is all that is there now, that were not read yet."""
        self._gone |= self._stamps.keys() - files.keys()
        return {name: stamp for name, stamp in files.items() if self._is_new(name, stamp)}

    def _is_new(self, name: str, stamp: FileStamp) -> bool:
        known = self._stamps.get(name)
        if known == stamp:
            self._gone.discard(name)
        elif known is not None and name not in self._gone and name not in self._told:
            self._told.add(name)
            log.warning("%s was saved again after it was read, and is not read twice; save under a new name", name)
        return known is None or (known != stamp and name in self._gone)

    def _add(self, stamps: Mapping[str, FileStamp]) -> None:
        self._stamps.update(stamps)
        self._gone -= stamps.keys()
        if self._record is None:
            return
        # A line begins with its line break: one that a crash cut off does not spoil the next.
        lines = "".join("\n" + json.dumps([name, *stamp]) for name, stamp in stamps.items())
        try:
            with self._record.open("a") as file:
                file.write(lines)
        except OSError as error:
            log.warning("%s: %s; a restart will not know what was read", self._record, error.strerror)


def _record_of(folder: Path) -> Path | None:
    """Where the list of what was read of `folder` is kept; None if the daemon has no folder for its state."""
    state = os.environ.get(STATE_VARIABLE, "").partition(":")[0]
    if not state:
        return None
    key = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path(state, f"watch-{key}.jsonl")


def _read(record: Path) -> dict[str, FileStamp]:
    stamps = {}
    for line in record.read_text().splitlines():
        try:
            name, size, modified_ns = json.loads(line)
        except ValueError:  # an empty line, or one that was cut off
            continue
        stamps[name] = FileStamp(size, modified_ns)
    return stamps
