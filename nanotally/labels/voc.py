"""Pascal VOC labels: one XML file an image, as LabelImg writes and reads it.

LabelImg takes xmin and xmax as edges, makes them whole pixels and raises an edge at 0 to 1, because VOC
counts from 1. So a box at the left or upper border says 1 for 0, and is read as such; elsewhere nothing is
shifted, and a box that LabelImg saves as VOC and as YOLO is the same box. `visible` has no place in this format
and is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET  # to write; what strangers wrote is read by defusedxml

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError
from nanotally.labels.labelled_image import LabelledImage, checked_boxes, collecting, raise_faults
from nanotally.labels.names import class_index

EDGES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(path: Path | str, *, classes: Sequence[str] = CLASSES) -> LabelledImage:
    """Read the labels of one image. `difficult` and `truncated` may be missing, and are then false.

    Raises:
        LabelError: if it is not such a file, names are not of `classes`, or boxes are not within the image; all of
            them are named.
    """
    path = Path(path)
    root = _root(path)
    width, height = (int(_number(root, f"size/{name}", str(path))) for name in ("width", "height"))
    edges, ids, marks = [], [], []
    where: list[str] = []
    faults: list[str] = []
    for number, element in enumerate(root.findall("object"), start=1):
        here = f"{path}: object {number}"
        with collecting(faults):
            class_id = class_index((element.findtext("name") or "").strip(), classes, where=here)
            flags = _flag(element, "difficult", here), _flag(element, "truncated", here)
            edges.append([_number(element, f"bndbox/{edge}", here) for edge in EDGES])
            ids.append(class_id)
            marks.append(flags)
            where.append(here)
    corners = np.array(edges, np.float64).reshape(-1, 4)
    corners[:, :2][corners[:, :2] == 1] = 0
    with collecting(faults):
        boxes = checked_boxes(corners, width, height, where)
    raise_faults(faults)
    difficult, truncated = np.array(marks, bool).reshape(-1, 2).T
    return LabelledImage(
        image=(root.findtext("filename") or "").strip(),
        width=width,
        height=height,
        detections=Detections(boxes, class_id=np.array(ids, np.uint16)),
        difficult=difficult,
        truncated=truncated,
        classes=tuple(classes),
    )


def _root(path: Path) -> ET.Element:
    try:
        root: ET.Element = parse(path).getroot()
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise LabelError(f"{path}: not a readable XML file ({error})") from error
    if root.tag != "annotation":
        raise LabelError(f"{path}: begins with <{root.tag}>, expected <annotation>")
    return root


def _number(element: ET.Element, name: str, where: str) -> float:
    text = element.findtext(name)
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise LabelError(f"{where}: <{name}> is {text!r}, expected a number")
    return number


def _flag(element: ET.Element, name: str, where: str) -> bool:
    text = element.findtext(name, "0").strip()
    if text not in ("0", "1"):
        raise LabelError(f"{where}: <{name}> is {text!r}, expected 0 or 1")
    return text == "1"


def write_voc(path: Path | str, labelled: LabelledImage) -> None:
    """Write one image's labels in whole pixels; as in LabelImg, a box at the border is truncated."""
    path = Path(path)
    root = ET.Element("annotation")
    _add(root, folder=path.parent.name, filename=labelled.image, path=labelled.image)
    _add(ET.SubElement(root, "source"), database="Unknown")
    _add(ET.SubElement(root, "size"), width=labelled.width, height=labelled.height, depth=1)
    _add(root, segmented=0)
    last = np.array([labelled.width, labelled.height])
    boxes = np.rint(labelled.detections.xyxy).astype(int)
    low = np.clip(boxes[:, :2], 1, last - 1)
    high = np.clip(boxes[:, 2:], low + 1, last)
    truncated = labelled.truncated | (low == 1).any(axis=1) | (high == last).any(axis=1)
    for row, class_id in enumerate(labelled.detections.class_id):
        element = ET.SubElement(root, "object")
        _add(
            element,
            name=labelled.classes[class_id],
            pose="Unspecified",
            truncated=int(truncated[row]),
            difficult=int(labelled.difficult[row]),
        )
        _add(ET.SubElement(element, "bndbox"), **dict(zip(EDGES, (*low[row], *high[row]), strict=True)))
    ET.indent(root, space="\t")
    path.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def _add(parent: ET.Element, **texts: object) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = str(text)
