"""Precision and recall over the score, and the average precisions that are made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall as the threshold falls from one detection to the next.

    Attributes:
        score: (n,) descending.
        recall: (n,) 0 to 1; 0 where nothing is labelled.
        precision: (n,) 0 to 1.
        labelled: how many there are to find.
    """

    score: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    labelled: int

    def area(self) -> float:
        """Area under the curve, whose precision first is made to fall only (VOC 2012); nan without labels."""
        if not self.labelled:
            return float("nan")
        envelope = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(np.diff(self.recall, prepend=0.0) * envelope))

    def mean_at_points(self, points: int) -> float:
        """Mean over equally spaced recalls of the best precision at that recall or above (11: VOC 2007)."""
        if not self.labelled:
            return float("nan")
        wanted = np.arange(points)[:, None] / (points - 1)
        best = np.where(self.recall >= wanted, self.precision, 0.0).max(axis=1, initial=0.0)
        return float(best.mean())

    def f1(self) -> NDArray[np.float64]:
        """(n,) harmonic mean of precision and recall; 0 where both are."""
        both = self.precision + self.recall
        return np.divide(2 * self.precision * self.recall, both, out=np.zeros_like(both), where=both > 0)


def curve(right: ArrayLike, score: ArrayLike, labelled: int) -> Curve:
    """The curve of detections of one class.

    Args:
        right: (n,) bool, whether each is right.
        score: (n,) its score; among equal ones the order is kept.
        labelled: how many there are to find.
    """
    right, score = np.asarray(right, bool), np.asarray(score, np.float64)
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(right[order])
    told = np.arange(1, len(order) + 1)
    return Curve(score[order], hits / max(labelled, 1), hits / told, labelled)


@dataclass(frozen=True, eq=False)
class AveragePrecisions:
    """Average precision a class, in one of its definitions.

    Attributes:
        ap: (classes,) float64; nan where the definition leaves a class out.
        right: (classes,) int64, detections that found a label.
        false: (classes,) int64, detections that count as wrong.
    """

    ap: NDArray[np.float64]
    right: NDArray[np.int64]
    false: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """Mean over the classes that are not left out; nan if all are."""
        return known_mean(self.ap)


def known_mean(values: ArrayLike) -> float:
    """Mean of those that are not nan; nan if all are."""
    array = np.asarray(values, np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if len(known) else float("nan")
