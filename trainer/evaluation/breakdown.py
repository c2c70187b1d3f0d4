"""Breakdown: the same figures for small and large particles, few and many, scattered and packed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.coco import coco
from nanotally.measure.judged import Judged, published
from nanotally.measure.ledger import ledger
from nanotally.measure.matching import match
from nanotally.measure.precision import known_mean
from nanotally.trainer.evaluation.counts import Part

SIDES_PX = (0, 16, 32, 64, 128, np.inf)
"""Steps of the longer side of a particle's box."""
PARTICLES = (0, 1, 10, 50, 200, 1000, np.inf)
"""Steps of the number of particles of an image."""
CONTACT = {"scattered": (0.0, 0.3), "touching": (0.3, 0.7), "packed": (0.7, 1.01)}
"""Steps of the share of particles that touch another one."""


def breakdown(judged: list[Judged], thresholds: NDArray[np.float32]) -> dict[str, list[Part]]:
    """Figures a part, for each way to part the set; parts without an image are left out."""
    ways = {
        "particle size": _by_size(judged),
        "particles an image": _by_number(judged),
        "share of contact": _by_contact(judged),
    }
    return {way: [_part(name, images, thresholds) for name, images in parts if images] for way, parts in ways.items()}


def _part(name: str, judged: list[Judged], thresholds: NDArray[np.float32]) -> Part:
    told = ledger(published(judged, thresholds), len(thresholds))
    return Part(
        labelled=int(told.labelled.sum()),
        found=int(told.finds.right.sum()),
        false=int(told.finds.false.sum()),
        name=name,
        images=sum(image.labelled > 0 or not len(image.truth) for image in judged),
        map50=known_mean(coco(judged, len(thresholds))[0]),
        mean_iou_tp=known_mean(told.finds.overlap[told.finds.right]),
    )


Parts = Iterator[tuple[str, list[Judged]]]


def _by_size(judged: list[Judged]) -> Parts:
    for low, high in pairwise(SIDES_PX):
        images = [_of_size(image, low, high) for image in judged]
        if any(image.labelled for image in images):
            yield _from_to(low, high, " px"), images


def _of_size(image: Judged, low: float, high: float) -> Judged:
    """The image as if other sizes were difficult, without the false detections of other sizes; so COCO does it."""
    inside = [(low <= part.size.max(axis=1)) & (part.size.max(axis=1) < high) for part in (image.truth, image.found)]
    difficult = image.difficult | ~inside[0]
    false = match(image.found, image.truth, difficult=difficult).false
    return replace(image, found=image.found[~false | inside[1]], difficult=difficult)


def _by_number(judged: list[Judged]) -> Parts:
    for low, high in pairwise(PARTICLES):
        yield (
            "none" if high == 1 else _from_to(low, high - 1, ""),
            [image for image in judged if low <= len(image.truth) < high],
        )


def _by_contact(judged: list[Judged]) -> Parts:
    for name, (low, high) in CONTACT.items():
        limits = f"below {high:g}" if low == 0 else f"{low:g} and more" if high > 1 else f"{low:g} to {high:g}"
        yield f"{name}, {limits}", [image for image in judged if low <= image.contact < high]


def _from_to(low: float, high: float, unit: str) -> str:
    if high == np.inf:
        return f"{low:g}{unit} and more"
    return f"{low:g} to {high:g}{unit}" if low else f"below {high:g}{unit}"
