"""What a field looks like, small enough to compare with many others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

Look = NDArray[np.float32]
SIDE = 64
"""Of the small picture, pixels."""
SMOOTH = 8.0
"""Standard deviation in its pixels of what is taken off it: uneven illumination is the same in every field."""
ALIKE = 0.7
"""Correlation from which on two looks are of one place."""


def look_of(image: NDArray[np.uint8], field: tuple[int, int, int, int] | None) -> Look:
    """(SIDE * SIDE,) float32 of unit length: the small picture of the part `field` (x1 y1 x2 y2 px; None: all)."""
    x1, y1, x2, y2 = field or (0, 0, image.shape[1], image.shape[0])
    small = cv2.resize(image[y1:y2, x1:x2], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), SMOOTH)
    return np.asarray(detail.ravel() / max(float(np.linalg.norm(detail)), 1e-6), np.float32)


def alike(one: Look, other: Look) -> bool:
    """True if both are of the same place."""
    return float(one @ other) >= ALIKE
