"""Merging: one box a particle, whatever number of tiles, scales and anchors saw it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled

NOBODY = -1

Boxes = NDArray[np.float32]
Rows = NDArray[np.int64]


def suppress(xyxy: Boxes, score: NDArray[np.float32], iou: float) -> Rows:
    """Rows to keep, best score first: of two boxes that overlap by `iou` or more only the better stays.

    The answer is that of greedy suppression; the work grows with the number of boxes, not with its square: two boxes
    that overlap by `iou` have centres nearer than the larger one is wide, and widths and heights that differ by at most
    a factor of 1 / iou. So a box is compared only with those kept before that lie in neighbouring cells of a grid as
    coarse as the larger one, and of octaves of size no further apart than that factor.

    Args:
        xyxy: (n, 4) float32.
        score: (n,) float32.
        iou: above 0, less than 1.
    """
    order = np.argsort(-score, kind="stable").astype(np.int64)
    kept = _kept(np.ascontiguousarray(xyxy[order], np.float32), np.float32(iou), math.ceil(math.log2(1 / iou)))
    return np.asarray(order[kept])


@compiled
def _kept(xyxy: Boxes, iou: np.float32, apart: int) -> NDArray[np.bool_]:
    """(n,) bool, which boxes in order of score stay; octaves of pairs are at most `apart`."""
    kept = np.zeros(len(xyxy), np.bool_)
    slots = 1 << (2 + int(math.log2(len(xyxy) * (apart + 1) + 1)))
    # Chains of kept boxes, by cell: each is in the cells of its own octave and of the next coarser ones.
    last = np.full(slots, NOBODY, np.int64)
    before = np.empty(len(xyxy) * (apart + 1), np.int64)
    for row in range(len(xyxy)):
        octave, x, y = _place(xyxy[row])
        if _is_seen(xyxy, row, iou, octave, x, y, apart, last, before):
            continue
        kept[row] = True
        for up in range(apart + 1):
            cell = _cell(octave + up, x, y)
            slot = _slot(octave + up, cell[0], cell[1], slots)
            entry = row * (apart + 1) + up
            before[entry] = last[slot]
            last[slot] = entry
    return kept


@compiled
def _is_seen(
    xyxy: Boxes, row: int, iou: np.float32, octave: int, x: float, y: float, apart: int, last: Rows, before: Rows
) -> bool:
    """Whether a kept box overlaps that of `row` by `iou` or more."""
    for up in range(apart + 1):
        column, line = _cell(octave + up, x, y)
        for near_line in range(line - 1, line + 2):
            for near_column in range(column - 1, column + 2):
                entry = last[_slot(octave + up, near_column, near_line, len(last))]
                while entry != NOBODY:
                    if _overlap(xyxy[entry // (apart + 1)], xyxy[row], iou):
                        return True
                    entry = before[entry]
    return False


@compiled
def _place(box: Boxes) -> tuple[int, float, float]:
    """Octave of the larger side, and the centre; of a box that is no number, anything."""
    size = max(box[2] - box[0], box[3] - box[1], np.float32(1e-3))
    octave = math.frexp(size)[1] if size < np.inf else 0
    return octave, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@compiled
def _cell(octave: int, x: float, y: float) -> tuple[int, int]:
    """Column and line of a cell that is as wide as the largest box of an octave."""
    side = 2.0**octave
    return math.floor(x / side), math.floor(y / side)


@compiled
def _slot(octave: int, column: int, line: int, slots: int) -> int:
    """Where the chain of a cell begins; cells that share one only cost time."""
    return (column * 73856093 ^ line * 19349663 ^ octave * 83492791) & (slots - 1)


@compiled
def _overlap(one: Boxes, other: Boxes, iou: np.float32) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if not (width > 0 and height > 0):
        return False
    shared = width * height
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return bool(shared >= iou * (area - shared))
