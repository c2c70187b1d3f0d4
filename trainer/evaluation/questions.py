"""Questions and answers: labelled micrographs, and what a bundle finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import Detections
from nanotally.labels import Dataset, read_mask
from nanotally.measure import darknet
from nanotally.measure.contact import touching_boxes, touching_in_mask
from nanotally.measure.judged import Judged
from nanotally.micrograph import Micrograph, read_micrograph

LOWEST_SCORE = darknet.LOWEST_SCORE
"""Precision-recall curves are drawn from here up, whatever threshold the bundle publishes at."""
AT_BORDER_PX = 0.5
"""A labelled box that comes this near to the border of the image is cut by it; more than the rounding of labels."""
MASKS = "masks"
"""Folder of instance masks beside `images`, as in the EMPS set and in sets of `nanotally generate`."""


@dataclass(frozen=True, eq=False)
class Question:
    """A micrograph and what is known to be in it.

    Attributes:
        path: its file.
        micrograph: the picture.
        truth: labels.
        difficult: (n labels,) bool, labels that are neither to be found nor to be missed.
        contact: share of the particles that touch another one; nan where there is none.
    """

    path: Path
    micrograph: Micrograph
    truth: Detections
    difficult: NDArray[np.bool_]
    contact: float


def pictures_of(labelled: Dataset, *, border_difficult: bool = False) -> Iterator[Question]:
    """Each sample of a set as a question, read when it is asked for.

    Contact is taken from the instance masks where the set has them, else from the boxes.

    Args:
        labelled: the set.
        border_difficult: let particles that the border of the image cuts count as difficult.

    Raises:
        LabelError: if an instance mask is not one.
    """
    for sample in labelled.samples:
        micrograph = read_micrograph(sample.image)
        truth, difficult = sample.labels.detections, sample.labels.difficult
        if border_difficult:
            difficult = difficult | cut_by_border(truth, micrograph.image.shape)
        mask = labelled.folder / MASKS / f"{sample.image.stem}.png"
        yield Question(sample.image, micrograph, truth, difficult, _contact(truth, mask, micrograph.image.shape))


def cut_by_border(truth: Detections, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n,) bool, labels that reach the border of an image of this shape (height, width)."""
    far = np.array(shape[::-1]) - AT_BORDER_PX
    return np.asarray(((truth.xyxy[:, :2] < AT_BORDER_PX) | (truth.xyxy[:, 2:] > far)).any(axis=1))


def _contact(truth: Detections, mask: Path, shape: tuple[int, ...]) -> float:
    if not len(truth):
        return float("nan")
    if not mask.is_file():
        return float(touching_boxes(truth.xyxy).mean())
    instances, boxes = read_mask(mask, width=shape[1], height=shape[0])
    return float(touching_in_mask(instances, len(boxes)).mean()) if len(boxes) else float("nan")


def judge(bundle: Bundle, questions: Iterable[Question], *, engine: str = "auto", scale: float = 1.0) -> list[Judged]:
    """Run `bundle` over questions as `pictures_of` gives them."""
    detector = Detector(bundle, load_engine(engine, bundle), DetectSettings(score=LOWEST_SCORE, scale=scale))
    judged = []
    for asked in questions:
        micrograph = asked.micrograph
        height, width = micrograph.image.shape
        found = detector.detect(micrograph.image, field=micrograph.field).detections
        judged.append(
            Judged(asked.path.name, asked.truth, found, (height, width), asked.difficult, asked.contact, asked.path)
        )
    return judged
