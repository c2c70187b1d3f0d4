"""Headline: the few figures that a model is judged by, each with its interval over articles or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.bootstrap import Estimate, Weights, estimates, image_of_finds, ranking
from nanotally.measure.judged import Judged, of_one_class
from nanotally.measure.ledger import ledger

SCATTERED_BELOW = 0.3
"""Share of touching particles from which an image counts as touching or packed."""
FAIR_PRECISION = 0.85
"""Precision at which microscopes are compared."""
PerImage = NDArray[np.int64] | NDArray[np.float64] | NDArray[np.bool_]


@dataclass(frozen=True)
class Headline:
    """The figures; shares from 0 to 1.

    Attributes:
        groups: how many articles or samples the images are from; 0 where no image has one, and no figure an interval.
        map50: mean over the labelled classes of `ap50`.
        ap50: COCO's average precision at overlap 0.5, a class name.
        ap50_any_class: the same when the class is not looked at.
        correct: share of the labels found in their class, at the thresholds.
        correct_scattered: the same in images whose contact is below `SCATTERED_BELOW`.
        correct_touching: the same in the others, touching and packed.
        correct_at_precision: the same at the lowest common score that leaves a precision of `FAIR_PRECISION`.
        score_at_precision: that score.
        precision: share of the detections that are right, at the thresholds.
        count_error: mean over the images with labels of |found - labelled| / labelled.
        found_per_empty_image: detections an image without any label, at the thresholds; others are there, such as rods.
    """

    groups: int
    map50: Estimate
    ap50: dict[str, Estimate]
    ap50_any_class: Estimate
    correct: Estimate
    correct_scattered: Estimate
    correct_touching: Estimate
    correct_at_precision: Estimate
    score_at_precision: Estimate
    precision: Estimate
    count_error: Estimate
    found_per_empty_image: Estimate


def headline(judged: Sequence[Judged], shown: Sequence[Judged], classes: Sequence[str]) -> Headline:
    """The figures of one network, or of several that judged different images.

    Intervals come from resampling groups. An image without a group is one of its own where others have one.

    Args:
        judged: images with all detections.
        shown: the same images with the detections that reached their threshold.
        classes: names of the class ids.
    """
    known = any(image.group for image in judged)
    groups = [image.group or f"{number}" for number, image in enumerate(judged)] if known else [""] * len(judged)
    told = estimates(Tally(judged, shown, classes).figures, groups)
    ap50 = {name: told.pop(f"ap50 {name}") for name in classes}
    return Headline(groups=len(set(groups)) if known else 0, ap50=ap50, **told)


class Tally:
    """A set, matched once, so that the figures for any weight on its images are sums over arrays."""

    def __init__(self, judged: Sequence[Judged], shown: Sequence[Judged], classes: Sequence[str]) -> None:
        self.classes = classes
        every, told = ledger(judged, len(classes)), ledger(shown, len(classes))
        self.rankings = [ranking(judged, every, class_id) for class_id in range(len(classes))]
        self.all_classes = ranking(judged, every)
        self.any_class = ranking(judged, ledger(of_one_class(judged), 1))
        image = image_of_finds(shown)
        self.labelled = np.array([image.labelled for image in shown])
        self.right = np.bincount(image[told.finds.right], minlength=len(shown))
        self.told = np.bincount(image[told.finds.counts], minlength=len(shown))
        self.some = self.labelled > 0
        self.off = np.abs(self.told - self.labelled) / np.maximum(self.labelled, 1) * self.some
        contact = np.array([image.contact for image in shown])
        self.scattered, self.touching = contact < SCATTERED_BELOW, contact >= SCATTERED_BELOW
        self.empty = np.array([not len(image.truth) for image in shown], bool)

    def figures(self, weights: Weights) -> dict[str, float]:
        """The figures of `Headline` if each image stood in the set as often as its weight says."""
        ap50 = [own.average_precision(weights) for own in self.rankings]
        recall, score = self.all_classes.at_precision(FAIR_PRECISION, weights)
        return {
            "map50": self._mean(ap50),
            **{f"ap50 {name}": ap for name, ap in zip(self.classes, ap50, strict=True)},
            "ap50_any_class": self.any_class.average_precision(weights),
            "correct": _share(weights, self.right, self.labelled),
            "correct_scattered": _share(weights * self.scattered, self.right, self.labelled),
            "correct_touching": _share(weights * self.touching, self.right, self.labelled),
            "correct_at_precision": recall,
            "score_at_precision": score,
            "precision": _share(weights, self.right, self.told),
            "count_error": _share(weights, self.off, self.some),
            "found_per_empty_image": _share(weights, self.told * self.empty, self.empty),
        }

    def _mean(self, ap50: list[float]) -> float:
        """Over the classes that are labelled somewhere; nan where a resample lacks one of them."""
        labelled = [ap for ap, own in zip(ap50, self.rankings, strict=True) if own.labelled.any()]
        return float(np.mean(labelled)) if labelled else float("nan")


def _share(weights: Weights, part: PerImage, whole: PerImage) -> float:
    """Sum of `part` over that of `whole`, both (images,); nan where the latter is 0."""
    below = float(weights @ whole)
    return float(weights @ part) / below if below else float("nan")
