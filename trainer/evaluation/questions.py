"""Questions and answers: labelled micrographs, and what a bundle finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import Detections, iou
from nanotally.errors import DatasetError
from nanotally.labels import Dataset, LabelledImage, Sample, read_mask
from nanotally.measure import darknet
from nanotally.measure.contact import touching_boxes, touching_in_mask
from nanotally.measure.judged import Judged
from nanotally.micrograph import Micrograph, image_size, read_micrograph
from nanotally.trainer.evaluation.classes import places_of
from nanotally.trainer.evaluation.index import OTHER, UNKNOWN, read_index
from nanotally.trainer.pictures import EMPS_INDEX

LOWEST_SCORE = darknet.LOWEST_SCORE
"""Precision-recall curves are drawn from here up, whatever threshold the bundle publishes at."""
AT_BORDER_PX = 0.5
"""A labelled box that comes this near to the border of the image is cut by it; more than the rounding of labels."""
SAME_BOX = 0.9
"""Intersection over union from which two boxes are one, rounded twice."""
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
        group: article or sample; empty where nobody knows.
    """

    path: Path
    micrograph: Micrograph
    truth: Detections
    difficult: NDArray[np.bool_]
    contact: float
    group: str = ""


def judgeable(labelled: Dataset, *, modality: str | None = None) -> Dataset:
    """The set with the pictures that its index says to show other shapes, which are as good as an empty label file.

    Args:
        labelled: the set.
        modality: only pictures that the set's index says to be of it, such as `SEM`; None: all.

    Raises:
        DatasetError: if the set has an index that cannot be read, or no picture of this modality.
    """
    index = read_index(labelled.folder)
    samples, unlabelled = [*labelled.samples], []
    for path in labelled.unlabelled:
        if index.get(path.name, UNKNOWN).shape == OTHER:
            width, height = image_size(path)
            samples.append(Sample(path, LabelledImage(path.name, width, height, Detections.empty())))
        else:
            unlabelled.append(path)
    wanted = [s for s in samples if modality in (None, index.get(s.image.name, UNKNOWN).modality)]
    if not wanted:
        raise DatasetError(f"{labelled.folder}: no picture of which {EMPS_INDEX} says that it is {modality}")
    return replace(labelled, samples=tuple(wanted), unlabelled=tuple(unlabelled))


def pictures_of(labelled: Dataset, *, border_difficult: bool = False) -> Iterator[Question]:
    """Each sample of a set as a question, read when it is asked for.

    Contact is taken from the instance masks where the set has them, else from the boxes. Difficult are the labels that
    their format marks as such, and those that the set's index says to be cut by the border.

    Args:
        labelled: the set.
        border_difficult: let particles that the border of the image cuts count as difficult.

    Raises:
        DatasetError: if the set has an index that cannot be read.
        LabelError: if an instance mask is not one.
    """
    index = read_index(labelled.folder)
    for sample in labelled.samples:
        micrograph = read_micrograph(sample.image)
        entry = index.get(sample.image.name, UNKNOWN)
        truth = sample.labels.detections
        difficult = sample.labels.difficult | _among(truth, entry.cut)
        if border_difficult:
            difficult |= cut_by_border(truth, micrograph.image.shape)
        mask = labelled.folder / MASKS / f"{sample.image.stem}.png"
        contact = _contact(truth, mask, micrograph.image.shape)
        yield Question(sample.image, micrograph, truth, difficult, contact, entry.group)


def cut_by_border(truth: Detections, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n,) bool, labels that reach the border of an image of this shape (height, width)."""
    far = np.array(shape[::-1]) - AT_BORDER_PX
    return np.asarray(((truth.xyxy[:, :2] < AT_BORDER_PX) | (truth.xyxy[:, 2:] > far)).any(axis=1))


def _among(truth: Detections, boxes: tuple[tuple[float, ...], ...]) -> NDArray[np.bool_]:
    """(n,) bool, labels that are one of the boxes x1 y1 x2 y2, but for rounding."""
    overlap = iou(truth.xyxy, np.array(boxes, np.float32).reshape(-1, 4))
    return np.asarray(overlap.max(axis=1, initial=0) > SAME_BOX)


def _contact(truth: Detections, mask: Path, shape: tuple[int, ...]) -> float:
    if not len(truth):
        return float("nan")
    if not mask.is_file():
        return float(touching_boxes(truth.xyxy).mean())
    instances, boxes = read_mask(mask, width=shape[1], height=shape[0])
    return float(touching_in_mask(instances, len(boxes)).mean()) if len(boxes) else float("nan")


def judge(bundle: Bundle, questions: Iterable[Question], *, engine: str = "auto", scale: float = 1.0) -> list[Judged]:
    """Run `bundle` over questions as `pictures_of` gives them.

    The class ids of the answers are those of the labels, and count on where the bundle has classes that no label has:
    see `nanotally.trainer.evaluation.classes.classes_of`.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    places = places_of(bundle)
    detector = Detector(bundle, load_engine(engine, bundle), DetectSettings(score=LOWEST_SCORE, scale=scale))
    judged = []
    for asked in questions:
        micrograph = asked.micrograph
        found = detector.detect(micrograph.image, field=micrograph.field).detections
        found = replace(found, class_id=places[found.class_id])
        judged.append(judged_of(asked, found))
    return judged


def judged_of(asked: Question, found: Detections) -> Judged:
    """A question with its answer: the detections, class ids as in the labels."""
    height, width = asked.micrograph.image.shape
    return Judged(
        asked.path.name, asked.truth, found, (height, width), asked.difficult, asked.contact, asked.path, asked.group
    )
