"""An engine that sees exactly what is in a tile: every bright patch is a particle, cut where the tile cuts it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle, Manifest
from nanotally.detections import CLASSES
from nanotally.opencv import cv2

SIDE = 160
ANCHORS = 4000


def oracle_bundle(side: int = SIDE, max_detections: int = 10_000, stride: int | None = None) -> Bundle:
    manifest = Manifest(
        schema=1, name="oracle", sha256="0" * 64, classes=CLASSES, input_size_px=side, stride=stride,
        thresholds={"cube": 0.5, "quasi_sphere": 0.5}, max_detections=max_detections,
    )  # fmt: skip
    return Bundle(Path("oracle"), manifest)


class OracleEngine:
    """Boxes of the connected patches: grey 200 and more is a cube, less a quasi-sphere."""

    name, precision, description = "oracle", "exact", "connected components"

    def __init__(self) -> None:
        self.closed = False

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raw = np.zeros((len(batch), 4 + len(CLASSES), ANCHORS), np.float32)
        for row, (tile,) in enumerate(batch):
            bright = (tile > 0.55).astype(np.uint8)
            count, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=4)
            for i in range(1, count):
                x, y, w, h, _ = stats[i]
                cube = tile[labels == i].max() >= 200 / 255
                raw[row, :, i - 1] = x + w / 2, y + h / 2, w, h, 0.9 * cube, 0.9 * (not cube)
        return raw

    def close(self) -> None:
        self.closed = True


def draw_patches(height: int, width: int, boxes: NDArray[np.int64], levels: NDArray[np.int64]) -> NDArray[np.uint8]:
    image = np.zeros((height, width), np.uint8)
    for (x1, y1, x2, y2), level in zip(boxes, levels, strict=True):
        image[y1:y2, x1:x2] = level
    return image
