"""What the contour of a particle says of its size and shape: area, ECD, Feret diameters, long axis, edge of a cube.

Lengths are in the unit of the contour's points, so a contour in nanometres gives nanometres, whatever its pixels were.
The quantities are those that ISO 9276-6 and ISO 19749 name; that these functions conform to them is not claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled

TINY = 1e-30
"""Length that stands for none where lengths divide."""
NO_AXIS = 1.05
"""Ratio of the axes below which a particle has no long one."""
SIDE = 0.6
"""Share of a square's side, about its middle, that its line is fitted to: corners are rounded."""
LEAST_SQUARENESS, LEAST_ASPECT, MOST_BOW = 0.35, 0.9, 0.04
"""What makes a contour a square: its sides stand at right angles (see `_fourfold`), it is nearly as high as wide, and
its points lie near the lines fitted to it, by root mean squares, as a share of the edge."""

Column = NDArray[np.float32]
Points = NDArray[np.float32]
Contour = NDArray[np.complex128]
"""(k,), x + iy of each point. In 64 bits differences of 32-bit numbers, and their products, are as good as exact."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of particles, (n,) float32 each, NaN where not measured.

    Attributes:
        area: enclosed by the contour, in the square of the unit.
        ecd: equivalent circular diameter, sqrt(4 area / pi).
        feret_max: largest distance of two parallel lines that touch the contour from outside; exact for the polygon.
        feret_min: smallest such distance; exact too.
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


class Line(NamedTuple):
    """A side: its distance from the middle, its slope, and its points' mean squared distance from it."""

    far: float
    slope: float
    stray: float


def sizes_of(points: Points, *, cube: NDArray[np.bool_]) -> Sizes:
    """Sizes of closed contours.

    Args:
        points: (n, k, 2) x y, y downwards, in any unit of length; a contour with a NaN has no size.
        cube: (n,) bool, particles that have an edge length if they are seen as a square.
    """
    contours = np.ascontiguousarray(points, np.float32).view(np.complex64)[..., 0]
    # Complex numbers are sorted by x, then by y; a stable sort makes use of what is in order already.
    ordered = np.sort(contours, axis=1, kind="stable")
    columns = np.full((6, len(contours)), np.nan, np.float32)
    _measure(contours, ordered, cube, columns)
    return Sizes(*columns)


@compiled
def _measure(
    contours: NDArray[np.complex64], ordered: NDArray[np.complex64], cube: NDArray[np.bool_], columns: Points
) -> None:
    """Write the columns of `Sizes` (6, n) of contours (n, k) without a NaN; their points `ordered` by x, then by y."""
    contour, hull = np.empty(contours.shape[1], np.complex128), np.empty(2 * contours.shape[1], np.complex128)
    for row in range(len(contours)):
        middle = np.complex128(contours[row].sum()) / contours.shape[1]
        if not (math.isfinite(middle.real) and math.isfinite(middle.imag)):
            continue
        for i in range(len(contour)):
            contour[i] = contours[row, i] - middle
        area, angle = _moments(contour)
        edge = math.nan
        if cube[row]:
            edge, turn = _square(contour)
            angle = angle if math.isnan(edge) else -turn % (math.pi / 2)
        columns[0, row], columns[1, row] = area, math.sqrt(4 / math.pi * area)
        columns[2, row], columns[3, row] = _feret(hull, _find_hull(ordered[row], hull))
        columns[4, row], columns[5, row] = edge, math.degrees(angle)


@compiled
def _cross(one: complex, other: complex) -> float:
    return one.real * other.imag - one.imag * other.real


@compiled
def _squared(way: complex) -> float:
    return way.real * way.real + way.imag * way.imag


@compiled
def _moments(contour: Contour) -> tuple[float, float]:
    """Area of a polygon, and angle of its long axis as seen, 0 to pi or NaN, by Green's theorem."""
    twice = x_sum = y_sum = xx = yy = xy = 0.0
    before = contour[-1]
    for point in contour:
        a, b, x, y = before.real, before.imag, point.real, point.imag
        cross = a * y - x * b
        twice += cross
        x_sum += (a + x) * cross
        y_sum += (b + y) * cross
        xx += (a * a + a * x + x * x) * cross
        yy += (b * b + b * y + y * y) * cross
        xy += (a * y + 2 * (a * b + x * y) + x * b) * cross
        before = point
    size = 1.0 if twice == 0 else twice
    right, down = x_sum / (3 * size), y_sum / (3 * size)
    xx, yy, xy = xx / (6 * size) - right * right, yy / (6 * size) - down * down, xy / (12 * size) - right * down
    spread, mean = math.hypot(xx - yy, 2 * xy) / 2, (xx + yy) / 2
    long = mean + spread > NO_AXIS**2 * (mean - spread)
    return abs(twice) / 2, -math.atan2(2 * xy, xx - yy) / 2 % math.pi if long else math.nan


