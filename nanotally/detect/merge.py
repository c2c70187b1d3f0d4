"""Merging: one box a particle, whatever number of tiles, scales and anchors saw it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import area

Boxes = NDArray[np.float32]
Rows = NDArray[np.int64]


def suppress(xyxy: Boxes, score: NDArray[np.float32], iou: float) -> Rows:
    """Rows to keep, best score first: of two boxes that overlap by `iou` or more only the better stays.

    The answer is that of greedy suppression; the work grows with the number of boxes, not with its square: two boxes
    that overlap by `iou` have centres nearer than the larger one is wide, and widths and heights that differ by at most
    a factor of 1 / iou. So only boxes in neighbouring cells of a grid as coarse as the larger one, and of octaves of
    size no further apart than that factor, are compared.

    Args:
        xyxy: (n, 4) float32.
        score: (n,) float32.
        iou: above 0, less than 1.
    """
    order = np.argsort(-score, kind="stable").astype(np.int64)
    if len(order) < 2:
        return order
    better, worse = _overlapping(xyxy[order], iou)
    # Rows are in order of score, so a row is settled once all better rows are.
    starts = np.searchsorted(better, np.arange(len(order) + 1))
    alive = np.ones(len(order), bool)
    for row in np.unique(better):
        if alive[row]:
            alive[worse[starts[row] : starts[row + 1]]] = False
    return order[alive]


def _overlapping(xyxy: Boxes, iou: float) -> tuple[Rows, Rows]:
    """All pairs (i, j), i < j, sorted by i, whose boxes overlap by `iou` or more."""
    found = [_above(xyxy, i, j, iou) for i, j in _neighbours(xyxy, iou)]
    i = np.concatenate([pair[0] for pair in found])
    j = np.concatenate([pair[1] for pair in found])
    better, worse = np.minimum(i, j), np.maximum(i, j)
    order = np.argsort(better, kind="stable")
    return better[order], worse[order]


def _above(xyxy: Boxes, i: Rows, j: Rows, iou: float) -> tuple[Rows, Rows]:
    a, b = xyxy[i], xyxy[j]
    shared = np.prod(np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None), axis=1)
    keep = shared >= iou * (area(a) + area(b) - shared)
    return i[keep], j[keep]


def _neighbours(xyxy: Boxes, iou: float) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows that may overlap by `iou`: neighbours on the grids of equal and of neighbouring octaves."""
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    size = np.clip(xyxy[:, 2:] - xyxy[:, :2], 1e-3, None).max(axis=1)
    octave = np.floor(np.log2(size)).astype(np.int64)
    octaves_apart = int(np.ceil(np.log2(1 / iou)))
    present = {int(level): np.flatnonzero(octave == level) for level in np.unique(octave)}
    for level, rows in present.items():
        for finer in range(level - octaves_apart, level + 1):
            if finer not in present:
                continue
            cell = 2.0 ** (level + 1)
            yield from _near(rows, present[finer], np.floor(centre / cell).astype(np.int64), same=finer == level)


def _near(rows: Rows, others: Rows, cells: Rows, *, same: bool) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of one of `rows` with one of `others` whose cells (n, 2) touch; each unordered pair once where `same`."""
    low = cells.min(axis=0)
    span = int(cells[:, 0].max() - low[0]) + 3
    key = (cells[:, 0] - low[0] + 1) + span * (cells[:, 1] - low[1] + 1)
    by_key = others[np.argsort(key[others], kind="stable")]
    sorted_keys = key[by_key]
    steps = [0, 1, span - 1, span, span + 1] if same else [dx + span * dy for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    for step in steps:
        first = np.searchsorted(sorted_keys, key[rows] + step, side="left")
        count = np.searchsorted(sorted_keys, key[rows] + step, side="right") - first
        i = np.repeat(rows, count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        j = by_key[np.repeat(first, count) + within]
        if same and step == 0:
            once = i < j
            i, j = i[once], j[once]
        yield i, j
