"""The second look at a particle: across a contour that is nearly right, for where exactly the edge is.

All is compiled, and goes from particle to particle; contours are (n, angles, 2) float32, x y in pixels, once around.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.measure.closed_path import closed_path
from nanotally.measure.rays import ANGLES, TINY

ACROSS_PX, PLACES = 0.75, 11
"""Step between the places across the contour at which the frame is sampled, and their number."""
RIPPLE = 0.15
"""Cost of moving by such a step from point to point; a full edge gains 1."""
EDGE_SHARE = np.float32(1 / 3)
"""How steep, as a share of the mean over the contour, an edge must be to support it."""
INWARDS, PROFILE = 7, 12
"""Where the mean profile of an edge begins, in steps of at most a pixel inwards, and its length."""
GLOW, MOST_GLOW_PX = 1.5, 0.6
"""Factor of the correction for a bright rim, found on rendered edges (blur rounds the rim, so that its fall seems less
steep), and the largest correction, less in small particles."""

Image = NDArray[np.uint8]
Table = NDArray[np.float32]


@compiled
def places_across(points: Table, normal: Table) -> Table:
    """(2, n, places, angles), x and y across contours at which grey levels are wanted."""
    place = np.empty((2, len(points), PLACES, ANGLES), np.float32)
    for row in range(len(points)):
        for k in range(PLACES):
            far = np.float32((k - PLACES // 2) * ACROSS_PX)
            for i in range(ANGLES):
                place[0, row, k, i] = points[row, i, 0] + far * normal[row, i, 0]
                place[1, row, k, i] = points[row, i, 1] + far * normal[row, i, 1]
    return place


@compiled
def refine(points: Table, normal: Table, grey: Image, sign: NDArray[np.int32]) -> Table:
    """Move contours to where the levels (n, places, angles) across them fall most; (n,) share that found an edge."""
    support = np.empty(len(points), np.float32)
    for row in range(len(points)):
        steep = _steepness(grey[row], sign[row])
        full = np.float32(_mean_most(steep) + 1e-3)
        path = closed_path(_cost(steep, full), RIPPLE, 1)
        far, support[row] = _steepest(steep, path, full)
        for i in range(ANGLES):
            smooth = (far[i - 1] + 2 * far[i] + far[(i + 1) % ANGLES]) / 4
            points[row, i, 0] += smooth * normal[row, i, 0]
            points[row, i, 1] += smooth * normal[row, i, 1]
    return support


@compiled
def _steepness(grey: Image, sign: np.int32) -> NDArray[np.int32]:
    """(places - 4, angles), how much grey levels fall outwards, smoothed along the contour by 1 2 1."""
    steep = np.empty((PLACES - 4, ANGLES), np.int32)
    rough = np.empty(ANGLES + 2, np.int32)
    for k in range(PLACES - 4):
        for i in range(ANGLES):
            far = np.int32(grey[k, i]) - np.int32(grey[k + 4, i])
            near = np.int32(grey[k + 1, i]) - np.int32(grey[k + 3, i])
            rough[i + 1] = np.int32(sign * (far + 2 * near))
        rough[0], rough[ANGLES + 1] = rough[ANGLES], rough[1]
        for i in range(ANGLES):
            steep[k, i] = np.int32(rough[i] + 2 * rough[i + 1] + rough[i + 2])
    return steep


@compiled
def _mean_most(steep: NDArray[np.int32]) -> float:
    """Mean over the contour of the most at each point."""
    most = steep[0].copy()
    for k in range(1, len(steep)):
        for i in range(ANGLES):
            most[i] = max(most[i], steep[k, i])
    return float(most.sum() / ANGLES)


@compiled
def _cost(steep: NDArray[np.int32], full: np.float32) -> Table:
    """(angles, places - 4), cost of a place."""
    cost = np.empty((ANGLES, len(steep)), np.float32)
    for i in range(ANGLES):
        for k in range(len(steep)):
            cost[i, k] = -min(np.float32(steep[k, i]) / full, np.float32(1.3))
    return cost


@compiled
def _steepest(steep: NDArray[np.int32], path: NDArray[np.int64], full: np.float32) -> tuple[Table, float]:
    """How far outwards (angles,) the steepest place near a path is, by parabolas, and the share of true edges."""
    far, edges, last = np.empty(ANGLES, np.float32), 0, len(steep) - 1
    for i in range(ANGLES):
        k = path[i]
        before, top, after = steep[max(k - 1, 0), i], steep[k, i], steep[min(k + 1, last), i]
        bent = 2 * (2 * top - before - after)
        part = min(max((after - before) / bent, -0.75), 0.75) if bent > 0 else 0.0
        far[i] = (k - last // 2 + part) * ACROSS_PX
        edges += top > EDGE_SHARE * full
    return far, edges / ANGLES


@compiled
def places_of_profile(points: Table, normal: Table) -> tuple[Table, Table]:
    """(2, n, places, angles / 2), x and y at which the profile of an edge is wanted, and their distances (n,)."""
    place = np.empty((2, len(points), PROFILE, ANGLES // 2), np.float32)
    pixel = np.empty(len(points), np.float32)
    for row in range(len(points)):
        pixel[row] = _unit(points[row])
        for k in range(PROFILE):
            far = np.float32((k - INWARDS) * pixel[row])
            for i in range(ANGLES // 2):
                place[0, row, k, i] = points[row, 2 * i, 0] + far * normal[row, 2 * i, 0]
                place[1, row, k, i] = points[row, 2 * i, 1] + far * normal[row, 2 * i, 1]
    return place, pixel


@compiled
def _unit(points: Table) -> float:
    """Step in pixels at which the profile of a particle's edge is sampled."""
    area = np.float32(1)
    for axis in range(2):
        area *= points[:, axis].max() - points[:, axis].min()
    return float(min(max(math.sqrt(area) / 24, 0.4), 1.0))


