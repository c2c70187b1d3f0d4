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
        found: (m labels,) bool, labels that have a match; a difficult one only where the match is of its class.
        ignored: (n found,) bool, matched with a difficult label: neither right nor wrong.
    """

    truth_of: NDArray[np.int64]
    overlap: NDArray[np.float32]
    found: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n found,) bool, matched with a label that counts."""
        return (self.truth_of >= 0) & ~self.ignored

    @property
    def false(self) -> NDArray[np.bool_]:
        """(n found,) bool, matched with no label at all."""
        return self.truth_of < 0


def match(
    found: Detections,
    truth: Detections,
    *,
    at: float = SAME_AT,
    any_class: bool = False,
    difficult: NDArray[np.bool_] | None = None,
) -> Matches:
    """Give each found particle, best score first, the free label of its class that it overlaps most.

    A difficult label is given to what no other label was given to, whatever its class and as often as it is found:
    nobody is blamed for what he makes of a particle that the labeller could not judge.

    Args:
        found: detections.
        truth: labels.
        at: least intersection over union.
        any_class: let a particle match a label of another class.
        difficult: (m labels,) bool; None: no label is.
    """
    truth_of = np.full(len(found), -1, np.int64)
    overlap = np.zeros(len(found), np.float32)
    difficult = np.zeros(len(truth), bool) if difficult is None else difficult
    free = ~difficult
    table = iou(found.xyxy, truth.xyxy)
    same = np.full(table.shape, True) if any_class else found.class_id[:, None] == truth.class_id[None, :]
    allowed = np.where(same & free, table, 0)
    order = np.argsort(-found.score, kind="stable")
    for row in order[(allowed[order] >= at).any(axis=1)]:
        best = int(np.argmax(np.where(free, allowed[row], -1)))
        if free[best] and allowed[row, best] >= at:
            truth_of[row], overlap[row], free[best] = best, allowed[row, best], False
    seen = ~difficult & ~free
    over_difficult = np.where(difficult & (table >= at), table + same, 0)  # of several, one of its own class first
    ignored = (truth_of < 0) & over_difficult.any(axis=1)
    for row in np.flatnonzero(ignored):
        best = int(np.argmax(over_difficult[row]))
        truth_of[row], overlap[row] = best, table[row, best]
        seen[best] |= same[row, best]
    return Matches(truth_of, overlap, seen, ignored)
