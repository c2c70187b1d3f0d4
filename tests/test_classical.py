"""The classical baseline of the benchmarks, on pictures where it must not fail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from nanotally.detections import Detections, iou
from nanotally.labels import LabelledImage, read_dataset, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import pictures_of

HEIGHT, WIDTH, SIDE = 240, 320, 40
SQUARES = [(30, 30), (30, 130), (140, 40)]
DISCS = [(200, 150), (238, 150), (140, 160)]
"""Corners x, y of the boxes; the first two discs touch."""


def load() -> ModuleType:
    path = Path(__file__).parent.parent / "benchmarks" / "classical.py"
    spec = importlib.util.spec_from_file_location("classical", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["classical"] = module
    spec.loader.exec_module(module)
    return module


classical = load()
KNOBS = classical.Knobs(opening_px=3, smallest_px=8, square=0.84)


def picture(ground: int, particle: int) -> NDArray[np.uint8]:
    image = np.full((HEIGHT, WIDTH), ground, np.uint8)
    for x, y in SQUARES:
        image[y : y + SIDE, x : x + SIDE] = particle
    for x, y in DISCS:
        cv2.circle(image, (x + SIDE // 2, y + SIDE // 2), SIDE // 2, particle, cv2.FILLED)
    noise = np.random.default_rng(0).normal(0, 5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def labels() -> Detections:
    at = np.array([*SQUARES, *DISCS], np.float32)
    return Detections(np.hstack([at, at + SIDE]), class_id=np.uint16([0] * len(SQUARES) + [1] * len(DISCS)))


@pytest.mark.parametrize(("ground", "particle"), [(40, 190), (190, 40)])
def test_bright_and_dark_particles_are_found_parted_and_told_apart(ground: int, particle: int) -> None:
    found, truth = classical.find(picture(ground, particle), KNOBS), labels()
    assert len(found) == len(truth)
    table = iou(truth.xyxy, found.xyxy)
    assert table.max(axis=1).min() > 0.75
    assert found.class_id[table.argmax(axis=1)].tolist() == truth.class_id.tolist()
    assert (np.diff(found.score) <= 0).all()


def test_an_even_picture_holds_nothing() -> None:
    assert len(classical.find(np.full((HEIGHT, WIDTH), 90, np.uint8), KNOBS)) == 0


def test_databars_are_left_out_and_a_better_knob_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    bar = np.zeros((40, WIDTH), np.uint8)
    cv2.putText(bar, "10.0 kV  x 50,000  100 nm", (8, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.vstack([picture(60, 190), bar]))
    write_yolo(tmp_path / "labels" / "a.txt", LabelledImage("a.png", WIDTH, HEIGHT + len(bar), labels()))
    write_classes(tmp_path / "classes.txt", ("cube", "quasi_sphere"))
    questions = list(pictures_of(read_dataset(tmp_path)))
    (judged,) = classical.ask(questions, KNOBS)
    assert judged.found.xyxy.max(axis=0)[3] <= HEIGHT
    monkeypatch.setattr(classical, "CHOICES", {"square": (0.5, 0.84, 0.99)})
    assert classical.tune(questions).square == 0.84
