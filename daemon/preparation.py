"""What the grab thread does to a frame before it waits: pixel size, region, state, average."""

from __future__ import annotations

from dataclasses import replace

from nanotally.daemon.average import averaging
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.region import Region
from nanotally.daemon.signal import SignalWatch
from nanotally.frame import Frame


class Preparation:
    """Prepares the frames of one feed, as its configuration says. Used by the feed's thread."""

    def __init__(self, config: SourceConfig) -> None:
        self._nm_per_px = config.nm_per_px
        self._region = Region(config.roi, config.masks)
        self._average = averaging(config.average, config.average_frames)
        self._watch = SignalWatch()

    def take(self, frame: Frame, *, stills: bool) -> Frame | None:
        """The frame as it is to be looked at, or None while more are wanted for an average.

        Args:
            frame: as the source gave it.
            stills: it is a picture of its own: neither compared with the one before nor averaged with it.

        Raises:
            SourceError: if the region of interest lies outside of it.
        """
        frame = replace(frame, field=self._region.field_of(frame))
        if self._nm_per_px is not None:
            frame = replace(frame, nm_per_px=(self._nm_per_px, self._nm_per_px), pixel_size_from="config")
        if stills:
            return frame
        if frame.state == "live":
            x1, y1, x2, y2 = self._region.field_of(frame)
            frame = replace(frame, state=self._watch.judge(frame.image[y1:y2, x1:x2]))
        return self._average.take(frame) if self._average else frame
