"""One source inside the daemon: its feed, what its frames are worth, and what was last said of it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from nanotally.daemon.feed import Feed
from nanotally.daemon.signal import SignalWatch
from nanotally.frame import Frame, FrameState, SourceState

log = logging.getLogger(__name__)


class Channel:
    """What the main thread keeps of one source.

    Attributes:
        feed: the source and its thread.
        processed: frames that became a detections message.
        frame_state: of the last of them; None before the first.
        told_state: of the source, in the last status.
        over: True once a replay is read to its end or the feed was stopped.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.processed = 0
        self.frame_state: FrameState | None = None
        self.told_state: SourceState | None = None
        self.over = False
        self._watch = SignalWatch()
        self._due_ns: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Of the source, on the wire."""
        return self.feed.name

    def take(self) -> Frame | None:
        """The next frame with its state judged, or None where none waits."""
        try:
            frame = self.feed.mailbox.take(0)
        except EOFError:
            self.over = True
            return None
        return None if frame is None else self._judged(frame)

    def _judged(self, frame: Frame) -> Frame:
        if self.feed.stills or frame.state != "live":
            return frame
        x1, y1, x2, y2 = frame.field or (0, 0, frame.image.shape[1], frame.image.shape[0])
        return replace(frame, state=self._watch.judge(frame.image[y1:y2, x1:x2]))

    def tell_of(self, frame: Frame) -> None:
        """Take note of a frame that was published; a signal that goes or comes back is worth a line."""
        if frame.state != self.frame_state and {frame.state, self.frame_state} & {"blank", "frozen"}:
            log.info("source %s: the picture is %s", self.name, frame.state)
        self.frame_state = frame.state
        self.processed += 1

    def is_due(self, what: str, *, every_s: float) -> bool:
        """Whether it is time for something that is done at most `every_s`; if so, the time runs from now."""
        now_ns = time.monotonic_ns()
        if now_ns < self._due_ns.get(what, 0):
            return False
        self._due_ns[what] = now_ns + round(every_s * 1e9)
        return True
