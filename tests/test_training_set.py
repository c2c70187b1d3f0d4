from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_sets import labels, write_image

from nanotally.labels import read_dataset
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import pictures_of
from nanotally.trainer.pictures import Picture
from nanotally.trainer.training_set import unique_names, write_whole


def picture(path: Path, group: str = "") -> Picture:
    one = labels(path.name, [[2, 2, 20, 20], [30, 30, 50, 50]])
    write_image(path, one)
    image = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
    return Picture(path, image, one.detections, group or str(path), difficult=np.array([True, False]))


def test_evaluate_reads_from_whole_pictures_what_is_difficult_and_of_which_group(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / "in/images/a.png", "s1"), picture(tmp_path / "in/images/b.png")]
    write_whole(pictures, tmp_path / "out")
    dataset = read_dataset(tmp_path / "out")
    assert (dataset.label_format, dataset.beside) == ("coco", ("yolo",))
    asked = list(pictures_of(dataset))
    assert [question.difficult.tolist() for question in asked] == [[True, False]] * 2
    assert [question.group for question in asked] == ["s1", ""]


def test_pictures_of_one_name_are_all_kept_with_what_lies_beside_them(tmp_path: Path) -> None:
    pictures = [picture(tmp_path / f"{folder}/images/a.png") for folder in ("one", "two")]
    (tmp_path / "two/images/a.txt").write_text("$CM_FORMAT SEM_DATA\n")
    (tmp_path / "two/masks").mkdir()
    (tmp_path / "two/masks/a.png").write_bytes(pictures[1].path.read_bytes())
    write_whole(pictures, tmp_path / "out")
    written = {str(f.relative_to(tmp_path / "out")) for f in (tmp_path / "out").rglob("*") if f.is_file()}
    assert written == {
        "images/a.png", "images/a-2.png", "images/a-2.txt", "labels/a.txt", "labels/a-2.txt", "masks/a-2.png",
        "classes.txt", "coco.json",
    }  # fmt: skip
    for name, original in (("a.png", pictures[0]), ("a-2.png", pictures[1])):
        assert (tmp_path / "out/images" / name).read_bytes() == original.path.read_bytes()
    assert len(read_dataset(tmp_path / "out").samples) == 2


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.png", "x/b.png"], ["a.png", "b.png"]),
        (["x/a.png", "y/a.tif", "z/a.png"], ["a.png", "a-2.tif", "a-3.png"]),
        (["x/a-2.png", "x/a.png", "y/a.png"], ["a-2.png", "a.png", "a-3.png"]),
    ],
)
def test_names_are_their_own_where_they_can(paths: list[str], names: list[str]) -> None:
    assert unique_names([Path(path) for path in paths]) == names
