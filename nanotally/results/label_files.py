"""What was found, as labels for label editors and for ImageJ: a file an image, but for COCO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nanotally.detections import FLAG_BORDER
from nanotally.labels import CocoWriter, LabelledImage, write_classes, write_voc, write_yolo
from nanotally.labels.imagej import rois_of, write_rois
from nanotally.results.result import Result, Run
from nanotally.results.tables import ImagejTable


class CocoFile:
    """`coco.json`: the labels of all images."""

    def __init__(self, out: Path, run: Run) -> None:
        self._classes = run.classes
        self._file = CocoWriter(out / "coco.json", classes=run.classes)

    def add(self, result: Result) -> None:
        """Write the labels of an image."""
        self._file.add(labels_of(result, self._classes))

    def close(self, faults: Sequence[str]) -> None:
        """End the file."""
        self._file.close()


class VocFiles:
    """`voc/NAME.xml`: Pascal VOC, as LabelImg has it."""

    def __init__(self, out: Path, run: Run) -> None:
        self._folder, self._classes = out / "voc", run.classes

    def add(self, result: Result) -> None:
        """Write the labels of an image."""
        write_voc(path_for(result, self._folder, ".xml"), labels_of(result, self._classes))

    def close(self, faults: Sequence[str]) -> None:
        """Nothing is left to do."""


class YoloFiles:
    """`yolo/NAME.txt` and `yolo/classes.txt`, where LabelImg looks for the names."""

    def __init__(self, out: Path, run: Run) -> None:
        self._folder, self._classes = out / "yolo", run.classes
        self._folder.mkdir(exist_ok=True)
        write_classes(self._folder / "classes.txt", run.classes)

    def add(self, result: Result) -> None:
        """Write the labels of an image."""
        write_yolo(path_for(result, self._folder, ".txt"), labels_of(result, self._classes))

    def close(self, faults: Sequence[str]) -> None:
        """Nothing is left to do."""


class ImagejFiles:
    """`imagej/NAME.zip`, regions for the ROI Manager, and `imagej/Results.csv`."""

    def __init__(self, out: Path, run: Run) -> None:
        self._folder, self._classes = out / "imagej", run.classes
        self._folder.mkdir(exist_ok=True)
        self._table = ImagejTable(self._folder, run)

    def add(self, result: Result) -> None:
        """Write the regions and the rows of an image."""
        rois = rois_of(result.found.detections, classes=self._classes, contours=result.measured.contours)
        write_rois(path_for(result, self._folder, ".zip"), rois)
        self._table.add(result)

    def close(self, faults: Sequence[str]) -> None:
        """End the table."""
        self._table.close(faults)


def path_for(result: Result, folder: Path, ending: str) -> Path:
    """File in `folder` that has the name of the image with another ending; its folder is made."""
    path = (folder / result.name).with_suffix(ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def labels_of(result: Result, classes: tuple[str, ...]) -> LabelledImage:
    """The particles as labels; those that touch the border of the field are truncated."""
    height, width = result.micrograph.image.shape
    found = result.found.detections
    return LabelledImage(result.name, width, height, found, truncated=(found.flags & FLAG_BORDER) > 0, classes=classes)
