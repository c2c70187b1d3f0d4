"""Images with the particles drawn in: whole, and small ones for a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.draw import overlay
from nanotally.opencv import cv2
from nanotally.results.label_files import path_for
from nanotally.results.result import Result, Run


class OverlayFiles:
    """`overlay/NAME.png`: the image with boxes, counts and, if calibrated, a scale bar."""

    def __init__(self, out: Path, run: Run) -> None:
        self._folder, self._classes = out / "overlay", run.classes

    def add(self, result: Result) -> None:
        """Draw an image.

        Raises:
            OSError: if it cannot be written.
        """
        path = path_for(result, self._folder, ".png")
        if not cv2.imwrite(str(path), drawn(result, self._classes)):
            raise OSError(None, "cannot be written; is the disk full?", str(path))

    def close(self, faults: Sequence[str]) -> None:
        """Nothing is left to do."""


def drawn(result: Result, classes: tuple[str, ...], *, width_px: int | None = None) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 BGR, the image with its particles; `width_px`: reduced to this width before they are drawn."""
    grey, found = result.micrograph.image, result.found.detections
    zoom = min(1.0, (width_px or grey.shape[1]) / grey.shape[1])
    if zoom < 1:
        grey = np.asarray(cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8)
        found = replace(found, xyxy=found.xyxy * np.float32(zoom))
    nm_per_px = result.micrograph.nm_per_px
    return overlay(grey, found, classes=classes, nm_per_px=nm_per_px[0] / zoom if nm_per_px else None)
