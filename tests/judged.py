"""Judged images made by hand, for the tests of the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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


def scenes(seed: int, images: int = 6) -> list[Judged]:
    """Images drawn at random, of two classes in three groups, with right, wrong, twofold and difficult detections.

    No two scores are equal, so that the order of a ranking is certain.
    """
    rng = np.random.default_rng(seed)
    scores = iter(rng.permutation(np.linspace(0.05, 0.95, 40 * images)).tolist())
    made = []
    for number in range(images):
        labels, found = [], []
        for place in rng.permutation(16)[: rng.integers(0, 9)].tolist():
            box, class_id = square(25 * (place % 4), 25 * (place // 4), 12), int(rng.integers(2))
            labels.append((box, class_id))
            for _ in range(rng.integers(0, 3)):
                dx, dy = rng.uniform(-4, 4, 2)
                told = class_id if rng.random() < 0.8 else 1 - class_id
                found.append((square(box[0] + dx, box[1] + dy, 12), next(scores), told))
        found += [(square(*rng.uniform(0, 88, 2), 12), next(scores), int(rng.integers(2))) for _ in range(3)]
        difficult = np.flatnonzero(rng.random(len(labels)) < 0.15).tolist()
        one = image(labels, found, difficult=difficult, name=f"{number}.png")
        contact = float(rng.random()) if labels else float("nan")
        made.append(replace(one, contact=contact, group="abc"[number % 3]))
    return made


def repeated(judged: Sequence[Judged], weights: Sequence[int]) -> list[Judged]:
    """The images, each as often as its weight says."""
    return [image for image, weight in zip(judged, weights, strict=True) for _ in range(weight)]
