"""Pictures: labelled micrographs in memory, with the group that must not be split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.labels import read_dataset
from nanotally.micrograph import read_micrograph

EMPS_INDEX = "boxes.json"
"""The index beside the EMPS pictures: article (DOI), modality and shape of each."""


@dataclass(frozen=True)
class Picture:
    """A labelled micrograph.

    Attributes:
        path: its file.
        image: (h, w) uint8.
        detections: labelled boxes.
        group: pictures of one group (article, sample) never stand on both sides of a split.
        kind: what is stratified by when splitting, such as "SEM cube".
    """

    path: Path
    image: NDArray[np.uint8]
    detections: Detections
    group: str
    kind: str = ""

    @property
    def name(self) -> str:
        """File name without folder."""
        return self.path.name


def read_pictures(folder: Path) -> list[Picture]:
    """All pictures of a labelled set, those of which it is known that they hold no particle included.

    Where the EMPS index lies in the folder, its articles are the groups, and its pictures of other shapes, which have
    no label file, are pictures without cubes or quasi-spheres. Elsewhere each picture is a group of its own and
    pictures without a label file are left out.

    Raises:
        DatasetError: if the folder is not a labelled set.
    """
    labelled = read_dataset(folder)
    index = folder / EMPS_INDEX
    rows = {row["file"]: row for row in json.loads(index.read_text())} if index.is_file() else {}
    every = [(sample.image, sample.labels.detections) for sample in labelled.samples]
    every += [
        (path, Detections.empty()) for path in labelled.unlabelled if rows.get(path.name, {}).get("shape") == "other"
    ]
    return [
        Picture(
            path=path,
            image=read_micrograph(path).image,
            detections=detections,
            group=str(rows[path.name]["doi"]) if path.name in rows else str(path),
            kind=_kind(rows.get(path.name), detections),
        )
        for path, detections in sorted(every)
    ]


def _kind(row: dict[str, str] | None, detections: Detections) -> str:
    if row is not None:
        return f"{row['modality']} {row['shape']}"
    return "+".join(CLASSES[i] for i in np.unique(detections.class_id)) or "empty"
