"""All figures of a bundle on a set, and the thresholds that serve it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.measure.cartucho import cartucho
from nanotally.measure.coco import coco
from nanotally.measure.confusion import confusion
from nanotally.measure.darknet import DarknetFigures, darknet
from nanotally.measure.judged import Judged, of_one_class, published
from nanotally.measure.ledger import Ledger, ledger
from nanotally.measure.matching import match
from nanotally.measure.precision import AveragePrecisions, known_mean
from nanotally.measure.reliability import Reliability, reliability
from nanotally.trainer.evaluation.breakdown import breakdown
from nanotally.trainer.evaluation.classes import classes_of, thresholds_of
from nanotally.trainer.evaluation.counts import ClassScore, Counts, Part
from nanotally.trainer.evaluation.headline import Headline, headline


@dataclass(frozen=True)
class CountErrors:
    """How far the number of particles of an image is off.

    Attributes:
        error: mean over the images with labels of |found - labelled| / labelled.
        bias: (found - labelled) / labelled over all images: below 0 where too few are found.
        empty_images: how many images hold no particle.
        found_on_empty: detections in them.
    """

    error: float
    bias: float
    empty_images: int
    found_on_empty: int


@dataclass(frozen=True)
class Evaluation:
    """Figures of a bundle on a set. Difficult labels, and what only they match, are in none of them but two.

    Attributes:
        images: how many were judged.
        unlabelled: how many were left out because they have no label file.
        difficult: labels that are neither to be found nor to be missed.
        correct_unlabelled: of these, how many were found, in the right class; what the paper counts beside its labels.
        unknown: classes that are labelled but not among the bundle's: all their labels are missed.
        headline: the figures to quote, with their intervals.
        classes: figures a class name, at the bundle's thresholds.
        total: figures of all classes together.
        map50: mean over the labelled classes of `ap50` (COCO's 101 points).
        map50_95: the same, averaged over the thresholds 0.50, 0.55 ... 0.95.
        ap50_any_class: COCO's average precision at 0.5 when the class is not looked at.
        mean_iou_tp: mean intersection over union of the matches: how well the boxes fit; the paper's Jaccard.
        found_any_class: share of all labels found when the class is not looked at.
        counts: how far the numbers are off.
        size_error: mean over the matches of |found - labelled| / labelled, of the mean side of a box.
        size_bias: the same without the absolute value: above 0 where boxes are too large.
        voc: area under the curves (VOC 2012); as Cartucho's script computes it if `strict_cartucho`.
        strict_cartucho: whether `voc` has the script's quirks.
        darknet: what darknet's own `map` prints.
        reliability: of the scores.
        confusion: (classes + 1, classes + 1), see `nanotally.measure.confusion`.
        parts: the breakdown.
    """

    images: int
    unlabelled: int
    difficult: int
    correct_unlabelled: int
    unknown: tuple[str, ...]
    headline: Headline
    classes: dict[str, ClassScore]
    total: Counts
    map50: float
    map50_95: float
    ap50_any_class: float
    mean_iou_tp: float
    found_any_class: float
    counts: CountErrors
    size_error: float
    size_bias: float
    voc: AveragePrecisions
    strict_cartucho: bool
    darknet: DarknetFigures
    reliability: Reliability
    confusion: NDArray[np.int64]
    parts: dict[str, list[Part]]

    @property
    def count_error(self) -> float:
        """Mean over the images of |found - labelled| / labelled."""
        return self.counts.error

    @property
    def pct_correct(self) -> float:
        """The paper's "% correctly detected": labels found in their class, per cent of all labels."""
        return 100 * self.total.recall


def evaluate(judged: list[Judged], bundle: Bundle, *, unlabelled: int = 0, strict_cartucho: bool = False) -> Evaluation:
    """Figures of a bundle over all images that it judged.

    Args:
        judged: by `judge`, class ids in the order of `classes_of`.
        bundle: what was asked.
        unlabelled: how many images were left out because they have no label file.
        strict_cartucho: let `voc` have the quirks of Cartucho's script.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    thresholds = thresholds_of(bundle)
    shown = published(judged, thresholds)
    told = assess(judged, shown, classes_of(bundle), thresholds, strict_cartucho=strict_cartucho)
    return replace(told, unlabelled=unlabelled)


def assess(
    judged: list[Judged],
    shown: list[Judged],
    names: Sequence[str],
    thresholds: NDArray[np.float32],
    *,
    strict_cartucho: bool = False,
) -> Evaluation:
    """Figures over images, whichever network judged each.

    Args:
        judged: images with all detections.
        shown: the same images with the detections that reached their threshold.
        names: of the class ids.
        thresholds: (classes,) to be shown beside the figures; nan: nobody looked for this class.
        strict_cartucho: let `voc` have the quirks of Cartucho's script.
    """
    every, told = ledger(judged, len(names)), ledger(shown, len(names))
    ap50, ap50_95 = coco(judged, len(names))
    right = told.finds.right
    size = told.finds.side_ratio[right] - 1
    judgeable = every.finds.counts
    return Evaluation(
        images=len(judged),
        unlabelled=0,
        difficult=int(told.labels.difficult.sum()),
        correct_unlabelled=int((told.labels.difficult & told.labels.found).sum()),
        unknown=tuple(name for i, name in enumerate(names) if np.isnan(thresholds[i]) and told.labelled[i]),
        headline=headline(judged, shown, names),
        classes=_class_scores(told, names, thresholds, ap50),
        total=Counts(int(told.labelled.sum()), int(right.sum()), int(told.finds.false.sum())),
        map50=known_mean(ap50),
        map50_95=known_mean(ap50_95),
        ap50_any_class=float(coco(of_one_class(judged), 1)[0][0]),
        mean_iou_tp=known_mean(told.finds.overlap[right]),
        found_any_class=_found_any_class(shown),
        counts=_count_errors(shown),
        size_error=known_mean(np.abs(size)),
        size_bias=known_mean(size),
        voc=cartucho(judged, len(names)) if strict_cartucho else every.average_precisions(),
        strict_cartucho=strict_cartucho,
        darknet=_asked_for(darknet(judged, len(names)), ~np.isnan(thresholds) | (told.labelled > 0)),
        reliability=reliability(every.finds.score[judgeable], every.finds.right[judgeable]),
        confusion=confusion(shown, len(names)),
        parts=breakdown(judged, shown, len(names)),
    )


def _asked_for(figures: DarknetFigures, asked: NDArray[np.bool_]) -> DarknetFigures:
    """Without the classes that neither labels nor network have: darknet counts a class without labels as 0."""
    area, eleven = (replace(own, ap=np.where(asked, own.ap, np.nan)) for own in (figures.area, figures.eleven))
    return replace(figures, area=area, eleven=eleven)


def _class_scores(
    told: Ledger, names: Sequence[str], thresholds: NDArray[np.float32], ap50: NDArray[np.float64]
) -> dict[str, ClassScore]:
    counts = zip(names, told.labelled, told.right, told.false, thresholds, ap50, strict=True)
    return {
        name: ClassScore(int(labelled), int(found), int(false), float(threshold), float(ap))
        for name, labelled, found, false, threshold, ap in counts
    }


def _found_any_class(shown: list[Judged]) -> float:
    labelled = sum(image.labelled for image in shown)
    hits = [match(image.found, image.truth, any_class=True, difficult=image.difficult).right for image in shown]
    return sum(int(hit.sum()) for hit in hits) / labelled if labelled else float("nan")


def _count_errors(shown: list[Judged]) -> CountErrors:
    """Over images with the detections that are published; those that only a difficult label matches are not counted."""
    told, labelled = np.zeros(len(shown)), np.zeros(len(shown))
    for row, image in enumerate(shown):
        told[row] = (~match(image.found, image.truth, difficult=image.difficult).ignored).sum()
        labelled[row] = image.labelled
    some = labelled > 0
    empty = np.array([not len(image.truth) for image in shown], bool)
    return CountErrors(
        error=known_mean(np.abs(told - labelled)[some] / labelled[some]),
        bias=float((told - labelled).sum() / labelled.sum()) if some.any() else float("nan"),
        empty_images=int(empty.sum()),
        found_on_empty=int(told[empty].sum()),
    )


def best_thresholds(judged: list[Judged], classes: Sequence[str]) -> dict[str, float]:
    """For each class the lowest score whose F1 on `judged` is within `FLAT` of the highest.

    For validation data, never for the data of a report. Validation sets are small, so a score above that one is no
    better as far as anybody knows; and on pictures that differ more from what was trained on, all scores are lower.
    """
    every = ledger(judged, len(classes))
    chosen = {}
    for class_id, name in enumerate(classes):
        drawn = every.curve(class_id)
        known = drawn.labelled and len(drawn.score)
        chosen[name] = _lowest_good(drawn.score, drawn.f1()) if known else UNTUNED
    return chosen


def _lowest_good(score: NDArray[np.floating], f1: NDArray[np.floating]) -> float:
    """The lowest of these scores, rounded down, whose F1 is good enough."""
    return float(np.floor(score[f1 >= f1.max() - FLAT].min() * 1000) / 1000)


FLAT = 0.01
"""Difference of F1 that a few hundred particles in some twenty pictures do not tell from chance."""
UNTUNED = 0.25
"""Threshold of a class that is not in the validation data: YOLO's usual one."""
