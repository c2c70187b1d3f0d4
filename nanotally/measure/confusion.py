"""Confusion: what the particles of each class were taken for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.measure.judged import Judged, without_difficult
from nanotally.measure.matching import match


def confusion(published: Iterable[Judged], classes: int) -> NDArray[np.int64]:
    """How often a label of each class (row) was found as each class (column).

    Labels are matched with detections of their class first, the rest with what is left: the diagonal is what was found.
    Difficult labels, and what only they match, are left out.

    Args:
        published: images with the detections that reached their threshold.
        classes: how many there are.

    Returns:
        (classes + 1, classes + 1) int64. The last column counts labels that were missed, the last row detections where
        nothing is labelled; its last field is 0.
    """
    table = np.zeros((classes + 1, classes + 1), np.int64)
    for image in map(without_difficult, published):
        truth, found = image.truth, image.found
        own = match(found, truth)
        missed, left = truth[~own.found], found[own.false]
        others = match(left, missed, any_class=True)
        table[:classes, classes] += _tally(missed[~others.found], classes)
        table[classes, :classes] += _tally(left[others.false], classes)
        table[range(classes), range(classes)] += _tally(truth[own.found], classes)
        for row in np.flatnonzero(others.right):
            table[missed.class_id[others.truth_of[row]], left.class_id[row]] += 1
    return table


def _tally(particles: Detections, classes: int) -> NDArray[np.int64]:
    return np.bincount(particles.class_id, minlength=classes)
