"""Evaluating a bundle on a labelled set: what it finds, misses and invents, and the usual mean average precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import Detections
from nanotally.labels import Dataset
from nanotally.measure.matching import SAME_AT, match
from nanotally.micrograph import Micrograph, read_micrograph

LOWEST_SCORE = 0.01
"""Precision-recall curves are drawn from here up, whatever threshold the bundle publishes at."""


@dataclass(frozen=True)
class Judged:
    """One image, judged.

    Attributes:
        name: of its file.
        truth: labels.
        found: detections from `LOWEST_SCORE` up, best first.
        size: height and width, pixels.
    """

    name: str
    truth: Detections
    found: Detections
    size: tuple[int, int]


@dataclass(frozen=True)
class ClassScore:
    """Figures of one class at the bundle's threshold, and its average precision.

    Attributes:
        labelled: labels of the class.
        found: labels with a match at intersection over union `SAME_AT`.
        false: detections without a match.
        threshold: score at which the counts hold.
        ap50: average precision at intersection over union 0.5; nan where the class has no label.
    """

    labelled: int
    found: int
    false: int
    threshold: float
    ap50: float

    @property
    def recall(self) -> float:
        """Share of the labels that were found; the paper's "% correctly detected" divided by 100."""
        return self.found / self.labelled if self.labelled else float("nan")

    @property
    def precision(self) -> float:
        """Share of the detections that are right; nan where there are none."""
        told = self.found + self.false
        return self.found / told if told else float("nan")


@dataclass(frozen=True)
class Evaluation:
    """Figures of a bundle on a set.

    Attributes:
        images: how many were judged.
        unlabelled: how many were left out because they have no label file.
        classes: figures a class name.
        map50: mean over the labelled classes of `ap50` (COCO's 101 points).
        map50_95: the same, averaged over the thresholds 0.50, 0.55 ... 0.95.
        mean_iou_tp: mean intersection over union of the matches: how well the boxes fit.
        found_any_class: share of all labels found when the class is not looked at.
        count_error: mean over the images of |found - labelled| / labelled.
    """

    images: int
    unlabelled: int
    classes: dict[str, ClassScore]
    map50: float
    map50_95: float
    mean_iou_tp: float
    found_any_class: float
    count_error: float


def pictures_of(labelled: Dataset) -> Iterator[tuple[str, Micrograph, Detections]]:
    """Name, micrograph and labels of each sample, read when it is asked for."""
    for sample in labelled.samples:
        yield sample.image.name, read_micrograph(sample.image), sample.labels.detections


def judge(
    bundle: Bundle,
    pictures: Iterable[tuple[str, Micrograph, Detections]],
    *,
    engine: str = "auto",
    scale: float = 1.0,
) -> list[Judged]:
    """Run `bundle` over pictures as `pictures_of` gives them."""
    detector = Detector(bundle, load_engine(engine, bundle), DetectSettings(score=LOWEST_SCORE, scale=scale))
    judged = []
    for name, micrograph, truth in pictures:
        height, width = micrograph.image.shape
        found = detector.detect(micrograph.image, field=micrograph.field).detections
        judged.append(Judged(name, truth, found, (height, width)))
    return judged


def at_thresholds(found: Detections, thresholds: NDArray[np.float32]) -> Detections:
    """The detections whose score reaches the threshold (classes,) of their class."""
    return found[found.score >= thresholds[found.class_id]]


def evaluate(judged: list[Judged], bundle: Bundle, *, unlabelled: int = 0) -> Evaluation:
    """Figures over all judged images."""
    names = bundle.manifest.classes
    thresholds = np.array([bundle.manifest.thresholds[name] for name in names], np.float32)
    labelled, hit, false = (np.zeros(len(names), np.int64) for _ in range(3))
    overlaps, any_class, errors = [], 0, []
    for image in judged:
        found = at_thresholds(image.found, thresholds)
        matches = match(found, image.truth)
        labelled += np.bincount(image.truth.class_id, minlength=len(names))
        hit += np.bincount(image.truth.class_id[matches.found], minlength=len(names))
        false += np.bincount(found.class_id[matches.truth_of < 0], minlength=len(names))
        overlaps.append(matches.overlap[matches.truth_of >= 0])
        any_class += int(match(found, image.truth, any_class=True).found.sum())
        if len(image.truth):
            errors.append(abs(len(found) - len(image.truth)) / len(image.truth))
    ap50, ap50_95 = average_precision(judged, len(names))
    scores = {
        name: ClassScore(int(labelled[i]), int(hit[i]), int(false[i]), float(thresholds[i]), float(ap50[i]))
        for i, name in enumerate(names)
    }
    every = np.concatenate(overlaps) if overlaps else np.zeros(0)
    return Evaluation(
        images=len(judged),
        unlabelled=unlabelled,
        classes=scores,
        map50=_mean(ap50),
        map50_95=_mean(ap50_95),
        mean_iou_tp=_mean(every),
        found_any_class=any_class / max(int(labelled.sum()), 1) if labelled.sum() else float("nan"),
        count_error=_mean(np.array(errors)),
    )


