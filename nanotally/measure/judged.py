"""An image with what is in it and what was found in it: what every figure is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.measure.matching import match


@dataclass(frozen=True, eq=False)
class Judged:
    """One image, judged.

    Attributes:
        name: of its file.
        truth: labels.
        found: detections, best first, from a score far below any threshold.
        size: height and width, pixels.
        difficult: (n labels,) bool, labels that are neither to be found nor to be missed. None: none is.
        contact: share of the particles that touch another one, 0 to 1; nan where nobody knows.
        path: the image; None where there is no file.
        group: article or sample, whose images are alike; empty where nobody knows.
    """

    name: str
    truth: Detections
    found: Detections
    size: tuple[int, int]
    difficult: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    contact: float = float("nan")
    path: Path | None = None
    group: str = ""

    def __post_init__(self) -> None:
        if self.difficult is None:
            object.__setattr__(self, "difficult", np.zeros(len(self.truth), bool))

    @property
    def labelled(self) -> int:
        """How many labels count."""
        return int((~self.difficult).sum())


def at_thresholds(found: Detections, thresholds: NDArray[np.float32]) -> Detections:
    """The detections whose score reaches the threshold (classes,) of their class."""
    return found[found.score >= thresholds[found.class_id]]


def published(judged: Iterable[Judged], thresholds: NDArray[np.float32]) -> list[Judged]:
    """The images with those detections only that reach the threshold (classes,) of their class."""
    return [replace(image, found=at_thresholds(image.found, thresholds)) for image in judged]


def of_one_class(judged: Iterable[Judged]) -> list[Judged]:
    """The images with every label and detection in class 0: for figures that do not look at the class."""
    return [replace(image, truth=_as_class_0(image.truth), found=_as_class_0(image.found)) for image in judged]


def _as_class_0(particles: Detections) -> Detections:
    return replace(particles, class_id=np.zeros_like(particles.class_id))


def without_difficult(image: Judged) -> Judged:
    """The image without its difficult labels and without the detections that only a difficult label matches."""
    if not image.difficult.any():
        return image
    ignored = match(image.found, image.truth, difficult=image.difficult).ignored
    truth = image.truth[~image.difficult]
    return replace(image, truth=truth, found=image.found[~ignored], difficult=np.zeros(len(truth), bool))
