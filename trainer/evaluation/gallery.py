"""Gallery: the pictures that went worst, with what is there and what was found."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.judged import Judged
from nanotally.measure.matching import match
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2
from nanotally.trainer.evaluation.counts import Counts

MOST = 12
SIDE_PX = (480, 1000)
"""A picture's longer side is brought between these; small ones are enlarged before they are drawn on."""
LABEL = (255, 255, 255)
FOUND = (115, 158, 0)
MISSED = (233, 180, 86)
FALSE = (0, 94, 213)
WRONG_CLASS = (66, 228, 240)
DIFFICULT = (150, 150, 150)
"""Colours BGR, of Okabe and Ito's palette."""
LEGEND = {
    "found": FOUND, "missed": MISSED, "false": FALSE, "found in another class": WRONG_CLASS, "label": LABEL,
    "difficult label, and what matches it": DIFFICULT,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A picture of the gallery.

    Attributes:
        name: of its file.
        counts: labels found, missed and invented in it.
        jpeg: the drawn picture.
    """

    name: str
    counts: Counts
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        """The picture as an address that holds it."""
        return "data:image/jpeg;base64," + b64encode(self.jpeg).decode()


def worst(published: Sequence[Judged], most: int = MOST) -> list[Exhibit]:
    """The pictures with the lowest F1, of equal ones those with more errors first; none without an error.

    Args:
        published: images with the detections that reached their threshold, and a file each.
        most: how many.

    Raises:
        MicrographError: if a picture cannot be read any more.
    """
    counted = [(image, counts_of(image)) for image in published if image.path is not None]
    wrong = [(image, counts) for image, counts in counted if counts.missed + counts.false]
    wrong.sort(key=lambda pair: (pair[1].f1, -pair[1].missed - pair[1].false))
    return [Exhibit(image.name, counts, drawn(image)) for image, counts in wrong[:most]]


def counts_of(image: Judged) -> Counts:
    """What was found, missed and invented in one image."""
    matches = match(image.found, image.truth, difficult=image.difficult)
    return Counts(image.labelled, int(matches.right.sum()), int(matches.false.sum()))


def drawn(image: Judged) -> bytes:
    """A JPEG of the picture with its labels and its detections, in the colours of `LEGEND`."""
    if image.path is None:
        raise ValueError(f"{image.name}: has no file")
    grey = read_micrograph(image.path).image
    longer = max(grey.shape)
    zoom = float(np.clip(longer, *SIDE_PX) / longer)
    grown = cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    canvas = np.asarray(cv2.cvtColor(grown, cv2.COLOR_GRAY2BGR), np.uint8)
    matches = match(image.found, image.truth, difficult=image.difficult)
    left = image.found[matches.false]
    others = match(left, image.truth[~matches.found & ~image.difficult], any_class=True).right
    label, counts = image.truth.xyxy * zoom, ~image.difficult
    _boxes(canvas, label[image.difficult], DIFFICULT, 1)
    _boxes(canvas, image.found.xyxy[matches.ignored] * zoom, DIFFICULT, 2)
    _boxes(canvas, label[counts & matches.found], LABEL, 1)
    _boxes(canvas, image.found.xyxy[matches.right] * zoom, FOUND, 2)
    _boxes(canvas, label[counts & ~matches.found], MISSED, 2)
    _boxes(canvas, left.xyxy[~others] * zoom, FALSE, 2)
    _boxes(canvas, left.xyxy[others] * zoom, WRONG_CLASS, 2)
    return bytes(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 82])[1])


def _boxes(canvas: NDArray[np.uint8], xyxy: NDArray[np.float32], colour: tuple[int, int, int], thick: int) -> None:
    for x1, y1, x2, y2 in np.round(xyxy).astype(int).tolist():
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour, thick)
