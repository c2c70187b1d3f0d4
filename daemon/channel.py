"""One source inside the daemon: its feed, and what was last said of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from nanotally.daemon.feed import Feed
from nanotally.daemon.region import Region
from nanotally.daemon.tracking import Tracker
from nanotally.frame import Frame, SourceState
from nanotally.wire import DetectionsMessage

log = logging.getLogger(__name__)


class Channel:
    """What the main thread keeps of one source.

    Attributes:
        feed: the source and its thread.
        region: in which particles are counted.
        tracker: which particle is which; None where every frame is a picture of its own.
        processed: frames that became a detections message.
        frame_state: of the last of them; None before the first.
        told_state: of the source, in the last status.
        over: True once a replay is read to its end or the feed was stopped.
    """

    def __init__(self, feed: Feed, region: Region, classes: Sequence[str]) -> None:
        self.feed = feed
        self.region = region
        self.tracker = None if feed.stills else Tracker(classes)
        self.processed = 0
        self.frame_state: str | None = None
        self.told_state: SourceState | None = None
        self.over = False
        self._in_field: int | None = None
        self._summed_up = time.monotonic(), 0
        self._due_ns: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Of the source, on the wire."""
        return self.feed.name

    def take(self) -> Frame | None:
        """The next frame, or None where none waits."""
        try:
            return self.feed.mailbox.take(0)
        except EOFError:
            self.over = True
            return None

    def tell_of(self, told: DetectionsMessage) -> None:
        """Take note of a frame that was published; a signal that goes or comes back is worth a line."""
        if told.state != self.frame_state and {told.state, self.frame_state} & {"blank", "frozen"}:
            log.info("source %s: the picture is %s", self.name, told.state)
        self.frame_state = told.state
        self._in_field = None if told.counts is None else sum(told.counts.values())
        self.processed += 1

    def summary(self) -> str:
        """A line for people: state, frames a second since the last such line, particles in the field."""
        before_s, before = self._summed_up
        self._summed_up = now_s, now = time.monotonic(), self.processed
        rate = (now - before) / max(now_s - before_s, 1e-3)
        state: str = self.feed.state if self.feed.state != "up" else self.frame_state or "no frame yet"
        counted = "" if self._in_field is None else f", {self._in_field} particles"
        return f"{self.name}: {state}, {rate:.1f} frames/s{counted}"

    def is_due(self, what: str, *, every_s: float) -> bool:
        """Whether it is time for something that is done at most `every_s`; if so, the time runs from now."""
        now_ns = time.monotonic_ns()
        if now_ns < self._due_ns.get(what, 0):
            return False
        self._due_ns[what] = now_ns + round(every_s * 1e9)
        return True
