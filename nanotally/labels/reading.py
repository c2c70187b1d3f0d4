"""Reading: what the labels of one format say of the images of a folder, and what is wrong with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nanotally.detections import CLASSES, Detections
from nanotally.errors import DatasetError, LabelError, NanotallyError
from nanotally.labels.coco import read_coco
from nanotally.labels.createml import read_createml
from nanotally.labels.labelled_image import LabelledImage, raise_faults
from nanotally.labels.layout import CLASSES_FILE, Layout
from nanotally.labels.masks import read_mask
from nanotally.labels.names import find_class
from nanotally.labels.voc import read_voc
from nanotally.labels.yolo import read_classes, read_yolo

SAME_PX = 1.5
"""Two formats put the edges of one box at most this far apart: VOC rounds, and has no 0."""
Sizes = Mapping[str, tuple[int, int]]
"""Width and height of each image that can be read, pixels, by its name in the layout."""


@dataclass
class Reading:
    """What one format says, by the images' names in the layout.

    Attributes:
        labels: of the images whose labels are sound; class ids index `CLASSES`.
        files: label file of each of these.
        faults: errors, by the image that cannot be used for them, or by a name of their own.
    """

    labels: dict[str, LabelledImage] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    faults: dict[str, NanotallyError] = field(default_factory=dict)


@contextmanager
def noting(faults: dict[str, NanotallyError], key: str) -> Iterator[None]:
    """An error raised inside is put into `faults` under `key`, and all goes on after the block."""
    try:
        yield
    except NanotallyError as error:
        faults[key] = error


def read_format(name: str, layout: Layout, sizes: Sizes) -> Reading:
    """Read all labels of a format, one of `layout.labels`.

    Raises:
        DatasetError: if it is YOLO and the class names are missing or ambiguous.
        LabelError: if a file for all images is not what it should be.
    """
    if name in ("coco", "createml"):
        return _read_lists(name, layout, sizes)
    if name == "yolo":
        names = class_names(layout)
        return _read_files(name, layout, sizes, lambda file, image, size: _yolo(file, image, size, names))
    if name == "voc":
        return _read_files(name, layout, sizes, lambda file, image, size: _fitting(read_voc(file), file, image, size))
    return _read_files(name, layout, sizes, lambda file, image, size: _mask(file, image, size, layout))


def _read_files(
    name: str, layout: Layout, sizes: Sizes, read: Callable[[Path, Path, tuple[int, int]], LabelledImage]
) -> Reading:
    """Read one file an image."""
    reading = Reading()
    for key, file in layout.labels[name].items():
        if key not in layout.images:
            reading.faults[str(file)] = DatasetError(
                f"{file}: no image of this name in {layout.root}; add it, or take the label away"
            )
        elif key in sizes:
            with noting(reading.faults, key):
                reading.labels[key] = read(file, layout.images[key], sizes[key])
                reading.files[key] = file
    return reading


def _read_lists(name: str, layout: Layout, sizes: Sizes) -> Reading:
    """Read files that each hold the labels of many images."""
    reading, keys = Reading(), _keys(layout)
    for file in layout.labels[name].values():
        faulty: dict[str, LabelError] = {}
        if name == "coco":
            listed = read_coco(file, faulty=faulty)
        else:
            listed = read_createml(file, images=layout.root, faulty=faulty)
        for image, error in faulty.items():
            reading.faults[keys.get(image, f"{file}: {image}")] = error
        for labels in listed:
            _file_away(labels, file, keys.get(labels.image), reading, layout, sizes)
    return reading


def _keys(layout: Layout) -> dict[str, str]:
    """Names in the layout by those in a list: the path below the images' folder, or the bare name if it is the only."""
    times = Counter(path.name for path in layout.images.values())
    bare = {path.name: key for key, path in layout.images.items() if times[path.name] == 1}
    return bare | {path.relative_to(layout.root).as_posix(): key for key, path in layout.images.items()}


def _file_away(
    labels: LabelledImage, file: Path, key: str | None, reading: Reading, layout: Layout, sizes: Sizes
) -> None:
    """Put one entry of a list where it belongs."""
    where = f"{file}: {labels.image}"
    if key is None:
        reading.faults[where] = DatasetError(f"{where}: no such image in {layout.root}; add it, or take its entry away")
    elif key in reading.files:
        told = f"{where}: is labelled in {reading.files[key].name} already; keep one of the two"
        reading.faults[key] = DatasetError(told)
    elif key in sizes:
        reading.files[key] = file
        with noting(reading.faults, key):
            reading.labels[key] = _fitting(labels, file, layout.images[key], sizes[key])


