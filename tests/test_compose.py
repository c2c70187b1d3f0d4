from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nanotally.detections import CLASSES, Detections
from nanotally.errors import DatasetError
from nanotally.labels import LabelledImage, read_dataset, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.compose import compose


def labelled_set(folder: Path, count: int, *, side: int, class_id: int) -> Path:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    write_classes(folder / "classes.txt", CLASSES)
    rng = np.random.default_rng(1)
    for number in range(count):
        image = rng.integers(0, 80, (side, side), dtype=np.uint8)
        image[20:50, 30:60] = 200
        cv2.imwrite(str(folder / "images" / f"{folder.name}{number}.png"), image)
        boxes = Detections(np.array([[30, 20, 60, 50]], np.float32), class_id=np.array([class_id], np.uint16))
        labels = LabelledImage(f"{folder.name}{number}.png", side, side, boxes)
        write_yolo(folder / "labels" / f"{folder.name}{number}.txt", labels)
    return folder


def test_synthetic_tiles_go_in_as_they_are_and_real_pictures_as_views_of_their_part(tmp_path: Path) -> None:
    synthetic = labelled_set(tmp_path / "made", 3, side=96, class_id=0)
    real = labelled_set(tmp_path / "real", 20, side=150, class_id=1)
    out = tmp_path / "set"
    counts = compose(out, synthetic=[synthetic], real=[real], views=2, side_px=96, seed=1)
    manifest = json.loads((out / "manifest.json").read_text())
    real_parts = {part: set(files) for part, files in manifest["real"].items()}
    assert {part: len(files) for part, files in real_parts.items()} == {"train": 14, "val": 3, "test": 3}
    assert counts["train"]["tiles"] == 3 + 14 * 2 == len(list((out / "images/train").iterdir()))
    assert counts["train"]["cube"] == 3
    for part in ("val", "test"):
        whole = read_dataset(out / f"real-{part}")
        assert {sample.image.name for sample in whole.samples} == real_parts[part]
    tile = cv2.imread(str(out / "images/train/000000.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(tile, cv2.imread(str(synthetic / "images/made0.png"), cv2.IMREAD_UNCHANGED))
    assert "channels: 1" in (out / "data.yaml").read_text()


def test_the_same_seed_composes_the_same_set(tmp_path: Path) -> None:
    real = labelled_set(tmp_path / "real", 8, side=150, class_id=1)
    for name in ("a", "b"):
        compose(tmp_path / name, synthetic=[], real=[real], views=1, side_px=96, seed=7)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*") if p.suffix in (".png", ".txt"))
    assert files
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to compose"):
        compose(tmp_path / "set", synthetic=[], real=[], views=1, side_px=96, seed=1)
    (tmp_path / "set" / "images").mkdir(parents=True)
    with pytest.raises(DatasetError, match="is there already"):
        compose(tmp_path / "set", synthetic=[tmp_path], real=[], views=1, side_px=96, seed=1)


@pytest.mark.real
def test_the_emps_articles_are_not_torn(shared_data: Path) -> None:
    from nanotally.trainer.compose import SHARES
    from nanotally.trainer.pictures import read_pictures
    from nanotally.trainer.split import split_by_group

    pictures = read_pictures(shared_data / "emps-dev")
    assert len(pictures) == 100
    parts = split_by_group(pictures, SHARES, seed=1)
    articles = [{p.group for p in part} for part in parts.values()]
    assert sum(map(len, articles)) == len(set.union(*articles))
    assert all({"SEM cube", "TEM cube", "SEM quasi_sphere"} <= {p.kind for p in part} for part in parts.values())
