"""A folder of labelled micrographs, in whichever format they are labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nanotally.errors import NanotallyError
from nanotally.labels.labelled_image import LabelledImage
from nanotally.labels.layout import Layout, find_layout
from nanotally.labels.reading import differences, noting, read_format
from nanotally.micrograph import image_size


@dataclass(frozen=True)
class Sample:
    """A micrograph and its labels.

    Attributes:
        image: the file.
        labels: its particles; class ids index `CLASSES`.
        label_file: where they were read; None if nowhere.
    """

    image: Path
    labels: LabelledImage
    label_file: Path | None = None


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a data set.

    Attributes:
        error: what, where and what to do.
        image: the micrograph that cannot be used for it; None if there is none.
    """

    error: NanotallyError
    image: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """A folder that was read as a data set.

    Attributes:
        folder: where it is.
        samples: every labelled micrograph, in natural order of the file names.
        unlabelled: micrographs without labels. An empty label file says that there are no particles; no
            file says that nobody looked, so these tell nothing about a detector.
        label_format: that was used, one of `FORMATS`.
        beside: other formats that lie there too; what they say is the same.
        faults: what is wrong; the micrographs in question are neither among `samples` nor `unlabelled`.
    """

    folder: Path
    samples: tuple[Sample, ...]
    unlabelled: tuple[Path, ...]
    label_format: str = "yolo"
    beside: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_dataset(folder: Path | str) -> Dataset:
    """Read a folder of labelled micrographs, laid out as `find_layout` knows it.

    Of several formats the one that says most is used (COCO, CreateML, VOC, YOLO, masks); the others must agree with
    it, except masks, which then are not looked at. YOLO needs a `classes.txt`. Names of classes are mapped to
    `nanotally.detections.CLASSES`, so their order does not matter, and one that no label uses need not be known.

    Raises:
        DatasetError: if a part is missing, a label has no image, formats disagree, or a class that is used is not ours.
        LabelError: if a label file is not what it should be.
        MicrographError: if an image cannot be read.
    """
    dataset = examine_dataset(folder)
    for fault in dataset.faults:
        raise fault.error
    return dataset


def examine_dataset(folder: Path | str) -> Dataset:
    """Like `read_dataset`, for a folder of which everything wrong is wanted: faults of single files are in the answer.

    Raises:
        DatasetError, LabelError: if the folder as a whole cannot be read.
    """
    layout = find_layout(Path(folder))
    sizes: dict[str, tuple[int, int]] = {}
    faults: dict[str, NanotallyError] = {}
    for key, path in layout.images.items():
        with noting(faults, key):
            sizes[key] = image_size(path)
    used, *beside = layout.labels
    reading = read_format(used, layout, sizes)
    faults |= reading.faults
    for other in beside:
        if other != "masks":
            second = read_format(other, layout, sizes)
            faults |= second.faults | differences(reading, second, (used, other), layout)
    return Dataset(
        folder=layout.folder,
        samples=tuple(
            Sample(path, reading.labels[key], reading.files[key])
            for key, path in layout.images.items()
            if key in reading.labels and key not in faults
        ),
        unlabelled=tuple(
            path for key, path in layout.images.items() if key not in reading.labels and key not in faults
        ),
        label_format=used,
        beside=tuple(beside),
        faults=_in_order(faults, layout),
    )


def _in_order(faults: dict[str, NanotallyError], layout: Layout) -> tuple[Fault, ...]:
    """Faults of images in their order, then those of labels without one."""
    of_images = [Fault(faults[key], path) for key, path in layout.images.items() if key in faults]
    return (*of_images, *(Fault(error) for key, error in faults.items() if key not in layout.images))
