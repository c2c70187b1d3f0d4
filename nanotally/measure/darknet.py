"""The figures that `darknet detector map` prints (AlexeyAB), which tell of training runs everywhere.

A box matches where the overlap is strictly above one half. A detection stands for the label of its class that it
overlaps most; the second one to do so is false. The mean is over all classes of the network, and one without a label
counts as 0. The average IoU divides the overlaps of the right detections by the number of all detections, so a false
one counts as an overlap of 0: it is not the mean overlap of the matches.

darknet looks from score 0.005 with its own suppression at 0.45; here the bundle's own suppression has been before. A
detection on a difficult label of its class is taken out, as darknet does with its `difficult` list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import iou
from nanotally.measure.judged import Judged
from nanotally.measure.matching import SAME_AT
from nanotally.measure.precision import AveragePrecisions, curve

LOWEST_SCORE = 0.005
"""From which darknet draws its curves."""
IOU_ABOVE_SCORE = 0.25
"""Score above which a detection counts for the average IoU, and as right or false."""


@dataclass(frozen=True, eq=False)
class DarknetFigures:
    """What darknet prints.

    Attributes:
        area: average precisions as the area under the curve, its default (`-points 0`).
        eleven: the same at 11 recalls (`-points 11`, VOC 2007).
        average_iou: overlaps of the right detections above `IOU_ABOVE_SCORE`, over all detections above it; 0 if none.
    """

    area: AveragePrecisions
    eleven: AveragePrecisions
    average_iou: float


def darknet(judged: Sequence[Judged], classes: int) -> DarknetFigures:
    """The figures over all detections of `judged`."""
    area, eleven = np.zeros(classes), np.zeros(classes)
    right, false = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    overlaps = 0.0
    for class_id in range(classes):
        labelled = sum(int((image.truth.class_id[~image.difficult] == class_id).sum()) for image in judged)
        overlap, score = (np.concatenate(c) for c in zip(*(_hits(image, class_id) for image in judged), strict=True))
        if labelled:
            drawn = curve(overlap > 0, score, labelled)
            area[class_id], eleven[class_id] = drawn.area(), drawn.mean_at_points(11)
        told = overlap[score > IOU_ABOVE_SCORE]
        right[class_id], false[class_id] = (told > 0).sum(), (told == 0).sum()
        overlaps += float(told.sum())
    every = int(right.sum() + false.sum())
    return DarknetFigures(
        AveragePrecisions(area, right, false), AveragePrecisions(eleven, right, false), overlaps / max(every, 1)
    )


def _hits(image: Judged, class_id: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Overlap with the label (0: false) and score of the detections of a class that count, best first."""
    found = image.found[image.found.class_id == class_id]
    found = found[np.argsort(-found.score, kind="stable")]
    own = image.truth.class_id == class_id
    table = iou(found.xyxy, image.truth.xyxy[own & ~image.difficult])
    over_difficult = (iou(found.xyxy, image.truth.xyxy[own & image.difficult]) > SAME_AT).any(axis=1)
    overlap, counts = np.zeros(len(found), np.float32), np.asarray(~over_difficult)
    used = np.zeros(table.shape[1], bool)
    for row in np.flatnonzero((table > SAME_AT).any(axis=1)):
        best = int(np.argmax(table[row]))
        overlap[row], counts[row] = (0 if used[best] else table[row, best]), True
        used[best] = True
    return overlap[counts], found.score[counts]
