from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from labelled_sets import labels, some, write_labels, write_set

from nanotally.opencv import cv2
from nanotally.trainer.intake import take_in


def test_all_folders_are_read_whatever_their_format(tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", some("a", 2), "voc")
    two = write_set(tmp_path / "two", some("b", 2), "createml", "yolo")
    made = write_set(tmp_path / "made", some("m", 3), "coco", "masks")
    taken = take_in([made], [one, two])
    assert taken.faults == []
    assert [entry.name for entry in taken.real] == ["a0.png", "a1.png", "b0.png", "b1.png"]
    assert [entry.name for entry in taken.synthetic] == ["m0.png", "m1.png", "m2.png"]
    assert [(s.label_format, s.beside) for s in taken.sets] == [
        ("voc", ()), ("createml", ("yolo",)), ("coco", ("masks",))
    ]  # fmt: skip


def test_faults_of_all_folders_are_a_line_each(tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", some("a", 4), "yolo")
    (one / "labels" / "a0.txt").write_text("5 0.5 0.5 0.1 0.1\n0 0.99 0.5 0.1 0.1\n0 0.5 0.5 -0.1 -0.1\n")
    (one / "labels" / "a1.txt").unlink()
    (one / "labels" / "gone.txt").write_text("")
    (one / "images" / "a2.png").write_bytes((one / "images" / "a2.png").read_bytes()[:200])
    taken = take_in([], [one, tmp_path / "nowhere"])
    assert [entry.name for entry in taken.real] == ["a3.png"]
    found = "\n".join(taken.faults)
    for said in (
        "a0.txt:1: class '5'", "a0.txt:2: box", "a0.txt:3: a box of w -0.1, h -0.1", "a1.png: no labels",
        "gone.txt: no image of this name", "a2.png: cannot be read", "nowhere: no such folder",
    ):  # fmt: skip
        assert said in found
    assert len(taken.faults) == 7


def test_a_copy_in_another_file_format_is_named_and_joins_the_groups(tmp_path: Path) -> None:
    one = write_set(tmp_path / "one", some("a", 4), "yolo")
    (one / "groups.csv").write_text("file,group\na0.png,s1\na1.png,s1\na2.png,s2\na3.png,s3\n")
    two = write_set(tmp_path / "two", some("b", 2), "yolo")
    (two / "groups.csv").write_text("file,group\nb0.png,t\nb1.png,t\n")
    same = cv2.imread(str(one / "images" / "a2.png"), cv2.IMREAD_UNCHANGED)
    assert same is not None
    (two / "images" / "b0.png").unlink()
    cv2.imwrite(str(two / "images" / "b0.tif"), np.asarray(same))
    (two / "groups.csv").write_text("file,group\nb0.tif,t\nb1.png,t\n")
    taken = take_in([], [one, two])
    assert taken.faults == [
        f"{two / 'images' / 'b0.tif'}: the same picture as {one / 'images' / 'a2.png'}; take one of the two away"
    ]
    assert {entry.name: entry.group for entry in taken.real} == {
        "a0.png": "s1", "a1.png": "s1", "a2.png": "s2", "a3.png": "s3", "b1.png": "s2"
    }  # fmt: skip


def test_a_real_picture_inside_a_synthetic_set_does_not_leak_into_training(tmp_path: Path) -> None:
    real = write_set(tmp_path / "real", some("a", 2), "yolo")
    made = write_set(tmp_path / "made", [*some("m", 2), labels("zz.png", [[2, 2, 9, 9]])], "yolo")
    shutil.copy(real / "images" / "a1.png", made / "images" / "zz.png")
    taken = take_in([made], [real])
    (fault,) = taken.faults
    assert fault.startswith(f"{made / 'images' / 'zz.png'}: the same picture as {real / 'images' / 'a1.png'}")
    assert "labelled otherwise" in fault
    assert [entry.name for entry in taken.synthetic] == ["m0.png", "m1.png"]
    assert len(taken.real) == 2


def test_a_picture_that_groups_csv_forgot_is_a_fault(tmp_path: Path) -> None:
    real = write_set(tmp_path / "real", some("a", 2), "yolo")
    (real / "groups.csv").write_text("file,group\na0.png,s1\n")
    taken = take_in([], [real])
    (fault,) = taken.faults
    assert "a1.png: has no group in" in fault
    assert [entry.name for entry in taken.real] == ["a0.png"]


def test_formats_that_disagree_are_told_before_anything_is_made_of_them(tmp_path: Path) -> None:
    real = write_set(tmp_path / "real", some("a", 2), "coco")
    write_labels(real, some("a", 2, class_id=1), "yolo")
    assert len(take_in([], [real]).faults) == 2
    content = json.loads((real / "coco.json").read_text())
    content["annotations"] = []
    (real / "coco.json").write_text(json.dumps(content))
    assert "do not agree (coco 0, yolo 1)" in take_in([], [real]).faults[0]
