"""`file:PATH`: every frame of a video."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av

from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame

log = logging.getLogger(__name__)


class FileSource:
    """A video file, decoded to grey. Frames that are damaged, or cut off at its end, are logged and counted.

    Attributes:
        damaged: how many were passed over.
    """

    live = False
    stills = False
    idle = False

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: if it is not there or is not a video.
        """
        self.uri = f"file:{path}"
        self._name = path.name
        self._number = 0
        self.damaged = 0
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{path}: cannot be opened as a video: {error.strerror}") from error
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{path}: holds no video stream")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self._promised = stream.frames  # 0 where the file does not say
        self._began_ns = _creation_time_ns(self._container.metadata)
        self._frames = self._decode(stream)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def read(self, timeout_s: float) -> Frame | None:
        """Next frame; None in place of a damaged one. Decodes a whole frame, whatever `timeout_s` says."""
        try:
            return next(self._frames)
        except StopIteration:
            raise self._end() from None
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{self.uri}: breaks off after frame {self._number}: {error.strerror}") from error

    def _decode(self, stream: Any) -> Generator[Frame | None, None, None]:
        for packet in self._container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                self._pass_over(error.strerror)
                yield None
                continue
            for picture in pictures:
                yield self._frame(picture)

    def _pass_over(self, reason: str) -> None:
        log.warning("passed over: %s frame %d: %s", self.uri, self._number, reason)
        self._number += 1
        self.damaged += 1

    def _frame(self, picture: Any) -> Frame | None:
        if picture.is_corrupt:
            self._pass_over("bad data")
            return None
        number, self._number = self._number, self._number + 1
        grabbed_ns, wall_ns, name = time.monotonic_ns(), time.time_ns(), self._name
        if picture.time is not None:
            name = f"{name}#t={picture.time:.3f}"  # a place in a video as W3C Media Fragments 1.0 writes it
            if self._began_ns is not None:
                wall_ns = self._began_ns + round(picture.time * 1e9)
        return Frame(number, grabbed_ns, wall_ns, picture.to_ndarray(format="gray"), name=name)

    def _end(self) -> SourceError:
        missing = self._promised - self._number
        if missing > 0:
            log.warning("passed over: %s breaks off: %d of %d frames are missing", self.uri, missing, self._promised)
            self._number += missing
            self.damaged += missing
        if self.damaged == self._number:
            return SourceError(f"{self.uri}: no frame could be decoded")
        return EndOfFeed(f"{self.uri}: all {self._number} frames were read, {self.damaged} of them damaged")

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._container.close()


def _creation_time_ns(metadata: Mapping[str, str]) -> int | None:
    """When the recording began, nanoseconds since 1970 UTC, if the file says so."""
    try:
        began = datetime.fromisoformat(metadata["creation_time"].replace("Z", "+00:00"))
    except (KeyError, ValueError):
        return None
    utc = began if began.tzinfo else began.replace(tzinfo=timezone.utc)
    return round(utc.timestamp()) * 10**9
