"""What label editors do with a file: read it, and save it again in their own way.

LabelImg 1.8.6 after its source (`libs/pascal_voc_io.py`, `libs/yolo_io.py`), CVAT after what its exports look like
("COCO 1.0", "PASCAL VOC 1.1"). Neither program is run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Drawn:
    """A box as an editor holds it."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float
    difficult: bool = False


Shapes = dict[str, list[Drawn]]
"""Boxes by the name of their picture."""


def labelimg_opens_voc(path: Path) -> list[Drawn]:
    root = ET.parse(path).getroot()
    assert root.find("filename") is not None
    drawn = []
    for element in root.findall("object"):
        x1, y1, x2, y2 = (int(float(element.findtext(f"bndbox/{k}", ""))) for k in ("xmin", "ymin", "xmax", "ymax"))
        drawn.append(Drawn(element.findtext("name", ""), x1, y1, x2, y2, element.findtext("difficult") == "1"))
    return drawn


def labelimg_saves_voc(path: Path, image: Path, size: tuple[int, int], shapes: list[Drawn]) -> None:
    root = ET.Element("annotation")
    for name, text in (("folder", image.parent.name), ("filename", image.name), ("path", str(image))):
        ET.SubElement(root, name).text = text
    ET.SubElement(ET.SubElement(root, "source"), "database").text = "Unknown"
    of_size = ET.SubElement(root, "size")
    for name, value in (("width", size[0]), ("height", size[1]), ("depth", 1)):
        ET.SubElement(of_size, name).text = str(value)
    ET.SubElement(root, "segmented").text = "0"
    for shape in shapes:
        edges = [max(1, int(shape.x1)), max(1, int(shape.y1)), int(shape.x2), int(shape.y2)]
        cut = edges[0] == 1 or edges[1] == 1 or edges[2] == size[0] or edges[3] == size[1]
        element = ET.SubElement(root, "object")
        facts = {"name": shape.name, "pose": "Unspecified", "truncated": int(cut), "difficult": int(shape.difficult)}
        for name, fact in facts.items():
            ET.SubElement(element, name).text = str(fact)
        box = ET.SubElement(element, "bndbox")
        for name, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True):
            ET.SubElement(box, name).text = str(edge)
    path.write_text(ET.tostring(root, encoding="unicode"))


def labelimg_opens_yolo(path: Path, size: tuple[int, int]) -> list[Drawn]:
    names = (path.parent / "classes.txt").read_text().strip("\n").split("\n")
    drawn = []
    for line in path.read_text().splitlines():
        class_id, x, y, width, height = line.strip().split(" ")
        low = max(float(x) - float(width) / 2, 0), max(float(y) - float(height) / 2, 0)
        high = min(float(x) + float(width) / 2, 1), min(float(y) + float(height) / 2, 1)
        drawn.append(
            Drawn(names[int(class_id)], low[0] * size[0], low[1] * size[1], high[0] * size[0], high[1] * size[1])
        )
    return drawn


def labelimg_saves_yolo(path: Path, size: tuple[int, int], shapes: list[Drawn], names: list[str]) -> None:
    lines = []
    for shape in shapes:
        middle = (shape.x1 + shape.x2) / 2 / size[0], (shape.y1 + shape.y2) / 2 / size[1]
        sides = (shape.x2 - shape.x1) / size[0], (shape.y2 - shape.y1) / size[1]
        told = " ".join(f"{value:.6f}" for value in (*middle, *sides))
        lines.append(f"{names.index(shape.name)} {told}\n")
    path.write_text("".join(lines))
    (path.parent / "classes.txt").write_text("".join(f"{name}\n" for name in names))


def cvat_opens_coco(path: Path) -> Shapes:
    coco = json.loads(path.read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    files = {image["id"]: image["file_name"] for image in coco["images"]}
    shapes: Shapes = {name: [] for name in files.values()}
    for told in coco["annotations"]:
        x, y, width, height = told["bbox"]
        shapes[files[told["image_id"]]].append(Drawn(names[told["category_id"]], x, y, x + width, y + height))
    return shapes


def cvat_saves_coco(path: Path, sizes: dict[str, tuple[int, int]], shapes: Shapes) -> None:
    """CVAT numbers anew, rounds to hundredths, and says more than was asked."""
    names = sorted({shape.name for drawn in shapes.values() for shape in drawn})
    images, annotations = [], []
    for number, (name, drawn) in enumerate(sorted(shapes.items()), start=1):
        width, height = sizes[name]
        images.append({"id": number, "width": width, "height": height, "file_name": name, "license": 0,
                       "flickr_url": "", "coco_url": "", "date_captured": 0})  # fmt: skip
        for shape in drawn:
            box = [round(v, 2) for v in (shape.x1, shape.y1, shape.x2 - shape.x1, shape.y2 - shape.y1)]
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": names.index(shape.name) + 1,
                "segmentation": [], "area": box[2] * box[3], "bbox": box, "iscrowd": 0,
                "attributes": {"occluded": False, "rotation": 0.0},
            })  # fmt: skip
    categories = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(names, start=1)]
    told = {"licenses": [{"name": "", "id": 0, "url": ""}], "info": {"contributor": ""}, "categories": categories}
    path.write_text(json.dumps({**told, "images": images, "annotations": annotations}))


def cvat_opens_its_own(path: Path) -> Shapes:
    """ "CVAT for images 1.1"."""
    edges = ("xtl", "ytl", "xbr", "ybr")
    return {
        image.get("name", ""): [
            Drawn(box.get("label", ""), *(float(box.get(edge, "")) for edge in edges)) for box in image.iter("box")
        ]
        for image in ET.parse(path).getroot().iter("image")
    }


def cvat_saves_voc(folder: Path, sizes: dict[str, tuple[int, int]], shapes: Shapes) -> None:
    """ "PASCAL VOC 1.1", unpacked: labels in `Annotations/`, and files that nobody asked for."""
    (folder / "Annotations").mkdir()
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    (folder / "ImageSets" / "Main" / "default.txt").write_text("".join(f"{Path(name).stem}\n" for name in shapes))
    (folder / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\ncube:250,50,83::\nquasi_sphere:52,209,183::\n"
    )
    for name, drawn in shapes.items():
        objects = "".join(
            f"<object><name>{s.name}</name><truncated>0</truncated><occluded>0</occluded>"
            f"<difficult>{int(s.difficult)}</difficult><bndbox><xmin>{s.x1:.2f}</xmin><ymin>{s.y1:.2f}</ymin>"
            f"<xmax>{s.x2:.2f}</xmax><ymax>{s.y2:.2f}</ymax></bndbox></object>"
            for s in drawn
        )
        (folder / "Annotations" / f"{Path(name).stem}.xml").write_text(
            f"<annotation><folder></folder><filename>{name}</filename><source><database>Unknown</database></source>"
            f"<size><width>{sizes[name][0]}</width><height>{sizes[name][1]}</height><depth>3</depth></size>"
            f"<segmented>0</segmented>{objects}</annotation>"
        )
