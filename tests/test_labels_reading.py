from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_sets import FORMATS, labels, some, write_labels, write_set

from nanotally.errors import DatasetError, LabelError
from nanotally.labels import examine_dataset, read_dataset, write_yolo
from nanotally.labels.layout import FORMATS as RANKED
from nanotally.labels.reading import same_labels

SIDE = 64


@st.composite
def boxes(draw: st.DrawFn) -> list[list[int]]:
    """Boxes in cells of a grid, so that their masks do not cover each other."""
    cells = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True, max_size=5))
    spans = [(draw(st.integers(2, 5)), draw(st.integers(10, 14))) for _ in cells]
    return [
        [16 * x + low, 16 * y + low, 16 * x + high, 16 * y + high]
        for (x, y), (low, high) in zip(cells, spans, strict=True)
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets")


@settings(max_examples=25)
@given(drawn=st.lists(boxes(), min_size=1, max_size=3), class_id=st.integers(0, 1))
def test_the_same_labels_in_every_format_are_the_same_set(home: Path, drawn: list, class_id: int) -> None:
    written = [labels(f"p{n}.png", own, side=SIDE, class_id=class_id) for n, own in enumerate(drawn)]
    for form in FORMATS:
        shutil.rmtree(home / form, ignore_errors=True)
        dataset = read_dataset(write_set(home / form, written, form))
        assert (dataset.label_format, dataset.beside, dataset.unlabelled) == (form, (), ())
        assert [sample.image.name for sample in dataset.samples] == [one.image for one in written]
        for sample, one in zip(dataset.samples, written, strict=True):
            assert same_labels(sample.labels.detections, one.detections)
            assert sample.labels.image == one.image
            assert sample.label_file is not None


@pytest.mark.parametrize("pair", combinations(RANKED, 2), ids="-".join)
def test_of_two_formats_the_one_that_says_more_is_used(tmp_path: Path, pair: tuple[str, str]) -> None:
    dataset = read_dataset(
        write_set(tmp_path, some("a", 2), *reversed(pair)) if "masks" not in pair else _both(tmp_path, pair)
    )
    assert (dataset.label_format, dataset.beside) == (pair[0], (pair[1],))


def _both(folder: Path, pair: tuple[str, str]) -> Path:
    write_set(folder, some("a", 2), "masks")
    write_labels(folder, some("a", 2), pair[0])  # last: its classes.txt counts
    return folder


@pytest.mark.parametrize("pair", combinations(RANKED[:-1], 2), ids="-".join)
def test_two_formats_that_disagree_are_an_error_that_names_the_image(tmp_path: Path, pair: tuple[str, str]) -> None:
    one, two = some("a", 2)
    write_set(tmp_path, [one, two], pair[0])
    write_labels(tmp_path, [one, labels("a1.png", [[1, 2, 30, 40]])], pair[1])
    (fault,) = examine_dataset(tmp_path).faults
    assert fault.image == tmp_path / "images" / "a1.png"
    assert f"do not agree ({pair[0]} 2, {pair[1]} 1); keep one format" in str(fault.error)


def test_an_image_that_only_one_of_two_formats_knows_is_an_error(tmp_path: Path) -> None:
    one, two = some("a", 2)
    write_set(tmp_path, [one, two], "yolo")
    write_labels(tmp_path, [one], "coco")
    with pytest.raises(DatasetError, match=r"a1\.png: .*coco nothing, yolo 2"):
        read_dataset(tmp_path)


def test_everything_wrong_with_a_set_is_found_at_once(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 4), "coco")
    content = json.loads((tmp_path / "coco.json").read_text())
    content["annotations"][0]["bbox"] = [60, 10, 20, 20]
    content["annotations"][0]["category_id"] = 2
    content["annotations"][1]["category_id"] = 9
    content["annotations"].append({**content["annotations"][0], "id": 77, "image_id": 12})
    content["images"][3]["width"] = 65
    content["images"].append({"id": 5, "file_name": "gone.png", "width": 64, "height": 64})
    (tmp_path / "coco.json").write_text(json.dumps(content))
    (tmp_path / "images" / "a2.png").write_bytes(b"\x89PNG")
    dataset = examine_dataset(tmp_path)
    assert dataset.samples == dataset.unlabelled == ()
    said = [str(fault.error) for fault in dataset.faults]
    assert [fault.image.name for fault in dataset.faults if fault.image] == ["a0.png", "a1.png", "a2.png", "a3.png"]
    for text, expected in zip(said, (
        "reaches out", "there is no category 9", "cannot be read", "made for 65x64 px", "there is no image 12",
        "gone.png: no such image",
    ), strict=True):  # fmt: skip
        assert expected in text


