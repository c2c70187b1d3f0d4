"""What the contour of a particle says of its size and shape: area, ECD, Feret diameters, long axis, edge of a cube.

Lengths are in the unit of the contour's points, so a contour in nanometres gives nanometres, whatever its pixels were.
The quantities are those that ISO 9276-6 and ISO 19749 name; that these functions conform to them is not claimed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

COARSE_DEG, FINE_DEG = 7.5, (1.25, 0.3)
"""Steps between the directions in which a contour's breadth is taken: for both Feret diameters, then for the least."""
TINY = np.finfo(np.float32).tiny
NO_AXIS = 1.05
"""Ratio of the axes below which a particle has no long one."""
SIDE = 0.6
"""Share of a square's side, about its middle, that its line is fitted to: corners are rounded."""
LEAST_SQUARENESS, LEAST_ASPECT, MOST_BOW = 0.35, 0.9, 0.04
"""What makes a contour a square: see `Sides`."""

Column = NDArray[np.float32]
Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of particles, (n,) float32 each, NaN where not measured.

    Attributes:
        area: enclosed by the contour, in the square of the unit.
        ecd: equivalent circular diameter, sqrt(4 area / pi).
        feret_max: largest distance of two parallel lines that touch the contour from outside.
        feret_min: smallest such distance.
        edge: edge length of a cube that is seen as a square: mean distance of its opposite sides.
        orientation_deg: anticlockwise from +x as seen, as in ImageJ. Where `edge` was measured, of a side, 0 to 90;
            elsewhere of the long axis (of the ellipse with equal second moments), 0 to 180, NaN if there is none.
    """

    area: Column
    ecd: Column
    feret_max: Column
    feret_min: Column
    edge: Column
    orientation_deg: Column

    def scaled(self, factor: float) -> Sizes:
        """The same sizes in a unit of which the present one has `factor`."""
        length = np.float32(factor)
        return Sizes(
            area=length**2 * self.area,
            ecd=length * self.ecd,
            feret_max=length * self.feret_max,
            feret_min=length * self.feret_min,
            edge=length * self.edge,
            orientation_deg=self.orientation_deg,
        )

    def only(self, rows: NDArray[np.bool_]) -> Sizes:
        """The same sizes where `rows` (n,) is true, NaN elsewhere."""
        return Sizes(*(np.where(rows, getattr(self, f.name), np.float32(np.nan)) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Sides:
    """Four lines, fitted to contours as to squares.

    Attributes:
        breadth: (2, n) distances of the two pairs of opposite sides.
        turn_rad: (n,) angle of the sides against the axes, from +x to +y.
        squareness: (n,) fourth harmonic of the contour's direction, weighted by length: 1 for a rectangle, about 0.7
            for a square with rounded corners, 0 for a circle and a regular hexagon.
        bow: (n,) root mean square distance of the contour from the sides, as a share of the mean breadth.
    """

    breadth: Column
    turn_rad: Column
    squareness: Column
    bow: Column

    @property
    def square(self) -> NDArray[np.bool_]:
        """(n,) whether a contour is a square: four straight sides at right angles, nearly as high as wide."""
        even = self.breadth.min(axis=0) >= LEAST_ASPECT * self.breadth.max(axis=0)
        return np.asarray(even & (self.squareness >= LEAST_SQUARENESS) & (self.bow <= MOST_BOW))


def sizes_of(points: Points, *, cube: NDArray[np.bool_]) -> Sizes:
    """Sizes of closed contours.

    Args:
        points: (n, k, 2) x y, y downwards, in any unit of length; a contour with a NaN has no size.
        cube: (n,) bool, particles that have an edge length if they are seen as a square.
    """
    n = len(points)
    area, feret_max, feret_min, edge, orientation = (np.full(n, np.nan, np.float32) for _ in range(5))
    whole = np.isfinite(points).all(axis=(1, 2))
    if whole.any():
        x, y = np.ascontiguousarray(points[whole].transpose(2, 1, 0))
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        area[whole], orientation[whole] = _moments(x, y)
        feret_max[whole], feret_min[whole] = _feret(x, y)
    cubes = whole & cube
    if cubes.any():
        sides = _sides(x[:, cube[whole]], y[:, cube[whole]])
        edge[cubes] = np.where(sides.square, sides.breadth.mean(axis=0), np.nan)
        turn_deg = -np.degrees(sides.turn_rad) % 90
        orientation[cubes] = np.where(sides.square, turn_deg, orientation[cubes])
    return Sizes(area, np.sqrt(4 / np.pi * area), feret_max, feret_min, edge, orientation)


def _moments(x: Points, y: Points) -> tuple[Column, Column]:
    """Area (n,) and direction (n,) of the long axis in degrees of polygons (k, n), by Green's theorem."""
    x_next, y_next = (np.roll(v, -1, axis=0) for v in (x, y))
    cross = x * y_next - x_next * y
    area = cross.sum(axis=0) / 2
    size = np.where(area == 0, 1, area)
    x_mean, y_mean = (((v + w) * cross).sum(axis=0) / (6 * size) for v, w in ((x, x_next), (y, y_next)))
    xx, yy = (((v * v + v * w + w * w) * cross).sum(axis=0) / (12 * size) for v, w in ((x, x_next), (y, y_next)))
    xy = ((x * y_next + 2 * x * y + 2 * x_next * y_next + x_next * y) * cross).sum(axis=0) / (24 * size)
    xx, yy, xy = xx - x_mean**2, yy - y_mean**2, xy - x_mean * y_mean
    spread, mean = np.hypot(xx - yy, 2 * xy) / 2, (xx + yy) / 2
    long = mean + spread > NO_AXIS**2 * (mean - spread)
    angle = -np.degrees(np.arctan2(2 * xy, xx - yy) / 2) % 180
    return np.abs(area), np.where(long, angle, np.nan)