@compiled
def _find_hull(ordered: NDArray[np.complex64], hull: Contour) -> int:
    """Write the corners of the convex hull, the first one again at the end, and tell their number without that.

    By monotone chains (Andrew 1979), there along one side and back along the other.
    """
    size, least = 0, 1
    for step in range(1 - len(ordered), len(ordered)):
        point = np.complex128(ordered[len(ordered) - 1 - abs(step)])
        while size > least and _cross(hull[size - 1] - hull[size - 2], point - hull[size - 1]) <= 0:
            size -= 1
        hull[size] = point
        size += 1
        if step == 0:
            least = size
    return size - 1


@compiled
def _feret(hull: Contour, corners: int) -> tuple[float, float]:
    """Largest and smallest breadth of a hull, by calipers that turn around it (Shamos 1978)."""
    largest, smallest, far = 0.0, math.inf, 1
    for i in range(corners):
        side = hull[i + 1] - hull[i]
        largest = max(largest, _squared(hull[far] - hull[i]))
        while _cross(side, hull[far + 1] - hull[far]) > 0:
            far = far + 1 if far + 1 < corners else 0
            largest = max(largest, _squared(hull[far] - hull[i]))
        smallest = min(smallest, _cross(side, hull[far] - hull[i]) ** 2 / max(_squared(side), TINY))
    return math.sqrt(largest), math.sqrt(smallest)


@compiled
def _square(contour: Contour) -> tuple[float, float]:
    """Edge of a contour that is a square, and angle of its sides from +x to +y; NaN where it is none.

    Lines are fitted to the inner part of each side, twice.
    """
    squareness, turn = _fourfold(contour)
    if squareness < LEAST_SQUARENESS:
        return math.nan, math.nan
    middle, sums = 0j, np.empty((4, 6))
    for _ in range(2):
        _sum(contour, turn, middle, sums)
        right, below, left, above = _line(sums[0]), _line(sums[1]), _line(sums[2]), _line(sums[3])
        turn -= (right.slope + below.slope + left.slope + above.slope) / 4
        middle += complex(right.far - left.far, below.far - above.far) / 2
    width, height = right.far + left.far, below.far + above.far
    edge, bow = (width + height) / 2, math.sqrt((right.stray + below.stray + left.stray + above.stray) / 4)
    if min(width, height) >= LEAST_ASPECT * max(width, height) and bow <= MOST_BOW * edge:
        return edge, turn
    return math.nan, math.nan


@compiled
def _fourfold(contour: Contour) -> tuple[float, float]:
    """Fourth harmonic of a contour's direction, weighted by length, and a quarter of its angle.

    It is 1 for a rectangle, about 0.7 for a square with rounded corners, 0 for a circle and a regular hexagon.
    """
    total, harmonic = TINY, 0j
    for i in range(len(contour)):
        chord = contour[i] - contour[i - 4]
        length = math.sqrt(_squared(chord))
        share = 1 / max(length, TINY)
        twofold = chord * chord * share
        harmonic += twofold * twofold * share
        total += length
    return abs(harmonic) / total, math.atan2(harmonic.imag, harmonic.real) / 4


@compiled
def _sum(contour: Contour, turn: float, middle: complex, sums: NDArray[np.float64]) -> None:
    """Write what `_line` wants (4, 6) of the sides that face +x, +y, -x and -y once the contour is turned back."""
    sums[:] = 0
    back = complex(math.cos(turn), -math.sin(turn))
    for point in contour:
        turned = point * back - middle
        out, along = turned.real, turned.imag
        for side in range(4):
            if abs(along) < SIDE * out:
                sums[side, 0] += 1
                sums[side, 1] += out
                sums[side, 2] += along
                sums[side, 3] += out * out
                sums[side, 4] += out * along
                sums[side, 5] += along * along
                break
            out, along = along, -out


@compiled
def _line(sums: NDArray[np.float64]) -> Line:
    """The line by least squares."""
    many = max(sums[0], 1)
    far, middle = sums[1] / many, sums[2] / many
    lean = sums[4] / many - far * middle
    slope = lean / max(sums[5] / many - middle * middle, TINY)
    return Line(far, slope, max(sums[3] / many - far * far - slope * lean, 0.0))
