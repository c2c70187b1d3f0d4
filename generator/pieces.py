"""What mode `paper` lays: particles whose pixels, greys and rims are known before it is known where they will lie.

Pixels are offsets into a flat canvas, so those of hundreds of particles are found, tested and painted at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.generator.bodies import Sprite
from nanotally.opencv import cv2

GAP_PX = 1
"""Pixels of canvas that are left between two particles, and around the field."""
PROBES = 30
"""Pixels of a particle that are looked up at many places, before all that matter are at one."""
FAINTEST = 1 / 510
"""Share of a pixel below which covering it changes no grey level."""
GROW = np.ones((2 * GAP_PX + 1, 2 * GAP_PX + 1), np.uint8)
Offsets = NDArray[np.int32]
Greys = NDArray[np.uint8]


class Canvas(NamedTuple):
    """Size of the field in pixels, and the grey level that it has where nothing lies."""

    height: int
    width: int
    background: int

    @property
    def stride(self) -> int:
        """From one row to the next: the field and the gap on either side."""
        return self.width + 2 * GAP_PX


@dataclass(frozen=True, eq=False)
class Piece:
    """A particle on a `Canvas`; offsets are from the upper left corner of its window, which must lie in the field.

    Attributes:
        inner: (n,) of the pixels that it covers by half and more.
        inner_grey: (n,) their grey levels.
        fringe: (m,) of the pixels that it covers by less.
        fringe_grey: (m,) their grey levels, on a bare canvas.
        watched: (k,) of pixels of which at least one is taken wherever another piece is too near.
        probes: (PROBES,) some of these.
        mask: (h, w) bool, the window, and in it the pixels of `inner`.
        window: h, w.
        box: x1 y1 x2 y2 of the mask in the window.
        class_id: index into `CLASSES`.
        size_px: edge length of a cube, equivalent circular diameter of a quasi-sphere.
    """

    inner: Offsets
    inner_grey: Greys
    fringe: Offsets
    fringe_grey: Greys
    watched: Offsets
    probes: Offsets
    mask: NDArray[np.bool_]
    window: tuple[int, int]
    box: tuple[int, int, int, int]
    class_id: int
    size_px: float

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        arrays = self.inner, self.inner_grey, self.fringe, self.fringe_grey, self.watched, self.probes, self.mask
        return sum(array.nbytes for array in arrays)


def piece_of(sprite: Sprite, canvas: Canvas, *, spacing: int = 1) -> Piece:
    """The piece that a sprite of a counted class becomes on a canvas.

    Args:
        sprite: what is to be laid.
        canvas: where.
        spacing: side of a square that lies in each piece of the canvas, where all are in one part each; 1: who knows.
    """
    pad = 2 * GAP_PX
    alpha = np.asarray(cv2.copyMakeBorder(sprite.alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT), np.float32)
    mask = alpha >= min(0.5, float(alpha.max()))
    if spacing > 1:
        mask = _main_part(mask)
    left, top, w, h = cv2.boundingRect(mask.view(np.uint8))
    x, y, wide, high = cv2.boundingRect((mask | (alpha > FAINTEST)).view(np.uint8))
    x1, x2 = min(left, x + GAP_PX), max(left + w, x + wide - GAP_PX)
    y1, y2 = min(top, y + GAP_PX), max(top + h, y + high - GAP_PX)
    whole = slice(y1 - GAP_PX, y2 + GAP_PX), slice(x1 - GAP_PX, x2 + GAP_PX)
    share, window = alpha[whole], np.ascontiguousarray(mask[whole])
    signal = cv2.copyMakeBorder(sprite.signal, pad, pad, pad, pad, cv2.BORDER_REPLICATE)[whole]
    blended = canvas.background + share * (255 * signal - canvas.background)
    grey = np.asarray(cv2.convertScaleAbs(np.maximum(blended, 0)), np.uint8)
    fringe = (share > FAINTEST) & ~window
    watched = _offsets(_watched(window, spacing), canvas)
    return Piece(
        _offsets(window, canvas), grey[window], _offsets(fringe, canvas), grey[fringe],
        watched, watched[np.arange(PROBES) * len(watched) // PROBES],
        np.ascontiguousarray(mask[y1:y2, x1:x2]), (y2 - y1, x2 - x1),
        (left - x1, top - y1, left - x1 + w, top - y1 + h),
        int(sprite.class_id or 0), sprite.size_px,
    )  # fmt: skip


def _offsets(pixels: NDArray[np.bool_], canvas: Canvas) -> Offsets:
    """Of the pixels of a window that is padded by the gap."""
    y, x = np.nonzero(pixels)
    return ((y - GAP_PX) * canvas.stride + x - GAP_PX).astype(np.int32)


def _main_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is in one part with the widest place of the mask: turning may break a crumb of a pixel off a corner."""
    parts, numbers = cv2.connectedComponents(mask.view(np.uint8))
    if parts == 2:
        return mask
    deep = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(numbers == numbers.ravel()[deep.argmax()])


def _watched(window: NDArray[np.bool_], spacing: int) -> NDArray[np.bool_]:
    """The rim of the mask with its gap, and a grid inside.

    Another piece, if it is in one part, either crosses the rim, or lies all inside, where a square of it that is as
    wide as the grid's spacing cannot avoid the grid.
    """
    grown = np.asarray(cv2.dilate(window.view(np.uint8), GROW), np.uint8)
    rim = cv2.erode(grown, GROW, borderType=cv2.BORDER_CONSTANT, borderValue=0) < grown
    rim[::spacing, ::spacing] |= grown[::spacing, ::spacing] > 0
    return np.asarray(rim)
