from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled_sets import labels, some, write_image, write_set

from nanotally.detections import Detections
from nanotally.errors import DatasetError
from nanotally.labels import LabelledImage, read_dataset, write_coco
from nanotally.opencv import cv2
from nanotally.trainer.entry import Entry, entries_of
from nanotally.trainer.pictures import read_pictures


def barred(folder: Path) -> Entry:
    """A picture of 200 x 160 whose lower 30 rows are a databar, with particles above, across and below its edge."""
    rng = np.random.default_rng(0)
    grey = rng.integers(40, 120, (160, 200), dtype=np.uint8)
    grey[130:] = 0
    cv2.putText(grey, "SU8010 5.0kV 8.2mm x20k SE 2.00um", (4, 150), cv2.FONT_HERSHEY_PLAIN, 0.7, 255, 1)
    cv2.imwrite(str(folder / "a.png"), grey)
    boxes = np.array([[20, 20, 60, 60], [80, 100, 120, 140], [140, 128, 180, 158], [0, 70, 30, 100]], np.float32)
    labelled = LabelledImage("a.png", 200, 160, Detections(boxes), np.array([True, False, False, False]))
    return Entry(folder / "a.png", folder, labelled, "g", "cube", None)


def test_the_databar_is_cut_off_and_labels_with_it(tmp_path: Path) -> None:
    picture = barred(tmp_path).open()
    assert picture.image.shape == (130, 200)
    assert picture.detections.xyxy.tolist() == [[20, 20, 60, 60], [80, 100, 120, 130], [0, 70, 30, 100]]
    assert picture.difficult.tolist() == [True, False, False]


def test_what_border_and_databar_cut_is_difficult_when_judged_and_lies_where_it_does_in_the_file(
    tmp_path: Path,
) -> None:
    whole = barred(tmp_path).open().whole
    assert whole is not None
    assert (whole.width, whole.height) == (200, 160)
    assert whole.difficult.tolist() == [True, True, True]
    assert whole.truncated.tolist() == [False, True, True]


def test_a_synthetic_picture_keeps_its_databar(tmp_path: Path) -> None:
    picture = replace(barred(tmp_path), synthetic=True).open()
    assert picture.image.shape == (160, 200)
    assert len(picture.detections) == 4


def groups(folder: Path) -> list[str]:
    return [entry.group for entry in entries_of(read_dataset(folder))]


def test_a_picture_is_its_own_group_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 3), "yolo")
    assert len(set(groups(tmp_path))) == 3
    (tmp_path / "groups.csv").write_text("file,group\na0.png,s1\na1.png,s2\na2.png,s1\n")
    assert groups(tmp_path) == ["s1", "s2", "s1"]
    (tmp_path / "groups.csv").write_text("picture,sample\na0.png,s1\n")
    with pytest.raises(DatasetError, match=r"groups\.csv: not a table with the columns file,group"):
        groups(tmp_path)


@pytest.mark.parametrize(("folder", "together"), [("sample 1", True), ("train", False)])
def test_pictures_of_one_folder_are_one_group_unless_it_is_somebodys_split(
    tmp_path: Path, folder: str, together: bool
) -> None:
    every = [labels(f"{folder}/{name}.png", [[2, 2, 9, 9]]) for name in "ab"]
    for one in every:
        write_image(tmp_path / "images" / one.image, one)
    write_coco(tmp_path / "coco.json", every)
    assert len(set(groups(tmp_path))) == (1 if together else 2)


def test_other_shapes_of_the_emps_index_are_pictures_without_particles(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 3), "yolo")
    (tmp_path / "labels" / "a2.txt").unlink()
    row = {"doi": "10.1/x", "modality": "SEM", "instances": []}
    rows = [{"file": f"a{n}.png", "shape": "other" if n == 2 else "cube", **row} for n in range(3)]
    (tmp_path / "boxes.json").write_text(json.dumps(rows))
    pictures = read_pictures(tmp_path)
    assert [(p.kind, p.group, len(p.detections)) for p in pictures] == [
        ("SEM cube", "10.1/x", 1), ("SEM cube", "10.1/x", 2), ("SEM other", "10.1/x", 0)
    ]  # fmt: skip


@pytest.mark.real
def test_the_particles_at_the_border_of_the_emps_index_are_difficult(shared_data: Path) -> None:
    rows = {row["file"]: row for row in json.loads((shared_data / "emps-dev" / "boxes.json").read_text())}
    for entry in entries_of(read_dataset(shared_data / "emps-dev"))[:12]:
        picture = entry.open()
        border = [i["box"] for i in rows[picture.name]["instances"] if i["border"]]
        assert picture.whole is not None
        told = picture.whole.detections.xyxy[picture.whole.difficult]
        if picture.kind.endswith("other") or picture.image.shape[0] < rows[picture.name]["height"]:
            assert len(told) <= len(rows[picture.name]["instances"])  # the databar cuts some more
        else:
            np.testing.assert_allclose(sorted(told.round(2).tolist()), sorted(border), atol=0.01)