def _fitting(labels: LabelledImage, file: Path, image: Path, size: tuple[int, int]) -> LabelledImage:
    """The labels under the image's own name.

    Raises:
        LabelError: if they were made for an image of another size.
    """
    if (labels.width, labels.height) != size:
        made, found = f"{labels.width}x{labels.height}", f"{size[0]}x{size[1]}"
        raise LabelError(f"{file}: {image.name}: made for {made} px, the image is {found}; label it again")
    return replace(labels, image=image.name)


def class_names(layout: Layout) -> tuple[str, ...]:
    """The names in `classes.txt`. Label editors rewrite theirs, so wherever there are several they must say the same.

    Raises:
        DatasetError: if there is none, they differ, or two names mean the same class.
    """
    files = _class_files(layout)
    if not files:
        told = "no classes.txt here or beside the labels; write the class names, one a line"
        raise DatasetError(f"{layout.folder}: {told}")
    names = read_classes(files[0])
    for other in files[1:]:
        if names != read_classes(other):
            raise DatasetError(f"{files[0]} and {other} differ; keep the one that the labels were made with")
    ours = [index for name in names if (index := find_class(name)) is not None]
    if len(ours) > len(set(ours)):
        raise DatasetError(f"{files[0]}: two of {', '.join(names)} mean the same class; the labels are ambiguous")
    return names


def _class_files(layout: Layout) -> list[Path]:
    folders = {layout.folder, *(file.parent for file in layout.labels.get("yolo", {}).values())}
    return [folder / CLASSES_FILE for folder in sorted(folders) if (folder / CLASSES_FILE).is_file()]


def _yolo(file: Path, image: Path, size: tuple[int, int], names: Sequence[str]) -> LabelledImage:
    """Labels whose ids are turned into ours."""
    labels = read_yolo(file, image=image.name, width=size[0], height=size[1], classes=names)
    ours = [find_class(name) for name in names]
    used = labels.detections.class_id.tolist()
    raise_faults([
        f"{file}: class {names[index]!r} is not one of {', '.join(CLASSES)}; rename it"
        for index in sorted(set(used))
        if ours[index] is None
    ])  # fmt: skip
    detections = replace(labels.detections, class_id=np.array([ours[index] for index in used], np.uint16))
    return replace(labels, detections=detections, classes=CLASSES)


def _mask(file: Path, image: Path, size: tuple[int, int], layout: Layout) -> LabelledImage:
    """The instances of a mask, which has no classes: all of one class, by `classes.txt` or by the generator's facts."""
    _, boxes = read_mask(file, width=size[0], height=size[1])
    class_id = _only_class(layout, image.stem) if len(boxes) else 0
    if class_id is None:
        told = "a mask has no classes, and neither does a classes.txt with one name nor facts/ say which; add labels"
        raise LabelError(f"{file}: {told}")
    found = Detections(boxes, class_id=np.full(len(boxes), class_id, np.uint16))
    return LabelledImage(image.name, *size, found)


def _only_class(layout: Layout, stem: str) -> int | None:
    """The class of all particles of a picture; None: nobody says, or there are several."""
    files = _class_files(layout)
    if files and len(names := read_classes(files[0])) == 1:
        return find_class(names[0])
    facts = layout.folder / "facts" / f"{stem}.json"
    if not facts.is_file():
        return None
    counts = json.loads(facts.read_text(encoding="utf-8"))
    shown = [class_id for class_id, name in enumerate(CLASSES) if counts.get(name)]
    return shown[0] if len(shown) == 1 else None


def differences(one: Reading, other: Reading, names: tuple[str, str], layout: Layout) -> dict[str, NanotallyError]:
    """Errors for the images of which two formats do not say the same, by their names in the layout."""
    faults: dict[str, NanotallyError] = {}
    for key in sorted({*one.labels, *other.labels} - {*one.faults, *other.faults}):
        mine, theirs = one.labels.get(key), other.labels.get(key)
        if mine is not None and theirs is not None and same_labels(mine.detections, theirs.detections):
            continue
        said = [
            f"{name} {'nothing' if own is None else len(own)}" for name, own in zip(names, (mine, theirs), strict=True)
        ]
        faults[key] = DatasetError(
            f"{layout.images[key]}: its labels in two formats do not agree ({', '.join(said)}); keep one format"
        )
    return faults


def same_labels(one: Detections, other: Detections) -> bool:
    """True if both have the same particles, in any order, up to what formats round."""
    if len(one) != len(other):
        return False
    far = np.abs(one.xyxy[:, None] - other.xyxy[None]).max(axis=2)
    same = (far <= SAME_PX) & (one.class_id[:, None] == other.class_id[None])
    return bool(same.any(axis=1).all() and same.any(axis=0).all())
