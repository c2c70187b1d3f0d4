"""Agglomerates: which particles of a frame touch, and how much of the field all of them cover."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.detections import FLAG_MASKED, Detections
from nanotally.measure.sizing import Sizing

REACH = 3
"""Columns and lines from one covered pixel to another, at most, in a group: particles at most two pixels apart are one
group, since a narrower gap cannot be seen in a frame."""
ALONE = -1
"""Group of a particle that is not counted."""
PLACE_BITS = 32
"""Of a crossing: the place above them, the particle within them."""

Places = NDArray[np.int64]


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
    contours, measured = sizing.contours.points[rows], sizing.measured[rows]
    contours[~measured] = _ellipses(box[rows[~measured]], contours.shape[1])
    crossings = _crossings(contours, (x1, y1, x2, y2))
    crossings.sort()
    first = np.arange(len(rows))
    covered_px = _unite(crossings, x2 - x1 + REACH, first)
    _, group[rows], particles = np.unique(first, return_inverse=True, return_counts=True)
    return Agglomerates(group, particles, covered_px, (y2 - y1) * (x2 - x1))


def _ellipses(xyxy: NDArray[np.float32], points: int) -> NDArray[np.float32]:
    """(n, points, 2), the ellipses that fill boxes (n, 4)."""
    angle = 2 * np.pi / points * np.arange(points)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    low, high = xyxy[:, :2] / 2, xyxy[:, 2:] / 2
    return np.asarray((low + high)[:, None] + direction * (high - low)[:, None], np.float32)


@compiled
def _crossings(contours: NDArray[np.float32], field: tuple[int, int, int, int]) -> Places:
    """Where contours (n, k, 2) cross the lines through the middles of pixels; in order each goes in and out by turns.

    A crossing is the place of the first pixel whose middle is not left of it, and the particle in the lower bits.
    Places number the pixels of the field line by line, as if each line had `REACH` more: so what is near on a line is
    near in number, and nothing else is. What crosses beside the field is moved to its border.
    """
    x1, y1, x2, y2 = field
    crossings = np.empty(_count(contours, y1, y2), np.int64)
    many = 0
    for row in range(len(contours)):
        x, y = np.float64(contours[row, -1, 0]), np.float64(contours[row, -1, 1])
        line = _first(y, y1, y2)
        for i in range(contours.shape[1]):
            x_last, y_last, line_last = x, y, line
            x, y = np.float64(contours[row, i, 0]), np.float64(contours[row, i, 1])
            line = _first(y, y1, y2)
            for crossed in range(min(line, line_last), max(line, line_last)):
                column = _first(x + (x_last - x) / (y_last - y) * (y1 + crossed + 0.5 - y), x1, x2)
                crossings[many] = (crossed * (x2 - x1 + REACH) + column) << PLACE_BITS | row
                many += 1
    return crossings


@compiled
def _count(contours: NDArray[np.float32], y1: int, y2: int) -> int:
    """Number of crossings."""
    many = 0
    for row in range(len(contours)):
        line = _first(contours[row, -1, 1], y1, y2)
        for i in range(contours.shape[1]):
            line_last, line = line, _first(contours[row, i, 1], y1, y2)
            many += abs(line - line_last)
    return many


@compiled
def _first(at: float, start: int, end: int) -> int:
    """The first pixel between `start` and `end` whose middle is not before `at`, counted from `start`."""
    return math.ceil(min(max(0.0, at - 0.5 - start), float(end - start)))


@compiled
def _unite(crossings: Places, line: int, first: Places) -> int:
    """Number of covered pixels, from crossings in order; the first particle (n,) of each one's group is written."""
    # Stretches: what is covered without a gap that separates, from `start` to before `end`, and a particle in each.
    start, end, who = np.empty_like(crossings), np.empty_like(crossings), np.empty_like(crossings)
    inside = np.zeros(len(first), np.bool_)
    stretches = deep = covered = i = 0
    while i < len(crossings):
        if i + 1 < len(crossings) and crossings[i] == crossings[i + 1]:  # between two middles: nothing is covered
            i += 2
            continue
        place, row = crossings[i] >> PLACE_BITS, crossings[i] & ((1 << PLACE_BITS) - 1)
        i += 1
        inside[row] = not inside[row]
        if inside[row]:
            if deep == 0 and (stretches == 0 or place - end[stretches - 1] >= REACH):
                start[stretches], who[stretches] = place, row
                stretches += 1
            if deep == 0:
                covered -= place
            deep += 1
            _join(first, row, who[stretches - 1])
        else:
            deep -= 1
            if deep == 0:
                covered += place
                end[stretches - 1] = place
    for down in range(1, REACH + 1):
        _join_below(start[:stretches], end[:stretches], who, down * line, first)
    for row in range(len(first)):
        first[row] = _root(first, row)
    return covered


@compiled
def _join_below(start: Places, end: Places, who: Places, shift: int, first: Places) -> None:
    """Join the particles of stretches that come within reach of others once these are moved down by `shift` places."""
    below = 0
    for above in range(len(start)):
        while below < len(start) and end[below] - 1 + REACH < start[above] + shift:
            below += 1
        other = below
        while other < len(start) and start[other] - REACH < end[above] + shift:
            _join(first, who[above], who[other])
            other += 1


@compiled
def _root(first: Places, row: int) -> int:
    while first[row] != row:
        first[row] = first[first[row]]
        row = first[row]
    return row


@compiled
def _join(first: Places, one: int, other: int) -> None:
    if one == other:
        return
    one, other = _root(first, one), _root(first, other)
    first[max(one, other)] = min(one, other)
