from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import OracleEngine, draw_patches, oracle_bundle

from nanotally.detections import Detections
from nanotally.errors import DatasetError, LabelError
from nanotally.labels import LabelledImage, read_dataset, write_classes, write_mask, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.evaluation import questions
from nanotally.trainer.evaluation.questions import cut_by_border, judge, judgeable, pictures_of

BOXES = np.array([[0, 20, 30, 50], [31, 20, 61, 50], [100, 60, 120, 80]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of one picture of 160 x 120 with three cubes, of which two touch and one is cut, and one without any."""
    for name in ("images", "labels", "masks"):
        (tmp_path / name).mkdir()
    for name, boxes in (("a", BOXES), ("b", BOXES[:0])):
        grey = draw_patches(120, 160, boxes, np.full(len(boxes), 255))
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), grey)
        labelled = LabelledImage(f"{name}.png", 160, 120, Detections(boxes.astype(np.float32)))
        write_yolo(tmp_path / "labels" / f"{name}.txt", labelled)
    write_classes(tmp_path / "classes.txt", ("cube", "quasi_sphere"))
    return tmp_path


def test_particles_cut_by_the_border_are_difficult_only_if_asked(folder: Path) -> None:
    labelled = read_dataset(folder)
    (asked, empty) = pictures_of(labelled)
    assert asked.difficult.tolist() == [False, False, False]
    assert math.isnan(empty.contact)
    assert next(pictures_of(labelled, border_difficult=True)).difficult.tolist() == [True, False, False]


def test_contact_is_that_of_the_masks_where_there_are_any(folder: Path) -> None:
    assert next(pictures_of(read_dataset(folder))).contact == pytest.approx(2 / 3)
    instances = np.zeros((120, 160), np.int32)
    instances[5:9, 5:9], instances[60:80, 100:120] = 1, 2
    write_mask(folder / "masks" / "a.png", instances)
    assert next(pictures_of(read_dataset(folder))).contact == 0


def test_a_mask_of_another_size_is_an_error(folder: Path) -> None:
    write_mask(folder / "masks" / "a.png", np.ones((4, 4), np.int32))
    with pytest.raises(LabelError, match="4x4"):
        next(pictures_of(read_dataset(folder)))


def test_answers_come_with_all_that_was_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "load_engine", lambda *_: OracleEngine())
    judged, empty = judge(oracle_bundle(), pictures_of(read_dataset(folder), border_difficult=True))
    assert len(judged.found) == len(BOXES)
    assert (judged.name, judged.size, judged.labelled) == ("a.png", (120, 160), 2)
    assert judged.path == folder / "images" / "a.png"
    assert judged.contact == pytest.approx(2 / 3)
    assert len(empty.found) == 0


@pytest.mark.real
def test_the_border_is_where_the_emps_index_says(shared_data: Path) -> None:
    rows = {row["file"]: row for row in json.loads((shared_data / "emps-dev" / "boxes.json").read_text())}
    for sample in read_dataset(shared_data / "emps-dev").samples:
        row = rows[sample.image.name]
        flags = [instance["border"] for instance in row["instances"]]
        assert cut_by_border(sample.labels.detections, (row["height"], row["width"])).tolist() == flags


@pytest.mark.real
def test_the_index_of_emps_tells_what_is_cut_of_which_article_and_of_other_shape(shared_data: Path) -> None:
    rows = {row["file"]: row for row in json.loads((shared_data / "emps-dev" / "boxes.json").read_text())}
    labelled = judgeable(read_dataset(shared_data / "emps-dev"))
    assert (len(labelled.samples), labelled.unlabelled) == (100, ())
    few = replace(labelled, samples=labelled.samples[::5])
    asked = {question.path.name: question for question in pictures_of(few)}
    assert len(asked) == 20
    for name, question in asked.items():
        flags = [instance["border"] for instance in rows[name]["instances"]]
        assert question.difficult.tolist() == ([] if rows[name]["shape"] == "other" else flags)
        assert question.group == rows[name]["doi"]
    assert len(judgeable(labelled, modality="SEM").samples) == 85


def test_a_modality_that_no_picture_has_is_an_error(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no picture of which boxes"):
        judgeable(read_dataset(folder), modality="SEM")


def test_pictures_without_labels_are_asked_about_only_if_they_show_other_shapes(folder: Path) -> None:
    for name in ("rods", "unknown"):
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.zeros((120, 160), np.uint8))
    rods = {"file": "rods.png", "doi": "10.1", "modality": "SEM", "shape": "other", "instances": []}
    (folder / "boxes.json").write_text(json.dumps([rods]))
    labelled = judgeable(read_dataset(folder))
    assert [sample.image.name for sample in labelled.samples] == ["a.png", "b.png", "rods.png"]
    assert [path.name for path in labelled.unlabelled] == ["unknown.png"]
    assert [len(question.truth) for question in pictures_of(labelled)] == [3, 0, 0]
