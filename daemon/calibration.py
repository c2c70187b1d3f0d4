"""The pixel size that somebody gave for a feed, and whether it still holds: wrong nanometres are worse than none."""

from __future__ import annotations

from dataclasses import replace

from nanotally.daemon.magnification import MagnificationWatch
from nanotally.detections import Detections
from nanotally.frame import Frame

GIVEN = "config"
"""Origin of a pixel size that was given; what a file or a sender says of itself is believed frame by frame."""
UNCONFIRMED = "unconfirmed: the magnification changed"
"""What a frame says in place of an origin."""


class Calibration:
    """Takes the pixel size from a feed's frames once its magnification changes, until somebody confirms it.

    Attributes:
        holds: whether the pixel size given is that of the magnification now.
    """

    def __init__(self) -> None:
        self.holds = True
        self._watch = MagnificationWatch()

    def judge(self, frame: Frame, detections: Detections) -> bool:
        """Look at a live frame; True if it ended what was known so far."""
        if frame.pixel_size_from != GIVEN or not self._watch.changed(frame, detections) or not self.holds:
            return False
        self.holds = False
        return True

    def correct(self, frame: Frame) -> Frame:
        """The frame as it is known to be: without a pixel size that does not hold."""
        if self.holds or frame.pixel_size_from != GIVEN:
            return frame
        return replace(frame, nm_per_px=None, pixel_size_from=UNCONFIRMED)
