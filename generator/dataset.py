"""Writing a set of synthetic micrographs: images, labels, and all facts from which it can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
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
from nanotally.micrograph import with_pixel_size
from nanotally.opencv import cv2
from nanotally.spread import Failure

MANIFEST = "manifest.json"
FORMATS = ("yolo", "voc", "coco", "createml", "masks")
FOLDERS = {"yolo": "labels", "voc": "voc", "masks": "masks"}
"""Where a format has its files, one an image."""
OF_ALL = {"coco", "createml"}
"""Formats with one file in all."""


def write_set(
    order: Mapping[str, object],
    pictures: Iterable[Picture | Failure],
    out: Path,
    formats: Sequence[str],
    *,
    preview: bool = False,
    first: int = 0,
) -> dict[str, int]:
    """Write images and labels under `out`; answers how many images and particles a class there are.

    Layout: `images/000000.png`, `labels/000000.txt` with `classes.txt` (yolo), `voc/000000.xml`, `masks/000000.png`,
    `coco.json`, `createml.json`; `facts/000000.json` with everything that was drawn for that picture, and
    `manifest.json` with the order, the version and, once the set is whole, the totals.

    Args:
        order: what was ordered, for the manifest.
        pictures: what is written, in this order; the number of a failure is left out.
        out: folder that is not there yet, or empty, or in which `begun` found the beginning of the same set.
        formats: of the labels, names in `FORMATS`.
        preview: also write `preview.png`, the first pictures with their boxes.
        first: number of the first picture: as many as `begun` answered, or fewer.

    Raises:
        UsageError: if a format is not known or `out` holds something else.
        DatasetError: if something cannot be written; at the end, if there were failures.
    """
    _check(formats)
    if first > begun(order, out, formats, preview=preview):
        raise UsageError(f"{out}: has not {first} pictures of this set")
    try:
        totals, faults = _write(order, pictures, out, formats, Preview() if preview else None, first)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error}") from error
    if faults:
        raise DatasetError(f"{out}: without {'; '.join(faults)}", faults=tuple(faults))
    return totals


def begun(order: Mapping[str, object], out: Path, formats: Sequence[str], *, preview: bool = False) -> int:
    """How many pictures of this set an earlier run, broken off, has left whole in `out`; arguments as of `write_set`.

    What is of all pictures (`coco`, `createml`, a preview) is not there before the end: for these all are made again.

    Raises:
        UsageError: if `out` holds something else, or all of the set.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return 0
    manifest = out / MANIFEST
    if not manifest.is_file() or manifest.read_bytes() != _manifest(order, labels=list(formats)):
        raise UsageError(f"{out} is there already and is not an empty folder; choose another --out")
    if preview or OF_ALL & set(formats):
        return 0
    there = next(number for number in count() if not _facts_path(out, number).is_file())
    return max(0, there - 1)  # the last one may have been broken off


def _check(formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"label format {', '.join(unknown) or '(none)'} is not known; there are {', '.join(FORMATS)}")


def _write(
    order: Mapping[str, object],
    pictures: Iterable[Picture | Failure],
    out: Path,
    formats: Sequence[str],
    preview: Preview | None,
    first: int,
) -> tuple[dict[str, int], list[str]]:
    """The totals, and what is missing and why."""
    for folder in ("images", "facts", *(FOLDERS[name] for name in formats if name in FOLDERS)):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).write_bytes(_manifest(order, labels=list(formats)))
    if "yolo" in formats:
        write_classes(out / "classes.txt", CLASSES)
    totals = _totals(out, first)
    labelled, faults = [], []
    for number, picture in enumerate(pictures, start=first):
        if isinstance(picture, Failure):
            faults.append(picture.of(f"image {number}"))
            continue
        labels = _write_one(picture, out, number, formats)
        if OF_ALL & set(formats):
            labelled.append(labels)
        if preview is not None:
            preview.add(picture)
        totals["images"] += 1
        for name, n in labels.detections.counts().items():
            totals[name] += n
    if "coco" in formats:
        write_coco(out / "coco.json", labelled)
    if "createml" in formats:
        write_createml(out / "createml.json", labelled)
    if preview is not None:
        _write_image(out / "preview.png", preview.sheet())
    (out / MANIFEST).write_bytes(_manifest(order, totals=totals, **({"missing": faults} if faults else {})))
    return totals, faults


def _manifest(order: Mapping[str, object], **more: object) -> bytes:
    facts = {"nanotally": __version__, "order": order, **more}
    return (json.dumps(facts, indent=1) + "\n").encode()


def _totals(out: Path, first: int) -> dict[str, int]:
    """Of the pictures before number `first`."""
    totals = {"images": first, **dict.fromkeys(CLASSES, 0)}
    for number in range(first):
        facts = msgspec.json.decode(_facts_path(out, number).read_bytes())
        for name in CLASSES:
            totals[name] += facts[name]
    return totals


def _facts_path(out: Path, number: int) -> Path:
    return out / "facts" / f"{number:06d}.json"


def _write_one(picture: Picture, out: Path, number: int, formats: Sequence[str]) -> LabelledImage:
    stem = f"{number:06d}"
    labels = replace(picture.labels, image=f"{stem}.png")
    _write_image(out / "images" / labels.image, picture.image, nm_per_px=picture.nm_per_px)
    if "yolo" in formats:
        write_yolo(out / "labels" / f"{stem}.txt", labels)
    if "voc" in formats:
        write_voc(out / "voc" / f"{stem}.xml", labels)
    if "masks" in formats:
        if picture.instances is None:
            raise DatasetError(f"{labels.image}: is a real picture of which only boxes are known; leave out masks")
        write_mask(out / "masks" / f"{stem}.png", picture.instances)
    facts = {"image": labels.image, **labels.detections.counts(), **picture.facts}
    # The last file of a picture: where it is, the others are.
    _facts_path(out, number).write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")
    return labels


def _write_image(path: Path, image: NDArray[np.uint8], *, nm_per_px: tuple[float, float] | None = None) -> None:
    png = cv2.imencode(".png", image)[1].tobytes()
    path.write_bytes(png if nm_per_px is None else with_pixel_size(png, nm_per_px))
