"""One image with the particles that somebody, or the generator, says are in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError

SLACK_PX = 1.0
"""How far beyond the image a box may reach before it is an error: formats round, and count from 0 or 1."""


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """The labels of one image.

    Attributes:
        image: file name of the image, without folder.
        width, height: size of the image in pixels, databar included.
        detections: boxes (n, 4) float32, x1 y1 x2 y2 in pixels, half-open, and class ids; every score is 1.
        difficult: (n,) bool, True where a detector is neither rewarded for finding the particle nor blamed
            for missing it. None: nowhere.
        truncated: (n,) bool, True where the image's border cuts the particle. None: nowhere.
        visible: (n,) float32, share of the particle's own area that is seen, 0 to 1; NaN where nobody knows. None:
            known nowhere.
        classes: the names that the class ids stand for.

    Raises:
        LabelError: if the lengths differ, a share is not within 0 to 1, a class id has no name or the size is not
            positive.
    """

    image: str
    width: int
    height: int
    detections: Detections
    difficult: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    truncated: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    visible: NDArray[np.float32] = field(default=None)  # type: ignore[arg-type]
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        n = len(self.detections)
        for name, unknown in (
            ("difficult", np.zeros(n, bool)),
            ("truncated", np.zeros(n, bool)),
            ("visible", np.full(n, np.nan, np.float32)),
        ):
            given = getattr(self, name)
            column = unknown if given is None else np.asarray(given, dtype=unknown.dtype)
            if column.shape != (n,):
                raise LabelError(f"{self.image}: {name} has {column.size} rows, there are {n} boxes")
            object.__setattr__(self, name, column)
        for share in self.visible[(self.visible < 0) | (self.visible > 1)]:
            raise LabelError(f"{self.image}: visible is {share:g}, expected a share, 0 to 1")
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.width <= 0 or self.height <= 0:
            raise LabelError(f"{self.image}: a size of {self.width} x {self.height} px is not an image")
        if n and self.detections.class_id.max() >= len(self.classes):
            highest = self.detections.class_id.max()
            raise LabelError(f"{self.image}: class {highest}, but there are {len(self.classes)} class names")

    def __len__(self) -> int:
        return len(self.detections)


def checked_boxes(boxes: ArrayLike, width: int, height: int, where: Sequence[str]) -> NDArray[np.float32]:
    """(n, 4) float32 of `boxes` x1 y1 x2 y2, cut to the image of `width` by `height` pixels.

    Args:
        boxes: (n, 4), n may be 0.
        width: of the image, pixels.
        height: of the image, pixels.
        where: (n) where each box stands, for the error.

    Raises:
        LabelError: if boxes are not finite, reach out by more than `SLACK_PX` or have no area; all of them are named.
    """
    xyxy = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    size = np.array([width, height, width, height])
    within = ((xyxy >= -SLACK_PX) & (xyxy <= size + SLACK_PX)).all(axis=1)
    cut = np.clip(xyxy, 0, size)
    sound = within & (cut[:, 2:] > cut[:, :2]).all(axis=1)
    raise_faults([f"{where[row]}: {_said(xyxy[row], width, height)}" for row in np.flatnonzero(~sound).tolist()])
    return cut.astype(np.float32)


def _said(box: NDArray[np.float64], width: int, height: int) -> str:
    """What is wrong with a box that is not sound."""
    told = "box x1 y1 x2 y2 = " + ", ".join(f"{value:g}" for value in box)
    if (box[2:] < box[:2]).any():
        return f"{told} has no area: its corners are swapped, expected x1 < x2 and y1 < y2"
    if (box[2:] == box[:2]).any():
        return f"{told} has no area; draw it again"
    return f"{told} reaches out of the image of {width} x {height} px; draw it again, within"


@contextmanager
def collecting(faults: list[str]) -> Iterator[None]:
    """What a `LabelError` raised inside says is added to `faults`, and all goes on after the block."""
    try:
        yield
    except LabelError as error:
        faults.extend(error.faults)


def raise_faults(faults: Sequence[str]) -> None:
    """One error that has all of `faults`, if there are any.

    Raises:
        LabelError: whose message is the first fault and the number of the others.
    """
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise LabelError(faults[0] + more, faults=tuple(faults))


def read_text(path: Path) -> str:
    """A UTF-8 file, with or without byte order mark.

    Raises:
        LabelError: if it is not there or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not a text file in UTF-8") from error
