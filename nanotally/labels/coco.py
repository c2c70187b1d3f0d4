"""COCO labels: one JSON file for a whole folder; boxes are x y width height in pixels, with continuous edges.

COCO has no `difficult`, `truncated` and `visible`; they are written under these names beside the fields that it
has, `visible` only where it is known, and other readers pass them over. An `iscrowd` region, which COCO's own
metrics ignore, is read as difficult.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import numpy as np

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError
from nanotally.labels.json_labels import Faulty, Marks, columns_of, marks_of, read_json, set_apart
from nanotally.labels.labelled_image import LabelledImage, checked_boxes, collecting, raise_faults
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


def read_coco(
    path: Path | str, *, classes: Sequence[str] = CLASSES, faulty: Faulty | None = None
) -> list[LabelledImage]:
    """Read the labels of all images of the file, in its order; images without annotations too.

    Args:
        path: the `.json`.
        classes: names that the categories may have.
        faulty: takes the errors of images whose labels cannot be used, which are then left out; errors of annotations
            without an image stand under the name of the file. None: the first error is raised.

    Raises:
        LabelError: if it is not such a file, two images have an id, an id is unknown, a name is not one of `classes`,
            or a box is not within its image.
    """
    path = Path(path)
    coco = read_json(path, CocoFile, "COCO")
    rows: dict[int, list[Annotation]] = {image.id: [] for image in coco.images}
    if len(rows) < len(coco.images):
        raise LabelError(f"{path}: two images have the same id; give each its own")
    with set_apart(path.name, faulty):
        raise_faults([
            f"{path}: annotation {annotation.id}: there is no image {annotation.image_id}; add it, or take this away"
            for annotation in coco.annotations
            if annotation.image_id not in rows
        ])  # fmt: skip
    for annotation in coco.annotations:
        rows.get(annotation.image_id, []).append(annotation)
    names = {category.id: category.name for category in coco.categories}
    read = []
    for image in coco.images:
        with set_apart(image.file_name, faulty):
            read.append(_labelled(path, image, rows[image.id], names, classes))
    return read


def _labelled(
    path: Path, image: Image, rows: list[Annotation], names: dict[int, str], classes: Sequence[str]
) -> LabelledImage:
    where = [f"{path}: {image.file_name}: object {n}, annotation {row.id}" for n, row in enumerate(rows, start=1)]
    xywh = np.array([row.bbox for row in rows], dtype=np.float64).reshape(-1, 4)
    faults: list[str] = []
    ids = []
    for row, here in zip(rows, where, strict=True):
        with collecting(faults):
            ids.append(_class_id(row, names, classes, where=here))
    with collecting(faults):
        boxes = checked_boxes(np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]), image.width, image.height, where)
    raise_faults(faults)
    columns = columns_of(rows)
    columns["difficult"] |= np.array([row.iscrowd for row in rows], bool)
    return LabelledImage(
        image=image.file_name,
        width=image.width,
        height=image.height,
        detections=Detections(boxes, class_id=np.array(ids, np.uint16)),
        classes=tuple(classes),
        **columns,
    )


def _class_id(row: Annotation, names: dict[int, str], classes: Sequence[str], *, where: str) -> int:
    if row.category_id not in names:
        raise LabelError(f"{where}: there is no category {row.category_id}; the file has {sorted(names)}")
    return class_index(names[row.category_id], classes, where=where)


class CocoWriter:
    """Writes the labels of a folder image by image; ids count from 1, as COCO's own do.

    Annotations stand behind the images, so until the end they wait in a file without a name.
    """

    def __init__(self, path: Path | str, *, classes: Sequence[str] = CLASSES) -> None:
        """Begin a file.

        Raises:
            OSError: if it cannot be written.
        """
        self._classes = tuple(classes)
        self._images = self._annotations = 0
        self._file = Path(path).open("wb")  # noqa: SIM115 - open as long as the writer
        self._waiting = TemporaryFile()  # noqa: SIM115
        categories = [Category(number, name) for number, name in enumerate(classes, start=1)]
        self._file.write(b'{\n "categories": ' + msgspec.json.encode(categories) + b',\n "images": [')

    def add(self, labelled: LabelledImage) -> None:
        """Write the labels of an image.

        Raises:
            LabelError: if its classes are not those of the file.
        """
        if labelled.classes != self._classes:
            raise LabelError(f"{labelled.image}: its classes {labelled.classes} are not the file's {self._classes}")
        self._images += 1
        image = Image(self._images, labelled.image, labelled.width, labelled.height)
        self._file.write(_item(image, self._images))
        found = labelled.detections
        for (x1, y1, x2, y2), class_id, marks in zip(
            found.xyxy.tolist(), found.class_id.tolist(), marks_of(labelled), strict=True
        ):
            self._annotations += 1
            annotation = Annotation(
                id=self._annotations,
                image_id=image.id,
                category_id=class_id + 1,
                bbox=(x1, y1, x2 - x1, y2 - y1),
                area=(x2 - x1) * (y2 - y1),
                **marks,
            )
            self._waiting.write(_item(annotation, self._annotations))

    def close(self) -> None:
        """Write the annotations and end the file."""
        with self._file, self._waiting:
            self._file.write(b'\n ],\n "annotations": [')
            self._waiting.seek(0)
            shutil.copyfileobj(self._waiting, self._file)
            self._file.write(b"\n ]\n}\n")


def _item(item: msgspec.Struct, number: int) -> bytes:
    """An item of a list, in a line of its own; they count from 1."""
    return (b",\n  " if number > 1 else b"\n  ") + msgspec.json.encode(item)


def write_coco(path: Path | str, images: Iterable[LabelledImage], *, classes: Sequence[str] = CLASSES) -> None:
    """Write the labels of a folder.

    Raises:
        LabelError: if the classes of an image are not `classes`.
    """
    with closing(CocoWriter(path, classes=classes)) as file:
        for labelled in images:
            file.add(labelled)
