"""Figures over the images of several networks, each of which judged what it was not trained on: k-fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.measure.judged import Judged, published
from nanotally.trainer.evaluation.score import Evaluation, assess


@dataclass(frozen=True, eq=False)
class Fold:
    """The images that one network judged.

    Attributes:
        judged: with all detections; the group of an image is in it.
        thresholds: (classes,) float32, the network's own, as `thresholds_of` gives them.
    """

    judged: Sequence[Judged]
    thresholds: NDArray[np.float32]


def pooled(folds: Sequence[Fold], classes: Sequence[str] = CLASSES) -> Evaluation:
    """Figures over all images of all folds, as if one network had judged them.

    Curves and average precisions rank the scores of all networks together, so they suffer where the networks' scores
    do not mean the same; what is counted at thresholds is counted at those of the image's own fold. The threshold that
    is shown for a class is the folds' mean.

    Args:
        folds: one or more; no image in two of them.
        classes: names of the class ids, the same in all folds.
    """
    judged = [image for fold in folds for image in fold.judged]
    shown = [image for fold in folds for image in published(fold.judged, fold.thresholds)]
    return assess(judged, shown, classes, np.mean([fold.thresholds for fold in folds], axis=0))
