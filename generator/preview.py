"""A contact sheet: the first pictures of a set with their boxes, to look at before a network learns from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.draw import overlay
from nanotally.generator.orders import Picture
from nanotally.opencv import cv2

COLUMNS, ROWS = 5, 5
CELL_PX = (400, 300)
"""Width and height of a picture on the sheet."""
GAP_PX = 6


class Preview:
    """Collects pictures until the sheet is full."""

    def __init__(self) -> None:
        self._cells: list[NDArray[np.uint8]] = []

    def add(self, picture: Picture) -> None:
        """Put the picture on the sheet, if there is room."""
        if len(self._cells) == COLUMNS * ROWS:
            return
        drawn = overlay(picture.image, picture.labels.detections)
        height, width = drawn.shape[:2]
        scale = min(CELL_PX[0] / width, CELL_PX[1] / height)
        small = cv2.resize(drawn, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        cell = np.full((CELL_PX[1] + GAP_PX, CELL_PX[0] + GAP_PX, 3), 255, np.uint8)
        cell[: small.shape[0], : small.shape[1]] = small
        self._cells.append(cell)

    def sheet(self) -> NDArray[np.uint8]:
        """The sheet (h, w, 3) uint8 BGR."""
        columns = min(COLUMNS, max(len(self._cells), 1))
        empty = np.full((CELL_PX[1] + GAP_PX, CELL_PX[0] + GAP_PX, 3), 255, np.uint8)
        cells = self._cells + [empty] * (-len(self._cells) % columns)
        rows = [np.hstack(cells[k : k + columns]) for k in range(0, len(cells), columns)]
        return np.vstack(rows or [empty])
