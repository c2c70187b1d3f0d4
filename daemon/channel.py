"""One source inside the daemon: its feed, and what was last said of it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from nanotally.daemon.calibration import Calibration
from nanotally.daemon.closeness import Closeness
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.feed import Feed
from nanotally.daemon.population import Population
from nanotally.daemon.region import Region
from nanotally.detections import Detections
from nanotally.frame import Frame, SourceState
from nanotally.measure.density import Examined
from nanotally.measure.measurement import Measurement, measure
from nanotally.wire import DetectionsMessage, Session

if TYPE_CHECKING:
    from nanotally.daemon.report import Setup

log = logging.getLogger(__name__)


class Channel:
    """What the main thread keeps of one source.

    Attributes:
        feed: the source and its thread.
        settings: how the frame that was told of last was prepared.
        setup: how it is looked at.
        region: in which particles are counted.
        calibration: whether the pixel size given still holds.
        closeness: how closely it is looked at.
        session: that goes on, or None.
        population: the particles of the present group, each once.
        size_px: width and height of the last frame; None before the first.
        processed: frames that became a detections message.
        frame_state: of the last of them; None before the first.
        told_state: of the source, in the last status.
        over: True once a replay is read to its end or the feed was stopped.
    """

    def __init__(self, feed: Feed, settings: SourceConfig, setup: Setup) -> None:
        self.feed = feed
        self.settings = settings
        self.setup = setup.of_source(settings)
        self.region = Region(settings.roi, settings.masks)
        self.calibration = Calibration()
        self.closeness = Closeness(stills=feed.stills)
        self.session: Session | None = None
        self.population = Population(1, setup.classes, stills=feed.stills)
        self.size_px: tuple[int, int] | None = None
        self.processed = 0
        self.frame_state: str | None = None
        self.told_state: SourceState | None = None
        self.over = False
        self._detector_setup = setup
        self._held: Frame | None = None
        self._in_field: int | None = None
        self._stock = time.monotonic(), 0
        self._rate = 0.0
        self._due_ns: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Of the source, on the wire."""
        return self.feed.name

    def take(self) -> Frame | None:
        """The next frame, or None where none waits."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        try:
            return self.feed.mailbox.take(0)
        except EOFError:
            self.over = True
            return None

    def catch_up(self, frame: Frame) -> None:
        """Take over the settings with which this frame, the next that is told of, was prepared."""
        adopted = self.feed.adopted
        while adopted and adopted[0][0] <= frame.number:
            self._prepared_as(adopted.popleft()[1])

    def hold(self, frame: Frame) -> None:
        """Have this frame, which was taken, taken once more."""
        self._held, self.over = frame, False

    def _prepared_as(self, settings: SourceConfig) -> None:
        before, self.settings = self.settings, settings
        self.region = Region(settings.roi, settings.masks)
        self.setup = self._detector_setup.of_source(settings)
        if settings.nm_per_px != before.nm_per_px:
            self.calibration.holds = True
            self.begin_group()

    def confirm_pixel_size(self) -> None:
        """The pixel size given is that of the magnification now; what was seen without one is left behind."""
        if not self.calibration.holds:
            self.calibration.holds = True
            self.begin_group()

    def calibrated(self, frame: Frame, detections: Detections) -> Frame:
        """The frame, without its pixel size if that no longer holds; a new group begins where it ceases to."""
        if frame.state == "live" and not self.feed.stills and self.calibration.judge(frame, detections):
            log.warning("source %s: the magnification has changed; give its pixel size: "
                        "nanotally control set source.%s.nm_per_px=...", self.name, self.name)  # fmt: skip
            self.begin_group()
        return self.calibration.correct(frame)

    def look_with(self, setup: Setup) -> None:
        """The detector looks at the frames to come in another way."""
        before, self._detector_setup = self._detector_setup, setup
        self.closeness = Closeness(stills=self.feed.stills)
        self.setup = setup.of_source(self.settings)
        if replace(setup.model, engine=before.model.engine) != before.model:  # another engine finds the same particles
            self.begin_group()

    def begin_session(self, session: Session | None) -> None:
        """What comes belongs to another session, or to none."""
        self.session = session
        self.begin_group()

    def begin_group(self) -> None:
        """Count and measure anew: what comes cannot be put together with what came."""
        self.population = Population(self.population.number + 1, self.setup.classes, stills=self.feed.stills)
        log.info("source %s: group %d of particles begins", self.name, self.population.number)

    def measure(self, frame: Frame, detections: Detections) -> Measurement:
        """Sizes of the particles of a frame, and what is measured on it as a whole."""
        height, width = frame.image.shape
        examined = Examined(frame.field or (0, 0, width, height), self.region.masks)
        return measure(frame.image, detections, examined, nm_per_px=frame.nm_per_px, classes=self.setup.classes)

    def tell_of(self, told: DetectionsMessage) -> None:
        """Take note of a frame that was published; a signal that goes or comes back is worth a line."""
        if told.state != self.frame_state and {told.state, self.frame_state} & {"blank", "frozen"}:
            log.info("source %s: the picture is %s", self.name, told.state)
        self.frame_state, self.size_px = told.state, (told.width, told.height)
        self._in_field = None if told.counts is None else sum(told.counts.values())
        self.processed += 1
        if told.state == "live" and self.closeness.remember(told.scale):
            log.info("source %s: looked at with %g network pixels a pixel", self.name, told.scale)

    def take_stock(self) -> None:
        """Find out how many frames a second were told of since the last time."""
        before_s, before = self._stock
        self._stock = now_s, now = time.monotonic(), self.processed
        self._rate = (now - before) / max(now_s - before_s, 1e-3)

    def summary(self) -> str:
        """A line for people: state, frames a second, particles in the field."""
        state: str = self.feed.state if self.feed.state != "up" else self.frame_state or "no frame yet"
        counted = "" if self._in_field is None else f", {self._in_field} particles"
        return f"{self.name}: {state}, {self._rate:.1f} frames/s{counted}"

    def is_due(self, what: str, *, every_s: float) -> bool:
        """Whether it is time for something that is done at most `every_s`; if so, the time runs from now."""
        now_ns = time.monotonic_ns()
        if now_ns < self._due_ns.get(what, 0):
            return False
        self._due_ns[what] = now_ns + round(every_s * 1e9)
        return True
