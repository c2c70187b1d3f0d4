"""Sizes of the particles of a frame, in pixels and in nanometres, each from its own contour or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.detections import CLASSES, FLAG_BORDER, FLAG_MASKED, FLAG_SEAM, Detections
from nanotally.measure.contour import Contours, find_contours
from nanotally.measure.shape import Sizes, sizes_of

LEAST_SUPPORT = 0.8
"""Share of a contour that must lie on an edge: below it a particle is hidden, cut or too faint to be measured."""
SMALLEST_ECD_PX = 10.0
"""Equivalent circular diameter below which a particle gets no size: a pixel more or less is more than 10 %."""


@dataclass(frozen=True, eq=False)
class Sizing:
    """Sizes of the particles of a frame.

    Attributes:
        contours: one a particle, trusted or not; where they lie in the frame.
        measured: (n,) bool, particles whose contour is trusted. The sizes of the others are NaN.
        px: sizes in pixels.
        nm: sizes in nanometres; None where the pixel size is not known.
    """

    contours: Contours
    measured: NDArray[np.bool_]
    px: Sizes
    nm: Sizes | None


def size_particles(
    image: NDArray[np.uint8], detections: Detections, *, nm_per_px: tuple[float, float] | None = None,
    field: tuple[int, int, int, int] | None = None, classes: Sequence[str] = CLASSES,
) -> Sizing:  # fmt: skip
    """Sizes of all particles of a frame.

    A particle is measured if at least `LEAST_SUPPORT` of its contour lies on an edge, its contour does not reach the
    border of the field, it was not cut by a tile or masked, and it is not smaller than `SMALLEST_ECD_PX`. Where
    pixels are not square, sizes in pixels are those of the picture as it is stored; in nanometres they are right.

    Args:
        image: (h, w) uint8.
        detections: found in it, boxes in pixels of the whole image.
        nm_per_px: nanometres a pixel (x, y), or None where not known.
        field: x1 y1 x2 y2 in pixels, half-open: what was examined. None: the whole image.
        classes: names of the class ids; particles of the class `cube` have an edge length.
    """
    is_cube = np.array([name == "cube" for name in classes] + [False])
    cube = is_cube[np.minimum(detections.class_id, len(classes))]
    contours = find_contours(image, detections.xyxy, cube=cube)
    px = sizes_of(contours.points, cube=cube)
    height, width = image.shape
    trusted = (contours.support >= LEAST_SUPPORT) & _within(contours.points, field or (0, 0, width, height))
    trusted &= (detections.flags & (FLAG_BORDER | FLAG_SEAM | FLAG_MASKED)) == 0
    trusted &= px.ecd >= SMALLEST_ECD_PX
    px = px.only(trusted)
    return Sizing(contours, trusted, px, _calibrated(px, contours.points, cube, nm_per_px, trusted))


def _calibrated(
    px: Sizes, points: NDArray[np.float32], cube: NDArray[np.bool_], nm_per_px: tuple[float, float] | None,
    trusted: NDArray[np.bool_],
) -> Sizes | None:  # fmt: skip
    """Sizes in nanometres; of the contours in nanometres, where pixels are not square."""
    if nm_per_px is None:
        return None
    if nm_per_px[0] == nm_per_px[1]:
        return px.scaled(nm_per_px[0])
    return sizes_of(points * np.asarray(nm_per_px, np.float32), cube=cube).only(trusted)


@compiled
def _within(points: NDArray[np.float32], field: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """(n,) bool, contours (n, k, 2) that keep a pixel away from the border of the field; False for NaN."""
    x1, y1, x2, y2 = field
    within = np.ones(len(points), np.bool_)
    for row in range(len(points)):
        for i in range(points.shape[1]):
            x, y = points[row, i]
            within[row] &= x1 + 1 <= x <= x2 - 1 and y1 + 1 <= y <= y2 - 1
    return within
