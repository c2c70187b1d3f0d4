"""Matching found particles with labelled ones, and the counts that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections, iou

SAME_AT = 0.5
"""Jaccard index from which a box counts as found (paper section 2.5)."""


@dataclass(frozen=True)
class Matches:
    """Pairs of a found and a labelled particle of one image.

    Attributes:
        truth_of: (n found,) int64, row of the label that each found particle was matched with; -1: none.
        overlap: (n found,) float32, intersection over union with that label; 0: none.
        found: (m labels,) bool, labels that have a match.
    """

    truth_of: NDArray[np.int64]
    overlap: NDArray[np.float32]
    found: NDArray[np.bool_]


def match(found: Detections, truth: Detections, *, at: float = SAME_AT, any_class: bool = False) -> Matches:
    """Give each found particle, best score first, the free label of its class that it overlaps most.

    Args:
        found: detections.
        truth: labels.
        at: least intersection over union.
        any_class: let a particle match a label of another class.
    """
    truth_of = np.full(len(found), -1, np.int64)
    overlap = np.zeros(len(found), np.float32)
    free = np.ones(len(truth), bool)
    table = iou(found.xyxy, truth.xyxy)
    if not any_class:
        table[found.class_id[:, None] != truth.class_id[None, :]] = 0
    for row in np.argsort(-found.score, kind="stable"):
        if not len(truth):
            break
        best = int(np.argmax(np.where(free, table[row], -1)))
        if free[best] and table[row, best] >= at:
            truth_of[row], overlap[row], free[best] = best, table[row, best], False
    return Matches(truth_of, overlap, ~free)
