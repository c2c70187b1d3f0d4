"""The first look at a particle: along rays from its middle, for the closed path on which grey levels fall most.

All is compiled, and goes from particle to particle.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.measure.closed_path import closed_path

ANGLES = 64
"""Points of a contour."""
RAYS = 32
"""Directions in which the first path is looked for."""
RADII = np.linspace(0.5, 1.52, 24, dtype=np.float32)
"""Radii that are tried, in halves of the box: 1 is the ellipse in the box, sqrt(2) its corners."""
SLACK = 1.12
"""How far the path may leave the box: those of a detector are not exact."""
BEND = 0.01
"""Cost of moving by a radius from ray to ray; a full edge gains 1."""
ROUND = 1.0
"""Cost of a quasi-sphere's distance from the ellipse in its box, per squared half box."""

Image = NDArray[np.uint8]
Table = NDArray[np.float32]

_angle = 2 * np.pi / ANGLES * np.arange(ANGLES)
DIRECTION = np.stack([np.cos(_angle), np.sin(_angle)], axis=1).astype(np.float32)
RAY = np.ascontiguousarray(DIRECTION[:: ANGLES // RAYS])
EDGE_OF_BOX = (1 / np.abs(RAY).max(axis=1)).astype(np.float32)
OUTSIDE_BOX = EDGE_OF_BOX[:, None] * np.float32(SLACK) < RADII
OFF_ELLIPSE = (ROUND * (RADII - 1) ** 2).astype(np.float32)
INNER = int(np.count_nonzero(RADII < 0.85))
TINY = 1e-6
RING = (EDGE_OF_BOX[:, None] * 1.08 < RADII) & (EDGE_OF_BOX[:, None] * 1.4 > RADII)
RING_SIZE = int(np.count_nonzero(RING))


@compiled
def places_on_rays(centre: Table, half: Table) -> Table:
    """(2, n, rays, radii), x and y at which grey levels are wanted, from the centres (n, 2) and half sizes of boxes."""
    place = np.empty((2, len(centre), RAYS, len(RADII)), np.float32)
    for axis in range(2):
        for row in range(len(centre)):
            for ray in range(RAYS):
                way = RAY[ray, axis] * half[row, axis]
                for i in range(len(RADII)):
                    place[axis, row, ray, i] = centre[row, axis] + RADII[i] * way
    return place


@compiled
def contrasts(grey: Image) -> Table:
    """(n,), how much brighter the inside of each box is than a ring around it, from levels (n, rays, radii)."""
    contrast = np.empty(len(grey), np.float32)
    for row in range(len(grey)):
        inside = around = 0
        for ray in range(RAYS):
            for i in range(len(RADII)):
                if i < INNER:
                    inside += grey[row, ray, i]
                elif RING[ray, i]:
                    around += grey[row, ray, i]
        contrast[row] = inside / (RAYS * INNER) - around / RING_SIZE
    return contrast


@compiled
def first_contours(
    grey: Image, sign: NDArray[np.int32], centre: Table, half: Table, cube: NDArray[np.bool_]
) -> tuple[Table, Table]:
    """The contours along which grey levels fall most, and how clearly they do.

    Args:
        grey: (n, rays, radii) levels along rays.
        sign: (n,) 1 for a particle that is brighter than what is around it, -1 for a darker one.
        centre: (n, 2) x y of the boxes.
        half: (n, 2) of their widths and heights.
        cube: (n,) whether a path may run anywhere in the box; else it is nearly an ellipse.

    Returns:
        (n, angles, 2) points, and (n,) steepness along the path as a share of the root mean square of that everywhere.
    """
    points = np.empty((len(grey), ANGLES, 2), np.float32)
    clarity = np.empty(len(grey), np.float32)
    for row in range(len(grey)):
        gain = _gain(grey[row], sign[row])
        path = closed_path(_cost(gain, cube[row]), BEND, 3)
        clarity[row] = _clarity(gain, path)
        _write(path, centre[row], half[row], points[row])
    return points, clarity


@compiled
def _gain(grey: Image, sign: np.int32) -> Table:
    """(rays, radii), how much two levels lie above the next two, 1 where as much as at the steepest of each ray."""
    count = len(RADII)
    step, padded = np.empty(grey.shape, np.int32), np.empty(count + 3, np.int32)
    steepest = np.int64(0)
    for ray in range(RAYS):
        for i in range(count):
            padded[i + 2] = np.int32(sign * grey[ray, i])
        padded[:2], padded[count + 2] = padded[2], padded[count + 1]
        most = np.int32(-1024)
        for i in range(count):
            step[ray, i] = np.int32(padded[i] + padded[i + 1] - padded[i + 2] - padded[i + 3])
            most = max(most, step[ray, i])
        steepest += most
    share = np.float32(1 / (steepest / RAYS + 1e-3))
    gain = np.empty(grey.shape, np.float32)
    for ray in range(RAYS):
        for i in range(count):
            gain[ray, i] = min(np.float32(step[ray, i]) * share, np.float32(1))
    return gain


@compiled
def _cost(gain: Table, cube: bool) -> Table:
    """(rays, radii), cost of a place."""
    cost = np.empty(gain.shape, np.float32)
    for ray in range(RAYS):
        for i in range(len(RADII)):
            off = np.float32(0) if cube else OFF_ELLIPSE[i]
            cost[ray, i] = np.float32(2) if OUTSIDE_BOX[ray, i] else off - gain[ray, i]
    return cost


@compiled
def _clarity(gain: Table, path: NDArray[np.int64]) -> float:
    """Mean gain on a path, as a share of the root mean square of all."""
    on_path, squares = np.float32(0), np.zeros(len(RADII), np.float32)
    for ray in range(RAYS):
        on_path += gain[ray, path[ray]]
        for i in range(len(RADII)):
            squares[i] += gain[ray, i] * gain[ray, i]
    return float(on_path / RAYS / max(math.sqrt(squares.sum() / gain.size), TINY))


@compiled
def _write(path: NDArray[np.int64], centre: Table, half: Table, points: Table) -> None:
    """The contour that passes the rays at the radii of a path (rays,): cubics between them, smoothed by 1 2 1."""
    radius = np.empty(ANGLES, np.float32)
    step = RADII[1] - RADII[0]
    for ray in range(RAYS):
        here, next_one = RADII[path[ray]], RADII[path[(ray + 1) % RAYS]]
        outer = RADII[path[ray - 1]] + RADII[path[(ray + 2) % RAYS]]
        radius[2 * ray] = here - step / 2
        radius[2 * ray + 1] = (9 * (here + next_one) - outer) / 16 - step / 2
    for i in range(ANGLES):
        before, after = i - 1, (i + 1) % ANGLES
        for axis in range(2):
            ends = radius[before] * DIRECTION[before, axis] + radius[after] * DIRECTION[after, axis]
            points[i, axis] = centre[axis] + half[axis] * (ends + 2 * radius[i] * DIRECTION[i, axis]) / 4
