"""The contours of particles, from the frame and their boxes, to a fraction of a pixel; all of a frame at once.

Thresholds fail where particles touch or their faces are no brighter than the substrate. A closed path around the
centre of a box, of one radius an angle, cannot leak into a neighbour. It is found by dynamic programming (Timp &
Karssemeijer, Med. Phys. 31 (2004) 958), first on rays from the centre, then again across the path that was found.
Every step works on all particles together, so a frame costs a few hundred calls of NumPy whatever it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.closed_path import closed_path
from nanotally.opencv import cv2

ANGLES = 64
"""Points of a contour."""
RAYS = 32
"""Directions in which the first path is looked for."""
RADII = np.linspace(0.5, 1.52, 24, dtype=np.float32)
"""Radii that are tried, in halves of the box: 1 is the ellipse in the box, sqrt(2) its corners."""
SLACK = 1.12
"""How far the path may leave the box: those of a detector are not exact."""
WORKING_SIZE_PX = 64.0
"""Larger particles are looked at in a reduced frame, in which they are about as large as this."""
SMALLEST_PX = 4.0
"""Side of a box below which nothing is looked for."""
BLUR_PX = 0.8
"""Standard deviation of the smoothing that precedes all."""
BEND, RIPPLE = 0.01, 0.15
"""Cost of moving by a radius from ray to ray, and by a step of `ACROSS` from point to point; a full edge gains 1."""
ROUND = 1.0
"""Cost of a quasi-sphere's distance from the ellipse in its box, per squared half box."""
ACROSS = np.arange(-3.75, 3.76, 0.75, dtype=np.float32)
"""Places across the first path at which the frame is sampled again, pixels outwards."""
PROFILE = np.arange(-7, 5, dtype=np.float32)
"""Places at which the mean profile of an edge is sampled, in pixels outwards, less in small particles."""
GLOW, MOST_GLOW_PX = 1.5, 0.6
"""Factor of the correction for a bright rim, found on rendered edges (blur rounds the rim, so that its fall seems less
steep), and the largest correction, less in small particles."""
EDGE_SHARE = 1 / 3
"""How steep, as a share of the mean over the contour, an edge must be to support it."""
CLARITY, CLARITY_PER_PX = 1.25, 0.0035
"""How much steeper than the surroundings, in root mean squares, an edge must be, and by how much more for each pixel of
the box: as the best path in noise, which has more to choose from in a larger box."""
LEAST_OVERLAP = 0.5
"""Overlap (IoU) of the boxes given and found, below which the path has followed something else."""
CHUNK = 512
"""Particles at a time: enough to make the calls worth it, few enough for the cache."""

Table = NDArray[np.float32]
Image = NDArray[np.uint8]

