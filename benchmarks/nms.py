"""Suppression of duplicate boxes: ours beside OpenCV's and a plain greedy one, in one run on the same boxes.

Every object gives five candidates, as the raw output of a network does. All three must keep the same boxes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nanotally.detect.merge import suppress
from nanotally.opencv import cv2

OBJECTS = (300, 1000, 2000, 5000)
CANDIDATES = 5
IOU = 0.5
ROUNDS = 5

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]
Suppressor = Callable[[Boxes, Scores], NDArray[np.int64]]


def candidates(objects: int) -> tuple[Boxes, Scores]:
    """Boxes (n, 4) float32, x1 y1 x2 y2 in pixels, and scores (n,) of `objects` particles of 12 to 40 px.

    The field grows with their number, so that a particle has as many neighbours in every scene.
    """
    random = np.random.default_rng(0)
    side_px = 40 * np.sqrt(objects)
    centre = np.repeat(random.uniform(0, side_px, (objects, 2)), CANDIDATES, axis=0)
    size = np.repeat(random.uniform(12, 40, (objects, 2)), CANDIDATES, axis=0)
    centre += random.normal(0, 0.08, centre.shape) * size
    size *= random.normal(1, 0.08, size.shape)
    xyxy = np.hstack([centre - size / 2, centre + size / 2]).astype(np.float32)
    score = np.linspace(0.01, 1, len(xyxy), dtype=np.float32)  # no two alike
    return xyxy, random.permutation(score)


def ours(xyxy: Boxes, score: Scores) -> NDArray[np.int64]:
    return suppress(xyxy, score, IOU)


def opencv(xyxy: Boxes, score: Scores) -> NDArray[np.int64]:
    xywh = np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]])
    return np.asarray(cv2.dnn.NMSBoxes(xywh, score, score_threshold=0.0, nms_threshold=IOU))


def greedy(xyxy: Boxes, score: Scores) -> NDArray[np.int64]:
    """Take the best box, drop all that overlap it, again: as every textbook has it, areas computed once."""
    x1, y1, x2, y2 = xyxy.T
    area = (x2 - x1) * (y2 - y1)
    waiting = np.argsort(-score)
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[waiting]) - np.maximum(x1[best], x1[waiting])
        height = np.minimum(y2[best], y2[waiting]) - np.maximum(y1[best], y1[waiting])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        waiting = waiting[shared <= IOU * (area[best] + area[waiting] - shared)]
    return np.array(kept)


def duel(xyxy: Boxes, score: Scores) -> tuple[list[float], list[set[int]]]:
    """Best time in milliseconds and the rows kept, of ours, OpenCV's and the greedy one."""
    runners: tuple[Suppressor, ...] = (ours, opencv, greedy)
    kept = [set(run(xyxy, score).tolist()) for run in runners]  # also the warm-up
    took_ms: list[list[float]] = [[] for _ in runners]
    for _ in range(ROUNDS):
        for run, times in zip(runners, took_ms, strict=True):
            start = perf_counter()
            run(xyxy, score)
            times.append(1000 * (perf_counter() - start))
    return [min(times) for times in took_ms], kept


def main() -> None:
    """Print the table; exit code 1 if the three do not keep the same boxes."""
    columns = "objects, boxes, kept, ours ms, OpenCV ms, greedy ms, OpenCV / ours, greedy / ours, agree"
    table = Table(*columns.split(", "))
    agreed = True
    for objects in OBJECTS:
        xyxy, score = candidates(objects)
        (ours_ms, opencv_ms, greedy_ms), kept = duel(xyxy, score)
        same = kept[0] == kept[1] == kept[2]
        agreed &= same
        numbers = (str(n) for n in (objects, len(xyxy), len(kept[0])))
        times = (f"{ms:.2f}" for ms in (ours_ms, opencv_ms, greedy_ms))
        ratios = (f"{opencv_ms / ours_ms:.1f}", f"{greedy_ms / ours_ms:.1f}")
        table.add_row(*numbers, *times, *ratios, "yes" if same else "NO")
    Console(width=120).print(table)
    raise SystemExit(not agreed)


if __name__ == "__main__":
    main()
