"""Bootstrap over groups: how far figures could be off because the pictures at hand happen to be these.

Pictures of one article or sample are alike, so whole groups are drawn, with replacement and as many as there are (the
cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). A resample is a
weight on every image, how often it stands in it: nothing is matched twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.judged import Judged
from nanotally.measure.ledger import Ledger

RESAMPLES = 1000
SHARE = 0.9
"""Of the resamples, how many lie inside an interval."""
SEED = 0
RECALLS = np.linspace(0, 1, 101)
"""Where COCO reads the precision."""

Weights = NDArray[np.int64]
"""(images,), how often each image counts."""


@dataclass(frozen=True)
class Estimate:
    """A figure, and where it would lie with other groups of the same kind.

    Attributes:
        value: over all images.
        low, high: ends of the percentile interval that holds `SHARE` of the resamples; nan where there is none.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")


def resample(groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.int64]:
    """(resamples, images) int64, the weights of the images, whose group is `groups` (images,), in each resample."""
    names, group_of = np.unique(groups, return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), share, size=resamples)
    return np.asarray(drawn[:, group_of], np.int64)


def estimates(figures: Callable[[Weights], Mapping[str, float]], groups: Sequence[str]) -> dict[str, Estimate]:
    """Figures with their intervals; fewer than two groups have none.

    A resample in which a figure has no meaning, such as an average precision without a label, tells nothing about it.

    Args:
        figures: all figures for a weight on every image.
        groups: (images,) the group of each image.
    """
    values = figures(np.ones(len(groups), np.int64))
    if len(set(groups)) < 2:
        return {name: Estimate(value) for name, value in values.items()}
    rows = [figures(weights) for weights in resample(groups)]
    return {name: Estimate(value, *_interval([row[name] for row in rows])) for name, value in values.items()}


def _interval(values: Sequence[float]) -> tuple[float, float]:
    known = np.array(values)[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Detections of a set, best first, that can be counted for any weight on the images.

    Attributes:
        score: (n,) float32, descending.
        right: (n,) bool, matched with a label that counts; the others match none.
        image: (n,) int64, in which image.
        labelled: (images,) int64, labels that count.
    """

    score: NDArray[np.float32]
    right: NDArray[np.bool_]
    image: NDArray[np.int64]
    labelled: NDArray[np.int64]

    def average_precision(self, weights: Weights) -> float:
        """COCO's, at the overlap that the detections were matched with; nan without labels."""
        labelled = int(weights @ self.labelled)
        if not labelled:
            return float("nan")
        hits, told = self._counts(weights)
        precision = np.divide(hits, told, out=np.zeros(len(hits)), where=told > 0)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.append(envelope, 0)[np.searchsorted(hits / labelled, RECALLS)].mean())

    def at_precision(self, least: float, weights: Weights) -> tuple[float, float]:
        """The highest recall with a precision of `least` or more, and the score from which on it is reached.

        Recall is nan without labels; it is 0, and the score nan, where no score is high enough.
        """
        labelled = int(weights @ self.labelled)
        hits, told = self._counts(weights)
        there = weights[self.image[self.right]] > 0
        good = np.flatnonzero(there & (hits >= least * told))
        if not labelled or not len(good):
            return 0.0 if labelled else float("nan"), float("nan")
        return float(hits[good[-1]] / labelled), float(self.score[self.right][good[-1]])

    def _counts(self, weights: Weights) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Right detections, and all of them, down to and with each right one: elsewhere precision only falls."""
        told = weights[self.image]
        return np.cumsum(told[self.right]), np.cumsum(told)[self.right]


def ranking(judged: Sequence[Judged], told: Ledger, class_id: int | None = None) -> Ranking:
    """The detections that are right or false, ranked; among equal scores the order is kept.

    Args:
        judged: the images.
        told: their ledger.
        class_id: of this class only, and with its labels only; None: of all.
    """

    def chosen(class_ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        return np.full(len(class_ids), True) if class_id is None else np.asarray(class_ids == class_id)

    finds = told.finds
    counted = np.flatnonzero(chosen(finds.class_id) & finds.counts)
    best_first = counted[np.argsort(-finds.score[counted], kind="stable")]
    labelled = [int((chosen(image.truth.class_id) & ~image.difficult).sum()) for image in judged]
    return Ranking(
        finds.score[best_first], finds.right[best_first], image_of_finds(judged)[best_first], np.array(labelled)
    )


def image_of_finds(judged: Sequence[Judged]) -> NDArray[np.int64]:
    """(n detections,) int64, in which image each row of a ledger's `finds` is."""
    return np.repeat(np.arange(len(judged)), [len(image.found) for image in judged])
