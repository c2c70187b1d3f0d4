from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from oracle import OracleEngine, draw_patches, oracle_bundle

from nanotally.bundle import Bundle
from nanotally.detections import CLASSES, Detections
from nanotally.errors import BundleError
from nanotally.labels import LabelledImage, read_dataset, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import Evaluation, evaluate, figures, judge, pictures_of, text
from nanotally.trainer.evaluation import questions
from nanotally.trainer.evaluation.classes import classes_of, places_of, thresholds_of

BOXES = np.array([[20, 20, 50, 50], [80, 20, 110, 50], [20, 70, 50, 100]])
CLASS_IDS = np.uint16([0, 1, 1])


class RowsOfAnother(OracleEngine):
    """The oracle with the class rows that another network would have."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__()
        self.rows = rows

    def infer(self, batch: np.ndarray) -> np.ndarray:
        raw = super().infer(batch)
        return np.concatenate([raw[:, :4], *(raw[:, 4 + row : 5 + row] for row in self.rows)], axis=1)


def bundle_of(*names: str) -> Bundle:
    manifest = replace(oracle_bundle().manifest, classes=names, thresholds=dict.fromkeys(names, 0.5))
    return Bundle(Path("other"), manifest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture with a cube and two quasi-spheres."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    grey = draw_patches(120, 160, BOXES, np.where(CLASS_IDS == 0, 255, 180))
    cv2.imwrite(str(tmp_path / "images" / "a.png"), grey)
    labelled = LabelledImage("a.png", 160, 120, Detections(BOXES.astype(np.float32), class_id=CLASS_IDS))
    write_yolo(tmp_path / "labels" / "a.txt", labelled)
    write_classes(tmp_path / "classes.txt", CLASSES)
    return tmp_path


def evaluated(folder: Path, bundle: Bundle, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    monkeypatch.setattr(questions, "load_engine", lambda *_: RowsOfAnother(rows))
    return evaluate(judge(bundle, pictures_of(read_dataset(folder))), bundle)


def test_classes_are_put_in_the_order_of_the_labels() -> None:
    bundle = bundle_of("rod", "Nanospheres")
    assert classes_of(bundle) == ("cube", "quasi_sphere", "rod")
    assert places_of(bundle).tolist() == [2, 1]
    np.testing.assert_array_equal(thresholds_of(bundle), [np.nan, 0.5, 0.5])


def test_two_names_of_one_class_are_an_error() -> None:
    with pytest.raises(BundleError, match=r"other: its classes sphere and quasi_sphere mean the same"):
        thresholds_of(bundle_of("sphere", "quasi_sphere"))


@pytest.mark.parametrize(("names", "rows"), [(("cube", "quasi_sphere"), [0, 1]), (("sphere", "cube"), [1, 0])])
def test_the_order_of_a_bundles_classes_does_not_matter(
    names: tuple[str, ...], rows: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = evaluated(folder, bundle_of(*names), rows, monkeypatch)
    assert [score.found for score in own.classes.values()] == [1, 2]
    assert own.unknown == ()
    assert own.total.false == 0


def test_a_bundle_of_one_class_misses_the_other_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = evaluated(folder, bundle_of("sphere"), [1], monkeypatch)
    assert own.classes["quasi_sphere"].found == 2
    assert (own.classes["cube"].found, own.classes["cube"].labelled) == (0, 1)
    assert own.unknown == ("cube",)
    assert "cube is labelled, but the bundle has no such class" in text(own)
    told = json.loads(json.dumps(figures(own)))
    assert told["unknown_classes"] == ["cube"]
    assert told["classes"]["cube"]["threshold"] is None


def test_a_class_that_neither_labels_nor_bundle_have_lowers_no_mean(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = folder / "labels" / "a.txt"
    labels.write_text("\n".join(line for line in labels.read_text().splitlines() if line.startswith("1 ")))
    own = evaluated(folder, bundle_of("quasi_sphere"), [1], monkeypatch)
    assert own.unknown == ()
    assert own.map50 == own.darknet.area.mean == own.voc.mean == pytest.approx(1, abs=1e-6)
