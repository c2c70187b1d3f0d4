"""What the grab thread does to a frame before it waits: pixel size, region, state, average."""

from __future__ import annotations

from dataclasses import replace

from nanotally.daemon.average import averaging
from nanotally.daemon.calibration import GIVEN
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.region import Region
from nanotally.daemon.signal import SignalWatch
from nanotally.frame import Frame


class Preparation:
    """Prepares the frames of one feed, as its configuration says. Used by the feed's thread.

    Attributes:
        config: how frames are prepared.
    """

    def __init__(self, config: SourceConfig) -> None:
        self.config = config
        self._region = Region(config.roi, config.masks)
        self._average = averaging(config.average, config.average_frames)
        self._watch = SignalWatch()
        # Of a recording, all this was done when it was made.
        self._recorded = config.uri.startswith("recording:")

    def adopt(self, config: SourceConfig) -> None:
        """Prepare the frames to come in another way; what need not begin anew goes on."""
        before, self.config = self.config, config
        self._region = Region(config.roi, config.masks)
        if config.roi != before.roi:
            self._watch = SignalWatch()
        if (config.average, config.average_frames) != (before.average, before.average_frames):
            self._average = averaging(config.average, config.average_frames)

    def take(self, frame: Frame, *, stills: bool) -> Frame | None:
        """The frame as it is to be looked at, or None while more are wanted for an average.

        Args:
            frame: as the source gave it.
            stills: it is a picture of its own: neither compared with the one before nor averaged with it.

        Raises:
            SourceError: if the region of interest lies outside of it.
        """
        x1, y1, x2, y2 = field = self._region.field_of(frame)
        frame = replace(frame, field=field)
        nm_per_px = self.config.nm_per_px
        if nm_per_px is not None:
            frame = replace(frame, nm_per_px=(nm_per_px, nm_per_px), pixel_size_from=GIVEN)
        if stills or self._recorded:
            return frame
        if frame.state == "live":
            frame = replace(frame, state=self._watch.judge(frame.image[y1:y2, x1:x2]))
        return self._average.take(frame) if self._average else frame
