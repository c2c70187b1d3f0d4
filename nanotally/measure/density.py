"""How densely particles lie: their number over the area that was really examined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanotally.detections import FLAG_BORDER, FLAG_MASKED, Detections

Box = tuple[int, int, int, int]

BORDER_PX = 1
"""A box that comes nearer than this to the border of the field counts as cut by it."""


@dataclass(frozen=True)
class Examined:
    """The part of a frame in which particles are counted: a field less its masks.

    Attributes:
        field: x1 y1 x2 y2 in pixels, half-open.
        masks: such boxes; a particle whose centre lies in one is not counted.
    """

    field: Box
    masks: tuple[Box, ...] = ()

    @property
    def area_px(self) -> int:
        """In square pixels."""
        return int(_area_up_to(self)[-1, -1])

    def room_for(self, size_px: ArrayLike) -> NDArray[np.float64]:
        """(n,) square pixels in which the centre of a box of `size_px` (n, 2) may lie, for it to be whole and counted.

        To a fraction of a pixel: the area from a corner up to any point is linear in x and in y within a pixel.
        """
        half = np.asarray(size_px, np.float64).reshape(-1, 2) / 2 + BORDER_PX
        x1, y1, x2, y2 = self.field
        far = np.array([x2 - x1, y2 - y1], np.float64)
        low, high = np.minimum(half, far / 2), np.maximum(far - half, far / 2)
        up_to = _area_up_to(self)
        left, right = np.column_stack([low[:, 0], high[:, 1]]), np.column_stack([high[:, 0], low[:, 1]])
        return _at(up_to, high) - _at(up_to, left) - _at(up_to, right) + _at(up_to, low)


def density_per_um2(detections: Detections, examined: Examined, nm_per_px: tuple[float, float]) -> float:
    """Particles a square micrometre of one frame, those that the border cuts left out and made up for.

    A larger particle is cut more often, so each whole one stands for the places where it would have been whole:
    density = sum of 1 / ((W - Fx)(H - Fy)) (Miles 1974; Lantuejoul 1980), less what is masked of them. Counting all, or
    only the whole ones over the whole area, is biased.
    """
    whole = detections[(detections.flags & (FLAG_BORDER | FLAG_MASKED)) == 0]
    room_px = examined.room_for(whole.size)
    um2_per_px = nm_per_px[0] * nm_per_px[1] / 1e6
    return float((1 / room_px[room_px > 0]).sum() / um2_per_px)


@lru_cache(maxsize=8)
def _area_up_to(examined: Examined) -> NDArray[np.int32]:
    """(h + 1, w + 1), counted square pixels of the field above and left of each corner of a pixel."""
    x1, y1, x2, y2 = examined.field
    counted = np.ones((y2 - y1, x2 - x1), np.int32)
    for left, top, right, bottom in examined.masks:
        counted[max(0, top - y1) : max(0, bottom - y1), max(0, left - x1) : max(0, right - x1)] = 0
    return np.pad(counted.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))


def _at(table: NDArray[np.int32], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n,) of a table at places x y (n, 2) between its entries, by linear interpolation."""
    most = np.array(table.shape[::-1]) - 2
    corner = np.clip(np.floor(place).astype(np.int64), 0, most)
    (x, y), (right, down) = corner.T, (place - corner).T
    upper = table[y, x] * (1 - right) + table[y, x + 1] * right
    lower = table[y + 1, x] * (1 - right) + table[y + 1, x + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
