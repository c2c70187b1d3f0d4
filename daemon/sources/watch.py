"""`watch:FOLDER`: micrographs as the microscope's software saves them.

The folder is looked through again and again: change notices do not cross network shares. A file is complete when its
size and time have stood still and it can be read.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from nanotally.daemon.sources.seen import FileStamp, SeenFiles
from nanotally.errors import MicrographError, SourceError
from nanotally.frame import Frame
from nanotally.micrograph import IMAGE_SUFFIXES, Micrograph, read_micrograph

log = logging.getLogger(__name__)

POLL_S = 0.5
BUSY_SHARE = 0.1
"""The folder is looked through twice a second, or less often where that would take more than a tenth of the time."""

SETTLE_S = 1.0
"""How long a file stands still before it is tried."""

GIVE_UP_S = 60.0
"""How long a file that cannot be read may stand still before it counts as damaged: some software writes with pauses."""

STEP_S = 0.1
"""Longest wait at a stretch: how soon `close` from another thread is heard."""


@dataclass
class Arrival:
    """A file that is still being written, as far as one can tell.

    Attributes:
        stamp: its size and time when last looked at.
        since_s: monotonic clock since when they have stood still.
        complaint: why it could not be read as it is; "" before it was tried.
    """

    stamp: FileStamp
    since_s: float
    complaint: str = ""


class WatchSource:
    """New micrographs of a folder, each once, in the order in which they were written.

    Every file is looked at, however many come at once, so this is a feed that waits to be read. A folder that cannot
    be reached is waited for, and what was written meanwhile is read when it is back: a feed opened anew would not
    know what was read before.

    Attributes:
        uri: what it was opened with.
        damaged: how many files could not be read and were passed over.
    """

    live = False
    stills = True

    def __init__(self, uri: str, path: Path) -> None:
        """Take what lies there now as old; unless a former run wrote down what it had read, then that is old.

        Raises:
            SourceError: there is no such folder, or it cannot be read.
        """
        self.uri = uri
        self.damaged = 0
        self._folder = path
        self._number = 0
        self._closed = False
        self._reachable = True
        self._arrivals: dict[str, Arrival] = {}
        self._ready: list[str] = []
        self._look_at_s = 0.0
        try:
            files = list_files(path)
        except OSError as error:
            raise SourceError(f"{uri}: {error.strerror}; give a folder that the daemon may read") from error
        self._seen = SeenFiles.of(path, files)

    @property
    def idle(self) -> bool:
        """Whether the folder can be looked into; that nothing is saved there is no fault."""
        return self._reachable

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def read(self, timeout_s: float) -> Frame | None:
        """The next new micrograph, or None if there was none within `timeout_s`. Reads a whole file, however long.

        Raises:
            SourceError: it was closed.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._closed:
            if not self._ready:
                self._look()
            while self._ready:
                frame = self._try(self._ready.pop(0))
                if frame is not None:
                    return frame
            left_s = min(deadline_s, self._look_at_s) - time.monotonic()
            if time.monotonic() >= deadline_s:
                return None
            time.sleep(min(max(left_s, 0.0), STEP_S))
        raise SourceError(f"{self.uri}: was closed")

    def close(self) -> None:
        """Nothing is held but the list of what was read, which is on disk already."""
        self._closed = True

    def _look(self) -> None:
        """Look through the folder if it is time, and note which files have stood still."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return
        try:
            files = list_files(self._folder)
        except OSError as error:
            self._look_at_s = now_s + POLL_S
            if self._reachable:
                log.warning("%s: %s; waiting until it is back", self.uri, error.strerror)
            self._reachable = False
            return
        if not self._reachable:
            log.warning("%s: is back", self.uri)
        self._reachable = True
        self._look_at_s = time.monotonic() + max(POLL_S, (time.monotonic() - now_s) / BUSY_SHARE)
        new = self._seen.new_among(files)
        self._arrivals = {name: self._arrival(name, stamp, now_s) for name, stamp in new.items()}
        still = [name for name, arrival in self._arrivals.items() if now_s - arrival.since_s >= SETTLE_S]
        self._ready = sorted(still, key=lambda name: (files[name].modified_ns, name))

    def _arrival(self, name: str, stamp: FileStamp, now_s: float) -> Arrival:
        before = self._arrivals.get(name)
        return before if before is not None and before.stamp == stamp else Arrival(stamp, now_s)

    def _try(self, name: str) -> Frame | None:
        """A frame of the file, or None if it must wait, or has waited long enough."""
        arrival = self._arrivals[name]
        if arrival.complaint:  # it was tried as it is
            if time.monotonic() - arrival.since_s >= GIVE_UP_S:
                self._give_up(name, arrival)
            return None
        try:
            micrograph = read_micrograph(self._folder / name)
        except MicrographError as error:
            arrival.complaint = str(error)
            return None
        self._seen.add(name, arrival.stamp)  # before it is handed over: rather never than twice
        return self._frame(name, micrograph)

    def _give_up(self, name: str, arrival: Arrival) -> None:
        self._seen.add(name, arrival.stamp)
        self._number += 1
        self.damaged += 1
        log.warning("passed over: %s", arrival.complaint)

    def _frame(self, name: str, micrograph: Micrograph) -> Frame:
        for warning in micrograph.warnings:
            log.warning("%s: %s", self._folder / name, warning)
        number, self._number = self._number, self._number + 1
        return Frame(
            number=number,
            grabbed_ns=time.monotonic_ns(),
            wall_ns=self._arrivals[name].stamp.modified_ns,
            image=micrograph.image,
            nm_per_px=micrograph.nm_per_px,
            pixel_size_from=micrograph.pixel_size_from,
            field=micrograph.field,
            window=micrograph.window,
            name=os.fsencode(name).decode(errors="backslashreplace"),  # a name from a share may be no UTF-8
        )


def list_files(folder: Path) -> dict[str, FileStamp]:
    """Size and time of every image in `folder`, by name; hidden files and files that vanish meanwhile left out."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
                continue
            try:
                if entry.is_file():
                    facts = entry.stat()
                    found[entry.name] = FileStamp(facts.st_size, facts.st_mtime_ns)
            except FileNotFoundError:
                continue
    return found
