"""Of which class a particle is: by its own looks, and by the company in which it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled
from nanotally.detections import Detections

TRUST = 0.5
"""By what the logarithm of the odds between two classes is multiplied: a network errs alike on particles that look
alike, so it is surer of a picture's particles than it should be."""
OF_EACH = 2.0
"""Particles of each class that are taken to be in a picture besides those that are seen: few say little of the rest."""
RAREST = 0.1
"""Least share of a class, so that what is rare does not vanish."""
SETTLED, MOST_TURNS = 1e-4, 100


@dataclass(frozen=True, eq=False)
class Rivals:
    """What else each of n boxes may be.

    Attributes:
        class_id: (n,) uint16, the next best class; where there is but one class, that.
        score: (n,) float32 of that class, 0 where there is but one.
    """

    class_id: NDArray[np.uint16]
    score: NDArray[np.float32]

    @classmethod
    def concatenate(cls, parts: Sequence[Rivals]) -> Rivals:
        """All rows of `parts`, in their order; at least one part."""
        return cls(np.concatenate([part.class_id for part in parts]), np.concatenate([part.score for part in parts]))

    def __getitem__(self, rows: Any) -> Rivals:
        """Rows by mask, index array or slice."""
        return Rivals(self.class_id[rows], self.score[rows])


def by_company(found: Detections, rivals: Rivals, sure: NDArray[np.float32]) -> Detections:
    """The particles of a picture, each with the class that is likelier where such classes are so frequent.

    The shares of the classes are found by expectation and maximization from what the network says of each particle
    (Saerens, Latinne and Decaestecker, Neural Computation 14, 2002, eq. 2.8 and 2.9), from those that reach `sure`
    (classes,) float32, each as much as its score. Scores stay as they are: how sure it is that there is a particle.
    """
    if len(sure) < 2 or not len(found):
        return found
    odds = np.exp(TRUST * (_logit(found.score) - _logit(rivals.score)))
    weight = np.where(found.score >= sure[found.class_id], found.score, np.float32(0))
    share = _shares(odds, found.class_id, rivals.class_id, weight, len(sure))
    taken = odds * share[found.class_id] >= share[rivals.class_id]
    return replace(found, class_id=np.where(taken, found.class_id, rivals.class_id))


def _logit(score: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = np.clip(score.astype(np.float64), 1e-4, 1 - 1e-4)
    return np.log(clipped / (1 - clipped))


@compiled
def _shares(
    odds: NDArray[np.float64], class_id: NDArray[np.uint16], rival: NDArray[np.uint16], weight: NDArray[np.float32],
    classes: int,
) -> NDArray[np.float64]:  # fmt: skip
    """(classes,) share of each class in a picture.

    Args:
        odds: (n,) of the first class to its rival, were both as frequent.
        class_id: (n,)
        rival: (n,)
        weight: (n,) how much a particle says of the picture.
        classes: how many there are.
    """
    share = np.full(classes, 1 / classes)
    for _ in range(MOST_TURNS):
        seen = np.full(classes, OF_EACH)
        for row in range(len(odds)):
            first, second = odds[row] * share[class_id[row]], share[rival[row]]
            is_first = first / (first + second)
            seen[class_id[row]] += weight[row] * is_first
            seen[rival[row]] += weight[row] * (1 - is_first)
        before, share = share, np.maximum(seen / seen.sum(), RAREST)
        share /= share.sum()
        if np.abs(share - before).max() < SETTLED:
            break
    return share
