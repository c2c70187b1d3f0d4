"""Judged images made by hand, for the tests of the figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nanotally.detections import Detections
from nanotally.measure.judged import Judged

Box = tuple[float, float, float, float]


def image(
    labels: Sequence[Box | tuple[Box, int]] = (),
    found: Sequence[tuple[Box, float] | tuple[Box, float, int]] = (),
    *,
    difficult: Sequence[int] = (),
    name: str = "a.png",
) -> Judged:
    """An image with labels (box, or box and class) and detections (box, score, or box, score, class)."""
    boxes = [label if len(label) == 4 else label[0] for label in labels]
    classes = [0 if len(label) == 4 else label[1] for label in labels]
    truth = Detections(np.float32(boxes).reshape(-1, 4), class_id=np.uint16(classes))
    told = Detections(
        np.float32([row[0] for row in found]).reshape(-1, 4),
        np.float32([row[1] for row in found]),
        np.uint16([row[2] if len(row) > 2 else 0 for row in found]),
    )
    hard = np.isin(np.arange(len(labels)), difficult)
    return Judged(name, truth, told, (100, 100), hard)


def square(x: float, y: float = 0.0, side: float = 10.0) -> Box:
    return (x, y, x + side, y + side)
