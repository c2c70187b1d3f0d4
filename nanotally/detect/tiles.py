"""Tiles: how a field of view is cut into what the network takes at once, at one or several scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

PAD = 114
"""Grey level beyond the border of the field where it is smaller than a tile; the network was trained with it."""
LARGEST_PX = 1536
"""Largest side of a tile of a network that takes any size, network pixels: memory grows with its area."""


@dataclass(frozen=True)
class Level:
    """One scale of a field: how it is resized and where its tiles lie.

    Attributes:
        scale_x: network pixels per image pixel along x; differs from `scale_y` by rounding only.
        scale_y: network pixels per image pixel along y.
        width: of the resized field, network pixels.
        height: of the resized field, network pixels.
        tile: width and height of each tile, network pixels.
        corners: (n, 2) int32, x y of each tile's upper left corner in the resized field.
    """

    scale_x: float
    scale_y: float
    width: int
    height: int
    tile: tuple[int, int]
    corners: NDArray[np.int32]


def _spread(length: int, side: int, stride: int | None, overlap: int) -> tuple[int, list[int]]:
    """Side and starts of the fewest evenly spread tiles that cover `length` with at least `overlap`.

    Tiles are `side` long; with a `stride` they are the least multiple of it that will do, and `side` at the most.
    """
    count = 1 + max(0, -(-(length - side) // (side - overlap)))
    if stride:
        side = -(-(length + (count - 1) * overlap) // (count * stride)) * stride
    return side, [round(i * (length - side) / (count - 1)) for i in range(count)] if count > 1 else [0]


def plan_levels(
    *, height: int, width: int, input_size: int, stride: int | None, overlap: int, scale: float, most: int | None
) -> list[Level]:
    """The levels of a field of `height` x `width` image pixels, finest first, each half the scale of the one before.

    Args:
        height: of the field, image pixels.
        width: of the field, image pixels.
        input_size: side of the squares that the network takes or, where it takes any size, was trained on.
        stride: of a network that takes any size, else None.
        overlap: least overlap of neighbouring tiles, network pixels, less than the largest tile.
        scale: network pixels per image pixel at the finest level.
        most: how many levels at the most; None: go on until the whole field is not larger than `input_size`.
    """
    largest = largest_tile(input_size, stride)
    levels: list[Level] = []
    while True:
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        (tile_w, xs), (tile_h, ys) = (_spread(length, largest, stride, overlap) for length in (w, h))
        corners = np.array([(x, y) for y in ys for x in xs], np.int32)
        levels.append(Level(w / width, h / height, w, h, (tile_w, tile_h), corners))
        if max(w, h) <= input_size or len(levels) == most:
            return levels
        scale /= 2


def largest_tile(input_size: int, stride: int | None) -> int:
    """Largest side of a tile, network pixels; arguments as of `plan_levels`."""
    return LARGEST_PX if stride else input_size


def cut_tiles(field: NDArray[np.uint8], level: Level, out: NDArray[np.float32]) -> None:
    """Fill `out` (n, 1, height, width) float32, 0 to 1, with the level's tiles of `field` (h, w) uint8."""
    if (level.width, level.height) != (field.shape[1], field.shape[0]):
        how = cv2.INTER_AREA if level.width < field.shape[1] else cv2.INTER_LINEAR
        field = np.asarray(cv2.resize(field, (level.width, level.height), interpolation=how), np.uint8)
    height, width = out.shape[2:]
    for tile, (x, y) in zip(out[:, 0], level.corners, strict=True):
        part = field[y : y + height, x : x + width]
        h, w = part.shape
        if (h, w) != (height, width):
            tile.fill(PAD / 255)
        np.multiply(part, np.float32(1 / 255), out=tile[:h, :w])
