"""Pictures: labelled micrographs in memory, with the group that must not be split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.labels import LabelledImage, read_dataset

EMPS_INDEX = "boxes.json"
"""The index beside the EMPS pictures: article (DOI), modality and shape of each."""


@dataclass(frozen=True)
class Picture:
    """A labelled micrograph.

    Attributes:
        path: its file.
        image: (h, w) uint8, without databar.
        detections: labelled boxes in it, difficult ones included.
        group: pictures of one group (article, sample) never stand on both sides of a split.
        kind: what is stratified by when splitting, such as "SEM cube".
        difficult: (n,) bool, labels that teach neither that there is a particle nor that there is none. None: nowhere.
        whole: the labels as they are judged: in pixels of the file, and what the border or the databar cuts is
            difficult. None: `image` is the whole file and nothing is difficult.
    """

    path: Path
    image: NDArray[np.uint8]
    detections: Detections
    group: str
    kind: str = ""
    difficult: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    whole: LabelledImage | None = None

    def __post_init__(self) -> None:
        if self.difficult is None:
            object.__setattr__(self, "difficult", np.zeros(len(self.detections), bool))

    @property
    def name(self) -> str:
        """File name without folder."""
        return self.path.name


def read_pictures(folder: Path) -> list[Picture]:
    """All pictures of a labelled set, those of which it is known that they hold no particle included.

    Pictures without labels are left out, except those that the EMPS index says to show other shapes: in them are
    neither cubes nor quasi-spheres.

    Raises:
        DatasetError, LabelError, MicrographError: if the folder is not a labelled set.
    """
    from nanotally.trainer.entry import entries_of  # which imports this module

    return [entry.open() for entry in entries_of(read_dataset(folder))]
