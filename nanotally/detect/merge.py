"""Merging: one box a particle, whatever number of tiles, scales and anchors saw it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import area

HEAD = 1024
"""Boxes that are settled at a time, best first: what they rule out is never compared with anything else."""

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
    rest = np.argsort(-score, kind="stable").astype(np.int64)
    kept = [rest[:0]]
    while len(rest):
        head, rest = rest[:HEAD], rest[HEAD:]
        head = head[_settled(xyxy[head], iou)]
        kept.append(head)
        rest = rest[~_ruled_out(xyxy[rest], xyxy[head], iou)]
    return np.concatenate(kept)


def _settled(xyxy: Boxes, iou: float) -> NDArray[np.bool_]:
    """(n,) bool, which of boxes in order of score stay."""
    alive = np.ones(len(xyxy), bool)
    if len(xyxy) < 2:
        return alive
    better, worse = _overlapping(xyxy, iou)
    # Rows are in order of score, so a row is settled once all better rows are.
    starts = np.searchsorted(better, np.arange(len(xyxy) + 1))
    for row in np.unique(better):
        if alive[row]:
            alive[worse[starts[row] : starts[row + 1]]] = False
    return alive


def _ruled_out(xyxy: Boxes, by: Boxes, iou: float) -> NDArray[np.bool_]:
    """(n,) bool, which boxes overlap one of `by` (m, 4) by `iou` or more."""
    both = np.concatenate([by, xyxy])
    out = np.zeros(len(both), bool)
    if len(xyxy):
        for rows in _above(both, _neighbours(both, iou, split=len(by)), iou):
            out[rows] = True
    return out[len(by) :]


def _overlapping(xyxy: Boxes, iou: float) -> tuple[Rows, Rows]:
    """All pairs (i, j), i < j, sorted by i, whose boxes overlap by `iou` or more."""
    i, j = _above(xyxy, _neighbours(xyxy, iou), iou)
    better, worse = np.minimum(i, j), np.maximum(i, j)
    order = np.argsort(better, kind="stable")
    return better[order], worse[order]


def _above(xyxy: Boxes, pairs: Iterable[tuple[Rows, Rows]], iou: float) -> tuple[Rows, Rows]:
    """Those of the pairs whose boxes overlap by `iou` or more."""
    i, j = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    # Column by column: an axis of two or four is slow.
    x1, y1, x2, y2 = np.ascontiguousarray(xyxy.T)
    width = np.minimum(x2.take(i), x2.take(j)) - np.maximum(x1.take(i), x1.take(j))
    height = np.minimum(y2.take(i), y2.take(j)) - np.maximum(y1.take(i), y1.take(j))
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    own = area(xyxy)
    keep = shared >= np.float32(iou) * (own.take(i) + own.take(j) - shared)
    return i[keep], j[keep]


def _neighbours(xyxy: Boxes, iou: float, *, split: int = 0) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows that may overlap by `iou`: neighbours on the grids of equal and of neighbouring octaves.

    With `split` only pairs of a row before it with one from it on.
    """
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    size = np.clip(xyxy[:, 2:] - xyxy[:, :2], 1e-3, None).max(axis=1)
    octave = np.floor(np.log2(size)).astype(np.int64)
    octaves_apart = int(np.ceil(np.log2(1 / iou)))
    present = {int(level): np.flatnonzero(octave == level) for level in np.unique(octave)}
    for level, rows in present.items():
        for finer in range(level - octaves_apart, level + 1):
            if finer not in present:
                continue
            cells = np.floor(centre / 2.0 ** (level + 1)).astype(np.int64)
            if not split:
                yield _near(rows, present[finer], cells, same=finer == level)
                continue
            others = present[finer]
            yield _near(rows[rows < split], others[others >= split], cells, same=False)
            if finer != level:
                yield _near(rows[rows >= split], others[others < split], cells, same=False)


def _near(rows: Rows, others: Rows, cells: Rows, *, same: bool) -> tuple[Rows, Rows]:
    """Pairs of one of `rows` with one of `others` whose cells (n, 2) touch; each unordered pair once where `same`."""
    low = cells.min(axis=0)
    span = int(cells[:, 0].max() - low[0]) + 3
    key = (cells[:, 0] - low[0] + 1) + span * (cells[:, 1] - low[1] + 1)
    by_key = others[np.argsort(key[others], kind="stable")]
    # The three cells of a line of the grid follow each other; of equals, those before are the partners of those after.
    line = span * np.array([[0], [1]] if same else [[-1], [0], [1]])
    start = line - np.where(line == 0, not same, 1)
    first, end = np.searchsorted(key[by_key], key[rows] + np.stack([start, line + 2]))
    count = (end - first).ravel()
    i = np.repeat(np.tile(rows, len(line)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    j = by_key[np.repeat(first.ravel(), count) + within]
    if same:
        once = (i < j) | (key[i] != key[j])
        i, j = i[once], j[once]
    return i, j
