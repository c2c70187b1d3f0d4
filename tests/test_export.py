"""Bundles of checkpoints and of other bundles: the network that was trained, whatever the precision."""

from __future__ import annotations

import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import fields
from numpy.typing import NDArray

from nanotally.bundle import Bundle, Manifest, load_bundle
from nanotally.daemon.report import Setup
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detect.decode import decode_ultralytics
from nanotally.detect.merge import suppress
from nanotally.detect.tiles import cut_tiles, plan_levels
from nanotally.detections import CLASSES, Detections, iou
from nanotally.errors import BundleError
from nanotally.generator.orders import Order, make_all
from nanotally.labels import LabelledImage, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer import export as door
from nanotally.trainer.checkpoint import write_onnx
from nanotally.trainer.export import convert, export
from nanotally.trainer.precision import figures

pytestmark = pytest.mark.train
SIDE = 96
TWO_HEADS = {  # at stride 4; the second head chooses by itself
    "end2end": True,
    "nc": 2,
    "scales": {"n": [1.0, 1.0, 1024]},
    "scale": "n",
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "Conv", [24, 3, 2]]],
    "head": [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 1], 1, "Concat", [1]], [[4, 2], 1, "Detect", ["nc"]]],
}


def nanotally(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dense() -> NDArray[np.uint8]:
    """A picture with more than 1,000 particles."""
    (made,) = make_all(Order(mode="paper", count=1, max_particles=1_100, width=1900, height=1600, seed=5))
    assert len(made.labels.detections) > 1_000
    return made.image


def random_checkpoint(path: Path, architecture: str | dict[str, Any], *, channels: int = 1, names=CLASSES) -> Any:
    """A checkpoint of an untrained network in which every layer counts; answers the network."""
    from nanotally.trainer.offline import keep_offline

    keep_offline()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from nanotally.trainer.train import find_architecture

    torch.manual_seed(0)
    source = find_architecture(architecture) if isinstance(architecture, str) else deepcopy(architecture)
    network = DetectionModel(source, ch=channels, nc=len(names), verbose=False)
    network.names = dict(enumerate(names))
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0  # what one batch shows is what is remembered
        elif isinstance(part, torch.nn.Conv2d) and part.bias is not None:
            torch.nn.init.normal_(part.bias)
    with torch.no_grad():
        network.train()(torch.rand(8, channels, SIDE, SIDE))
    head = network.eval().model[-1]
    head.end2end = getattr(head, "one2one_cv2", None) is not None  # export must ask for the other head
    torch.save({"model": network, "epoch": -1}, path)
    head.end2end = False
    return network


@pytest.mark.parametrize("architecture", ["nanotally-n", "yolo26n", TWO_HEADS], ids=["ours", "yolo26n", "two heads"])
def test_the_bundle_answers_what_the_network_answers(
    tmp_path: Path, dense: NDArray[np.uint8], architecture: str | dict[str, Any]
) -> None:
    import torch

    network = random_checkpoint(tmp_path / "best.pt", architecture)
    bundle = export(tmp_path / "best.pt", tmp_path / "bundle", name="random", side_px=SIDE, trained_on="nothing")
    (level,) = plan_levels(
        height=dense.shape[0], width=dense.shape[1], input_size=SIDE, stride=None, overlap=0, scale=1, most=1
    )
    tiles = np.empty((len(level.corners), 1, SIDE, SIDE), np.float32)
    cut_tiles(dense, level, tiles)
    tiles = tiles[::7]
    with torch.no_grad():
        wanted = network(torch.from_numpy(tiles))[0].numpy()
    found = load_engine("openvino", bundle).infer(tiles)
    assert found.shape == wanted.shape == (len(tiles), 6, sum((SIDE // int(s)) ** 2 for s in network.stride))
    assert np.ptp(wanted[:, 4:]) > 0.1, "the network must see something"
    np.testing.assert_allclose(found[:, :4], wanted[:, :4], rtol=1e-4, atol=0.5)  # pixels, of boxes up to 3,000
    np.testing.assert_allclose(found[:, 4:], wanted[:, 4:], atol=2e-3)


def test_a_network_without_attention_takes_any_size(tmp_path: Path, dense: NDArray[np.uint8]) -> None:
    import torch

    network = random_checkpoint(tmp_path / "best.pt", "nanotally-n")
    bundle = export(tmp_path / "best.pt", tmp_path / "bundle", name="random", side_px=SIDE, trained_on="nothing")
    half = convert(bundle, tmp_path / "half", precision="fp16").bundle
    assert bundle.manifest.stride == half.manifest.stride == 32
    engine, half_engine = (load_engine("openvino", one) for one in (bundle, half))
    for height, width in ((SIDE, SIDE), (160, 96), (224, 320)):
        pictures = np.stack([dense[None, :height, :width], dense[None, -height:, -width:]]).astype(np.float32) / 255
        with torch.no_grad():
            wanted = network(torch.from_numpy(pictures))[0].numpy()
        found, found_half = engine.infer(pictures), half_engine.infer(pictures)
        assert found.shape == found_half.shape == wanted.shape
        np.testing.assert_allclose(found[:, :4], wanted[:, :4], rtol=1e-4, atol=0.5)
        np.testing.assert_allclose(found[:, 4:], wanted[:, 4:], atol=2e-3)
        assert np.quantile(np.abs(found_half[:, :4] - wanted[:, :4]), 0.9) < 2  # of a network that never learnt


def test_a_network_with_attention_keeps_the_size_of_its_training(tmp_path: Path) -> None:
    random_checkpoint(tmp_path / "best.pt", "yolo26n")
    bundle = export(tmp_path / "best.pt", tmp_path / "bundle", name="random", side_px=SIDE, trained_on="nothing")
    assert bundle.manifest.stride is None


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled set of one small picture."""
    folder = tmp_path_factory.mktemp("set")
    (made,) = make_all(Order(mode="paper", count=1, max_particles=40, width=416, height=416, seed=1))
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    cv2.imwrite(str(folder / "images" / "0.png"), made.image)
    write_yolo(folder / "labels" / "0.txt", LabelledImage("0.png", 416, 416, made.labels.detections))
    write_classes(folder / "classes.txt", CLASSES)
    return folder


@pytest.fixture(scope="module")
def fewer(tmp_path_factory: pytest.TempPathFactory, labelled: Path) -> dict[str, Bundle]:
    """The default bundle in FP16 and in INT8."""
    folder = tmp_path_factory.mktemp("fewer")
    whole = load_bundle()
    half = convert(whole, folder / "fp16", precision="fp16").bundle
    bytes_ = convert(whole, folder / "int8", precision="int8", validation=labelled, force=True).bundle
    return {"fp16": half, "int8": bytes_}


def find(bundle: Bundle, image: NDArray[np.uint8]) -> Detections:
    return Detector(bundle, load_engine("openvino", bundle), DetectSettings(score=0.45)).detect(image).detections


@pytest.fixture(scope="module")
def whole(dense: NDArray[np.uint8]) -> Detections:
    """What the default bundle finds in the dense picture."""
    return find(load_bundle(), dense)


@pytest.mark.parametrize(
    ("precision", "px", "score", "unlike"), [("fp16", 0.1, 0.01, 0.002), ("int8", 4, 0.1, 0.02)], ids=["fp16", "int8"]
)
def test_fewer_bits_find_the_same_thousand_particles(
    dense: NDArray[np.uint8],
    whole: Detections,
    fewer: dict[str, Bundle],
    precision: str,
    px: float,
    score: float,
    unlike: float,
) -> None:
    assert len(whole) > 1_000
    found = find(fewer[precision], dense)
    overlap = iou(whole.xyxy, found.xyxy)
    nearest, same = overlap.argmax(axis=1), overlap.max(axis=1) > 0.8
    assert abs(len(found) - len(whole)) <= unlike * len(whole)
    assert (~same).sum() <= unlike * len(whole)
    off = np.abs(found.xyxy[nearest] - whole.xyxy)[same].max(axis=1)
    assert np.quantile(off, 0.99) < px  # of two boxes as good, suppression may keep the other
    assert np.quantile(np.abs(found.score[nearest] - whole.score)[same], 0.99) < score
    assert (found.class_id[nearest] == whole.class_id)[same].mean() > 1 - unlike


def test_the_smaller_files_say_what_they_are(fewer: dict[str, Bundle]) -> None:
    whole = load_bundle()
    assert whole.manifest.precision == "fp32"
    for precision, most in (("fp16", 0.55), ("int8", 0.5)):
        bundle = load_bundle(fewer[precision].path)
        assert bundle.manifest.precision == precision
        assert bundle.onnx.stat().st_size < most * whole.onnx.stat().st_size
        assert bundle.manifest.name == whole.manifest.name
        assert Setup.of(Detector(bundle, load_engine("auto", bundle))).model.precision == precision


def test_fp16_keeps_the_thresholds_and_int8_takes_those_of_the_validation_set(fewer: dict[str, Bundle]) -> None:
    own = load_bundle().manifest.thresholds
    assert fewer["fp16"].manifest.thresholds == own
    assert fewer["int8"].manifest.thresholds != own


def test_a_network_that_fails_the_gate_is_not_written_unless_forced(
    tmp_path: Path, labelled: Path, fewer: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "written", lambda *_: fewer["int8"])
    monkeypatch.setattr(door, "race", lambda _: [20.0, 15.0])
    monkeypatch.setattr(figures, "MOST_AP_LOST", -200)
    with pytest.raises(BundleError, match=r"not written: AP50 falls .* \(int8 beside fp32: .* times as fast.*--force"):
        convert(load_bundle(), tmp_path / "int8", precision="int8", validation=labelled)
    assert not (tmp_path / "int8").exists()
    forced = convert(load_bundle(), tmp_path / "int8", precision="int8", validation=labelled, force=True)
    assert load_bundle(tmp_path / "int8").manifest.precision == "int8"
    assert forced.figures is not None
    assert [one.precision for one in forced.figures] == ["fp32", "int8"]


def test_a_class_that_was_not_labelled_keeps_its_threshold(tmp_path: Path, labelled: Path) -> None:
    shutil.copytree(labelled, tmp_path / "set")
    cubes = [line for line in (labelled / "labels" / "0.txt").read_text().splitlines() if line.startswith("0")]
    (tmp_path / "set" / "labels" / "0.txt").write_text("\n".join(cubes))
    whole = load_bundle()
    tuned = convert(whole, tmp_path / "tuned", precision="fp32", validation=tmp_path / "set").bundle.manifest
    assert tuned.sha256 == whole.manifest.sha256
    assert tuned.thresholds["quasi_sphere"] == whole.manifest.thresholds["quasi_sphere"]
    assert tuned.thresholds["cube"] != whole.manifest.thresholds["cube"]


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ({"channels": 3}, "takes 3 channels"),
        ({"names": ("quasi_sphere", "cube")}, "its classes are quasi_sphere, cube, not cube, quasi_sphere"),
        ({"names": ("cube",)}, "its classes are cube, not"),
    ],
    ids=["colour", "other order", "one class"],
)
def test_a_network_that_would_be_misread_is_refused(tmp_path: Path, build: dict[str, Any], says: str) -> None:
    random_checkpoint(tmp_path / "best.pt", **{"architecture": TWO_HEADS, **build})
    with pytest.raises(BundleError, match=says):
        write_onnx(tmp_path / "best.pt", tmp_path / "model.onnx", side_px=SIDE)
    assert not (tmp_path / "model.onnx").exists()


def test_a_head_that_chooses_for_itself_is_refused(tmp_path: Path) -> None:
    import torch

    network = random_checkpoint(tmp_path / "best.pt", TWO_HEADS)
    network.model[-1].end2end = True
    network.fuse(verbose=False)  # takes the raw head away
    torch.save({"model": network, "epoch": -1}, tmp_path / "best.pt")
    with pytest.raises(BundleError, match="answers 1 x 300 x 6, not 1 x 6 x anchors"):
        write_onnx(tmp_path / "best.pt", tmp_path / "model.onnx", side_px=SIDE)


def test_nothing_on_the_way_caps_three_thousand_particles() -> None:
    bundle = load_bundle()
    assert {field.name: field.default for field in fields(Manifest)}["max_detections"] >= 3_000
    assert bundle.manifest.max_detections >= 3_000
    side = bundle.manifest.input_size_px
    raw = load_engine("openvino", bundle).infer(np.zeros((1, 1, side, side), np.float32))
    assert raw.shape[2] >= 3_000  # export: of one tile
    across = np.arange(56, dtype=np.float32) * 7 + 8
    centres = np.stack([axis.ravel() for axis in np.meshgrid(across, across)])
    found = decode_ultralytics(np.concatenate([centres, 0 * centres + 6, 0 * centres + 0.9])[None], np.full(2, 0.5))
    assert len(found.score) == 56**2 > 3_000
    assert len(suppress(found.xyxy, found.score, bundle.manifest.nms_iou)) == 56**2


WRONG = {
    "no such precision": (("default", "--precision", "fp8"), 2, "'fp8' is not one of 'fp32', 'fp16', 'int8'"),
    "no such format": (("default", "--to", "tensorrt"), 2, "'tensorrt' is not one of 'onnx'"),
    "nothing to calibrate": (("default", "--calibrate", "set"), 2, "--calibrate goes with --precision int8"),
    "no validation": (("default", "--precision", "int8"), 1, "name a set with --validation"),
}


@pytest.mark.parametrize(("words", "code", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    done = nanotally("export", *words, "--out", tmp_path / "out")
    assert done.returncode == code
    assert says in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_the_verb_makes_a_smaller_bundle_of_the_default_one_and_none_of_a_smaller_one(tmp_path: Path) -> None:
    done = nanotally("export", "default", "--out", tmp_path / "half", "--precision", "fp16")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'half'}: nanotally-n, fp16, 1.7 MB, thresholds: cube ")
    assert done.stderr == ""
    with pytest.raises(BundleError, match="is in fp16; int8 is made of the same network in fp32"):
        convert(load_bundle(tmp_path / "half"), tmp_path / "bytes", precision="int8")
    with pytest.raises(BundleError, match="is the bundle that is read"):
        convert(load_bundle(tmp_path / "half"), tmp_path / "half", precision="fp16")
