"""An outage: the engine, on a server, does not answer, and frames cannot be looked at."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nanotally.errors import EngineUnavailable
from nanotally.frame import Frame

if TYPE_CHECKING:
    from nanotally.daemon.channel import Channel

log = logging.getLogger(__name__)

WARN_EVERY_S = 60.0
"""While it lasts, it is told at most this often."""

PAUSE_S = 0.1
"""Before a frame that waits is tried again."""


class Outage:
    """What becomes of frames while the engine does not answer. Used by the main loop; any thread may read `fault`.

    Attributes:
        fault: why frames are not looked at, in one line; None while they are.
    """

    def __init__(self) -> None:
        self.fault: str | None = None
        self._frames = 0
        self._warn_at_s = 0.0

    def end(self, *, looked_at: int) -> None:
        """The engine has answered, where any frames were to be looked at."""
        if self.fault is not None and looked_at:
            log.warning("the engine answers again; %d frames were not looked at", self._frames)
            self.fault, self._frames, self._warn_at_s = None, 0, 0.0

    def spare(self, waiting: Sequence[tuple[Channel, Frame]], error: EngineUnavailable) -> list[tuple[Channel, Frame]]:
        """The frames that are told of all the same: those of a live feed as not looked at.

        A frame of a replay, which loses none, waits until the engine answers.
        """
        self.fault = str(error)
        told = list(self._spared(waiting))
        if time.monotonic() >= self._warn_at_s:
            self._warn_at_s = time.monotonic() + WARN_EVERY_S
            log.error("frames are not looked at: %s (%d so far)", error, self._frames)
        if len(told) < len(waiting):
            time.sleep(PAUSE_S)
        return told

    def _spared(self, waiting: Sequence[tuple[Channel, Frame]]) -> Iterator[tuple[Channel, Frame]]:
        for channel, frame in waiting:
            if frame.state != "live":
                yield channel, frame
            elif channel.feed.live:
                self._frames += 1
                yield channel, replace(frame, state="unexamined")
            else:
                channel.hold(frame)
