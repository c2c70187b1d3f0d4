"""Room for particles that lie apart from one another: a free place for the next one, wherever one can be found.

A crowded field leaves a particle few places, and trying them one by one takes most of the time. So a few pixels of the
particle are looked up at many places at once, and its whole mask only where none of them is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.opencv import cv2

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
"""Indices into the flat field."""
EASY = 3
"""Places that are tried one by one before any are tried together."""
BLIND = (32, 256)
"""Places anywhere that are tried next, that many at a time."""
BATCH = 1024
"""Places on the list of open ones that are tried at a time."""
PROBES = 5
"""Pixels along the shorter side of a particle that are looked up at many places."""
STALE = 10
"""Particles laid since the list of open places was made, after which it is made anew."""


class Room:
    """A field of `height` x `width` pixels on which no two particles may be nearer than `gap_px`.

    What lies there already is told by `taken`, the pixels (height + 2 gap, width + 2 gap) at and within the gap of it.
    """

    def __init__(self, height: int, width: int, gap_px: int, taken: Mask | None = None) -> None:
        self._height, self._width, self._gap = height, width, gap_px
        # Particles grown by the gap, so that the next one's own mask keeps the distance; the border is for what grows.
        self._taken = np.zeros((height + 2 * gap_px, width + 2 * gap_px), bool) if taken is None else taken
        self._around = np.ones((2 * gap_px + 1, 2 * gap_px + 1), np.uint8)
        self._open: Places = np.zeros(0, np.intp)
        self._block, self._laid = 0, STALE

    def find(self, mask: Mask, rng: Generator, *, everywhere: bool) -> tuple[int, int] | None:
        """x, y of the upper left corner at a place where the mask covers nothing taken, each as likely as any other.

        Args:
            mask: (h, w) bool, with no empty row or column around it.
            rng: draws the places.
            everywhere: where chance finds none, look at all there are: None is then the truth, else a guess.
        """
        (h, w), gap, stride = mask.shape, self._gap, self._taken.shape[1]
        rows, columns = self._height - h + 1, self._width - w + 1
        if rows < 1 or columns < 1:
            return None
        for _ in range(EASY):
            x, y = int(columns * rng.random()), int(rows * rng.random())
            if self._fits(mask, x + gap, y + gap):
                return x, y
        step = max(1, min(h, w) // PROBES)
        probe_rows, probe_columns = np.nonzero(mask[::step, ::step])
        probes, flat = (step * (probe_rows * stride + probe_columns))[:, None], self._taken.ravel()
        for corners in self._places(mask, rng, everywhere):
            left = corners[~flat[probes[::7] + corners].any(axis=0)]
            left = left[~flat[probes + left].any(axis=0)]
            for corner in left.tolist():
                y, x = divmod(corner, stride)
                if self._fits(mask, x, y):
                    return x - gap, y - gap
        return None

    def take(self, mask: Mask, x: int, y: int) -> None:
        """The particle lies there now."""
        gap = self._gap
        padded = cv2.copyMakeBorder(mask.view(np.uint8), gap, gap, gap, gap, cv2.BORDER_CONSTANT)
        h, w = padded.shape
        self._taken[y : y + h, x : x + w] |= cv2.dilate(padded, self._around).view(bool)
        self._laid += 1

    def _fits(self, mask: Mask, x: int, y: int) -> bool:
        return not np.count_nonzero(self._taken[y : y + mask.shape[0], x : x + mask.shape[1]] & mask)

    def _places(self, mask: Mask, rng: Generator, everywhere: bool) -> Iterator[Places]:
        """Upper left corners for the mask: some anywhere, some open ones, and all of those in random order."""
        (h, w), gap, stride = mask.shape, self._gap, self._taken.shape[1]
        rows, columns = self._height - h + 1, self._width - w + 1
        for number in BLIND:
            y, x = (rng.random((2, number)) * [[rows], [columns]]).astype(np.intp)
            yield (y + gap) * stride + x + gap
        centres = self._open_centres(mask)
        if not len(centres):
            return
        batches = [centres[rng.integers(len(centres), size=BATCH)]]
        if everywhere:
            batches += np.array_split(rng.permutation(centres), len(centres) // BATCH + 1)
        for some in batches:
            corners = some - (h // 2 * stride + w // 2)
            y, x = np.divmod(corners, stride)
            yield corners[(y >= gap) & (y < gap + rows) & (x >= gap) & (x < gap + columns)]

    def _open_centres(self, mask: Mask) -> Places:
        """Places around which a block of pixels that the mask covers, too, is free.

        The list serves for further particles: as they are laid, it only comes to hold too many.
        """
        block = min(_block(mask), self._block) if self._block else _block(mask)
        if block != self._block or self._laid >= STALE:
            near = self._taken.view(np.uint8) if block else np.zeros(self._taken.shape, np.uint8)
            if block > 1:
                near = np.asarray(cv2.dilate(near, np.ones((block, block), np.uint8)), np.uint8)
            self._open, self._block, self._laid = np.flatnonzero(near == 0), block, 0
        return self._open


def _block(mask: Mask) -> int:
    """Side, odd, of a square of covered pixels around the centre, as large as can be; 0 where the centre is none."""
    y, x = mask.shape[0] // 2, mask.shape[1] // 2
    if not mask[y, x]:
        return 0
    half = 0
    most = min(y, x, mask.shape[0] - 1 - y, mask.shape[1] - 1 - x)
    while half < most and mask[y - half - 1 : y + half + 2, x - half - 1 : x + half + 2].all():
        half += 1
    return 2 * half + 1
