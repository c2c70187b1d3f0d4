"""COCO's average precision, by faster-coco-eval, without its cap of 100 detections an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.judged import Judged, without_difficult


def coco(judged: Iterable[Judged], classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average precision a class (classes,) at overlap 0.5, and averaged over 0.50, 0.55 ... 0.95; nan without a label.

    Difficult labels, and what only they match, are taken out first.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    images = [without_difficult(image) for image in judged]
    truths, found = _rows(images)
    if not truths or not found:
        labelled = np.bincount([row["category_id"] - 1 for row in truths], minlength=classes)
        none = np.where(labelled > 0, 0.0, np.nan)
        return none, none
    sizes = [{"id": i, "height": image.size[0], "width": image.size[1]} for i, image in enumerate(images, start=1)]
    categories = [{"id": i + 1, "name": str(i)} for i in range(classes)]
    truth = COCO({"images": sizes, "annotations": truths, "categories": categories})
    run = COCOeval_faster(truth, truth.loadRes(found), iouType="bbox", print_function=lambda *_: None)
    most = max(np.bincount([row["image_id"] for row in found]).max(), 1)
    run.params.maxDets = [int(most)]
    run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
    run.evaluate()
    run.accumulate()
    precision = np.asarray(run.eval["precision"])[:, :, :, 0, 0]  # (thresholds, recalls, classes)
    curves = np.where(precision < 0, np.nan, precision).mean(axis=1)
    return curves[0], curves.mean(axis=0)


def _rows(images: list[Judged]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Labels and detections as COCO writes them."""
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        for particles, rows in ((image.truth, truths), (image.found, found)):
            columns = (particles.xyxy.tolist(), particles.class_id.tolist(), particles.score.tolist())
            for (x1, y1, x2, y2), class_id, score in zip(*columns, strict=True):
                w, h = x2 - x1, y2 - y1
                rows.append({
                    "id": len(rows) + 1, "image_id": number, "category_id": class_id + 1, "iscrowd": 0,
                    "bbox": [x1, y1, w, h], "area": w * h, "score": score,
                })  # fmt: skip
    return truths, found
