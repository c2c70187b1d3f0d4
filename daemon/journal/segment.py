"""Segment files: a header, then framed records, only ever appended to.

    header   "ntj1", base offset u64, boot id 36 characters
    record   length u32, crc32 u32, offset u64, then `length` bytes: each part of the message behind its length u32
    end      a record of length 0, written when the segment is closed in order

All numbers are little-endian. The checksum is over the offset and the body. What is behind the last whole record was
torn by whatever ended the writer, and is passed over; it was never sent.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

MAGIC = b"ntj1"
HEADER = struct.Struct("<4sQ36s")
FRAME = struct.Struct("<IIQ")
LENGTH = struct.Struct("<I")
OFFSET = struct.Struct("<Q")
SUFFIX = ".segment"


@cache
def boot_id() -> str:
    """Drawn by the kernel at every start of the machine: files written since then are whole in its cache."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Record(NamedTuple):
    """One message in a segment: its offset, its parts, and the position in the file behind it."""

    offset: int
    parts: list[bytes]
    end: int


@dataclass(frozen=True)
class Segment:
    """A segment file that holds at least one record.

    Attributes:
        path: of the file, named after `first_offset`.
        first_offset: of its first record.
        base_offset: where the unbroken count of offsets began that this segment is part of.
        size_bytes: when it was last looked at.
        written_ns: wall clock of its last record then.
    """

    path: Path
    first_offset: int
    base_offset: int
    size_bytes: int
    written_ns: int

    @classmethod
    def at(cls, path: Path) -> Segment | None:
        """The segment in a file, or None if that is none."""
        try:
            stat, header = path.stat(), _header(path)
            first_offset = int(path.stem)
        except (OSError, ValueError):
            return None
        return cls(path, first_offset, header[0], stat.st_size, stat.st_mtime_ns)


class SegmentWriter:
    """Appends records to a new file. A failed append leaves a torn tail: no more may follow it.

    Attributes:
        descriptor: of the open file.
        size_bytes: written so far.
    """

    def __init__(self, path: Path, *, base_offset: int) -> None:
        """Begin a segment.

        A file of this name can only be what was left of a first record that failed.

        Raises:
            OSError: if the disk does not take it.
        """
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self.size_bytes = 0
        try:
            self._write([HEADER.pack(MAGIC, base_offset, boot_id().encode())])
        except OSError:
            os.close(self.descriptor)
            raise

    def append(self, offset: int, parts: Sequence[bytes]) -> None:
        """Add a record. It survives the end of this process at once, and of the machine when it is synced.

        Raises:
            OSError: if the disk does not take it.
        """
        body = [piece for part in parts for piece in (LENGTH.pack(len(part)), part)]
        self._write([FRAME.pack(sum(map(len, body)), _checksum(offset, body), offset), *body])

    def end(self, last_offset: int) -> None:
        """Mark the segment as closed in order.

        Raises:
            OSError: if the disk does not take it.
        """
        self._write([FRAME.pack(0, _checksum(last_offset, ()), last_offset)])

    def _write(self, pieces: list[bytes]) -> None:
        written = os.writev(self.descriptor, pieces)
        self.size_bytes += written
        if written < sum(map(len, pieces)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(frozen=True)
class Tail:
    """How a segment ends.

    Attributes:
        last_offset: of its last whole record; None if there is none.
        end: `closed` in order, `open` behind a whole or a torn record, or `damaged`: the record behind the last
            whole one is all there, and wrong.
        same_boot: True if the machine has run without a break since the segment was begun.
    """

    last_offset: int | None
    end: Literal["closed", "open", "damaged"]
    same_boot: bool

    @property
    def trusted(self) -> bool:
        """Whether no record behind `last_offset` can ever have been sent."""
        return self.end == "closed" or (self.end == "open" and self.same_boot)


def tail_of(path: Path) -> Tail:
    """Read a segment through, checking everything.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no segment.
    """
    _, boot = _header(path)
    last, position = None, HEADER.size
    for record in read_records(path):
        last, position = record.offset, record.end
    with path.open("rb") as file:
        file.seek(position)
        rest = file.read(FRAME.size)
        left = os.fstat(file.fileno()).st_size - position - FRAME.size
    if len(rest) < FRAME.size:
        return Tail(last, "open", boot == boot_id())
    length, checksum, offset = FRAME.unpack(rest)
    if length == 0 and left == 0 and checksum == _checksum(offset, ()):
        return Tail(last, "closed", boot == boot_id())
    return Tail(last, "open" if length > left else "damaged", boot == boot_id())


def read_records(path: Path, *, after_offset: int = -1, position: int = HEADER.size) -> Iterator[Record]:
    """Whole records of a segment behind an offset, up to its end or to what is torn or damaged.

    Args:
        path: of the file, which may still grow.
        after_offset: records up to this one are passed over unread.
        position: in the file where to begin: behind a record, or where the first one is.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(position)
        while len(frame := file.read(FRAME.size)) == FRAME.size:
            length, checksum, offset = FRAME.unpack(frame)
            position += FRAME.size + length
            if length == 0 or position > size:
                return
            if offset <= after_offset:
                file.seek(position)
                continue
            body = file.read(length)
            if checksum != _checksum(offset, (body,)):
                return
            yield Record(offset, _parts(body), position)


def _header(path: Path) -> tuple[int, str]:
    """Base offset and boot id of a segment."""
    with path.open("rb") as file:
        raw = file.read(HEADER.size)
    if len(raw) < HEADER.size or not raw.startswith(MAGIC):
        raise ValueError(f"{path} is no segment of a journal")
    _, base_offset, boot = HEADER.unpack(raw)
    return base_offset, boot.decode("ascii", "replace")


def _checksum(offset: int, body: Sequence[bytes]) -> int:
    checksum = zlib.crc32(OFFSET.pack(offset))
    for piece in body:
        checksum = zlib.crc32(piece, checksum)
    return checksum


def _parts(body: bytes) -> list[bytes]:
    parts, position = [], 0
    while position < len(body):
        (length,) = LENGTH.unpack_from(body, position)
        position += LENGTH.size
        parts.append(body[position : position + length])
        position += length
    return parts