@compiled
def take_glow_off(points: Table, normal: Table, grey: Image, pixel: Table, sign: NDArray[np.int32]) -> None:
    """Move contours inwards by what a bright rim pushes the steepest place out; outwards for a dark one.

    Args:
        points: (n, angles, 2) to move.
        normal: (n, angles, 2).
        grey: (n, places, angles / 2) levels across the contours.
        pixel: (n,) distance of the places.
        sign: (n,) 1 for a particle that is brighter than what is around it, -1 for a darker one.
    """
    for row in range(len(points)):
        profile = np.empty(PROFILE)
        for k in range(PROFILE):
            profile[k] = sign[row] * grey[row, k].sum() / (ANGLES // 2)
        glow = np.float32(_glow(profile, pixel[row]))
        for i in range(ANGLES):
            points[row, i, 0] -= glow * normal[row, i, 0]
            points[row, i, 1] -= glow * normal[row, i, 1]


@compiled
def _glow(profile: NDArray[np.float64], pixel: float) -> float:
    """How far out the steepest place of a mean profile is pushed by a bright rim.

    A step of height A that is blurred by sigma and followed by a fall of k grey levels a pixel is steepest
    sigma^2 k / A outside the step. All three are read off the mean profile of a particle's edge, whose noise is low.
    """
    top = 2 + int(np.argmax(profile[2:7]))
    height = max(profile[top] - (profile[-1] + profile[-2]) / 2, 1e-3)
    fall = (profile[top] - (profile[0] + profile[1]) / 2) / ((top - 0.5) * pixel)
    steep = max((profile[6] - profile[8]) / (2 * pixel), 0.02 * height)
    variance = (height / steep) ** 2 / (2 * math.pi)
    most = MOST_GLOW_PX * pixel
    return float(min(max(GLOW * variance * fall / height, -most), most))


@compiled
def normals(points: Table) -> Table:
    """Outward unit normals (n, angles, 2) of contours."""
    normal = np.empty_like(points)
    for row in range(len(points)):
        for i in range(ANGLES):
            one, two = (i + 1) % ANGLES, (i + 2) % ANGLES
            x = points[row, two, 0] + points[row, one, 0] - points[row, i - 1, 0] - points[row, i - 2, 0]
            y = points[row, two, 1] + points[row, one, 1] - points[row, i - 1, 1] - points[row, i - 2, 1]
            length = np.float32(math.sqrt(x * x + y * y) + TINY)
            normal[row, i, 0], normal[row, i, 1] = y / length, -x / length
    return normal
