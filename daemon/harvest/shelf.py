"""The folder of kept frames: bounded, ready for label editors and for `nanotally dataset`.

    images/NAME.png, NAME.xml   a frame and its pre-labels, beside each other as LabelImg wants them (Pascal VOC)
    cvat.xml                    the pre-labels of all frames, for CVAT ("CVAT 1.1", for images)
    groups.csv                  a row a frame: its group for the split, why it was kept, where it is from
    classes.txt                 the names for LabelImg

A frame whose labels somebody has changed is never taken away.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from nanotally.errors import LabelError
from nanotally.labels import LabelledImage, read_voc, write_classes, write_cvat, write_voc

log = logging.getLogger(__name__)

IMAGES = "images"
INDEX = "groups.csv"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A row of the index.

    Attributes:
        file: name of the picture.
        group: frames of one run and source: a split keeps them together.
        doubt: about what was found in it.
        why: its largest part.
        instance, source, run_id, frame, wall: where it is from, and when.
        nm_per_px_x, nm_per_px_y: nanometres a pixel, "" where it is not known.
        x1, y1, x2, y2: what was examined of it, pixels, half-open.
        size_bytes: of picture and labels.
        label_sha256: of the labels as they were found.
    """

    file: str
    group: str
    doubt: float
    why: str
    instance: str
    source: str
    run_id: str
    frame: int
    wall: str
    nm_per_px_x: float | str
    nm_per_px_y: float | str
    x1: int
    y1: int
    x2: int
    y2: int
    size_bytes: int
    label_sha256: str

    @property
    def field(self) -> tuple[int, int, int, int]:
        """What was examined."""
        return self.x1, self.y1, self.x2, self.y2


class Shelf:
    """Kept frames on the disk. Used by one thread.

    Attributes:
        folder: of the frames.
        kept: their rows, oldest first.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        """Take up a folder, or make it.

        Raises:
            OSError: if it cannot be used.
        """
        self.folder = folder
        self._images = folder / IMAGES
        self._images.mkdir(parents=True, exist_ok=True)
        self._classes = tuple(classes)
        write_classes(folder / "classes.txt", self._classes)
        for torn in self._images.glob(".*"):
            torn.unlink()
        self.kept = _read_index(folder / INDEX)
        self.look_again()
        self._labels = {row.file: labels for row in self.kept if (labels := self._read(row)) is not None}

    @property
    def size_bytes(self) -> int:
        """Of all pictures and labels."""
        return sum(row.size_bytes for row in self.kept)

    def look_again(self) -> None:
        """Forget the frames that are not there any more: people take them away to work on them."""
        self.kept = [row for row in self.kept if self.picture(row).is_file() and self._label(row.file).is_file()]

    def picture(self, row: Kept) -> Path:
        """File of a kept frame."""
        return self._images / row.file

    def may_go(self, row: Kept) -> bool:
        """Whether nobody has worked on the labels of a frame."""
        try:
            return _digest(self._label(row.file)) == row.label_sha256
        except OSError:
            return False

    def add(self, png: bytes, labels: LabelledImage, row: Kept, *, instead_of: Sequence[Kept] = ()) -> None:
        """Put a frame on the shelf, under `row.file`, in the place of others. `label_sha256` is filled in.

        Raises:
            OSError: if the disk does not take it.
        """
        for other in instead_of:
            self._remove(other)
        picture, label = self.picture(row), self._label(row.file)
        # Under hidden names first, which no reader sees: a kill leaves no picture without labels.
        hidden = [file.with_name(f".{file.name}") for file in (picture, label)]
        hidden[0].write_bytes(png)
        write_voc(hidden[1], labels)
        facts = asdict(row) | {
            "label_sha256": _digest(hidden[1]),
            "size_bytes": sum(file.stat().st_size for file in hidden),
        }
        self.kept.append(Kept(**facts))
        self._labels[row.file] = labels
        self._write_index()
        hidden[1].replace(label)
        hidden[0].replace(picture)

    def _remove(self, row: Kept) -> None:
        self.picture(row).unlink(missing_ok=True)
        self._label(row.file).unlink(missing_ok=True)
        self.kept.remove(row)
        self._labels.pop(row.file, None)

    def _write_index(self) -> None:
        with _replacing(self.folder / INDEX).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [column.name for column in fields(Kept)])
            table.writeheader()
            table.writerows(asdict(row) for row in self.kept)
        write_cvat(
            _replacing(self.folder / "cvat.xml"),
            [self._labels[row.file] for row in self.kept if row.file in self._labels],
            classes=self._classes,
        )
        for name in (INDEX, "cvat.xml"):
            os.replace(_replacing(self.folder / name), self.folder / name)  # noqa: PTH105

    def _label(self, file: str) -> Path:
        return (self._images / file).with_suffix(".xml")

    def _read(self, row: Kept) -> LabelledImage | None:
        try:
            return read_voc(self._label(row.file), classes=self._classes)
        except LabelError as error:
            log.warning("harvest: %s", error)
            return None


def _replacing(file: Path) -> Path:
    return file.with_name(f".{file.name}")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read_index(file: Path) -> list[Kept]:
    """The rows of an index; one that people have damaged is told of and left out."""
    if not file.is_file():
        return []
    table = enumerate(csv.DictReader(file.read_text(encoding="utf-8").splitlines()), start=2)
    return [row for number, cells in table if (row := _row(cells, f"{file} line {number}")) is not None]


def _row(cells: dict[str, str], where: str) -> Kept | None:
    try:
        numbers = {name: int(cells[name]) for name in ("frame", "x1", "y1", "x2", "y2", "size_bytes")}
        texts = {f.name: cells[f.name] for f in fields(Kept)}
        return Kept(**texts | numbers | {"doubt": float(cells["doubt"])})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        log.warning("harvest: %s is passed over: %s", where, error)
        return None
