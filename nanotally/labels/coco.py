"""COCO labels: one JSON file for a whole folder; boxes are x y width height in pixels, with continuous edges.

COCO has no `difficult`, `truncated` and `visible`; they are written under these names beside the fields that it
has, `visible` only where it is known, and other readers pass them over. An `iscrowd` region, which COCO's own
metrics ignore, is read as difficult.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError
from nanotally.labels.json_labels import Marks, columns_of, marks_of, read_json
from nanotally.labels.labelled_image import LabelledImage, checked_boxes
from nanotally.labels.names import class_index


class Category(msgspec.Struct):
    """A class; ids need not begin at 0 nor be without gaps."""

    id: int
    name: str


class Image(msgspec.Struct):
    """An image that annotations point to."""

    id: int
    file_name: str
    width: int
    height: int


class Annotation(Marks):
    """A particle."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float = 0.0
    iscrowd: int = 0


class CocoFile(msgspec.Struct):
    """The parts of a COCO file that boxes need."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


def read_coco(path: Path | str, *, classes: Sequence[str] = CLASSES) -> list[LabelledImage]:
    """Read the labels of all images of the file, in its order; images without annotations too.

    Raises:
        LabelError: if it is not such a file, an id is unknown or stands twice, a name is not one of
            `classes`, or a box is not within its image.
    """
    path = Path(path)
    coco = read_json(path, CocoFile, "COCO")
    class_of = _class_ids(path, coco, classes)
    annotations: dict[int, list[Annotation]] = {image.id: [] for image in coco.images}
    if len(annotations) < len(coco.images):
        raise LabelError(f"{path}: two images have the same id")
    for annotation in coco.annotations:
        for kind, number, known in (
            ("image", annotation.image_id, annotations),
            ("category", annotation.category_id, class_of),
        ):
            if number not in known:
                raise LabelError(f"{path}: annotation {annotation.id}: there is no {kind} {number}")
        annotations[annotation.image_id].append(annotation)
    return [_labelled(path, image, annotations[image.id], class_of, classes) for image in coco.images]


def _class_ids(path: Path, coco: CocoFile, classes: Sequence[str]) -> dict[int, int]:
    """Our class id of every category that an annotation uses; names that none uses need not be ours."""
    used = {annotation.category_id for annotation in coco.annotations}
    return {c.id: class_index(c.name, classes, where=str(path)) for c in coco.categories if c.id in used}


def _labelled(
    path: Path, image: Image, rows: list[Annotation], class_of: dict[int, int], classes: Sequence[str]
) -> LabelledImage:
    xywh = np.array([row.bbox for row in rows], dtype=np.float64).reshape(-1, 4)
    boxes = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
    columns = columns_of(rows)
    columns["difficult"] |= np.array([row.iscrowd for row in rows], bool)
    return LabelledImage(
        image=image.file_name,
        width=image.width,
        height=image.height,
        detections=Detections(
            checked_boxes(boxes, image.width, image.height, f"{path}: {image.file_name}"),
            class_id=np.array([class_of[row.category_id] for row in rows], np.uint16),
        ),
        classes=tuple(classes),
        **columns,
    )


def write_coco(path: Path | str, images: Iterable[LabelledImage], *, classes: Sequence[str] = CLASSES) -> None:
    """Write the labels of a folder; ids count from 1, as COCO's own do.

    Raises:
        LabelError: if the classes of an image are not `classes`.
    """
    coco = CocoFile([], [], [Category(number, name) for number, name in enumerate(classes, start=1)])
    for labelled in images:
        if labelled.classes != tuple(classes):
            raise LabelError(f"{labelled.image}: its classes {labelled.classes} are not the file's {tuple(classes)}")
        image = Image(len(coco.images) + 1, labelled.image, labelled.width, labelled.height)
        coco.images.append(image)
        found = labelled.detections
        for (x1, y1, x2, y2), class_id, marks in zip(
            found.xyxy.tolist(), found.class_id.tolist(), marks_of(labelled), strict=True
        ):
            coco.annotations.append(
                Annotation(
                    id=len(coco.annotations) + 1,
                    image_id=image.id,
                    category_id=class_id + 1,
                    bbox=(x1, y1, x2 - x1, y2 - y1),
                    area=(x2 - x1) * (y2 - y1),
                    **marks,
                )
            )
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(coco), indent=1) + b"\n")
