"""`recording:FOLDER`: the frames of a recording as they were, for the whole path to look at again."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from nanotally.daemon.recording.facts import read_facts
from nanotally.daemon.recording.reader import Recorded, read_recording
from nanotally.daemon.sources.options import split_options
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame

log = logging.getLogger(__name__)


def _speed(text: str) -> bool:
    """Whether frames come at their own pace."""
    if text not in ("full", "real"):
        raise ValueError("expected full or real")
    return text == "real"


class RecordingSource:
    """A recording, once: every frame as fast as it is wanted, or with `?speed=real` a live feed at the pace it had.

    Numbers, names, wall times, pixel sizes, fields and states are those of the recorded frames; `grabbed_ns` is the
    moment of reading. A picture that cannot be read is logged, and leaves a gap in the numbers.

    Attributes:
        stills: as it was for the feed that was recorded.
        damaged: how many pictures were passed over.
    """

    def __init__(self, uri: str) -> None:
        """Open the recording.

        Raises:
            SourceError: if there is none, it is empty, or an option is not known.
        """
        self.uri = uri
        place, options = split_options(uri, {"speed": _speed})
        self.live: bool = options.get("speed", False)
        folder = Path(place.removeprefix("//")).expanduser()
        self.damaged = 0
        self.idle = False
        self._closed = threading.Event()
        self._frames = 0
        try:
            self.stills = read_facts(folder).stills
            self._rest = read_recording(folder)
            self._next: Recorded | None = next(self._rest, None)
        except SourceError as error:
            raise SourceError(f"{uri}: {error}") from error
        if self._next is None:
            raise SourceError(f"{uri}: the recording holds no frame")
        # The clock of the recording against that of today, set by the first read.
        self._first_ns, self._began_ns = self._next.told.grabbed_ns, 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def read(self, timeout_s: float) -> Frame | None:
        """Next frame; None in place of a damaged one, or if at its own pace it is not due within `timeout_s`."""
        if self._closed.is_set():
            raise SourceError(f"{self.uri}: was closed")
        if self._next is None:
            raise EndOfFeed(f"{self.uri}: all {self._frames} frames were read, {self.damaged} of them damaged")
        if self.live and not self._is_due(self._next, timeout_s):
            return None
        recorded, self._next = self._next, next(self._rest, None)
        self._frames += 1
        return self._frame(recorded)

    def _is_due(self, recorded: Recorded, timeout_s: float) -> bool:
        """Wait for the moment of a frame, up to `timeout_s`; whether it has come."""
        self._began_ns = self._began_ns or time.monotonic_ns()
        due_ns = self._began_ns + recorded.told.grabbed_ns - self._first_ns
        wait_s = (due_ns - time.monotonic_ns()) / 1e9
        if self._closed.wait(max(0.0, min(wait_s, timeout_s))):
            raise SourceError(f"{self.uri}: was closed")
        return wait_s <= timeout_s

    def _frame(self, recorded: Recorded) -> Frame | None:
        told = recorded.told
        try:
            image = _pixels(recorded.picture, (told.height, told.width))
        except Exception as error:  # noqa: BLE001 - decoders of damaged files raise whatever they please
            self.damaged += 1
            log.warning("passed over: %s: %s", recorded.picture, error)
            return None
        return Frame(
            number=told.frame,
            grabbed_ns=time.monotonic_ns(),
            wall_ns=recorded.wall_ns,
            image=image,
            nm_per_px=told.nm_per_px,
            pixel_size_from=told.pixel_size_from,
            field=told.roi,
            state=told.state,  # type: ignore[arg-type] # as a frame had it
            name=told.file,
            window=told.window,
        )

    def close(self) -> None:
        """Let go of the recording."""
        self._closed.set()
        with suppress(ValueError):  # another thread reads just now, and finds it closed next time
            self._rest.close()


def _pixels(file: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = tifffile.imread(file)
    if image.dtype != np.uint8 or image.shape != shape:
        raise ValueError(f"{image.dtype} of {image.shape}, expected uint8 of {shape}")
    return np.ascontiguousarray(image)
