"""Batches: tiles of several fields and scales, those of one size together, as an engine takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.tiles import Level, cut_tiles

Look = tuple[NDArray[np.uint8], Level]
"""A field (height, width), and a scale at which it is looked at."""


@dataclass(frozen=True)
class Batch:
    """Tiles of one size.

    Attributes:
        tiles: (n, 1, height, width) float32, 0 to 1.
        looks: places of the looks whose tiles they are, in order.
        ends: row of `tiles` after the last one of each of them.
    """

    tiles: NDArray[np.float32]
    looks: tuple[int, ...]
    ends: tuple[int, ...]

    def by_look(self, rows: NDArray[np.float32]) -> dict[int, NDArray[np.float32]]:
        """One row a tile, as the rows of each look."""
        return dict(zip(self.looks, np.split(rows, self.ends[:-1]), strict=True))


class Cutter:
    """Cuts looks into batches; keeps the memory for their pixels. Used by one thread."""

    def __init__(self) -> None:
        self._pixels = np.empty(0, np.float32)

    def cut(self, looks: Sequence[Look]) -> list[Batch]:
        """The tiles of all `looks`, in few batches; the next call overwrites them."""
        sizes: dict[tuple[int, int], list[int]] = {}
        for place, (_, level) in enumerate(looks):
            sizes.setdefault(level.tile, []).append(place)
        areas = [width * height * len(level.corners) for _, level in looks for width, height in (level.tile,)]
        if sum(areas) > len(self._pixels):
            self._pixels = np.empty(sum(areas), np.float32)
        batches, free = [], self._pixels
        for (width, height), places in sizes.items():
            ends = np.cumsum([len(looks[place][1].corners) for place in places])
            taken = width * height * int(ends[-1])
            tiles, free = free[:taken].reshape(-1, 1, height, width), free[taken:]
            batch = Batch(tiles, tuple(places), tuple(ends.tolist()))
            for place, out in batch.by_look(tiles).items():
                cut_tiles(*looks[place], out)
            batches.append(batch)
        return batches