def _feret(x: Points, y: Points) -> tuple[Column, Column]:
    """Largest and smallest breadth (n,) of contours (k, n).

    The largest is flat about its direction, so coarse steps are good to 0.2 %; the smallest has a kink and is sought
    again more finely.
    """
    turns = np.radians(np.arange(0, 180, COARSE_DEG, dtype=np.float32))
    # Not a product of matrices: the threads of BLAS go on spinning for a while, on the cores that the engine wants.
    breadth = np.stack([np.ptp(np.cos(t) * x + np.sin(t) * y, axis=0) for t in turns])
    largest, turn = breadth.max(axis=0), turns[breadth.argmin(axis=0)]
    smallest, column = breadth.min(axis=0), np.arange(x.shape[1])
    for step, reach in zip(np.radians(FINE_DEG), (3, 2), strict=True):
        near = (turn + step * np.arange(-reach, reach + 1)[:, None]).astype(np.float32)
        breadth = np.stack([np.ptp(np.cos(t) * x + np.sin(t) * y, axis=0) for t in near])
        best = breadth.argmin(axis=0)
        turn, smallest = near[best, column], np.minimum(smallest, breadth[best, column])
    return largest, smallest


def _sides(x: Points, y: Points) -> Sides:
    """Sides of contours (k, n) about their middle: least squares on the inner part of each side, twice."""
    z = x + 1j * y
    chord = np.roll(z, -2, axis=0) - np.roll(z, 2, axis=0)
    length = np.maximum(np.sqrt(np.square(chord.real) + np.square(chord.imag)), TINY)
    twofold = chord * chord / length
    fourfold = (twofold * twofold / length).sum(axis=0) / length.sum(axis=0)
    turn, right, down = np.angle(fourfold) / 4, np.float32(0), np.float32(0)
    for _ in range(2):
        cosine, sine = np.cos(turn), np.sin(turn)
        u, v = x * cosine + y * sine - right, y * cosine - x * sine - down
        lines = [_line(*pair) for pair in ((u, v), (v, -u), (-u, -v), (-v, u))]
        far, lean, stray = (np.stack(part) for part in zip(*lines, strict=True))
        turn = turn - lean.mean(axis=0)
        right, down = right + (far[0] - far[2]) / 2, down + (far[1] - far[3]) / 2
    breadth = far[:2] + far[2:]
    bow = np.sqrt(stray.mean(axis=0)) / np.maximum(breadth.mean(axis=0), TINY)
    return Sides(breadth, turn, np.abs(fourfold), bow)


def _line(out: Points, along: Points) -> tuple[Column, Column, Column]:
    """Distance, slope and mean squared residue, (n,) each, of the side of contours (k, n) that faces `out`."""
    on = np.abs(along) < SIDE * out
    many = np.maximum(np.count_nonzero(on, axis=0), 1)
    far_on, along_on = on * out, on * along
    far, middle = far_on.sum(axis=0) / many, along_on.sum(axis=0) / many
    lean = _summed(far_on, along) / many - far * middle
    slope = lean / np.maximum(_summed(along_on, along) / many - middle * middle, TINY)
    return far, slope, np.maximum(_summed(far_on, out) / many - far * far - slope * lean, 0)


def _summed(one: Points, other: Points) -> Column:
    """(n,), sum of the products of two tables (k, n)."""
    return np.asarray(np.einsum("kn,kn->n", one, other))
