from pathlib import Path

import numpy as np
import pytest

from nanotally.detections import Detections
from nanotally.errors import LabelError
from nanotally.labels import LabelledImage, read_voc, write_voc

# Byte for byte what LabelImg 1.8.6 saves for these two shapes, its path aside.
LABELIMG = """\
<annotation>
	<folder>scans</folder>
	<filename>a.png</filename>
	<path>a.png</path>
	<source>
		<database>Unknown</database>
	</source>
	<size>
		<width>640</width>
		<height>480</height>
		<depth>1</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>cube</name>
		<pose>Unspecified</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>1</xmin>
			<ymin>20</ymin>
			<xmax>30</xmax>
			<ymax>60</ymax>
		</bndbox>
	</object>
	<object>
		<name>quasi_sphere</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>1</difficult>
		<bndbox>
			<xmin>100</xmin>
			<ymin>110</ymin>
			<xmax>140</xmax>
			<ymax>150</ymax>
		</bndbox>
	</object>
</annotation>
"""


def read(path: Path, text: str) -> LabelledImage:
    path.write_text(text, encoding="utf-8")
    return read_voc(path)


def test_labelimg_is_read(tmp_path: Path) -> None:
    labels = read(tmp_path / "a.xml", LABELIMG)
    assert (labels.image, labels.width, labels.height) == ("a.png", 640, 480)
    np.testing.assert_array_equal(labels.detections.xyxy, [[0, 20, 30, 60], [100, 110, 140, 150]])
    assert labels.detections.class_id.tolist() == [0, 1]
    assert labels.difficult.tolist() == [False, True]
    assert labels.truncated.tolist() == [True, False]


def test_written_as_labelimg_writes(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    path = tmp_path / "scans" / "a.xml"
    detections = Detections(
        np.array([[0, 20, 30, 60], [100, 110, 140, 150]], np.float32), class_id=np.array([0, 1], np.uint16)
    )
    write_voc(path, LabelledImage("a.png", 640, 480, detections, difficult=np.array([False, True])))
    assert path.read_text() == LABELIMG


def test_a_box_of_less_than_a_pixel_at_the_far_corner_is_still_a_box(tmp_path: Path) -> None:
    detections = Detections(np.array([[639.8, 479.7, 640, 480]], np.float32))
    write_voc(tmp_path / "a.xml", LabelledImage("a.png", 640, 480, detections))
    assert read_voc(tmp_path / "a.xml").detections.xyxy.tolist() == [[639, 479, 640, 480]]


def test_what_labelimg_tolerates_is_tolerated(tmp_path: Path) -> None:
    text = LABELIMG.replace("\t\t<difficult>1</difficult>\n", "").replace(">140<", ">140.5<")
    labels = read(tmp_path / "a.xml", text.replace(">quasi_sphere<", ">Quasi-Spheres<"))
    assert labels.difficult.tolist() == [False, False]
    assert labels.detections.xyxy[1, 2] == 140.5
    assert labels.detections.class_id.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("</annotation>", "", "not a readable XML file"),
        ("<annotation>", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>', "not a readable XML file"),
        (LABELIMG, "", "not a readable XML file"),
        (LABELIMG, "<svg/>", "begins with <svg>"),
        ("<width>640</width>", "", "<size/width> is None"),
        ("<width>640</width>", "<width>0</width>", "the image of 0 x 480 px"),
        ("<xmin>100</xmin>", "", "object 2: <bndbox/xmin> is None"),
        ("<xmin>100</xmin>", "<xmin>left</xmin>", "object 2: <bndbox/xmin> is 'left'"),
        ("<xmin>100</xmin>", "<xmin>nan</xmin>", "object 2: <bndbox/xmin> is 'nan'"),
        ("<width>640</width>", "<width>inf</width>", "<size/width> is 'inf'"),
        ("<xmin>100</xmin>", "<xmin>141</xmin>", "object 2: .* has no area"),
        ("<xmax>140</xmax>", "<xmax>700</xmax>", "object 2: .* reaches out of the image of 640 x 480 px"),
        ("<name>cube</name>", "<name>rod</name>", "object 1: class 'rod' is not one of cube, quasi_sphere"),
        ("<difficult>1</difficult>", "<difficult>yes</difficult>", "object 2: <difficult> is 'yes'"),
    ],
)
def test_a_damaged_file_is_one_error(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in LABELIMG
    with pytest.raises(LabelError, match=said) as caught:
        read(tmp_path / "a.xml", LABELIMG.replace(old, new))
    assert str(tmp_path / "a.xml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"b\.xml: cannot be read"):
        read_voc(tmp_path / "b.xml")
