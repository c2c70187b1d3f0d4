"""A labelled micrograph, with boxes or with an instance mask, as templates are cut from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections, iou
from nanotally.errors import LabelError, UsageError
from nanotally.labels import LabelledImage, find_class, read_classes, read_mask, read_voc, read_yolo
from nanotally.micrograph import Micrograph, read_micrograph

Instances = NDArray[np.int32]
SAME_PARTICLE = 0.5
"""Overlap (IoU) of a label with the box of an instance from which they are the same particle."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A micrograph with its particles.

    Attributes:
        micrograph: what they were labelled in.
        labels: boxes; class ids index `CLASSES`.
        instances: (h, w) int32, i + 1 on the pixels of row i of `labels`, negative on what has no label, 0 between.
            None: there are only boxes.
    """

    micrograph: Micrograph
    labels: LabelledImage
    instances: Instances | None


def read_labelled(image: Path, labels: Path, *, mask: Path | None = None, class_name: str | None = None) -> Labelled:
    """Read a micrograph and its labels.

    Args:
        image: the micrograph.
        labels: YOLO `.txt` with its `classes.txt` beside it or one folder up; VOC `.xml`; or an instance mask.
        mask: instance mask that belongs to the boxes in `labels`.
        class_name: class of all particles where `labels` is an instance mask, which has none.

    Raises:
        MicrographError, LabelError: if a file is not what it should be.
        UsageError: if it is not said which class a mask's particles have, or said twice.
    """
    micrograph = read_micrograph(image)
    height, width = micrograph.image.shape
    boxes_given = labels.suffix.lower() in (".txt", ".xml")
    if boxes_given == (class_name is not None):
        raise UsageError(f"{labels}: --class is for an instance mask, and only for that; box labels have classes")
    if class_name is not None:
        class_id = find_class(class_name)
        if class_id is None or mask is not None:
            raise UsageError(f"--class {class_name}: expected one of {', '.join(CLASSES)}, and no --mask beside it")
        instances, xyxy = read_mask(labels, width=width, height=height)
        found = Detections(xyxy, class_id=np.full(len(xyxy), class_id))
        return Labelled(micrograph, LabelledImage(image.name, width, height, found), instances)
    truth = _read_boxes(labels, image.name, (height, width))
    if mask is None:
        return Labelled(micrograph, truth, None)
    return Labelled(micrograph, truth, _of_boxes(*read_mask(mask, width=width, height=height), truth.detections))


def _read_boxes(path: Path, image: str, shape: tuple[int, int]) -> LabelledImage:
    """Labels of a `.txt` or `.xml`, their class ids turned into ours."""
    height, width = shape
    if path.suffix.lower() == ".xml":
        labels = read_voc(path)
        if (labels.height, labels.width) != shape:
            raise LabelError(f"{path}: made for {labels.width}x{labels.height} px, the micrograph is {width}x{height}")
        return labels
    folder = next((f for f in (path.parent, path.parent.parent) if (f / "classes.txt").is_file()), None)
    if folder is None:
        raise LabelError(f"{path}: no classes.txt beside it or one folder up; write the class names, one a line")
    names = read_classes(folder / "classes.txt")
    labels = read_yolo(path, image=image, width=width, height=height, classes=names)
    ours = [find_class(name) for name in names]
    ids = [ours[index] for index in labels.detections.class_id]
    if None in ids:
        name = names[labels.detections.class_id[ids.index(None)]]
        raise LabelError(f"{path}: class {name!r} is not one of {', '.join(CLASSES)}; rename it")
    return replace(labels, detections=replace(labels.detections, class_id=np.array(ids, np.uint16)), classes=CLASSES)


def _of_boxes(instances: Instances, xyxy: NDArray[np.float32], labels: Detections) -> Instances:
    """The same mask numbered by the rows of `labels`; what no label fits gets negative numbers."""
    numbers = np.concatenate([[0], -1 - np.arange(len(xyxy))]).astype(np.int32)
    fit = iou(labels.xyxy, xyxy)
    for row in np.flatnonzero(fit.max(axis=1, initial=0) >= SAME_PARTICLE):
        numbers[1 + fit[row].argmax()] = row + 1
    return numbers[instances]
