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

FORGOTTEN = ""
"""Stands in the record in place of a name: what follows is the time up to which files were forgotten."""

STATE_VARIABLE = "STATE_DIRECTORY"
"""Set by systemd for a unit with `StateDirectory=`."""


MOST_GONE = 50_000
"""Of so many files that are not there any more the stamps are kept; then those of the older half are forgotten."""
SPARE_LINES = 1000
"""So many lines more than twice as many as there are files the record may have before it is written anew."""


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

    What is known is bounded: the files that are there, and `MOST_GONE` that are not. Where more have gone, the oldest
    are forgotten and only their time is kept: a file that is not newer than that may be one of them, so it is taken as
    read, which is said. Rather never than twice.
    """

    def __init__(self, record: Path | None, stamps: dict[str, FileStamp]) -> None:
        self._record = record
        self._until_ns = stamps.pop(FORGOTTEN, FileStamp(0, -1)).modified_ns
        self._stamps = stamps
        self._lines = len(stamps)
        self._gone: set[str] = set()
        self._told: set[str] = set()

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, FileStamp]) -> SeenFiles:
        """What was read of `folder` by former runs. Without a record of them: all `files` that are there now."""
        record = _record_of(folder)
        if record is not None and record.is_file():
            known = cls(record, _read(record))
            known._write_anew()
            return known
        seen = cls(record, {})
        seen._add(files)
        return seen

    def add(self, name: str, stamp: FileStamp) -> None:
        """Note that the file was read, on disk too."""
        self._add({name: stamp})

    def new_among(self, files: Mapping[str, FileStamp]) -> dict[str, FileStamp]:
        """Those of `files`, which is all that is there now, that were not read yet."""
        self._gone |= self._stamps.keys() - files.keys()
        gone = self._gone - files.keys()
        if len(gone) > MOST_GONE and files:  # a folder without any may be a share that is not mounted
            self._forget(gone)
        new = {name: stamp for name, stamp in files.items() if self._is_new(name, stamp)}
        old = {name: stamp for name, stamp in new.items() if stamp.modified_ns <= self._until_ns}
        if old:
            self._take_as_read(old)
        return {name: stamp for name, stamp in new.items() if name not in old}

    def _take_as_read(self, files: Mapping[str, FileStamp]) -> None:
        first, more = next(iter(files)), len(files) - 1
        said = f"{first} and {more} more" if more else first
        log.warning(
            "%s: as old as files that were forgotten, so taken as read; copied under a new time it would be read", said
        )
        self._add(files)

    def _forget(self, gone: set[str]) -> None:
        """Keep only the time of the oldest files that are gone."""
        oldest = sorted(gone, key=lambda name: self._stamps[name].modified_ns)[: -(MOST_GONE // 2)]
        self._until_ns = max(self._until_ns, self._stamps[oldest[-1]].modified_ns)
        for name in oldest:
            del self._stamps[name]
        self._gone.difference_update(oldest)
        self._told.difference_update(oldest)
        self._write_anew()

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
        try:
            with self._record.open("a") as file:
                file.write(_lines(stamps))
                file.flush()
                os.fsync(file.fileno())  # what a loss of power took from the record would be read twice
        except OSError as error:
            log.warning("%s: %s; a restart will not know what was read", self._record, error.strerror)
        self._lines += len(stamps)
        if self._lines > 2 * len(self._stamps) + SPARE_LINES:
            self._write_anew()

    def _write_anew(self) -> None:
        """Leave out of the record what was forgotten, and names that stand in it again and again."""
        if self._record is None:
            return
        aside = self._record.with_name(f".{self._record.name}.new")
        try:
            with aside.open("w") as file:
                file.write(_lines(self._stamps) + _lines({FORGOTTEN: FileStamp(0, self._until_ns)}))
                file.flush()
                os.fsync(file.fileno())  # an empty record after a loss of power would be one of nothing read
            aside.replace(self._record)
        except OSError as error:
            log.warning("%s: %s; the record goes on growing", aside, error.strerror)
        self._lines = len(self._stamps)


def _lines(stamps: Mapping[str, FileStamp]) -> str:
    """Lines of the record. Each begins with its line break: one that a crash cut off does not spoil the next."""
    return "".join("\n" + json.dumps([name, *stamp]) for name, stamp in stamps.items())


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
