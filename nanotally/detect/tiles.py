"""Tiles: how a field of view is cut into squares of the network's input size, at one or several scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

PAD = 114
"""Grey level beyond the border of the field where it is smaller than a tile; the network was trained with it."""


@dataclass(frozen=True)
class Level:
    """One scale of a field: how it is resized and where its tiles lie.

    Attributes:
        scale_x: network pixels per image pixel along x; differs from `scale_y` by rounding only.
        scale_y: network pixels per image pixel along y.
        width: of the resized field, network pixels.
        height: of the resized field, network pixels.
        corners: (n, 2) int32, x y of each tile's upper left corner in the resized field.
    """

    scale_x: float
    scale_y: float
    width: int
    height: int
    corners: NDArray[np.int32]


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Starts of the fewest evenly spread tiles that cover `length` with at least `overlap`."""
    if length <= side:
        return [0]
    count = 1 + -(-(length - side) // (side - overlap))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def plan_levels(*, height: int, width: int, side: int, overlap: int, scale: float, most: int | None) -> list[Level]:
    """The levels of a field of `height` x `width` image pixels, finest first, each half the scale of the one before.

    Args:
        height: of the field, image pixels.
        width: of the field, image pixels.
        side: of a tile, network pixels.
        overlap: least overlap of neighbouring tiles, network pixels, less than `side`.
        scale: network pixels per image pixel at the finest level.
        most: how many levels at the most; None: go on until one tile holds the whole field.
    """
    levels: list[Level] = []
    while True:
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        xs, ys = _starts(w, side, overlap), _starts(h, side, overlap)
        corners = np.array([(x, y) for y in ys for x in xs], np.int32)
        levels.append(Level(w / width, h / height, w, h, corners))
        if len(corners) == 1 or len(levels) == most:
            return levels
        scale /= 2


def cut_tiles(field: NDArray[np.uint8], level: Level, out: NDArray[np.float32]) -> None:
    """Fill `out` (n, 1, side, side) float32, 0 to 1, with the level's tiles of `field` (h, w) uint8."""
    if (level.width, level.height) != (field.shape[1], field.shape[0]):
        how = cv2.INTER_AREA if level.width < field.shape[1] else cv2.INTER_LINEAR
        field = np.asarray(cv2.resize(field, (level.width, level.height), interpolation=how), np.uint8)
    side = out.shape[2]
    for tile, (x, y) in zip(out[:, 0], level.corners, strict=True):
        part = field[y : y + side, x : x + side]
        h, w = part.shape
        if (h, w) != (side, side):
            tile.fill(PAD / 255)
        np.multiply(part, np.float32(1 / 255), out=tile[:h, :w])
