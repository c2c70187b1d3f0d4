"""From candidates in tiles to candidates in a field: each is left to the tile and the level that see it best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.detect.decode import Candidates
from nanotally.detect.kinds import Rivals
from nanotally.detect.tiles import Level
from nanotally.detections import FLAG_BORDER, FLAG_SEAM, Detections

TOUCH_PX = 8
"""A box that comes this near to the edge of its tile, in network pixels, is taken to be cut by it. Networks end the box
of a cut particle some pixels short of the edge; tiles overlap by twice this more than they are asked to, so that no
particle is taken to be cut everywhere."""
FINER_SEES_PX = 20.0
"""Particles smaller than this in a coarse level, network pixels, are left to the finer one."""
COARSER_SEES_PX = 100.0
"""Particles larger than this in a fine level, network pixels, are left to the coarser one: the finer one has more false
detections of this size, and is no better at true ones."""
BORDER_PX = 1.0
"""A box that comes this near to the border of the field touches it."""

Seen = tuple[Level, Candidates]
"""A level, and what may be particles in its tiles."""
Table = NDArray[np.float32]


def in_field(seen: list[Seen], shape: tuple[int, int], *, overlap_px: int) -> tuple[Detections, Rivals]:
    """Candidates of all levels in field pixels, with what else they may be; only those that nothing sees better.

    Args:
        seen: by level, finest first.
        shape: (h, w) of the field, pixels.
        overlap_px: size in network pixels up to which every particle is whole in some tile.
    """
    parts, rivals = [], []
    for rank, (level, candidates) in enumerate(seen):
        last = rank == len(seen) - 1
        sizes = (FINER_SEES_PX if rank else 0.0, np.inf if last else COARSER_SEES_PX)
        # A cut particle shorter than the overlap is whole in another tile; a longer one in the next, coarser level.
        least_cut = float(overlap_px) if last else np.inf
        size = np.array([level.width, level.height, shape[1], shape[0]], np.float32)
        scale = np.array([level.scale_x, level.scale_y], np.float32)
        tile = np.array(level.tile, np.float32)
        corner = level.corners.astype(np.float32)
        row, box, flags = _move(candidates.xyxy, candidates.tile, corner, tile, size, scale, sizes, least_cut)
        parts.append(Detections(box, candidates.score[row], candidates.class_id[row], flags))
        rivals.append(candidates.rivals[row])
    return Detections.concatenate(parts), Rivals.concatenate(rivals)


@compiled
def _move(
    xyxy: Table, tile_of: NDArray[np.int64], corners: Table, tile: Table, size: Table, scale: Table,
    sizes: tuple[float, float], least_cut: float,
) -> tuple[NDArray[np.int64], Table, NDArray[np.uint16]]:  # fmt: skip
    """Rows of a level's candidates that are kept, their boxes in field pixels, and flags.

    Args:
        xyxy: (n, 4) in pixels of tiles.
        tile_of: (n,) rows of `corners`.
        corners: (tiles, 2) x y in the level.
        tile: (2,) width and height of a tile.
        size: (4,) width and height of the level, width and height of the field.
        scale: (2,) network pixels a pixel of the field along x and y.
        sizes: of the particles that are kept, network pixels, from and to.
        least_cut: such a size above which also those are kept that the edge of a tile cuts.
    """
    rows, boxes = np.empty(len(xyxy), np.int64), np.empty((len(xyxy), 4), np.float32)
    flags, n = np.zeros(len(xyxy), np.uint16), 0
    for row in range(len(xyxy)):
        largest = max(xyxy[row, 2] - xyxy[row, 0], xyxy[row, 3] - xyxy[row, 1])
        if not sizes[0] <= largest <= sizes[1]:
            continue
        cut = beyond = empty = False
        for axis in range(2):
            low, high, corner = xyxy[row, axis], xyxy[row, 2 + axis], corners[tile_of[row], axis]
            cut |= low < TOUCH_PX and corner > 0
            cut |= high > tile[axis] - TOUCH_PX and corner + tile[axis] < size[axis]
            first = min(max(low + corner, np.float32(0)), size[axis]) / scale[axis]
            end = min(max(high + corner, np.float32(0)), size[axis]) / scale[axis]
            beyond |= first < BORDER_PX or end > size[2 + axis] - BORDER_PX
            empty |= not end > first
            boxes[n, axis], boxes[n, 2 + axis] = first, end
        if empty or (cut and not largest > least_cut):
            continue
        rows[n], flags[n] = row, cut * FLAG_SEAM + beyond * FLAG_BORDER
        n += 1
    return rows[:n], boxes[:n], flags[:n]
