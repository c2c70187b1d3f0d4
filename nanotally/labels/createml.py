"""CreateML labels: one JSON list for a whole folder; a box is its centre and its size in pixels.

Edges are continuous. The keys are those that LabelImg writes, `image` and `annotations`; Apple's page calls them
`imagefilename` and `annotation`, but its program takes both. LabelImg names its list after the image, and of the
lists in a folder looks only at the one with the image's name.

CreateML does not say how large an image is; that is read from the image itself. Nor has it `difficult`,
`truncated` and `visible`: they are written under these names beside `label`, where there is something to say.
LabelImg looks at `label` and `coordinates` only, and so loses the others of an image that it saves again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError, MicrographError
from nanotally.labels.json_labels import Faulty, Marks, check_names, columns_of, marks_of, read_json, set_apart
from nanotally.labels.labelled_image import LabelledImage, checked_boxes, collecting, raise_faults
from nanotally.labels.names import class_index
from nanotally.micrograph import image_size


class Coordinates(msgspec.Struct):
    """A box; `x` and `y` are its centre."""

    x: float
    y: float
    width: float
    height: float


class Annotation(Marks, omit_defaults=True):
    """A particle."""

    label: str
    coordinates: Coordinates


class Image(msgspec.Struct):
    """An image and its particles."""

    image: str
    annotations: list[Annotation]


def read_createml(
    path: Path | str,
    *,
    images: Path | str | None = None,
    classes: Sequence[str] = CLASSES,
    faulty: Faulty | None = None,
) -> list[LabelledImage]:
    """Read the labels of all images of the file, in its order; images without annotations too.

    Args:
        path: the `.json`.
        images: folder of the images, each of which must be there to tell its size. None: that of `path`.
        classes: names that the labels may have.
        faulty: takes the errors of images whose labels cannot be used, which are then left out. None: the first error
            is raised.

    Raises:
        LabelError: if it is not such a file, an image stands twice or cannot be read, a name is not one of
            `classes`, or a box is not within its image.
    """
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    entries = read_json(path, list[Image], "CreateML")
    check_names(path, [entry.image for entry in entries])
    read = []
    for entry in entries:
        with set_apart(entry.image, faulty):
            read.append(_labelled(path, entry, folder, classes))
    return read


def _labelled(path: Path, entry: Image, folder: Path, classes: Sequence[str]) -> LabelledImage:
    try:
        width, height = image_size(folder / entry.image)
    except MicrographError as error:
        raise LabelError(f"{path}: {error}; the size of an image is not in the labels, so it must be there") from error
    rows, boxes = entry.annotations, [row.coordinates for row in entry.annotations]
    where = [f"{path}: {entry.image}: object {number}" for number in range(1, len(rows) + 1)]
    centre = np.array([(box.x, box.y) for box in boxes]).reshape(-1, 2)
    half = np.array([(box.width, box.height) for box in boxes]).reshape(-1, 2) / 2
    faults: list[str] = []
    ids = []
    for row, here in zip(rows, where, strict=True):
        with collecting(faults):
            ids.append(class_index(row.label, classes, where=here))
    with collecting(faults):
        edges = checked_boxes(np.hstack([centre - half, centre + half]), width, height, where)
    raise_faults(faults)
    return LabelledImage(
        image=entry.image,
        width=width,
        height=height,
        detections=Detections(edges, class_id=np.array(ids, np.uint16)),
        classes=tuple(classes),
        **columns_of(rows),
    )


def write_createml(path: Path | str, images: Iterable[LabelledImage]) -> None:
    """Write the labels of a folder.

    Raises:
        LabelError: if two images have the same name.
    """
    path = Path(path)
    entries = [Image(labelled.image, _annotations(labelled)) for labelled in images]
    check_names(path, [entry.image for entry in entries])
    # In ASCII: LabelImg reads with whatever encoding the system prefers, and a micrograph's name may hold a µ.
    path.write_text(json.dumps(msgspec.to_builtins(entries), indent=1) + "\n", encoding="ascii")


def _annotations(labelled: LabelledImage) -> list[Annotation]:
    found = labelled.detections
    return [
        Annotation(
            label=labelled.classes[class_id],
            coordinates=Coordinates((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
            **marks,
        )
        for (x1, y1, x2, y2), class_id, marks in zip(
            found.xyxy.tolist(), found.class_id.tolist(), marks_of(labelled), strict=True
        )
    ]
