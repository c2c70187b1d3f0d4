"""Sets of small labelled micrographs, in every format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nanotally.detections import CLASSES, Detections
from nanotally.labels import (
    LabelledImage,
    write_classes,
    write_coco,
    write_createml,
    write_mask,
    write_voc,
    write_yolo,
)
from nanotally.opencv import cv2

FORMATS = ("yolo", "voc", "coco", "createml", "masks")


def labels(name: str, boxes: Sequence[Sequence[int]], *, side: int = 64, class_id: int = 0) -> LabelledImage:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return LabelledImage(name, side, side, Detections(xyxy, class_id=np.full(len(xyxy), class_id, np.uint16)))


def write_image(path: Path, labelled: LabelledImage, *, seed: int = 0) -> None:
    """A noisy picture that has its name's own pixels, with a bright patch for each box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng((seed, *path.stem.encode()))
    grey = rng.integers(20, 80, (labelled.height, labelled.width), dtype=np.uint8)
    for x1, y1, x2, y2 in labelled.detections.xyxy.astype(int):
        grey[y1:y2, x1:x2] = 200
    assert cv2.imwrite(str(path), grey)


def write_labels(folder: Path, labelled: Sequence[LabelledImage], form: str) -> None:
    """The labels of a folder in one format, as `nanotally generate` lays them."""
    places = {"yolo": folder / "labels", "voc": folder / "voc", "masks": folder / "masks"}
    if form in places:
        places[form].mkdir(parents=True, exist_ok=True)
    if form == "coco":
        write_coco(folder / "coco.json", labelled)
    elif form == "createml":
        write_createml(folder / "createml.json", labelled)
    else:
        for one in labelled:
            write_one(places[form], one, form)
    if form == "yolo":
        write_classes(folder / "classes.txt", CLASSES)
    if form == "masks":
        ids = {int(i) for one in labelled for i in one.detections.class_id} or {0}
        write_classes(folder / "classes.txt", [CLASSES[i] for i in ids])


def write_one(folder: Path, one: LabelledImage, form: str) -> None:
    """The labels of one image, `folder` being that of the label files."""
    stem = Path(one.image).stem
    if form == "yolo":
        write_yolo(folder / f"{stem}.txt", one)
    elif form == "voc":
        write_voc(folder / f"{stem}.xml", one)
    else:
        instances = np.zeros((one.height, one.width), np.int32)
        for number, (x1, y1, x2, y2) in enumerate(one.detections.xyxy.astype(int), start=1):
            instances[y1:y2, x1:x2] = number
        write_mask(folder / f"{stem}.png", instances)


def write_set(folder: Path, labelled: Sequence[LabelledImage], *forms: str, seed: int = 0) -> Path:
    """Images and their labels in each of `forms`; answers `folder`."""
    for one in labelled:
        write_image(folder / "images" / one.image, one, seed=seed)
    for form in forms:
        write_labels(folder, labelled, form)
    return folder


def some(prefix: str, count: int, *, side: int = 64, class_id: int = 0) -> list[LabelledImage]:
    """Labels of `count` pictures, each with a particle or two."""
    boxes = [[10, 12, 30, 34], [36, 30, 56, 52]]
    return [labels(f"{prefix}{n}.png", boxes[: 1 + n % 2], side=side, class_id=class_id) for n in range(count)]