def _mean(values: NDArray[np.floating]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def average_precision(judged: list[Judged], classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """COCO average precision a class at 0.5, and averaged over 0.50 to 0.95; nan where a class has no label."""
    from faster_coco_eval import COCO, COCOeval_faster

    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, image in enumerate(judged, start=1):
        for detections, rows in ((image.truth, truths), (image.found, found)):
            for row, class_id in enumerate(detections.class_id.tolist()):
                (x, y, _, _), (w, h) = detections.xyxy[row].tolist(), detections.size[row].tolist()
                rows.append({
                    "id": len(rows) + 1, "image_id": number, "category_id": class_id + 1, "iscrowd": 0,
                    "bbox": [x, y, w, h], "area": w * h, "score": float(detections.score[row]),
                })  # fmt: skip
    nothing = np.full(classes, np.nan)
    if not truths or not found:
        labelled = np.bincount([row["category_id"] - 1 for row in truths], minlength=classes)
        return (np.where(labelled > 0, 0.0, np.nan),) * 2 if truths else (nothing, nothing)
    images = [{"id": i, "height": j.size[0], "width": j.size[1]} for i, j in enumerate(judged, start=1)]
    categories = [{"id": i + 1, "name": str(i)} for i in range(classes)]
    truth = COCO({"images": images, "annotations": truths, "categories": categories})
    run = COCOeval_faster(truth, truth.loadRes(found), iouType="bbox", print_function=lambda *_: None)
    most = max(np.bincount([row["image_id"] for row in found]).max(), 1)
    run.params.maxDets = [int(most)]
    run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
    run.evaluate()
    run.accumulate()
    precision = np.asarray(run.eval["precision"])[:, :, :, 0, 0]  # (thresholds, recalls, classes)
    curves = np.where(precision < 0, np.nan, precision).mean(axis=1)
    return curves[0], curves.mean(axis=0)


def best_thresholds(judged: list[Judged], classes: tuple[str, ...]) -> dict[str, float]:
    """For each class the score with the highest F1 on `judged`: for validation data, never for the data of a report."""
    chosen = {}
    for class_id, name in enumerate(classes):
        scores, right, labelled = [], [], 0
        for image in judged:
            found = image.found[image.found.class_id == class_id]
            truth = image.truth[image.truth.class_id == class_id]
            scores.append(found.score)
            right.append(match(found, truth, at=SAME_AT).truth_of >= 0)
            labelled += len(truth)
        score, hit = np.concatenate(scores), np.concatenate(right)
        order = np.argsort(-score, kind="stable")
        hits = np.cumsum(hit[order])
        f1 = 2 * hits / (np.arange(1, len(hits) + 1) + labelled)
        chosen[name] = round(float(score[order][np.argmax(f1)]), 3) if labelled and len(hits) else 0.25
    return chosen


def figures(evaluation: Evaluation) -> dict[str, object]:
    """The evaluation as plain values for JSON; null where a figure has no meaning."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else round(value, 4)

    return {
        "images": evaluation.images,
        "unlabelled": evaluation.unlabelled,
        "map50": plain(evaluation.map50),
        "map50_95": plain(evaluation.map50_95),
        "mean_iou_tp": plain(evaluation.mean_iou_tp),
        "found_any_class": plain(evaluation.found_any_class),
        "count_error": plain(evaluation.count_error),
        "classes": {
            name: {
                "labelled": score.labelled, "found": score.found, "missed": score.labelled - score.found,
                "false": score.false, "recall": plain(score.recall), "precision": plain(score.precision),
                "ap50": plain(score.ap50), "threshold": score.threshold,
            }
            for name, score in evaluation.classes.items()
        },
    }  # fmt: skip
