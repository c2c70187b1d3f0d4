"""A folder of labelled micrographs: `images/`, `labels/` (YOLO) and `classes.txt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nanotally.detections import CLASSES
from nanotally.errors import DatasetError
from nanotally.labels.labelled_image import LabelledImage
from nanotally.labels.names import find_class
from nanotally.labels.yolo import read_classes, read_yolo
from nanotally.micrograph import image_size, list_micrographs


@dataclass(frozen=True)
class Sample:
    """A micrograph and its labels.

    Attributes:
        image: the file.
        labels: its particles; class ids index `CLASSES`.
    """

    image: Path
    labels: LabelledImage


@dataclass(frozen=True)
class Dataset:
    """A folder that was read as a data set.

    Attributes:
        folder: where it is.
        samples: every labelled micrograph, in natural order of the file names.
        unlabelled: micrographs without a label file. An empty label file says that there are no particles; no
            file says that nobody looked, so these tell nothing about a detector.
    """

    folder: Path
    samples: tuple[Sample, ...]
    unlabelled: tuple[Path, ...]


def read_dataset(folder: Path | str) -> Dataset:
    """Read `folder/images`, `folder/labels` and the `classes.txt` of either `folder` or `folder/labels`.

    The ids in the label files are mapped by name to `nanotally.detections.CLASSES`, so order does not matter,
    and a name that no label uses need not be known.

    Raises:
        DatasetError: if a part is missing, a label file has no image, or a class that is used is not ours.
        LabelError: if a label file is not what it should be.
        MicrographError: if an image cannot be read, or there is none.
    """
    folder = Path(folder)
    for part in ("images", "labels"):
        if not (folder / part).is_dir():
            raise DatasetError(f"{folder}: no folder {part}; a data set is images/, labels/ (YOLO) and classes.txt")
    names = _class_names(folder)
    images = _by_stem(list_micrographs(folder / "images"))
    labels = _by_stem([file for file in (folder / "labels").glob("*.txt") if file.name != "classes.txt"])
    if not labels:
        raise DatasetError(f"{folder / 'labels'}: no label file; expected one .txt an image")
    if orphans := sorted(labels.keys() - images.keys()):
        raise DatasetError(f"{labels[orphans[0]]}: no image of this name in {folder / 'images'}")
    return Dataset(
        folder=folder,
        samples=tuple(_sample(images[stem], labels[stem], names) for stem in images if stem in labels),
        unlabelled=tuple(image for stem, image in images.items() if stem not in labels),
    )


def _by_stem(files: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        if file.stem in found:
            raise DatasetError(f"{file}: a label file could also belong to {found[file.stem].name}; rename one")
        found[file.stem] = file
    return found


def _class_names(folder: Path) -> tuple[str, ...]:
    """The names in `classes.txt`. Label editors rewrite theirs, so of two files both must say the same."""
    files = [file for file in (folder / "classes.txt", folder / "labels" / "classes.txt") if file.is_file()]
    if not files:
        raise DatasetError(f"{folder}: no classes.txt here or in labels/; write the class names, one a line")
    names = read_classes(files[0])
    if names != read_classes(files[-1]):
        raise DatasetError(f"{files[0]} and {files[-1]} differ; keep the one that the labels were made with")
    ours = [index for name in names if (index := find_class(name)) is not None]
    if len(ours) > len(set(ours)):
        raise DatasetError(f"{files[0]}: two of {', '.join(names)} mean the same class; the labels are ambiguous")
    return names


def _sample(image: Path, label_file: Path, names: Sequence[str]) -> Sample:
    """One image with its labels, class ids turned into ours."""
    width, height = image_size(image)
    labels = read_yolo(label_file, image=image.name, width=width, height=height, classes=names)
    ours = [find_class(name) for name in names]
    used = labels.detections.class_id.tolist()
    for index in used:
        if ours[index] is None:
            raise DatasetError(f"{label_file}: class {names[index]!r} is not one of {', '.join(CLASSES)}; rename it")
    detections = replace(labels.detections, class_id=np.array([ours[index] for index in used], np.uint16))
    return Sample(image, replace(labels, detections=detections, classes=CLASSES))