def test_an_image_listed_twice_is_an_error(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 1), "coco")
    shutil.copy(tmp_path / "coco.json", tmp_path / "more.json")
    with pytest.raises(DatasetError, match=r"a0\.png: is labelled in coco\.json already"):
        read_dataset(tmp_path)


def test_masks_take_their_class_from_the_generators_facts(tmp_path: Path) -> None:
    write_set(tmp_path, some("a", 1), "masks")
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(LabelError, match=r"a0\.png: a mask has no classes"):
        read_dataset(tmp_path)
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "a0.json").write_text('{"cube": 0, "quasi_sphere": 1}')
    (sample,) = read_dataset(tmp_path).samples
    assert sample.labels.detections.class_id.tolist() == [1]
    (tmp_path / "facts" / "a0.json").write_text('{"cube": 1, "quasi_sphere": 1}')
    with pytest.raises(LabelError, match="a mask has no classes"):
        read_dataset(tmp_path)


def test_difficult_particles_stay_so_where_the_format_knows_them(tmp_path: Path) -> None:
    (one,) = some("a", 1)
    marked = type(one)(one.image, one.width, one.height, one.detections, np.array([True]))
    for form, known in (("voc", True), ("coco", True), ("createml", True), ("yolo", False)):
        write_set(tmp_path / form, [marked], form)
        assert read_dataset(tmp_path / form).samples[0].labels.difficult.tolist() == [known]


def test_boxes_are_the_same_in_any_order_and_never_across_classes() -> None:
    one, other = labels("a", [[0, 0, 9, 9], [20, 0, 30, 9]]), labels("a", [[20, 0, 30, 10], [0, 1, 9, 9]])
    assert same_labels(one.detections, other.detections)
    assert not same_labels(one.detections, labels("a", [[0, 0, 9, 9]]).detections)
    assert not same_labels(one.detections, labels("a", [[0, 0, 9, 9], [0, 0, 9, 9]]).detections)
    assert not same_labels(one.detections, labels("a", [[0, 0, 9, 9], [20, 0, 30, 9]], class_id=1).detections)


def test_images_of_one_name_in_two_folders_need_their_path_in_a_list(tmp_path: Path) -> None:
    from nanotally.labels import write_coco

    for sample in ("one", "two"):
        write_set(tmp_path, [labels(f"{sample}/a.png", [[2, 2, 9, 9]])])
    write_coco(tmp_path / "coco.json", [labels(f"{s}/a.png", [[2, 2, 9, 9]]) for s in ("one", "two")])
    assert len(read_dataset(tmp_path).samples) == 2
    write_coco(tmp_path / "coco.json", [labels("a.png", [])])
    with pytest.raises(DatasetError, match=r"a\.png: no such image"):
        read_dataset(tmp_path)


def test_label_files_in_folders_are_paired_by_folder(tmp_path: Path) -> None:
    for sample, own in (("one", [[2, 2, 9, 9]]), ("two", [])):
        write_set(tmp_path, [labels(f"{sample}/a.png", own)])
        (tmp_path / "labels" / sample).mkdir(parents=True)
        write_yolo(tmp_path / "labels" / sample / "a.txt", labels("a.png", own))
    (tmp_path / "classes.txt").write_text("cube\n")
    assert [len(sample.labels) for sample in read_dataset(tmp_path).samples] == [1, 0]
