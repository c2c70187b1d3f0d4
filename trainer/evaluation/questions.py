"""Questions and answers: labelled micrographs, and what a bundle finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detect.portable import Portable
from nanotally.detections import Detections, iou
from nanotally.errors import DatasetError
from nanotally.labels import Dataset, LabelledImage, Sample, read_mask
from nanotally.measure import darknet
from nanotally.measure.contact import touching_boxes, touching_in_mask
from nanotally.measure.judged import Judged
from nanotally.micrograph import Micrograph, image_size, read_micrograph
from nanotally.spread import Failure, Spread
from nanotally.trainer.evaluation.classes import places_of
from nanotally.trainer.evaluation.index import OTHER, UNKNOWN, Entry, read_index
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


@dataclass(frozen=True, eq=False)
class Posed:
    """A question whose picture is not read yet, so that it can be sent.

    Attributes:
        sample: the file and its labels.
        entry: what the set's index says of it.
        mask: of its instances, if there is such a file.
        border_difficult: as in `pictures_of`.
    """

    sample: Sample
    entry: Entry
    mask: Path
    border_difficult: bool


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
    for posed in _posed(labelled, border_difficult=border_difficult):
        yield _question(posed)


def _posed(labelled: Dataset, *, border_difficult: bool) -> Iterator[Posed]:
    index = read_index(labelled.folder)
    for sample in labelled.samples:
        mask = labelled.folder / MASKS / f"{sample.image.stem}.png"
        there = replace(sample, image=sample.image.absolute())  # a worker has a working directory of its own
        yield Posed(there, index.get(sample.image.name, UNKNOWN), mask.absolute(), border_difficult)


def _question(posed: Posed) -> Question:
    micrograph, truth = read_micrograph(posed.sample.image), posed.sample.labels.detections
    difficult = posed.sample.labels.difficult | _among(truth, posed.entry.cut)
    if posed.border_difficult:
        difficult |= cut_by_border(truth, micrograph.image.shape)
    contact = _contact(truth, posed.mask, micrograph.image.shape)
    return Question(posed.sample.image, micrograph, truth, difficult, contact, posed.entry.group)


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


def judge(
    bundle: Bundle, questions: Iterable[Question], *, engine: str = "auto", scale: float | None = None
) -> list[Judged]:
    """Run `bundle` over questions as `pictures_of` gives them.

    The class ids of the answers are those of the labels, and count on where the bundle has classes that no label has:
    see `nanotally.trainer.evaluation.classes.classes_of`.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    judge = _Judge(places_of(bundle), _portable(bundle, engine, scale))
    return [judge(asked) for asked in questions]


def judge_with(
    spread: Spread,
    bundle: Bundle,
    labelled: Dataset,
    *,
    border_difficult: bool = False,
    engine: str = "auto",
    scale: float | None = None,
) -> Iterator[Judged | Failure]:
    """The same as `judge` of `pictures_of`, but read and run where `spread` does its work.

    For a picture that cannot be read there is a failure.

    Raises:
        BundleError: as `judge`.
        DatasetError: as `pictures_of`.
    """
    judge = _Judge(places_of(bundle), _portable(bundle, engine, scale))
    return spread.map(judge.of_posed, _posed(labelled, border_difficult=border_difficult))


def _portable(bundle: Bundle, engine: str, scale: float | None) -> Portable:
    settings = DetectSettings(score=LOWEST_SCORE, scale=scale)
    return Portable(Detector(bundle, load_engine(engine, bundle), settings), engine)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Answers questions. `places`: class ids of the labels, by those of the bundle."""

    places: NDArray[np.uint16]
    portable: Portable

    def __call__(self, asked: Question) -> Judged:
        micrograph = asked.micrograph
        found = self.portable.detector.detect(micrograph.image, field=micrograph.field).detections
        return judged_of(asked, replace(found, class_id=self.places[found.class_id]))

    def of_posed(self, posed: Posed) -> Judged:
        return self(_question(posed))


def judged_of(asked: Question, found: Detections) -> Judged:
    """A question with its answer: the detections, class ids as in the labels."""
    height, width = asked.micrograph.image.shape
    return Judged(
        asked.path.name, asked.truth, found, (height, width), asked.difficult, asked.contact, asked.path, asked.group
    )
