"""From darknet's files to detections: the verb, the bundle, the detector."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from darknet_files import NETWORKS, cfg_text, random_weights, write_cfg
from numpy.typing import NDArray

from nanotally.bundle import load_bundle
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import CLASSES
from nanotally.errors import NanotallyError
from nanotally.opencv import cv2
from nanotally.trainer.darknet.bundle import import_darknet
from nanotally.trainer.darknet.cfg import read_cfg
from nanotally.trainer.darknet.weights import Filters, Weights, write_weights

pytestmark = pytest.mark.train  # the graph is written with onnx, which is in that extra

CELL_PX = 16
BRIGHTNESS = """[net]
width=128
height=128
channels={channels}
[convolutional]
filters=1
size=16
stride=16
activation=linear
[convolutional]
filters=7
activation=linear
[yolo]
mask=0
anchors=12,12
classes=2
"""
"""Finds squares of 12 pixels in the middle of cells of 16 by the mean grey level of the cell."""
SQUARES = {
    (CELL_PX * column + 2, CELL_PX * row + 2, CELL_PX * column + 14, CELL_PX * row + 14): grey
    for column, row, grey in ((1, 1, 255), (3, 2, 128), (6, 5, 255), (7, 7, 128))
}
"""Boxes with their grey levels."""


def nanotally(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)


def brightness_weights(channels: int) -> Weights:
    """A cell brighter than 0.15 holds a particle, of class 0 if brighter than 0.42; a square of 255 gives 0.56."""
    mean = np.full((1, channels, CELL_PX, CELL_PX), 1 / (channels * CELL_PX**2), np.float32)
    kernel = np.array([0, 0, 0, 0, 80, 80, -80], np.float32).reshape(7, 1, 1, 1)
    bias = np.array([0, 0, 0, 0, -0.15 * 80, -0.42 * 80, 0.42 * 80], np.float32)
    return Weights((Filters(np.zeros(1, np.float32), None, mean), Filters(bias, None, kernel)), seen=6_400)


def made_image() -> NDArray[np.uint8]:
    image = np.zeros((128, 128), np.uint8)
    for (x1, y1, x2, y2), grey in SQUARES.items():
        image[y1:y2, x1:x2] = grey
    return image


def detector(folder: Path, score: float | None = None) -> Detector:
    bundle = load_bundle(folder)
    return Detector(bundle, load_engine("openvino", bundle), DetectSettings(score=score, scale=1.0))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with net.cfg, net.weights and net.names."""
    write_cfg(tmp_path, BRIGHTNESS.format(channels=1))
    write_weights(tmp_path / "net.weights", brightness_weights(1))
    (tmp_path / "net.names").write_text("nanocubes\nQuasi-Sphere\n")
    return tmp_path


def import_into(files: Path, folder: Path) -> None:
    import_darknet(files / "net.cfg", files / "net.weights", names=files / "net.names", folder=folder)


def test_the_verb_and_then_detect_find_what_the_network_was_made_to_find(files: Path) -> None:
    cv2.imwrite(str(files / "made.png"), made_image())
    done = nanotally("import-darknet", files / "net.cfg", files / "net.weights", "--names", files / "net.names",
                     "--out", files / "bundle")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{files / 'bundle'}: net, 128 x 128 px, 0.0 MB, thresholds: cube 0.25, quasi_sphere 0.25\n"
    done = nanotally("detect", files / "made.png", "--model", files / "bundle", "--scale", "1",
                     "--out", files / "found")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (told,) = json.loads((files / "found" / "particles.json").read_text())["images"]
    found = {tuple(np.round(p["xyxy"]).astype(int).tolist()): p["class"] for p in told["particles"]}
    assert found == {box: "cube" if grey == 255 else "quasi_sphere" for box, grey in SQUARES.items()}
    assert min(p["score"] for p in told["particles"]) > 0.9


def test_three_channels_get_the_grey_picture_and_classes_come_in_our_order(files: Path) -> None:
    write_cfg(files, BRIGHTNESS.format(channels=3))
    write_weights(files / "net.weights", brightness_weights(3))
    (files / "net.names").write_text("sphere\ncube\n")
    import_into(files, files / "bundle")
    found = detector(files / "bundle").detect(made_image()).detections
    boxes = map(tuple, found.xyxy.round().astype(int).tolist())
    assert dict(zip(boxes, found.class_id.tolist(), strict=True)) == {
        box: CLASSES.index("quasi_sphere" if grey == 255 else "cube") for box, grey in SQUARES.items()
    }


