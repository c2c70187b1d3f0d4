"""Mean average precision as the script of Cartucho et al. computes it, which the paper used (its reference 20).

Written anew from its behaviour. What it does differently from `Ledger.average_precisions`:

- A box's corners are taken for whole pixels that belong to it: 1 is added to every width and height. So two equal boxes
  of 8 px may lie 3.0 px apart and still match; without it, 2.67.
- A detection stands for the label of its class that it overlaps most, even if that one was found already: then the
  detection is wrong, though another free label may be near enough.
- A difficult label excuses detections of its own class only.
- The table calls everything false that is not right, so a detection on a difficult label too.

Classes without a label that counts are left out: what is found of them never lowers the mean. The script itself dies
of a division by zero where the best detection of a class lies on a difficult label; here such a detection is passed
over, as it is everywhere else on the curve. Its "log-average miss rate" is not computed: it is not what its name says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.judged import Judged
from nanotally.measure.matching import SAME_AT
from nanotally.measure.precision import AveragePrecisions, curve


def cartucho(judged: Sequence[Judged], classes: int) -> AveragePrecisions:
    """The script's figures over all detections of `judged`, in the order of the images."""
    ap = np.full(classes, np.nan)
    right, false = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for class_id in range(classes):
        labelled = sum(int((image.truth.class_id[~image.difficult] == class_id).sum()) for image in judged)
        verdicts = [_verdicts(image, class_id) for image in judged]
        hit, score, ignored = (np.concatenate(column) for column in zip(*verdicts, strict=True))
        ap[class_id] = curve(hit[~ignored], score[~ignored], labelled).area()
        right[class_id], false[class_id] = hit.sum(), (~hit).sum()
    return AveragePrecisions(ap, right, false)


def _verdicts(image: Judged, class_id: int) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.bool_]]:
    """Of the detections of a class in an image, best first: whether right, score, whether on a difficult label."""
    found = image.found[image.found.class_id == class_id]
    found = found[np.argsort(-found.score, kind="stable")]
    own = image.truth.class_id == class_id
    difficult = image.difficult[own]
    table = _inclusive_iou(found.xyxy, image.truth.xyxy[own])
    hit, ignored = np.zeros(len(found), bool), np.zeros(len(found), bool)
    used = np.zeros(len(difficult), bool)
    for row in np.flatnonzero((table >= SAME_AT).any(axis=1)):
        best = int(np.argmax(table[row]))
        hit[row] = not difficult[best] and not used[best]
        ignored[row] = difficult[best]
        used[best] = True
    return hit, found.score, ignored


def _inclusive_iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection over union (n, m) of boxes whose right and lower edges belong to them."""
    one, other = a.astype(np.float64)[:, None], b.astype(np.float64)[None]
    shared = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]) + 1
    inner = np.clip(shared, 0, None).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2] + 1).prod(axis=-1) for box in (one, other)]
    return np.asarray(inner / (areas[0] + areas[1] - inner), np.float64)
