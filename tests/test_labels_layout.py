from __future__ import annotations

from pathlib import Path

import pytest
from labelled_sets import labels, some, write_image, write_one, write_set

from nanotally.detections import CLASSES
from nanotally.errors import DatasetError
from nanotally.labels import write_classes, write_createml, write_voc
from nanotally.labels.layout import find_layout, is_sidecar, sidecars_of


@pytest.mark.parametrize("place", ["annotations", "Annotations", "labels", "voc", "images"])
def test_voc_is_found_wherever_people_put_it(tmp_path: Path, place: str) -> None:
    (one,) = some("a", 1)
    write_set(tmp_path, [one])
    (tmp_path / place).mkdir(exist_ok=True)
    write_voc(tmp_path / place / "a0.xml", one)
    assert {name: list(files) for name, files in find_layout(tmp_path).labels.items()} == {"voc": ["a0"]}


def test_labelimg_leaves_labels_beside_the_images(tmp_path: Path) -> None:
    one, two = some("a", 2)
    for each in (one, two):
        write_image(tmp_path / each.image, each)
    write_one(tmp_path, one, "yolo")
    write_classes(tmp_path / "classes.txt", CLASSES)
    (tmp_path / "README.txt").write_text("Taken on Monday.\n")
    layout = find_layout(tmp_path)
    assert layout.root == tmp_path
    assert list(layout.images) == ["a0", "a1"]
    assert {name: list(files) for name, files in layout.labels.items()} == {"yolo": ["a0"]}
    (tmp_path / "a7.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert list(find_layout(tmp_path).labels["yolo"]) == ["a0", "a7"]


@pytest.mark.parametrize("head", ["$CM_FORMAT SEM_DATA\n", "[SemImageFile]\n", "\ufeff[SemImageFile]\n"])
def test_what_an_instrument_wrote_is_no_label(tmp_path: Path, head: str) -> None:
    (one,) = some("a", 1)
    write_image(tmp_path / "a0.png", one)
    (tmp_path / "a0.txt").write_text(head, encoding="utf-16-le" if head[0] == "\ufeff" else "ascii")
    assert is_sidecar(tmp_path / "a0.txt")
    assert sidecars_of(tmp_path / "a0.png") == [tmp_path / "a0.txt"]
    with pytest.raises(DatasetError, match="no labels"):
        find_layout(tmp_path)


def test_json_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 2), "coco")
    (tmp_path / "manifest.json").write_text('{"images": 3}')
    (tmp_path / "boxes.json").write_text('[{"file": "a0.png"}]')
    for one in some("a", 2):  # LabelImg: a list an image, beside it
        write_createml(tmp_path / "images" / f"{Path(one.image).stem}.json", [one])
    found = find_layout(tmp_path).labels
    assert {name: list(files) for name, files in found.items()} == {"coco": ["coco"], "createml": ["a0", "a1"]}


def test_images_in_folders_have_their_labels_in_the_same_ones(tmp_path: Path) -> None:
    for sample in ("one", "two"):
        write_image(tmp_path / "images" / sample / "a.png", labels("a.png", []))
        (tmp_path / "labels" / sample).mkdir(parents=True)
        (tmp_path / "labels" / sample / "a.txt").write_text("")
    layout = find_layout(tmp_path)
    assert list(layout.images) == list(layout.labels["yolo"]) == ["one/a", "two/a"]