def test_the_manifest_says_where_it_comes_from(files: Path) -> None:
    import_into(files, files / "bundle")
    manifest = load_bundle(files / "bundle").manifest
    assert (manifest.name, manifest.input_size_px, manifest.head) == ("net", 128, "ultralytics")
    assert manifest.classes == ("cube", "quasi_sphere")
    assert manifest.nms_iou == 0.45
    assert manifest.licence == "NOASSERTION"
    assert manifest.trained_on.startswith("darknet weights net.weights, sha256 ")
    assert manifest.trained_on.endswith(", 6,400 pictures seen")
    assert sorted(path.name for path in (files / "bundle").iterdir()) == ["manifest.json", "model.onnx"]


@pytest.mark.parametrize("name", NETWORKS)
def test_both_standard_networks_become_bundles_that_run(name: str, tmp_path: Path) -> None:
    cfg, weights = tmp_path / f"{name}.cfg", tmp_path / f"{name}.weights"
    cfg.write_text(cfg_text(name))
    write_weights(weights, random_weights(read_cfg(cfg)))
    (tmp_path / "net.names").write_text("cube\nquasi_sphere\n")
    import_darknet(cfg, weights, names=tmp_path / "net.names", folder=tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.manifest.name == name
    noise = np.random.default_rng(0).integers(0, 255, (300, 600), dtype=np.uint8)
    found = detector(bundle.path, score=0.1).detect(noise)
    assert found.tiles > 1
    assert len(found.detections)


def test_a_network_of_one_class_becomes_a_bundle_of_one_class(files: Path) -> None:
    text = BRIGHTNESS.format(channels=1).replace("filters=7", "filters=6").replace("classes=2", "classes=1")
    network = write_cfg(files, text)
    write_weights(files / "net.weights", random_weights(network))
    (files / "net.names").write_text("nanospheres\n")
    import_into(files, files / "bundle")
    assert load_bundle(files / "bundle").manifest.classes == ("quasi_sphere",)


FAULTS = {
    "no cfg": ("net.cfg", None, "net.cfg: cannot be read"),
    "no weights": ("net.weights", None, "net.weights: cannot be read"),
    "no names": ("net.names", None, "net.names: cannot be read"),
    "cfg of something else": ("net.cfg", b"\0\0\x85=", "net.cfg: does not begin with [net]"),
    "weights cut short": ("net.weights", b"\0\0\0\0\2\0\0\0\5\0\0\0" + bytes(108), "needs "),
    "another class": ("net.names", b"cube\nrod\n", "net.names:2: class 'rod' is not one of cube, quasi_sphere"),
    "one name": ("net.names", b"cube\n", "net.names: 1 names, but"),
    "three names": ("net.names", b"cube\nsphere\nrod\n", "net.names: 3 names, but"),
    "one class twice": ("net.names", b"cube\nnanocube\n", "cube and nanocube are the same class"),
    "names that are no text": ("net.names", b"\xff\xfe", "not a text file in UTF-8"),
}


@pytest.mark.parametrize(("name", "content", "says"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_imported_is_one_clear_line_and_leaves_nothing(
    name: str, content: bytes | None, says: str, files: Path
) -> None:
    (files / name).unlink() if content is None else (files / name).write_bytes(content)
    before = sorted(files.iterdir())
    with pytest.raises(NanotallyError) as caught:
        import_into(files, files / "bundle")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(files.iterdir()) == before


def test_weights_that_are_no_numbers_are_named_and_leave_nothing(files: Path) -> None:
    data = bytearray((files / "net.weights").read_bytes())
    data[20:24] = np.float32("nan").tobytes()
    (files / "net.weights").write_bytes(data)
    with pytest.raises(NanotallyError, match=r"net\.weights: layer 0: weights that are no numbers"):
        import_into(files, files / "bundle")
    assert not (files / "bundle").exists()


def test_without_the_train_extra_it_says_what_to_install(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "nanotally.trainer.darknet.graph", raising=False)
    with pytest.raises(NanotallyError, match=r"pip install 'nanotally\[train\]'"):
        import_into(files, files / "bundle")


def test_a_bundle_that_is_there_is_left_alone(files: Path) -> None:
    import_into(files, files / "bundle")
    before = {path: path.read_bytes() for path in (files / "bundle").iterdir()}
    with pytest.raises(NanotallyError, match=r"bundle: cannot be written .*; name a new or empty folder"):
        import_into(files, files / "bundle")
    assert {path: path.read_bytes() for path in (files / "bundle").iterdir()} == before
    assert not list(files.glob(".import-*"))


def test_the_verb_says_it_in_one_line_with_exit_code_1(files: Path) -> None:
    (files / "net.weights").write_bytes((files / "net.weights").read_bytes()[:-3])
    done = nanotally("import-darknet", files / "net.cfg", files / "net.weights", "--names", files / "net.names",
                     "--out", files / "bundle")  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"nanotally: {files / 'net.weights'}: ")
    assert "it ends inside convolution 2 of 2; it was cut short" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (files / "bundle").exists()
