import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nanotally.errors import DatasetError, LabelError, MicrographError
from nanotally.labels import read_dataset
from nanotally.opencv import cv2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two labelled images, the classes in another order than ours and under other names."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for name in ("scan10", "scan9"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), np.zeros((50, 100), np.uint8))
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.5 0.5\n1 0.25 0.5 0.5 1\n")
    (tmp_path / "classes.txt").write_text("Spheres\ncube\n")
    return tmp_path


def test_images_and_labels_are_paired_and_ids_mapped_by_name(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert [sample.image.name for sample in dataset.samples] == ["scan9.png", "scan10.png"]
    labels = dataset.samples[0].labels
    assert labels.image == "scan9.png"
    assert labels.classes == ("cube", "quasi_sphere")
    assert labels.detections.class_id.tolist() == [1, 0]
    np.testing.assert_allclose(labels.detections.xyxy, [[25, 12.5, 75, 37.5], [0, 0, 50, 50]], atol=1e-3)


@pytest.mark.parametrize("names", ["quasi-sphere\nCubes\n", "Quasi Spheres\nnanocube\n", "sphere\ncube\nrod\n"])
def test_usual_names_are_understood_and_unused_ones_passed_over(folder: Path, names: str) -> None:
    (folder / "classes.txt").write_text(names)
    assert read_dataset(folder).samples[0].labels.detections.class_id.tolist() == [1, 0]


def test_an_empty_label_file_is_an_image_without_particles(folder: Path) -> None:
    (folder / "labels" / "scan9.txt").write_text("")
    assert [len(sample.labels) for sample in read_dataset(folder).samples] == [0, 2]


def test_an_image_without_label_file_is_set_apart(folder: Path) -> None:
    (folder / "labels" / "scan9.txt").unlink()
    dataset = read_dataset(folder)
    assert [sample.image.name for sample in dataset.samples] == ["scan10.png"]
    assert [image.name for image in dataset.unlabelled] == ["scan9.png"]


def test_classes_may_stand_beside_the_labels(folder: Path) -> None:
    (folder / "classes.txt").rename(folder / "labels" / "classes.txt")
    assert len(read_dataset(folder).samples) == 2


def without_labels(folder: Path) -> None:
    for file in (folder / "labels").iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: shutil.rmtree(f / "images"), "no image; looked for"),
        (lambda f: shutil.rmtree(f / "labels"), "no labels; expected YOLO"),
        (without_labels, "no labels; expected YOLO"),
        (shutil.rmtree, "no such folder"),
        (lambda f: (f / "notes.json").write_text("{"), r"notes\.json: not a JSON file"),
        (lambda f: (f / "classes.txt").unlink(), "no classes.txt"),
        (lambda f: (f / "classes.txt").write_text("rod\ncube\n"), "scan9.txt: class 'rod' is not one of"),
        (
            lambda f: (f / "classes.txt").write_text("sphere\nquasi_sphere\n"),
            "sphere, quasi_sphere mean the same",
        ),
        (lambda f: (f / "labels" / "classes.txt").write_text("cube\nSpheres\n"), "differ"),
        (lambda f: (f / "labels" / "scan11.txt").write_text(""), r"scan11.txt: no image of this name"),
        (
            lambda f: shutil.copy(f / "images" / "scan9.png", f / "images" / "scan9.tif"),
            "could also belong to",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(folder: Path, spoil: object, said: str) -> None:
    assert callable(spoil)
    spoil(folder)
    with pytest.raises((DatasetError, LabelError), match=said) as caught:
        read_dataset(folder)
    assert "\n" not in str(caught.value)


def test_faults_of_single_files_are_passed_on(folder: Path) -> None:
    (folder / "labels" / "scan9.txt").write_text("0 0.5 0.5 0.5 0.5 0 0 0 0 0\n")
    with pytest.raises(LabelError, match=r"scan9.txt:1: 10 values, expected 5"):
        read_dataset(folder)
    (folder / "images" / "scan9.png").write_bytes(b"\x89PNG")
    with pytest.raises(MicrographError, match=r"scan9\.png"):
        read_dataset(folder)


@pytest.mark.real
def test_real_labels_agree_with_their_instance_boxes(shared_data: Path) -> None:
    dataset = read_dataset(shared_data / "emps-dev")
    assert len(dataset.samples) == 88
    assert len(dataset.unlabelled) == 12
    truth = {entry["file"]: entry for entry in json.loads((shared_data / "emps-dev" / "boxes.json").read_text())}
    for sample in dataset.samples:
        entry = truth[sample.image.name]
        boxes = sorted(instance["box"] for instance in entry["instances"])
        np.testing.assert_allclose(sorted(np.round(sample.labels.detections.xyxy, 2).tolist()), boxes, atol=2e-3)
        assert {sample.labels.classes[i] for i in sample.labels.detections.class_id} == {entry["shape"]}
