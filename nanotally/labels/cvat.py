"""CVAT's own labels, "CVAT for images 1.1": one XML file for many images, for CVAT to take in.

Boxes are xtl ytl xbr ybr in pixels with continuous edges, so nothing is shifted, and rounded to hundredths only. CVAT
finds an image of its task by `name`. The format is described at https://docs.cvat.ai/docs/other/xml_format.
What people have corrected there comes back as Pascal VOC or COCO, which nanotally reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET  # to write

from nanotally.detections import CLASSES
from nanotally.errors import LabelError
from nanotally.labels.labelled_image import LabelledImage

EDGES = ("xtl", "ytl", "xbr", "ybr")


def write_cvat(path: Path | str, images: Sequence[LabelledImage], *, classes: Sequence[str] = CLASSES) -> None:
    """Write the labels of many images. `difficult`, `truncated` and `visible` have no place in this format.

    Raises:
        LabelError: if the classes of an image are not `classes`.
    """
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    ET.SubElement(task, "size").text = str(len(images))
    ET.SubElement(task, "mode").text = "annotation"
    names = ET.SubElement(task, "labels")
    for name in classes:
        ET.SubElement(ET.SubElement(names, "label"), "name").text = name
    for number, labelled in enumerate(images):
        if labelled.classes != tuple(classes):
            raise LabelError(f"{labelled.image}: its classes {labelled.classes} are not the file's {tuple(classes)}")
        _add_image(root, number, labelled)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _add_image(root: ET.Element, number: int, labelled: LabelledImage) -> None:
    facts = {"id": number, "name": labelled.image, "width": labelled.width, "height": labelled.height}
    element = ET.SubElement(root, "image", {key: str(value) for key, value in facts.items()})
    found = labelled.detections
    for box, class_id in zip(found.xyxy.tolist(), found.class_id.tolist(), strict=True):
        edges = {edge: f"{value:.2f}" for edge, value in zip(EDGES, box, strict=True)}
        said = {"label": labelled.classes[class_id], "source": "auto", "occluded": "0"}
        ET.SubElement(element, "box", {**said, **edges, "z_order": "0"})
