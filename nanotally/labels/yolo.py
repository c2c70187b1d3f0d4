"""YOLO labels: a line `class cx cy w h` a particle, relative to the image; the names in `classes.txt`.

Edges are continuous: a box from the left border to the right one has w = 1. `difficult`, `truncated` and
`visible` have no place in this format and are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.errors import LabelError
from nanotally.labels.labelled_image import LabelledImage, checked_boxes, collecting, raise_faults, read_text

EXPECTED = "class cx cy w h"
ROUNDING = 1e-5
"""How far beyond 0 to 1 a value may lie."""


def read_yolo(path: Path | str, *, image: str, width: int, height: int, classes: Sequence[str]) -> LabelledImage:
    """Read the labels of one image. An empty file is an image without particles.

    Args:
        path: the `.txt`.
        image: file name of the image.
        width: of the image, pixels.
        height: of the image, pixels.
        classes: names that the ids in the file stand for.

    Raises:
        LabelError: if lines do not have five values, the class is not an id of `classes`, a value is not within 0
            to 1, or a box has no area or is not within the image; all of them are named.
    """
    path = Path(path)
    rows: list[list[float]] = []
    where: list[str] = []
    faults: list[str] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            with collecting(faults):
                rows.append(_parse(line.split(), f"{path}:{number}", len(classes)))
                where.append(f"{path}:{number}")
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    with collecting(faults):
        boxes = checked_boxes(_to_pixels(table[:, 1:], width, height), width, height, where)
    raise_faults(faults)
    return LabelledImage(
        image=image,
        width=width,
        height=height,
        detections=Detections(boxes, class_id=table[:, 0].astype(np.uint16)),
        classes=tuple(classes),
    )


def _parse(tokens: list[str], where: str, n_classes: int) -> list[float]:
    """The five numbers of one line."""
    if len(tokens) != 5:
        raise LabelError(f"{where}: {len(tokens)} values, expected 5: {EXPECTED}")
    if not (tokens[0].isascii() and tokens[0].isdigit() and int(tokens[0]) < n_classes):
        raise LabelError(f"{where}: class {tokens[0]!r}, expected a whole number from 0 to {n_classes - 1}")
    try:
        values = [float(token) for token in tokens]
    except ValueError:
        raise LabelError(f"{where}: {' '.join(tokens)!r} is not five numbers: {EXPECTED}") from None
    if min(values[3:]) <= 0:
        swapped = ": its corners were swapped" if min(values[3:]) < 0 else ""
        raise LabelError(f"{where}: a box of w {values[3]:g}, h {values[4]:g} has no area{swapped}; draw it again")
    for name, value in zip(EXPECTED.split()[1:], values[1:], strict=True):
        if not -ROUNDING <= value <= 1 + ROUNDING:  # also true of nan
            raise LabelError(f"{where}: {name} is {value:g}, expected 0 to 1, relative to the image")
    return values


def _to_pixels(cxcywh: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    size = np.array([width, height], dtype=np.float64)
    centre, half = cxcywh[:, :2] * size, cxcywh[:, 2:] * size / 2
    return np.hstack([centre - half, centre + half])


def write_yolo(path: Path | str, labelled: LabelledImage) -> None:
    """Write one image's labels as LabelImg does, with six decimals."""
    size = np.array([labelled.width, labelled.height], dtype=np.float64)
    low, high = labelled.detections.xyxy[:, :2] / size, labelled.detections.xyxy[:, 2:] / size
    table = np.hstack([(low + high) / 2, high - low])
    lines = [
        f"{class_id:d} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n"
        for class_id, (cx, cy, w, h) in zip(labelled.detections.class_id, table, strict=True)
    ]
    Path(path).write_text("".join(lines), encoding="utf-8")


def read_classes(path: Path | str) -> tuple[str, ...]:
    """The names in a `classes.txt`, one a line, in the order of their ids.

    Raises:
        LabelError: if there is none, one is missing between two others, or one stands there twice.
    """
    names = tuple(line.strip() for line in read_text(Path(path)).rstrip().splitlines())
    if not names:
        raise LabelError(f"{path}: no class names; write one a line, in the order of their ids")
    if "" in names:
        raise LabelError(f"{path}:{names.index('') + 1}: empty line; the names' lines are their ids")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LabelError(f"{path}: class {twice[0]!r} stands there twice")
    return names


def write_classes(path: Path | str, classes: Sequence[str]) -> None:
    """Write a `classes.txt`."""
    Path(path).write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
