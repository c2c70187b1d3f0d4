"""Writing a set of synthetic micrographs: images, labels, and all facts from which it can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from nanotally import __version__
from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, UsageError
from nanotally.generator.orders import Picture
from nanotally.generator.preview import Preview
from nanotally.labels import LabelledImage, write_classes, write_coco, write_createml, write_mask, write_voc, write_yolo
from nanotally.opencv import cv2

FORMATS = ("yolo", "voc", "coco", "createml", "masks")
FOLDERS = {"yolo": "labels", "voc": "voc", "masks": "masks"}
"""Where a format has its files, one an image; the others have one file in all."""


def write_set(
    order: Mapping[str, object],
    pictures: Iterable[Picture],
    out: Path,
    formats: Sequence[str],
    *,
    preview: bool = False,
) -> dict[str, int]:
    """Write images and labels under `out`; answers how many images and particles a class were written.

    Layout: `images/000000.png`, `labels/000000.txt` with `classes.txt` (yolo), `voc/000000.xml`, `masks/000000.png`,
    `coco.json`, `createml.json`; `facts/000000.json` with everything that was drawn for that picture, and
    `manifest.json` with the order, the version and the totals.

    Args:
        order: what was ordered, for the manifest.
        pictures: what is written, in this order.
        out: folder that is not there yet, or empty.
        formats: of the labels, names in `FORMATS`.
        preview: also write `preview.png`, the first pictures with their boxes.

    Raises:
        UsageError: if a format is not known or `out` holds something already.
        DatasetError: if something cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"label format {', '.join(unknown) or '(none)'} is not known; there are {', '.join(FORMATS)}")
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is there already and is not an empty folder; choose another --out")
        return _write(order, pictures, out, formats, Preview() if preview else None)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error}") from error


def _write(
    order: Mapping[str, object], pictures: Iterable[Picture], out: Path, formats: Sequence[str], preview: Preview | None
) -> dict[str, int]:
    for folder in ("images", "facts", *(FOLDERS[name] for name in formats if name in FOLDERS)):
        (out / folder).mkdir(parents=True, exist_ok=True)
    totals = dict.fromkeys(("images", *CLASSES), 0)
    labelled = []
    for number, picture in enumerate(pictures):
        labels = _write_one(picture, out, f"{number:06d}", formats)
        if {"coco", "createml"} & set(formats):
            labelled.append(labels)
        if preview is not None:
            preview.add(picture)
        totals["images"] += 1
        for name, n in labels.detections.counts().items():
            totals[name] += n
    if "yolo" in formats:
        write_classes(out / "classes.txt", CLASSES)
    if "coco" in formats:
        write_coco(out / "coco.json", labelled)
    if "createml" in formats:
        write_createml(out / "createml.json", labelled)
    if preview is not None:
        _write_image(out / "preview.png", preview.sheet())
    facts = {"nanotally": __version__, "order": order, "totals": totals}
    (out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return totals


def _write_one(picture: Picture, out: Path, stem: str, formats: Sequence[str]) -> LabelledImage:
    labels = replace(picture.labels, image=f"{stem}.png")
    _write_image(out / "images" / labels.image, picture.image)
    if "yolo" in formats:
        write_yolo(out / "labels" / f"{stem}.txt", labels)
    if "voc" in formats:
        write_voc(out / "voc" / f"{stem}.xml", labels)
    if "masks" in formats:
        if picture.instances is None:
            raise DatasetError(f"{labels.image}: is a real picture of which only boxes are known; leave out masks")
        write_mask(out / "masks" / f"{stem}.png", picture.instances)
    facts = {"image": labels.image, **labels.detections.counts(), **picture.facts}
    (out / "facts" / f"{stem}.json").write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")
    return labels


def _write_image(path: Path, image: NDArray[np.uint8]) -> None:
    if not cv2.imwrite(str(path), image):
        raise DatasetError(f"{path}: cannot be written; is the disk full?")
