"""The journal of one source: a folder of segments, written by one thread and read by another."""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from nanotally.daemon.journal.retention import Retention
from nanotally.daemon.journal.segment import HEADER, SUFFIX, Record, Segment, SegmentWriter, read_records, tail_of
from nanotally.daemon.journal.sync import Syncer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """What a book holds behind an offset, as much as was asked for.

    Attributes:
        base_offset: from here up to the last record every offset was given to a message. None: there is no record.
        first_offset: of the oldest record that the book still holds.
        last_offset: of its newest.
        records: the parts of each message, oldest first.
    """

    base_offset: int | None
    first_offset: int | None
    last_offset: int | None
    records: list[list[bytes]]

    def expired(self, after_offset: int | None) -> tuple[int, int] | None:
        """First and last offset behind `after_offset` that retention has dropped, or None."""
        if after_offset is None or self.first_offset is None or self.base_offset is None:
            return None
        wanted = max(after_offset + 1, self.base_offset)
        return (wanted, self.first_offset - 1) if wanted < self.first_offset else None


class Book:
    """The journal of one source.

    An offset is never given to a second message, not even after a power failure took the end of the journal, or its
    folder was lost: where what was last sent cannot be known, counting goes on from the wall clock in microseconds.
    A daemon that was killed, or stopped in order, goes on with the next number.

    Attributes:
        next_offset: of the next record.
        last_offset: of the newest record in the journal; None if there is none.
        fault: why the last append failed, in one line; None if it did not.
    """

    def __init__(self, folder: Path, *, retention: Retention, syncer: Syncer) -> None:
        """Make the folder, or take up what is in it.

        Raises:
            OSError: if it cannot be made or read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._retention, self._syncer = folder, retention, syncer
        self._writer: SegmentWriter | None = None
        self._bookmark: tuple[Path, int, int] | None = None
        found = (Segment.at(path) for path in folder.glob(f"*{SUFFIX}"))
        self._segments = tuple(sorted(filter(None, found), key=lambda segment: segment.first_offset))
        self.fault: str | None = None
        self.last_offset: int | None = None
        self._recover()
        self._drop_expired()

    def _recover(self) -> None:
        """Find the last record, and where to go on counting."""
        now_us = time.time_ns() // 1000
        self.next_offset = self._base_offset = now_us
        while self._segments:
            last = self._segments[-1]
            tail = tail_of(last.path)
            if tail.last_offset is None:  # nothing in it was ever sent
                self._segments = self._segments[:-1]
                continue
            self.last_offset = tail.last_offset
            self.next_offset = tail.last_offset + 1
            self._base_offset = last.base_offset
            if not tail.trusted:
                self.next_offset = self._base_offset = max(self.next_offset, now_us)
            return

    def append(self, parts: Sequence[bytes]) -> None:
        """Write a message under `next_offset`; from here on it survives the end of this process.

        Raises:
            OSError: if the disk does not take it. The next append begins a new segment.
        """
        size = sum(map(len, parts))
        if self._writer is not None and self._writer.size_bytes + size > self._retention.segment_bytes:
            self._retire()
        try:
            self._write(parts)
        except OSError as error:
            self._retire()
            self._say(f"{self._folder}: {error.strerror}")
            raise
        self.last_offset = self.next_offset
        self.next_offset += 1
        self._say(None)

    def _write(self, parts: Sequence[bytes]) -> None:
        if self._writer is not None:
            self._writer.append(self.next_offset, parts)
            return
        self._drop_expired()
        path = self._folder / f"{self.next_offset:020d}{SUFFIX}"
        self._writer = SegmentWriter(path, base_offset=self._base_offset)
        self._syncer.watch(self._writer.descriptor, self._folder)
        self._writer.append(self.next_offset, parts)
        begun = Segment(path, self.next_offset, self._base_offset, self._writer.size_bytes, time.time_ns())
        self._segments = (*self._segments, begun)

    def _retire(self) -> None:
        """Go on in another segment; the file is left to the syncer, which closes it."""
        if self._writer is None:
            return
        last = self._segments[-1] if self._segments else None
        if last is not None and last.first_offset < self.next_offset:
            grown = replace(last, size_bytes=self._writer.size_bytes, written_ns=time.time_ns())
            self._segments = (*self._segments[:-1], grown)
        self._syncer.retire(self._writer.descriptor)
        self._writer = None

    def _drop_expired(self) -> None:
        """Delete what retention no longer covers. Called while no segment is written to."""
        many = self._retention.expired(self._segments, time.time_ns())
        dropped, self._segments = self._segments[:many], self._segments[many:]
        for segment in dropped:
            segment.path.unlink(missing_ok=True)

    def _say(self, fault: str | None) -> None:
        if fault != self.fault:
            if fault is None:
                log.info("journal %s is written again", self._folder)
            else:
                log.error("journal not written: %s; messages go out without an offset", fault)
        self.fault = fault

    def read(self, after_offset: int | None, *, limit: int, limit_bytes: int) -> Page:
        """Records behind an offset, or from the oldest one. Called by one thread, which need not be the writer's.

        Args:
            after_offset: of the last record that is not wanted; None: all are wanted.
            limit: most records.
            limit_bytes: no further record once there are as many.
        """
        segments, last_offset = self._segments, self.last_offset
        after = -1 if after_offset is None else after_offset
        records: list[list[bytes]] = []
        base, size = segments[-1].base_offset if segments else None, 0
        for segment, record in self._behind(segments, after):
            if records and (segment.base_offset != base or len(records) == limit or size >= limit_bytes):
                break
            base = segment.base_offset
            records.append(record.parts)
            size += sum(map(len, record.parts))
            self._bookmark = segment.path, record.offset, record.end
        return Page(base, segments[0].first_offset if segments else None, last_offset, records)

    def _behind(self, segments: tuple[Segment, ...], after: int) -> Iterator[tuple[Segment, Record]]:
        start = bisect_right([segment.first_offset for segment in segments], after + 1)
        for index in count(max(0, start - 1)):
            if index >= len(segments):
                return
            segment = segments[index]
            path, at, end = self._bookmark or (None, 0, 0)
            position = end if path == segment.path and at <= after else HEADER.size
            try:
                for record in read_records(segment.path, after_offset=after, position=position):
                    yield segment, record
            except FileNotFoundError:
                continue  # retention was quicker

    def close(self) -> None:
        """End the segment that is written to, so that the next run knows that it has seen all."""
        if self._writer is not None and self.last_offset is not None:
            try:
                self._writer.end(self.last_offset)
            except OSError as error:
                log.warning("journal %s could not be ended in order: %s", self._folder, error.strerror)
        self._retire()
