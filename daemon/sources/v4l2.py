"""`v4l2:/dev/v4l/by-id/...`: a camera or frame grabber, by linuxpy."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nanotally.daemon.sources.camera_pixels import DECODERS, bits_of, decode
from nanotally.daemon.sources.grey import window_of
from nanotally.daemon.sources.live import LiveSource
from nanotally.daemon.sources.optional import needed
from nanotally.daemon.sources.options import split_options
from nanotally.errors import SourceError
from nanotally.frame import Frame

BY_ID = Path("/dev/v4l/by-id")

BUFFERS = 4
"""One that is read, one that is filled, and two for a late reader."""

REMEDIES = {
    errno.EACCES: "add the daemon's user to the group video",
    errno.EBUSY: "another program has it: fuser -v tells which",
    errno.ENODEV: "it was unplugged",
}


class V4l2Source(LiveSource):
    """A camera's newest frame, with the driver's stamp. What was asked for and is not given is an error."""

    def __init__(self, uri: str) -> None:
        """Open the device, set and check `size=WIDTHxHEIGHT` and `format=FOURCC`, and start it.

        Raises:
            SourceError: there is no such device, or it does not do what was asked.
        """
        super().__init__(uri)
        place, asked = split_options(uri, {"size": _size, "format": _fourcc})
        video = needed(uri, "linuxpy.video.device", package="linuxpy")
        if not Path(place).exists():
            raise SourceError(f"{uri}: no such device; {_devices()}")
        try:
            self._device = self._held.enter_context(video.Device(place))
            self._start(video, asked.get("size"), asked.get("format"))
        except (OSError, ValueError, video.V4L2Error) as error:  # ValueError: a format that linuxpy does not know
            self.close()
            raise self._fault(error) from error
        except SourceError:
            self.close()
            raise
        self._last: int | None = None

    def _start(self, video: ModuleType, size: tuple[int, int] | None, fourcc: str | None) -> None:
        capture = video.VideoCapture(self._device, size=BUFFERS)
        now = capture.get_format()
        asked = (*(size or (now.width, now.height)), fourcc or now.pixel_format.human_str())
        capture.set_format(*asked)
        self._format = capture.get_format()  # drivers take what is near, and do not say so
        self._check(asked, [offer.pixel_format.human_str() for offer in self._device.info.buffer_formats(capture.type)])
        capture.arm()
        self._held.callback(_stop, capture)
        capture.stream_on()
        self._buffers = capture.buffer
        self._bad, self._monotonic = video.BufferFlag.ERROR, video.BufferFlag.TIMESTAMP_MONOTONIC

    def _check(self, asked: tuple[int, int, str], offered: list[str]) -> None:
        got = (self._format.width, self._format.height, self._format.pixel_format.human_str())
        readable = ", ".join(dict.fromkeys(fourcc for fourcc in offered if fourcc in DECODERS)) or "none"
        if got != asked:
            raise SourceError(
                f"{self.uri}: {asked[0]}x{asked[1]} {asked[2]} was asked for, the driver gives {got[0]}x{got[1]} "
                f"{got[2]}; formats that it has and that can be read: {readable}; sizes: v4l2-ctl --list-formats-ext"
            )
        if asked[2] not in DECODERS:
            raise SourceError(f"{self.uri}: format {asked[2]} cannot be read; ask with ?format= for one of: {readable}")

    def _wait(self, timeout_s: float) -> Frame | None:
        try:
            select.select([self._device], [], [], timeout_s)
            return self._newest()
        except OSError as error:
            raise self._fault(error) from error

    def _newest(self) -> Frame | None:
        """Empty the driver's buffers, and take the last of them.

        When all were full the driver had none for newer pictures, so what they hold is old: then none is taken.
        """
        buffers = list(self._filled())
        if not buffers or len(buffers) == BUFFERS:
            self._skip(len(buffers))
            return None
        *older, newest = buffers
        self._skip(len(older))
        image = None if self._bad in newest.flags else decode(newest.data, self._format)
        if image is None:
            self._pass_over("a buffer that the driver marked as bad, or that does not hold a whole picture")
            return None
        return self._frame(image, grabbed_ns=self._stamp_ns(newest), window=window_of(bits_of(self._format)))

    def _filled(self) -> Iterator[Any]:
        for _ in range(BUFFERS):
            try:
                buffer = self._buffers.raw_read()
            except BlockingIOError:
                return
            self._count_lost(buffer.frame_nb)
            yield buffer

    def _count_lost(self, sequence: int) -> None:
        """Frames that the driver numbered and had no buffer for. Many drivers number wrongly: then none."""
        lost = 0 if self._last is None else (sequence - self._last - 1) % 2**32
        self._last = sequence
        if lost < 2**31:
            self._skip(lost)

    def _stamp_ns(self, buffer: Any) -> int | None:
        if self._monotonic not in buffer.flags:
            return None  # of a clock that is not ours
        stamp = buffer.buff.timestamp
        return int(stamp.secs) * 10**9 + int(stamp.usecs) * 1000

    def _fault(self, error: Exception) -> SourceError:
        if not isinstance(error, OSError) or error.errno is None:
            return SourceError(f"{self.uri}: {error}")
        remedy = REMEDIES.get(error.errno, "see the kernel's messages: dmesg")
        return SourceError(f"{self.uri}: {os.strerror(error.errno)}; {remedy}")


def _stop(capture: Any) -> None:
    """Give the buffers back, also those of a device that has gone: they hold its file open."""
    for step in (capture.stream_off, capture.disarm):
        with contextlib.suppress(OSError):
            step()


def _devices() -> str:
    names = sorted(str(path) for path in BY_ID.glob("*")) if BY_ID.is_dir() else []
    return f"there are {', '.join(names)}" if names else f"{BY_ID} is empty: is the camera plugged in?"


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise ValueError("expected WIDTHxHEIGHT, such as 1280x960")
    return int(match[1]), int(match[2])


def _fourcc(text: str) -> str:
    if not 1 <= len(text) <= 4 or not text.isascii():
        raise ValueError("expected a FOURCC such as GREY or YUYV")
    return text.ljust(4)
