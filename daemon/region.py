"""The part of a picture in which particles are counted: a region of interest, less what is masked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nanotally.detect import Found
from nanotally.detections import FLAG_MASKED
from nanotally.errors import SourceError
from nanotally.frame import Frame

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Region:
    """Where to look.

    Attributes:
        roi: x1 y1 x2 y2 in pixels, half-open; None: the whole picture but for its databar.
        masks: boxes in which nothing is counted.
    """

    roi: Box | None = None
    masks: tuple[Box, ...] = ()

    def field_of(self, frame: Frame) -> Box:
        """What is examined of a frame: the region of interest within its field.

        Raises:
            SourceError: if the two do not meet.
        """
        height, width = frame.image.shape
        x1, y1, x2, y2 = frame.field or (0, 0, width, height)
        if self.roi is not None:
            x1, y1 = max(x1, self.roi[0]), max(y1, self.roi[1])
            x2, y2 = min(x2, self.roi[2]), min(y2, self.roi[3])
        if x1 >= x2 or y1 >= y2:
            raise SourceError(f"roi {list(self.roi or ())} lies outside the field of a picture of {width} x {height}")
        return x1, y1, x2, y2

    def mark(self, found: Found) -> Found:
        """Flag the particles whose centre lies in a mask: they are published and not counted."""
        boxes = found.detections
        if not self.masks or not len(boxes):
            return found
        centre = (boxes.xyxy[:, None, :2] + boxes.xyxy[:, None, 2:]) / 2
        masks = np.array(self.masks, np.float32)
        inside = np.any(np.all((centre >= masks[:, :2]) & (centre < masks[:, 2:]), axis=2), axis=1)
        return replace(found, detections=boxes.flag(FLAG_MASKED, inside))
