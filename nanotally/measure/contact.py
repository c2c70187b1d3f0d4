"""Contact: which particles touch another one, the difference between a scattered and a packed scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOUCH_PX = 2
"""Two particles touch whose pixels are at most this many columns and rows apart: outlines are drawn by hand."""
TOUCH_SHARE = 0.05
"""Two boxes touch whose ellipses are nearer than this share of the particle's size."""


def touching_in_mask(instances: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """(count,) bool, which particles touch another one in an instance mask.

    Args:
        instances: (h, w) int32, 0 on the substrate and i + 1 on particle i.
        count: how many particles there are.
    """
    touching = np.zeros(count + 1, bool)
    height, width = instances.shape
    for down in range(TOUCH_PX + 1):
        for right in range(-TOUCH_PX if down else 1, TOUCH_PX + 1):
            here = instances[: max(height - down, 0), max(-right, 0) : width - max(right, 0)]
            there = instances[down:, max(right, 0) : width - max(-right, 0)]
            pairs = (here != there) & (here > 0) & (there > 0)
            touching[here[pairs]] = touching[there[pairs]] = True
    return touching[1:]


def touching_boxes(xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) bool, which particles probably touch another one, where only boxes (n, 4) are known.

    The corners of a box are empty, so each particle is taken for the ellipse that fills its box, and the gap is
    measured along the line between the centres. On the EMPS pictures the share of touching particles of a picture is
    off by 0.04 in the mean against that of the masks.
    """
    centre, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2
    way = centre[None] - centre[:, None]
    distance = np.hypot(way[..., 0], way[..., 1])
    # An ellipse with half axes a, b reaches ab / |(b cos, a sin)| in a direction; here with the way for cos, sin.
    reach = np.hypot(way[..., 0] / half[:, None, 0], way[..., 1] / half[:, None, 1])
    radius = np.divide(distance, reach, out=np.zeros_like(distance), where=reach > 0)
    gap = distance - radius - radius.T
    np.fill_diagonal(gap, np.inf)
    size = np.sqrt(np.prod(2 * half, axis=1))
    return np.asarray(gap.min(axis=1, initial=np.inf) <= TOUCH_SHARE * size, bool)
