from pathlib import Path

import numpy as np
import pytest

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError
from nanotally.labels import LabelledImage, read_classes, read_yolo, write_classes, write_yolo

GOOD = "0 0.5 0.5 0.25 0.5\n"


def read(path: Path, text: str) -> LabelledImage:
    path.write_text(text, encoding="utf-8")
    return read_yolo(path, image="a.png", width=400, height=200, classes=CLASSES)


def test_a_line_is_a_box_in_half_open_pixels(tmp_path: Path) -> None:
    labels = read(tmp_path / "a.txt", GOOD + "\n1 0.05 0.1 0.1 0.2\n")
    np.testing.assert_allclose(labels.detections.xyxy, [[150, 50, 250, 150], [0, 0, 40, 40]], atol=1e-4)
    assert labels.detections.class_id.tolist() == [0, 1]
    assert not labels.difficult.any()
    assert (labels.image, labels.width, labels.height) == ("a.png", 400, 200)


def test_an_empty_file_is_an_image_without_particles(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.txt", "")) == 0


def test_a_box_whose_edge_reaches_out_by_less_than_a_pixel_is_cut_to_the_image(tmp_path: Path) -> None:
    labels = read(tmp_path / "a.txt", "0 0.9515 0.5 0.1 0.1\n")
    np.testing.assert_allclose(labels.detections.xyxy, [[360.6, 90, 400, 110]], atol=1e-2)


def test_every_fault_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"a\.txt:1: class '7'.*\(and 2 more\)") as caught:
        read(tmp_path / "a.txt", "7 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1\n\n0 0.5 0.5 -0.1 0.1\n0 0.99 0.5 0.1 0.1\n")
    assert [fault.split(": ")[0].rpartition(":")[2] for fault in caught.value.faults] == ["1", "4", "5"]
    assert "swapped" in caught.value.faults[1]
    assert "reaches out of the image of 400 x 200 px" in caught.value.faults[2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.1 0.1 0.2 0.2 0.3 0.3 1", "10 values, expected 5: class cx cy w h"),
        ("0 0.5 0.5 0.1", "4 values, expected 5"),
        ("2 0.5 0.5 0.1 0.1", "class '2', expected a whole number from 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "class '-1'"),
        ("0.0 0.5 0.5 0.1 0.1", "class '0.0'"),
        ("cube 0.5 0.5 0.1 0.1", "class 'cube'"),
        ("0 0.5 half 0.1 0.1", "is not five numbers"),
        ("0 1.2 0.5 0.1 0.1", "cx is 1.2, expected 0 to 1"),
        ("0 0.5 -0.1 0.1 0.1", "cy is -0.1"),
        ("0 0.5 0.5 nan 0.1", "w is nan"),
        ("0 0.5 0.5 0.1 inf", "h is inf"),
        ("0 0.5 0.5 0 0.1", "has no area"),
    ],
)
def test_a_bad_line_is_one_error_that_names_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(LabelError) as caught:
        read(tmp_path / "a.txt", GOOD + line + "\n")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a.txt'}:2: ")
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(LabelError, match="not a text file"):
        read_yolo(tmp_path / "a.txt", image="a.png", width=4, height=4, classes=CLASSES)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"b\.txt: cannot be read"):
        read_yolo(tmp_path / "b.txt", image="a.png", width=4, height=4, classes=CLASSES)


def test_written_as_labelimg_writes(tmp_path: Path) -> None:
    detections = Detections(np.array([[10, 20, 30, 60]], np.float32), class_id=np.array([1], np.uint16))
    write_yolo(tmp_path / "a.txt", LabelledImage("a.png", 640, 480, detections))
    assert (tmp_path / "a.txt").read_bytes() == b"1 0.031250 0.083333 0.031250 0.083333\n"


def test_classes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_classes(tmp_path / "classes.txt", CLASSES)
    assert read_classes(tmp_path / "classes.txt") == CLASSES


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no class names"), ("cube\n\nsphere\n", ":2: empty line"), ("a\nb\na\n", "'a' stands")],
)
def test_bad_classes_are_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(LabelError, match=said):
        read_classes(tmp_path / "classes.txt")


def test_flags_and_ids_must_fit_the_boxes() -> None:
    one = Detections(np.array([[0, 0, 1, 1]], np.float32), class_id=np.array([2], np.uint16))
    with pytest.raises(LabelError, match="class 2, but there are 2"):
        LabelledImage("a.png", 4, 4, one)
    with pytest.raises(LabelError, match="difficult has 2 rows"):
        LabelledImage("a.png", 4, 4, Detections(one.xyxy), difficult=np.zeros(2, bool))
    with pytest.raises(LabelError, match="visible has 2 rows"):
        LabelledImage("a.png", 4, 4, Detections(one.xyxy), visible=np.zeros(2))
    with pytest.raises(LabelError, match=r"visible is 1\.5, expected a share"):
        LabelledImage("a.png", 4, 4, Detections(one.xyxy), visible=np.array([1.5]))
    with pytest.raises(LabelError, match="0 x 4"):
        LabelledImage("a.png", 0, 4, Detections.empty())