_angle = 2 * np.pi / ANGLES * np.arange(ANGLES)
DIRECTION = np.stack([np.cos(_angle), np.sin(_angle)], axis=1).astype(np.float32)
RAY = DIRECTION[:: ANGLES // RAYS]
EDGE_OF_BOX = (1 / np.abs(RAY).max(axis=1)).astype(np.float32)
OUTSIDE_BOX = EDGE_OF_BOX[:, None] * np.float32(SLACK) < RADII
INNER, RING = (RADII < 0.85), (EDGE_OF_BOX[:, None] * 1.08 < RADII) & (EDGE_OF_BOX[:, None] * 1.4 > RADII)


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
    with np.errstate(invalid="ignore", over="ignore"):  # a box may hold anything
        size = xyxy[:, 2:] - xyxy[:, :2]
    reduced = image
    for octave in range(level.max(initial=-1) + 1):
        reduced = np.asarray(cv2.pyrDown(reduced), np.uint8) if octave else reduced
        rows, scale = np.flatnonzero(level == octave), 2**octave
        smooth = np.asarray(cv2.GaussianBlur(reduced, (5, 5), BLUR_PX), np.uint8) if len(rows) else reduced
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            centre = (xyxy[part, :2] + xyxy[part, 2:] - 1).T / (2 * scale)
            found, share = _contours(smooth, centre, size[part].T / (2 * scale), cube[part])
            points[part] = found.transpose(2, 0, 1) * scale + 0.5
            support[part] = share
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
    """Points (64, 2, n) and support (n,) of particles with the `centre` (2, n) and half the box (2, n), pixels."""
    grey = _sample(image, centre[None, None], (RAY[:, :, None] * half)[:, None], RADII[None, :, None])
    sign = _signs(grey)
    step = _steps(grey, sign)
    full = step.max(axis=1).mean(axis=0, dtype=np.float32) + np.float32(1e-3)
    gain = np.minimum(step * (1 / full), 1)
    cost = -gain
    if not cube.all():
        cost += (np.float32(ROUND) * np.square(RADII - 1))[:, None] * ~cube
    cost[OUTSIDE_BOX] = 2
    path = closed_path(cost, bend=BEND, reach=3)
    radius = _between_rays(RADII[path] - (RADII[1] - RADII[0]) / 2)
    first = np.asarray(_along(centre + radius[:, None] * DIRECTION[:, :, None] * half) / 4, np.float32)
    points, support = _refined(image, first, sign)
    clarity = CLARITY + CLARITY_PER_PX * half.sum(axis=0)
    clear = _on_path(gain, path).mean(axis=0) >= clarity * np.sqrt(_mean_square(gain))
    fits = _overlap(points, centre, half) >= LEAST_OVERLAP
    return _without_glow(image, points, sign), support * (clear & fits)


def _between_rays(radius: Table) -> Table:
    """(64, n), radii in all directions from those along the rays (32, n), by cubics."""
    around = np.concatenate([radius[-1:], radius, radius[:2]])
    between = (9 * (around[1:-2] + around[2:-1]) - around[:-3] - around[3:]) / 16
    return np.asarray(np.stack([radius, between], axis=1).reshape(ANGLES, -1), np.float32)


def _mean_square(table: Table) -> Table:
    """(n,), mean of the squares of a table (k, r, n)."""
    return np.asarray(np.einsum("krn,krn->n", table, table) / np.float32(table.shape[0] * table.shape[1]))


def _on_path(table: Table, path: NDArray[np.intp]) -> Table:
    """(k, n), what a table (k, r, n) holds along a path (k, n)."""
    steps, rows, n = table.shape
    return np.asarray(table.ravel().take((path + rows * np.arange(steps)[:, None]) * n + np.arange(n)))


def _overlap(points: Table, centre: Table, half: Table) -> Table:
    """(n,) overlap (IoU) of the box around each contour with the box it was looked for in."""
    low, high = points.min(axis=0), points.max(axis=0)
    shared = np.clip(np.minimum(high, centre + half) - np.maximum(low, centre - half), 0, None).prod(axis=0)
    return np.asarray(shared / ((high - low).prod(axis=0) + 4 * half.prod(axis=0) - shared))


def _sample(image: Image, start: Table, way: Table, far: Table) -> Image:
    """Grey levels (k, r, n) uint8 at `start` + `far` * `way`, whose third axis is x and y."""
    x, y = (start[:, :, i] + far * way[:, :, i] for i in (0, 1))
    flat = x.shape[0] * x.shape[1], x.shape[2]
    grey = cv2.remap(image, x.reshape(flat), y.reshape(flat), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grey, np.uint8).reshape(x.shape[0], x.shape[1], x.shape[2])


def _signs(grey: Image) -> NDArray[np.int16]:
    """(n,) 1 for a particle that is brighter than the ring around its box, -1 for a darker one.

    Among close neighbours the ring says little; one with less contrast than usual is taken to be like the others.
    """
    inside = grey[:, INNER].mean(axis=(0, 1), dtype=np.float32)
    contrast = inside - grey[RING].mean(axis=0, dtype=np.float32)
    usual = np.median(contrast)
    certain = np.where(np.abs(contrast) >= np.abs(usual), contrast, usual)
    return np.where(certain >= 0, 1, -1).astype(np.int16)


def _steps(grey: Image, sign: NDArray[np.int16]) -> NDArray[np.int16]:
    """(k, r, n), how much two radii lie above the next two; those at the ends are repeated."""
    padded = np.concatenate([grey[:, :1], grey[:, :1], grey, grey[:, -1:]], axis=1).astype(np.int16)
    pairs = padded[:, :-1] + padded[:, 1:]
    return np.asarray((pairs[:, :-2] - pairs[:, 2:]) * sign)


def _along(table: NDArray[Any]) -> NDArray[Any]:
    """The table smoothed along the contour, by 1 2 1, times 4."""
    around = np.concatenate([table[-1:], table, table[:1]])
    return np.asarray(around[:-2] + 2 * table + around[2:])


def _normals(points: Table) -> Table:
    """Outward unit normals (64, 2, n) of contours (64, 2, n)."""
    two = np.concatenate([points[-2:], points, points[:2]])
    along = two[4:] + two[3:-1] - two[1:-3] - two[:-4]
    normal: Table = np.stack([along[:, 1], -along[:, 0]], axis=1)
    normal /= np.sqrt(np.square(normal[:, 0]) + np.square(normal[:, 1]))[:, None] + np.float32(1e-6)
    return np.asarray(normal, np.float32)


def _refined(image: Image, points: Table, sign: NDArray[np.int16]) -> tuple[Table, Table]:
    """The points moved across the contour to where it is steepest, and the share (n,) of them that found an edge."""
    normal = _normals(points)
    grey = _sample(image, points[:, None], normal[:, None], ACROSS[None, :, None]).astype(np.int16) * sign
    steep = _along(grey[:, :-4] - grey[:, 4:] + 2 * (grey[:, 1:-3] - grey[:, 3:-1]))
    full = steep.max(axis=1).mean(axis=0, dtype=np.float32) + np.float32(1e-3)
    path = closed_path(-np.minimum(steep / full, np.float32(1.3)), bend=RIPPLE, reach=1)
    before, top, after = (
        _on_path(steep, np.clip(path + d, 0, steep.shape[1] - 1)).astype(np.float32) for d in (-1, 0, 1)
    )
    bent = 2 * (2 * top - before - after)
    part = np.clip(np.divide(after - before, bent, out=np.zeros_like(bent), where=bent > 0), -0.75, 0.75)
    far = ACROSS[2:-2][path] + part * (ACROSS[1] - ACROSS[0])
    support = (top > EDGE_SHARE * full).mean(axis=0, dtype=np.float32)
    return np.asarray(points + (_along(far) / 4)[:, None] * normal, np.float32), support


def _without_glow(image: Image, points: Table, sign: NDArray[np.int16]) -> Table:
    """The points moved inwards by what a bright rim pushes the steepest place out; outwards for a dark one.

    A step of height A that is blurred by sigma and followed by a fall of k grey levels a pixel is steepest
    sigma^2 k / A outside the step. All three are read off the mean profile of a particle's edge, whose noise is low.
    """
    normal = _normals(points)
    radius = np.sqrt(np.prod(points.max(axis=0) - points.min(axis=0), axis=0)) / 2
    pixel = np.clip(radius / 12, 0.4, 1)
    profile = _sample(image, points[::2, None], normal[::2, None], PROFILE[:, None] * pixel)
    grey = profile.mean(axis=0, dtype=np.float32) * sign
    column = np.arange(len(sign))
    top = grey[2:7].argmax(axis=0) + 2
    height = np.maximum(grey[top, column] - grey[-2:].mean(axis=0), np.float32(1e-3))
    fall = (grey[top, column] - grey[:2].mean(axis=0)) / ((top - np.float32(0.5)) * pixel)
    steep = np.maximum((grey[6] - grey[8]) / (2 * pixel), 0.02 * height)
    variance = np.square(height / steep) / (2 * np.pi)
    most = MOST_GLOW_PX * pixel
    glow = np.clip(GLOW * variance * fall / height, -most, most).astype(np.float32)
    return np.asarray(points - glow * normal, np.float32)
