"""Writing a training set: tiles with labels, whole pictures to judge by, and the files that describe them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.errors import DatasetError
from nanotally.labels import LabelledImage, write_classes, write_coco, write_yolo
from nanotally.labels.layout import IMAGE_FOLDERS, sidecars_of
from nanotally.opencv import cv2
from nanotally.trainer.evaluation.index import GROUPS
from nanotally.trainer.evaluation.questions import MASKS
from nanotally.trainer.pictures import Picture

Tile = tuple[NDArray[np.uint8], Detections]


def write_part(tiles: Iterable[Tile], folder: Path, part: str) -> dict[str, int]:
    """Write tiles as PNG with YOLO labels under images/`part` and labels/`part`; answers the counts.

    Raises:
        DatasetError: if a tile cannot be written.
    """
    images, labels = folder / "images" / part, folder / "labels" / part
    for each in (images, labels):
        each.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(("tiles", *CLASSES), 0)
    offset = len(list(images.iterdir()))
    for number, (image, boxes) in enumerate(tiles, start=offset):
        if not cv2.imwrite(str(images / f"{number:06d}.png"), image):
            raise DatasetError(f"{images / f'{number:06d}.png'}: cannot be written; is the disk full?")
        labelled = LabelledImage(f"{number:06d}.png", image.shape[1], image.shape[0], boxes)
        write_yolo(labels / f"{number:06d}.txt", labelled)
        counts["tiles"] += 1
        for name, n in boxes.counts().items():
            counts[name] += n
    return counts


def write_whole(pictures: Sequence[Picture], folder: Path) -> None:
    """Write whole pictures as a set for `nanotally evaluate`; nothing where there are none.

    The files are copied with what the instrument wrote beside them. YOLO labels are for other programs; `coco.json`
    has what they cannot say, which particles are difficult. Named groups go into `groups.csv`.
    """
    if not pictures:
        return
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    write_classes(folder / "classes.txt", CLASSES)
    labelled, groups = [], []
    for name, picture in zip(unique_names([p.path for p in pictures]), pictures, strict=True):
        _copy(picture.path, folder, name)
        labels = _labels_to_judge_by(picture, name)
        write_yolo(folder / "labels" / f"{Path(name).stem}.txt", labels)
        labelled.append(labels)
        if picture.group != str(picture.path):
            groups.append((name, picture.group))
    write_coco(folder / "coco.json", labelled)
    if groups:
        with (folder / GROUPS).open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("file", "group"), *groups])


def _copy(image: Path, folder: Path, name: str) -> None:
    """Copy an image, its sidecars and its instance mask, all under the stem of `name`."""
    stem = Path(name).stem
    for file in (image, *sidecars_of(image)):
        shutil.copyfile(file, folder / "images" / (stem + file.name.removeprefix(image.stem)))
    mask = image.parent.parent / MASKS / f"{image.stem}.png"
    if image.parent.name in IMAGE_FOLDERS and mask.is_file():
        (folder / MASKS).mkdir(exist_ok=True)
        shutil.copyfile(mask, folder / MASKS / f"{stem}.png")


def _labels_to_judge_by(picture: Picture, name: str) -> LabelledImage:
    whole = picture.whole
    if whole is None:
        height, width = picture.image.shape
        return LabelledImage(name, width, height, picture.detections, picture.difficult)
    return LabelledImage(
        name, whole.width, whole.height, whole.detections, whole.difficult, whole.truncated, whole.visible
    )


def unique_names(paths: Iterable[Path]) -> list[str]:
    """A file name for each path, its own where no earlier one has the stem: `a.png`, `b.png`, `a-2.tif`."""
    taken: set[str] = set()
    names = []
    for path in paths:
        stem, number = path.stem, 1
        while stem in taken:
            number += 1
            stem = f"{path.stem}-{number}"
        taken.add(stem)
        names.append(stem + path.suffix)
    return names


def write_description(folder: Path, facts: dict[str, object]) -> None:
    """Write what ultralytics needs (`data.yaml`) and what people need (`manifest.json`).

    Without a `path` the pictures are where the description is, so the folder can be moved.
    """
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    (folder / "data.yaml").write_text(f"train: images/train\nval: images/val\nchannels: 1\nnames:\n{names}")
    (folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n")
