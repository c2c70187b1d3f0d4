import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanotally.detections import Detections
from nanotally.errors import LabelError
from nanotally.labels import LabelledImage, read_coco, write_coco


def coco() -> dict[str, Any]:
    return {
        "info": {"year": 2026},
        "images": [
            {"id": 7, "file_name": "a.png", "width": 640, "height": 480},
            {"id": 9, "file_name": "b.png", "width": 64, "height": 48},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [10, 20, 30.5, 40], "iscrowd": 0},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 3,
                "bbox": [0, 0, 5, 5],
                "iscrowd": 1,
                "segmentation": [],
            },
        ],
        "categories": [{"id": 3, "name": "Cubes"}, {"id": 5, "name": "sphere"}, {"id": 6, "name": "debris"}],
    }


def read(path: Path, content: object) -> list[LabelledImage]:
    path.write_text(json.dumps(content))
    return read_coco(path)


def test_boxes_names_and_crowds_are_read(tmp_path: Path) -> None:
    first, second = read(tmp_path / "a.json", coco())
    assert (first.image, first.width, first.height) == ("a.png", 640, 480)
    np.testing.assert_array_equal(first.detections.xyxy, [[10, 20, 40.5, 60], [0, 0, 5, 5]])
    assert first.detections.class_id.tolist() == [1, 0]
    assert first.difficult.tolist() == [False, True]
    assert np.isnan(first.visible).all()
    assert second.image == "b.png"
    assert len(second) == 0


def test_the_visible_share_is_written_where_it_is_known(tmp_path: Path) -> None:
    detections = Detections(np.array([[1, 2, 4, 6], [5, 5, 9, 9]], np.float32))
    visible = np.array([np.nan, 0.3], np.float32)
    write_coco(tmp_path / "a.json", [LabelledImage("a.png", 64, 48, detections, visible=visible)])
    first, second = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert "visible" not in first
    assert second["visible"] == 0.3
    np.testing.assert_array_equal(read_coco(tmp_path / "a.json")[0].visible, visible)


def test_faster_coco_eval_takes_what_is_written(tmp_path: Path) -> None:
    from faster_coco_eval import COCO

    detections = Detections(np.array([[1, 2, 4, 6]], np.float32), class_id=np.array([1], np.uint16))
    write_coco(tmp_path / "a.json", [LabelledImage("a.png", 64, 48, detections, visible=np.array([0.3]))])
    known = COCO(str(tmp_path / "a.json"))
    (annotation,) = known.loadAnns(known.getAnnIds(imgIds=[1]))
    assert annotation["bbox"] == [1, 2, 3, 4]
    assert annotation["area"] == 12
    assert known.loadCats(annotation["category_id"])[0]["name"] == "quasi_sphere"


def change(content: dict[str, Any], where: str, index: int, **to: Any) -> dict[str, Any]:
    content[where][index] |= to
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "not a COCO file"),
        ({"images": [], "annotations": []}, "not a COCO file .*categories"),
        (change(coco(), "annotations", 0, bbox=[1, 2, 3]), "not a COCO file"),
        (change(coco(), "annotations", 0, bbox=[1, 2, "x", 4]), r"annotations\[0\].bbox"),
        (change(coco(), "annotations", 0, visible=-0.1), r"annotations\[0\].visible"),
        (change(coco(), "annotations", 0, image_id=8), "annotation 1: there is no image 8"),
        (change(coco(), "annotations", 1, category_id=4), "annotation 2: there is no category 4"),
        (change(coco(), "annotations", 0, category_id=6), "class 'debris' is not one of"),
        (change(coco(), "annotations", 0, bbox=[10, 20, 0, 4]), r"a.png: object 1, annotation 1: .* has no area"),
        (
            change(coco(), "annotations", 0, bbox=[630, 20, 30, 4]),
            "object 1, annotation 1: .* reaches out of the image",
        ),
        (change(coco(), "images", 1, id=7), "two images have the same id"),
    ],
)
def test_a_damaged_file_is_one_error(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(LabelError, match=said) as caught:
        read(tmp_path / "a.json", content)
    assert str(tmp_path / "a.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_json_and_not_there_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(LabelError, match="not a COCO file"):
        read_coco(tmp_path / "a.json")
    with pytest.raises(LabelError, match="cannot be read"):
        read_coco(tmp_path / "b.json")


def test_images_with_other_classes_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="its classes"):
        write_coco(tmp_path / "a.json", [LabelledImage("a.png", 4, 4, Detections.empty(), classes=("rod",))])
