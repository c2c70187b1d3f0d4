"""Entry: a labelled micrograph that is not open, with all that a split must know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nanotally.detections import CLASSES, Detections, area
from nanotally.labels import Dataset, LabelledImage
from nanotally.labels.layout import IMAGE_FOLDERS
from nanotally.micrograph import image_size, read_micrograph
from nanotally.trainer.evaluation.index import OTHER, UNKNOWN, read_index
from nanotally.trainer.evaluation.index import Entry as Row
from nanotally.trainer.evaluation.questions import cut_by_border
from nanotally.trainer.pictures import Picture
from nanotally.trainer.views import LEAST_VISIBLE

PARTS_OF_OTHERS = ("train", "val", "valid", "validation", "test")
"""Folders of images that are somebody's split, and so say nothing of samples."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A labelled micrograph on the disk.

    Attributes:
        path: its file.
        folder: the set that it is from.
        labels: boxes in pixels of the file; class ids index `CLASSES`.
        group: pictures of one group (article, sample) never stand on both sides of a split; the path of a picture
            whose group nobody named.
        kind: what is stratified by when splitting, such as "SEM cube".
        label_file: where the labels were read; None: the index of the set says that there are none.
        synthetic: its databar is part of the lesson and stays on.
    """

    path: Path
    folder: Path
    labels: LabelledImage
    group: str
    kind: str
    label_file: Path | None
    synthetic: bool = False

    @property
    def name(self) -> str:
        """File name without folder."""
        return self.path.name

    @property
    def detections(self) -> Detections:
        """The labelled boxes, in pixels of the file."""
        return self.labels.detections

    def open(self) -> Picture:
        """The picture, with its databar cut off, and with the labels of which enough is left.

        Raises:
            MicrographError: if the file cannot be read any more.
        """
        micrograph = read_micrograph(self.path)
        height, width = micrograph.image.shape
        x1, y1, x2, y2 = (0, 0, width, height) if self.synthetic else micrograph.field
        boxes = self.detections.xyxy
        seen = np.clip(boxes, (x1, y1) * 2, (x2, y2) * 2)
        keep = area(seen) >= LEAST_VISIBLE * area(boxes)
        within = replace(self.detections[keep], xyxy=seen[keep] - np.array((x1, y1) * 2, np.float32))
        difficult = self.labels.difficult[keep]
        cut = cut_by_border(within, (y2 - y1, x2 - x1))
        whole = replace(
            self.labels,
            detections=replace(within, xyxy=seen[keep]),
            difficult=difficult | cut,
            truncated=self.labels.truncated[keep] | cut,
            visible=self.labels.visible[keep],
        )
        return Picture(
            self.path, micrograph.image[y1:y2, x1:x2], within, self.group, self.kind, difficult=difficult, whole=whole
        )


def entries_of(dataset: Dataset, *, synthetic: bool = False) -> list[Entry]:
    """Entries of a set that was read, sorted by path.

    Groups are those of `groups.csv`, else the articles of the EMPS index, else the folders inside the images' folder,
    unless these are called like parts of a split. A picture without labels that the EMPS index says to show other
    shapes is one without cubes and quasi-spheres.

    Raises:
        DatasetError: if an index is there and not what it should be.
    """
    index = read_index(dataset.folder)
    every = [(sample.image, sample.labels, sample.label_file) for sample in dataset.samples]
    every += [
        (path, LabelledImage(path.name, *image_size(path), Detections.empty()), None)
        for path in dataset.unlabelled
        if index.get(path.name, UNKNOWN).shape == OTHER
    ]
    return [
        Entry(
            path=path,
            folder=dataset.folder,
            labels=labels,
            group=index.get(path.name, UNKNOWN).group or _folder_group(path, dataset.folder) or str(path),
            kind=_kind(index.get(path.name, UNKNOWN), labels.detections),
            label_file=label_file,
            synthetic=synthetic,
        )
        for path, labels, label_file in sorted(every, key=lambda row: row[0])
    ]


def _folder_group(path: Path, folder: Path) -> str:
    place = path.parent.relative_to(folder).parts
    inside = place[1:] if place[:1] and place[0] in IMAGE_FOLDERS else place
    return "" if not inside or inside[0] in PARTS_OF_OTHERS else "/".join(inside)


def _kind(row: Row, detections: Detections) -> str:
    if row.shape:
        return f"{row.modality} {row.shape}"
    return "+".join(CLASSES[i] for i in np.unique(detections.class_id)) or "empty"
