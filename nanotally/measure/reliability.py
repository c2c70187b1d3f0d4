"""Reliability of scores: whether of the detections with score 0.8 four in five are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
LOWEST_SCORE = 0.1
"""Below it are thousands of guesses that no threshold lets pass; they would hide the rest."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Scores against the share that is right, in `BINS` equal steps of the score.

    Attributes:
        count: (bins,) int64, detections.
        score: (bins,) float64, their mean score; nan where there are none.
        right: (bins,) float64, share that is right; nan where there are none.
    """

    count: NDArray[np.int64]
    score: NDArray[np.float64]
    right: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |right - score| over the detections; nan where there are none."""
        known = self.count > 0
        if not known.any():
            return float("nan")
        return float(np.average(np.abs(self.right - self.score)[known], weights=self.count[known]))


def reliability(score: NDArray[np.float32], right: NDArray[np.bool_]) -> Reliability:
    """Reliability of the detections with `score` (n,) from `LOWEST_SCORE` to 1, of which `right` (n,) are right."""
    score, right = score[score >= LOWEST_SCORE], right[score >= LOWEST_SCORE]
    which = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    sums = [np.bincount(which, weights=column, minlength=BINS) for column in (score, right)]
    nothing = np.full(BINS, np.nan)
    means = [np.divide(column, count, out=nothing.copy(), where=count > 0) for column in sums]
    return Reliability(count, *means)
