"""The journal of a daemon: a book a source, or none."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nanotally.daemon.config import JournalConfig
from nanotally.daemon.journal.book import Book
from nanotally.daemon.journal.retention import Retention
from nanotally.daemon.journal.sync import Syncer
from nanotally.errors import ConfigError
from nanotally.wire import DetectionsMessage, encode

log = logging.getLogger(__name__)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Journal:
    """Keeps every detections message before it is sent. Used by one thread, but for the reading of its books.

    Attributes:
        books: by source; empty where no journal is kept.
    """

    def __init__(self, config: JournalConfig, *, instance: str, sources: Iterable[str]) -> None:
        """Take up the journal of an instance, if the configuration or systemd gives a directory for it.

        A disk without room for a folder costs the journal, not the daemon.

        Raises:
            ConfigError: if the directory cannot be used, or another daemon uses it.
        """
        self.books: dict[str, Book] = {}
        self._fault: str | None = None
        self._lock: int | None = None
        self._syncer = Syncer(config.sync_interval_s)
        if config.folder is None:
            log.info("no journal is kept: journal.directory is not set; what a logger misses is lost to it")
            return
        folder = config.folder / instance
        try:
            self._open(folder, sources, _retention(config))
        except OSError as error:
            self.close()
            if error.errno not in NO_ROOM:
                raise ConfigError(f"journal.directory {folder}: {error.strerror}") from error
            self._fault = f"{folder}: {error.strerror}"
            log.error("no journal is kept: %s", self._fault)
            return
        log.info("journal in %s", folder)

    def _open(self, folder: Path, sources: Iterable[str], retention: Retention) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise ConfigError(f"journal.directory {folder}: another daemon writes there; stop it first") from error
        self.books = {name: Book(folder / name, retention=retention, syncer=self._syncer) for name in sources}
        self._syncer.start()

    def commit(self, message: DetectionsMessage) -> tuple[DetectionsMessage, list[bytes]]:
        """The message with its offset, and its encoded parts as they now are in the journal.

        Where there is no journal, or the disk does not take it, the offset is None.
        """
        book = self.books.get(message.origin.source)
        if book is not None:
            kept = replace(message, offset=book.next_offset)
            parts = encode(kept)
            try:
                book.append(parts)
            except OSError:
                return message, encode(message)  # the book says why
            return kept, parts
        return message, encode(message)

    def last_offset(self, source: str) -> int | None:
        """Offset of the newest message of a source in the journal."""
        book = self.books.get(source)
        return None if book is None else book.last_offset

    def fault(self, source: str) -> str | None:
        """Why the last message of a source is not safe, in one line; None where all is well or no journal is kept."""
        book = self.books.get(source)
        return self._fault if book is None else book.fault or self._syncer.fault

    def free_bytes(self) -> int | None:
        """Room on the disk of the journal; None where none is kept."""
        if self._lock is None:
            return None
        disk = os.fstatvfs(self._lock)
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        """Bring everything to the disk and let others have the directory. May be called twice."""
        for book in self.books.values():
            book.close()
        self._syncer.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _retention(config: JournalConfig) -> Retention:
    return Retention(
        age_s=config.retention_s,
        size_bytes=round(config.retention_mb * 1e6),
        segment_bytes=round(config.segment_mb * 1e6),
    )
