"""Agglomerates: which particles of a frame touch, and how much of the field all of them cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import FLAG_MASKED, Detections
from nanotally.measure.sizing import Sizing
from nanotally.opencv import cv2

REACH = np.ones((3, 3), np.uint8)
"""What covered pixels are spread by before groups are told apart: particles at most two pixels apart are one group,
since a narrower gap cannot be seen in a frame."""
ALONE = -1
"""Group of a particle that is not counted."""
FRACTION_BITS = 4
"""Of OpenCV's fixed-point coordinates."""


@dataclass(frozen=True, eq=False)
class Agglomerates:
    """Groups of particles that touch or overlap; a particle on its own is a group of one.

    Attributes:
        group: (n,) int32, number of each particle's group, from 0; -1 for particles that are not counted.
        particles: (groups,) int64, particles in each group.
        covered_px: area in square pixels that at least one particle covers.
        field_px: area of the field in square pixels.
    """

    group: NDArray[np.int32]
    particles: NDArray[np.int64]
    covered_px: int
    field_px: int

    @property
    def number(self) -> int:
        """Groups of two or more particles."""
        return int((self.particles > 1).sum())

    @property
    def covered_share(self) -> float:
        """Covered part of the field, 0 to 1."""
        return self.covered_px / self.field_px if self.field_px else 0.0

    def covered_um2(self, nm_per_px: tuple[float, float] | None) -> float | None:
        """Covered area in square micrometres; None where the pixel size (x, y) is not known."""
        return None if nm_per_px is None else self.covered_px * nm_per_px[0] * nm_per_px[1] * 1e-6


def find_agglomerates(
    detections: Detections, sizing: Sizing, shape: tuple[int, int], *, field: tuple[int, int, int, int] | None = None
) -> Agglomerates:
    """Groups and covered area of the particles of a frame.

    A particle whose contour is not trusted is taken for the ellipse in its box. Masked particles are left out.

    Args:
        detections: of the frame.
        sizing: of the same particles.
        shape: (h, w) of the frame, pixels.
        field: x1 y1 x2 y2 in pixels, half-open: what was examined. None: the whole frame.
    """
    x1, y1, x2, y2 = field or (0, 0, shape[1], shape[0])
    group = np.full(len(detections), ALONE, np.int32)
    box = detections.xyxy
    counted = (detections.flags & FLAG_MASKED == 0) & np.isfinite(box).all(axis=1)
    rows = np.flatnonzero(counted & (box[:, :2] < [x2, y2]).all(axis=1) & (box[:, 2:] > [x1, y1]).all(axis=1))
    ellipse = _ellipses(box[rows], sizing.contours.points.shape[1])
    contours = np.where(sizing.measured[rows, None, None], sizing.contours.points[rows], ellipse)
    cover = np.zeros((y2 - y1, x2 - x1), np.uint8)
    _fill(cover, contours - np.array([x1, y1], np.float32))
    _, label = cv2.connectedComponents(cv2.dilate(cover, REACH), connectivity=8, ltype=cv2.CV_32S)
    middle = np.ascontiguousarray(contours.transpose(1, 0, 2)).mean(axis=0) - [x1, y1]
    column, line = np.clip(middle, 0, [x2 - x1 - 1, y2 - y1 - 1]).astype(int).T
    # One that hides from the raster, as narrow as a pixel, is a group of its own.
    found = label[line, column]
    found = np.where(found > 0, found, -1 - np.arange(len(rows)))
    _, group[rows], particles = np.unique(found, return_inverse=True, return_counts=True)
    return Agglomerates(group, particles, int(np.count_nonzero(cover)), cover.size)


def _ellipses(xyxy: NDArray[np.float32], points: int) -> NDArray[np.float32]:
    """(n, points, 2), the ellipses that fill boxes (n, 4)."""
    angle = 2 * np.pi / points * np.arange(points)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    centre, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2
    return np.asarray(centre[:, None] + direction * half[:, None], np.float32)


def _fill(cover: NDArray[np.uint8], contours: NDArray[np.float32]) -> None:
    """Set the pixels of which contours (n, k, 2) cover the middle.

    OpenCV fills the pixels under the line as well; so the line is drawn half a pixel further in.
    """
    points = np.ascontiguousarray(contours.transpose(2, 1, 0))
    ray = points - points.mean(axis=1, keepdims=True)
    length = np.maximum(np.sqrt(np.square(ray[0]) + np.square(ray[1])), 1)
    inset = points - ray / (2 * length) - np.float32(0.5)  # the middle of the first pixel is OpenCV's 0 0
    fixed = np.rint(inset * np.float32(1 << FRACTION_BITS)).astype(np.int32)
    for contour in np.ascontiguousarray(fixed.transpose(2, 1, 0)):
        cv2.fillPoly(cover, [contour], 255, shift=FRACTION_BITS)
