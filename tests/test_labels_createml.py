import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanotally.detections import Detections
from nanotally.errors import LabelError
from nanotally.labels import LabelledImage, read_createml, write_createml
from nanotally.opencv import cv2

# Byte for byte what LabelImg 1.8.6 saves for these two shapes.
LABELIMG = (
    '[{"image": "a.png", "annotations": [{"label": "cube", "coordinates": {"x": 15.0, "y": 40.0, "width": 30, '
    '"height": 40}}, {"label": "quasi_sphere", "coordinates": {"x": 120.25, "y": 130.0, "width": 40.5, '
    '"height": 40}}]}]'
)
BOXES = np.array([[0, 20, 30, 60], [100, 110, 140.5, 150]], np.float32)


def labels(image: str = "a.png", **marks: Any) -> LabelledImage:
    return LabelledImage(image, 640, 480, Detections(BOXES, class_id=np.array([0, 1], np.uint16)), **marks)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two images."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((480, 640), np.uint8))
    cv2.imwrite(str(tmp_path / "b.tif"), np.zeros((48, 64), np.uint16))
    return tmp_path


def read(folder: Path, content: object) -> list[LabelledImage]:
    (folder / "a.json").write_text(json.dumps(content))
    return read_createml(folder / "a.json")


def test_labelimg_is_read(folder: Path) -> None:
    (one,) = read(folder, json.loads(LABELIMG))
    assert (one.image, one.width, one.height) == ("a.png", 640, 480)
    np.testing.assert_array_equal(one.detections.xyxy, BOXES)
    assert one.detections.class_id.tolist() == [0, 1]
    assert not one.difficult.any()
    assert not one.truncated.any()
    assert np.isnan(one.visible).all()


def test_what_labelimg_could_have_written_is_written_as_it_would(tmp_path: Path) -> None:
    write_createml(tmp_path / "a.json", [labels()])
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(LABELIMG)


def test_what_createml_has_no_place_for_stands_beside_the_label_where_there_is_something_to_say(tmp_path: Path) -> None:
    write_createml(tmp_path / "a.json", [labels(difficult=[False, True], visible=[np.nan, 0.3])])
    first, second = json.loads((tmp_path / "a.json").read_text())[0]["annotations"]
    assert first.keys() == {"label", "coordinates"}
    assert {name: second[name] for name in second.keys() - first.keys()} == {"difficult": 1, "visible": 0.3}


def test_images_may_be_elsewhere_and_need_not_have_particles(folder: Path) -> None:
    (folder / "labels").mkdir()
    path = folder / "labels" / "all.json"
    empty = LabelledImage("b.tif", 64, 48, Detections.empty())
    write_createml(path, [empty, labels()])
    first, second = read_createml(path, images=folder)
    assert (first.image, first.width, first.height, len(first)) == ("b.tif", 64, 48, 0)
    assert (second.image, len(second)) == ("a.png", 2)
    with pytest.raises(LabelError, match=r"all\.json: .*b\.tif: cannot be read .* the size of an image"):
        read_createml(path)


def test_keys_and_names_of_others_are_understood(folder: Path) -> None:
    content = json.loads(LABELIMG)
    content[0]["verified"] = True
    content[0]["annotations"][1] |= {"label": "Spheres", "uniqueIdentifier": "4E6F"}
    (one,) = read(folder, content)
    assert one.detections.class_id.tolist() == [0, 1]
    assert read_createml(folder / "a.json", classes=("sphere", "cube"))[0].detections.class_id.tolist() == [1, 0]


def test_the_file_is_ascii_whatever_the_image_is_called(folder: Path) -> None:
    (folder / "a.png").rename(folder / "5 µm.png")
    write_createml(folder / "a.json", [labels("5 µm.png")])
    assert (folder / "a.json").read_bytes().isascii()
    assert read_createml(folder / "a.json")[0].image == "5 µm.png"


def change(where: str, **to: Any) -> list[dict[str, Any]]:
    """What LabelImg saves, with one part changed."""
    content = json.loads(LABELIMG)
    second = content[0]["annotations"][1]
    part = {"image": content[0], "annotation": second, "coordinates": second["coordinates"]}[where]
    part |= to
    return list(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "not a CreateML file"),
        ([{"image": "a.png"}], "not a CreateML file .*annotations"),
        (change("image", image=7), r"not a CreateML file .*\[0\].image"),
        (change("coordinates", x="left"), r"not a CreateML file .*\[1\].coordinates.x"),
        (change("annotation", visible=1.5), r"not a CreateML file .*\[1\].visible"),
        (change("annotation", label="rod"), "a.png: object 2: class 'rod' is not one of cube, quasi_sphere"),
        (change("coordinates", width=0), "a.png: object 2: .* has no area"),
        (change("coordinates", height=-40), "a.png: object 2: .* has no area"),
        (change("coordinates", x=625), "object 2: .* reaches out of the image of 640 x 480 px"),
        (change("image", image="none.png"), "none.png: cannot be read"),
        (change("image", image=""), "cannot be read"),
        (change("image", image="a.json"), "a.json: cannot be read as an image"),
        (json.loads(LABELIMG) * 2, "2 images are called 'a.png'"),
    ],
)
def test_a_damaged_file_is_one_error(folder: Path, content: object, said: str) -> None:
    with pytest.raises(LabelError, match=said) as caught:
        read(folder, content)
    assert str(folder / "a.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_json_and_not_there_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(LabelError, match="not a CreateML file"):
        read_createml(tmp_path / "a.json")
    with pytest.raises(LabelError, match=r"b\.json: cannot be read"):
        read_createml(tmp_path / "b.json")


def test_two_images_of_one_name_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.json: 2 images are called 'a\.png'"):
        write_createml(tmp_path / "a.json", [labels(), labels()])
    assert not (tmp_path / "a.json").exists()
