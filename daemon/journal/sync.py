"""The thread that brings the journal to the disk, so that the main loop need not ask for it and wait."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

log = logging.getLogger(__name__)

JOIN_S = 0.3
"""How long the last sync may take before a stop is not held up any longer."""


class Syncer(threading.Thread):
    """Syncs every open segment once in an interval, and is the only one that closes them.

    Attributes:
        fault: why the last sync failed, in one line; None if it did not.
    """

    def __init__(self, interval_s: float) -> None:
        super().__init__(name="journal-sync", daemon=True)  # a disk that hangs must not hold up the exit
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._retired: set[int] = set()
        self._folders: set[Path] = set()
        self.fault: str | None = None

    def watch(self, descriptor: int, folder: Path) -> None:
        """Sync this file from now on, and once the folder that it is new in."""
        with self._lock:
            self._open.add(descriptor)
            self._folders.add(folder)

    def retire(self, descriptor: int) -> None:
        """Sync this file a last time and close it; nobody writes to it any more."""
        with self._lock:
            self._open.discard(descriptor)
            self._retired.add(descriptor)

    def run(self) -> None:
        """Sync until `close`, and once more."""
        while not self._stopping.wait(self._interval_s):
            self.sync()
        self.sync()

    def sync(self) -> None:
        """Bring to the disk what was written; what was retired is closed."""
        with self._lock:
            still_open, retired, folders = list(self._open), list(self._retired), list(self._folders)
            self._retired.clear()
            self._folders.clear()
        try:
            for descriptor in (*still_open, *retired):
                os.fdatasync(descriptor)
            for folder in folders:
                _sync_folder(folder)
            self.fault = None
        except OSError as error:
            self.fault = f"journal not synced: {error.strerror}"
            log.error("%s", self.fault)
        for descriptor in retired:
            os.close(descriptor)

    def close(self) -> None:
        """Sync a last time and end; gives up where the disk takes too long."""
        self._stopping.set()
        if self.ident is not None:
            self.join(JOIN_S)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
