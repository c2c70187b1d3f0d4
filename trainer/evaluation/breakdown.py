"""Breakdown: the same figures for small and large particles, few and many, scattered and packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from nanotally.measure.coco import coco
from nanotally.measure.judged import Judged
from nanotally.measure.ledger import ledger
from nanotally.measure.matching import match
from nanotally.measure.precision import known_mean
from nanotally.trainer.evaluation.counts import Part
from nanotally.trainer.evaluation.headline import SCATTERED_BELOW

SIDES_PX = (0, 16, 32, 64, 128, np.inf)
"""Steps of the longer side of a particle's box."""
PARTICLES = (0, 1, 10, 50, 200, 1000, np.inf)
"""Steps of the number of particles of an image."""
CONTACT = {"scattered": (0.0, SCATTERED_BELOW), "touching": (SCATTERED_BELOW, 0.7), "packed": (0.7, 1.01)}
"""Steps of the share of particles that touch another one."""
Both = tuple[Judged, Judged]
"""An image with all detections, and with those that reached their threshold."""
Parts = Iterator[tuple[str, list[Both]]]


def breakdown(judged: Sequence[Judged], shown: Sequence[Judged], classes: int) -> dict[str, list[Part]]:
    """Figures a part, for each way to part the set; parts without an image are left out.

    Args:
        judged: images with all detections.
        shown: the same images with the detections that reached their threshold.
        classes: how many there are.
    """
    both = list(zip(judged, shown, strict=True))
    ways = {
        "particle size": _by_size(both),
        "particles an image": _by_number(both),
        "share of contact": _by_contact(both),
    }
    return {way: [_part(name, images, classes) for name, images in parts if images] for way, parts in ways.items()}


def _part(name: str, both: list[Both], classes: int) -> Part:
    judged, shown = (list(images) for images in zip(*both, strict=True))
    told = ledger(shown, classes)
    return Part(
        labelled=int(told.labelled.sum()),
        found=int(told.finds.right.sum()),
        false=int(told.finds.false.sum()),
        name=name,
        images=sum(image.labelled > 0 or not len(image.truth) for image in judged),
        map50=known_mean(coco(judged, classes)[0]),
        mean_iou_tp=known_mean(told.finds.overlap[told.finds.right]),
    )


def _by_size(both: list[Both]) -> Parts:
    for low, high in pairwise(SIDES_PX):
        images = [(_of_size(image, low, high), _of_size(shown, low, high)) for image, shown in both]
        if any(image.labelled for image, _ in images):
            yield _from_to(low, high, " px"), images


def _of_size(image: Judged, low: float, high: float) -> Judged:
    """The image as if other sizes were difficult, without the false detections of other sizes; so COCO does it."""
    inside = [(low <= part.size.max(axis=1)) & (part.size.max(axis=1) < high) for part in (image.truth, image.found)]
    difficult = image.difficult | ~inside[0]
    false = match(image.found, image.truth, difficult=difficult).false
    return replace(image, found=image.found[~false | inside[1]], difficult=difficult)


def _by_number(both: list[Both]) -> Parts:
    for low, high in pairwise(PARTICLES):
        yield (
            "none" if high == 1 else _from_to(low, high - 1, ""),
            [pair for pair in both if low <= len(pair[0].truth) < high],
        )


def _by_contact(both: list[Both]) -> Parts:
    for name, (low, high) in CONTACT.items():
        limits = f"below {high:g}" if low == 0 else f"{low:g} and more" if high > 1 else f"{low:g} to {high:g}"
        yield f"{name}, {limits}", [pair for pair in both if low <= pair[0].contact < high]


def _from_to(low: float, high: float, unit: str) -> str:
    if high == np.inf:
        return f"{low:g}{unit} and more"
    return f"{low:g} to {high:g}{unit}" if low else f"below {high:g}{unit}"
