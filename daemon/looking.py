"""The engine's thread: it looks at frames while the main loop measures and tells of those before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from nanotally.daemon.outage import Outage
from nanotally.detect import Detector, Found, View
from nanotally.detections import Detections
from nanotally.errors import EngineUnavailable
from nanotally.frame import Frame

if TYPE_CHECKING:
    from nanotally.daemon.channel import Channel

T = TypeVar("T")

NOTHING = Found(Detections.empty(), truncated=False, tiles=0, latency_ms={})
"""In a frame that is not live nothing is looked for."""


@dataclass(frozen=True)
class Look:
    """A look at frames, one of each source, that goes on or is over.

    Attributes:
        detector: that looks.
        frames: that are looked at, each with its channel.
        taken_ns: monotonic clock, when they were taken out of their mailboxes.
        views: what the engine sees of those that are live.
    """

    detector: Detector
    frames: Sequence[tuple[Channel, Frame]]
    taken_ns: int
    views: Future[list[View]]

    @property
    def live(self) -> int:
        """How many frames the engine looks at."""
        return sum(frame.state == "live" for _, frame in self.frames)

    def found(self) -> list[Found]:
        """What there is in each frame."""
        found = iter(self.detector.merge(self.views.result()) if self.live else ())
        return [next(found) if frame.state == "live" else NOTHING for _, frame in self.frames]


class Looking:
    """One thread for all that an engine does: a context of CUDA belongs to the thread that made it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._look: Look | None = None

    def do(self, what: Callable[[], T]) -> T:
        """Do something in the engine's thread, such as loading it, and wait for what comes of it."""
        return self._thread.submit(what).result()

    @property
    def busy(self) -> bool:
        """Whether there are frames that are being looked at, or were and are still to be told of."""
        return self._look is not None

    def begin(self, detector: Detector, frames: Sequence[tuple[Channel, Frame]]) -> None:
        """Begin to look at frames, all live ones in one batch, after what was begun before has ended."""
        live = [(channel, frame) for channel, frame in frames if frame.state == "live"]
        images = [(frame.image, frame.field) for _, frame in live]
        scales = [channel.closeness.scale_of(frame) for channel, frame in live]
        look_at = detector.look_at if live else lambda *_: []
        self._look = Look(detector, frames, time.monotonic_ns(), self._thread.submit(look_at, images, scales))

    def end(self, outage: Outage) -> Look | None:
        """The look that was begun, once the engine has seen all; None: none was.

        Raises:
            EngineError: as the engine does.
        """
        look, self._look = self._look, None
        if look is None:
            return None
        try:
            look.views.result()
        except EngineUnavailable as error:
            return replace(look, frames=outage.spare(look.frames, error))
        outage.end(looked_at=look.live)
        return look

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)
