"""The contours of particles, from the frame and their boxes, to a fraction of a pixel.

Thresholds fail where particles touch or their faces are no brighter than the substrate. A closed path around the
centre of a box, of one radius an angle, cannot leak into a neighbour. It is found by dynamic programming (Timp &
Karssemeijer, Med. Phys. 31 (2004) 958), first on rays from the centre, then again across the path that was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.measure.edge import normals, places_across, places_of_profile, refine, take_glow_off
from nanotally.measure.rays import ANGLES, contrasts, first_contours, places_on_rays
from nanotally.opencv import cv2

WORKING_SIZE_PX = 64.0
"""Larger particles are looked at in a reduced frame, in which they are about as large as this."""
SMALLEST_PX = 4.0
"""Side of a box below which nothing is looked for."""
BLUR_PX = 0.8
"""Standard deviation of the smoothing that precedes all."""
CLARITY, CLARITY_PER_PX = 1.25, 0.0035
"""How much steeper than the surroundings, in root mean squares, an edge must be, and by how much more for each pixel of
the box: as the best path in noise, which has more to choose from in a larger box."""
LEAST_OVERLAP = 0.5
"""Overlap (IoU) of the boxes given and found, below which the path has followed something else."""
CHUNK = 512
"""Particles at a time: few enough for the cache."""

Table = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Contours:
    """Where the particles of a frame end.

    Attributes:
        points: (n, 64, 2) float32, x y in pixels, the corner of the image at 0 0, once around; NaN where none was
            looked for.
        support: (n,) float32, the share of a contour that lies on an edge, 0 to 1; 0 where no edge stands out from
            the noise, and where there is no contour.
    """

    points: Table
    support: Table


def find_contours(image: Image, xyxy: NDArray[np.floating], *, cube: NDArray[np.bool_]) -> Contours:
    """The contour of the particle in each box.

    Args:
        image: (h, w) uint8.
        xyxy: (n, 4), x1 y1 x2 y2 in pixels, half-open.
        cube: (n,) bool, whose contour may run anywhere in the box; that of the others is nearly an ellipse.
    """
    xyxy = np.asarray(xyxy, np.float32)
    points = np.full((len(xyxy), ANGLES, 2), np.nan, np.float32)
    support = np.zeros(len(xyxy), np.float32)
    level = _octaves(xyxy, image.shape)
    reduced = image
    for octave in range(level.max(initial=-1) + 1):
        reduced = np.asarray(cv2.pyrDown(reduced), np.uint8) if octave else reduced
        rows, scale = np.flatnonzero(level == octave), 2**octave
        if not len(rows):
            continue
        smooth = np.asarray(cv2.GaussianBlur(reduced, (5, 5), BLUR_PX), np.uint8)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            low, high = xyxy[part, :2] / scale, xyxy[part, 2:] / scale
            centre, half = (low + high) / 2 - np.float32(0.5), (high - low) / 2
            found, support[part] = _contours(smooth, centre, half, cube[part])
            points[part] = (found + np.float32(0.5)) * scale
    return Contours(points, support)


def _octaves(xyxy: Table, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(n,), how often the frame is halved for the particle in each box; -1 for a box in which nothing is looked for."""
    low, high = xyxy[:, :2], xyxy[:, 2:]
    limit = np.array(shape[::-1], np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # a box may hold anything
        size = high - low
        sound = np.all([size >= SMALLEST_PX, size <= 2 * limit, high > 0, low < limit], axis=(0, 2))
    mean = np.sqrt(np.where(sound[:, None], size, 1).prod(axis=1))
    octave = np.round(np.log2(np.maximum(mean / WORKING_SIZE_PX, 1))).astype(np.int64)
    return np.where(sound, octave, -1)


def _contours(image: Image, centre: Table, half: Table, cube: NDArray[np.bool_]) -> tuple[Table, Table]:
    """Points (n, angles, 2) and support (n,) of particles, the middle of the first pixel at 0 0."""
    grey = _sample(image, places_on_rays(centre, half))
    sign = _signs(contrasts(grey))
    points, clarity = first_contours(grey, sign, centre, half, cube)
    normal = normals(points)
    support = refine(points, normal, _sample(image, places_across(points, normal)), sign)
    support[clarity < CLARITY + CLARITY_PER_PX * half.sum(axis=1)] = 0
    support[_overlaps(points, centre, half) < LEAST_OVERLAP] = 0
    normal = normals(points)
    place, pixel = places_of_profile(points, normal)
    take_glow_off(points, normal, _sample(image, place), pixel, sign)
    return points, support


def _signs(contrast: Table) -> NDArray[np.int32]:
    """(n,) 1 for a particle that is brighter than the ring around its box, -1 for a darker one.

    Among close neighbours the ring says little; one with less contrast than usual is taken to be like the others.
    """
    usual = np.median(contrast)
    certain = np.where(np.abs(contrast) >= np.abs(usual), contrast, usual)
    return np.where(certain >= 0, 1, -1).astype(np.int32)


def _sample(image: Image, place: Table) -> Image:
    """Grey levels (n, k, r) at places (2, n, k, r), x and y."""
    x, y = place.reshape(2, place.shape[1], -1)
    grey = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grey, np.uint8).reshape(place.shape[1:])


@compiled
def _overlaps(points: Table, centre: Table, half: Table) -> Table:
    """Overlap (IoU) (n,) of the boxes around contours with those they were looked for in."""
    overlap = np.empty(len(points), np.float32)
    for row in range(len(points)):
        shared = own = box = np.float32(1)
        for axis in range(2):
            low, high = points[row, :, axis].min(), points[row, :, axis].max()
            first, last = centre[row, axis] - half[row, axis], centre[row, axis] + half[row, axis]
            shared *= max(min(high, last) - max(low, first), np.float32(0))
            own *= high - low
            box *= last - first
        overlap[row] = shared / (own + box - shared)
    return overlap
