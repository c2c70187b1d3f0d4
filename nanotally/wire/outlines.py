"""The payload of a contours message: 16 bits a coordinate, so that a frame full of particles stays small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.errors import WireError

FINEST_PX = 1 / 16
"""The unit in frames of up to 2048 pixels: far below what a contour is known to. Larger ones have a coarser unit."""

MOST_UNITS = np.iinfo(np.int16).max
NONE = -1
"""Every coordinate of a particle without a contour; those of a contour are never below 0."""

MOST_POINTS, MOST_UNIT_PX = 4096, 1024


def outlines_from(contours: NDArray[np.floating], *, width: int, height: int) -> tuple[float, NDArray[np.int16]]:
    """The unit in pixels, and contours in it, (n, k, 2) int16.

    Args:
        contours: (n, k, 2) x y in pixels of the frame; one that has a NaN, or leaves the frame, is none.
        width: of the frame.
        height: of the frame.
    """
    coarser = np.ceil(np.log2(max(1.0, max(width, height) / (FINEST_PX * (MOST_UNITS + 1)))))
    unit_px = float(FINEST_PX * 2**coarser)
    inside = ((contours >= 0) & (contours < (width, height))).all(axis=(1, 2), keepdims=True)
    units = np.rint(np.where(inside, contours, 0) / unit_px)
    return unit_px, np.where(inside, np.minimum(units, MOST_UNITS), NONE).astype(np.int16)


def read_outlines(header: Mapping[str, Any], payload: bytes) -> NDArray[np.int16]:
    """(n, points, 2) outlines of a payload, read-only.

    Raises:
        WireError: if the header's `points` or `unit_px` makes no sense, or the payload is no whole number of outlines.
    """
    points, unit_px = header.get("points"), header.get("unit_px")
    if isinstance(unit_px, bool) or not isinstance(unit_px, int | float) or not 0 < unit_px <= MOST_UNIT_PX:
        raise WireError(f"unit_px: {str(unit_px)[:80]}, not above 0 and at most {MOST_UNIT_PX}")
    if type(points) is not int or not 0 < points <= MOST_POINTS:
        raise WireError(f"points: {str(points)[:80]}, not 1 to {MOST_POINTS}")
    if len(payload) % (4 * points):
        raise WireError(f"payload of {len(payload)} bytes is not a whole number of outlines of {points} points")
    return np.frombuffer(payload, "<i2").reshape(-1, points, 2)
