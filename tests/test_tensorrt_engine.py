"""The TensorRT engine on stand-ins for device and runtime: buffers, streams, graphs, errors, the same particles."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fake_device import FakeDevice
from fake_tensorrt import SCRATCH_BYTES, DataType, FakeTensorRt

from nanotally.bundle import Bundle, load_bundle
from nanotally.detect import Detector, DetectSettings, Engine, load_engine
from nanotally.detect.engines.tensorrt.engine import TensorRtEngine
from nanotally.detect.engines.tensorrt.lane import CANDIDATE
from nanotally.detect.pipeline import HostPipeline
from nanotally.detect.tiles import plan_levels
from nanotally.errors import EngineError
from nanotally.generator.stage import open_sim

BUNDLE = load_bundle()
PLAN = BUNDLE.onnx.read_bytes()
THRESHOLDS = np.array([0.3, 0.3], np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


class Rig:
    """An engine with all that it stands on."""

    def __init__(self, folder: Path, *, bundle: Bundle = BUNDLE, plan: bytes = PLAN, version: str = "11.4.0",
                 largest=(4, 1, 1536, 1536), profiles: int = 1, **device) -> None:  # fmt: skip
        self.device = FakeDevice(folder, **device)
        self.trt = FakeTensorRt(self.device, version=version, largest=largest, profiles=profiles)
        self.engine = TensorRtEngine(bundle, plan, trt=self.trt, cuda=self.device)


@pytest.fixture(scope="module")
def openvino() -> Engine:
    return load_engine("openvino", BUNDLE)


@pytest.fixture
def rig(folder: Path) -> Rig:
    return Rig(folder)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """Dense fields: several hundred particles each."""
    source = open_sim("sim:?width=448&height=320&fields=1.5&particles=250&size_px=15&fps=0&frames=4")
    return [source.read(20).image for _ in range(4)]


def looks_of(*fields: np.ndarray) -> list:
    return [
        (field, level)
        for field in fields
        for level in plan_levels(
            height=field.shape[0], width=field.shape[1], input_size=416, stride=32, overlap=120, scale=1.0, most=None
        )
    ]


def in_order(detections) -> np.ndarray:
    rows = np.column_stack([detections.xyxy, detections.score, detections.class_id, detections.flags])
    return rows[np.lexsort(rows.T)]


def same_sight(found, wanted) -> None:
    assert len(found.candidates) == len(wanted.candidates)
    for one, other in zip(found.candidates, wanted.candidates, strict=True):
        np.testing.assert_array_equal(one.tile, other.tile)
        np.testing.assert_array_equal(one.class_id, other.class_id)
        np.testing.assert_allclose(one.score, other.score, atol=0.02)
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.5)


@pytest.mark.parametrize("mapped", [False, True], ids=["copied", "mapped"])
def test_dense_pictures_hold_the_same_particles_as_with_openvino(folder, frames, openvino, mapped: bool) -> None:
    rig = Rig(folder, mapped=mapped)
    settings = DetectSettings(score=0.4)
    here, there = (Detector(BUNDLE, engine, settings) for engine in (rig.engine, openvino))
    images = [(frames[0], None), (frames[1], (10, 20, 441, 313))]  # the second one with odd rows, resized by odd shares
    for found, wanted in zip(here.detect_all(images), here_wanted := there.detect_all(images), strict=True):
        assert found.tiles == wanted.tiles
        assert abs(len(found.detections) - len(wanted.detections)) <= 1
        if len(found.detections) == len(wanted.detections):
            np.testing.assert_allclose(in_order(found.detections), in_order(wanted.detections), atol=0.5)
    assert len(here_wanted[0].detections) > 100
    assert list(found.latency_ms) == ["tile", "infer", "decode"]


def test_where_nothing_is_resized_candidates_are_equal(rig: Rig, frames) -> None:
    looks = [look for look in looks_of(*frames[:2]) if look[1].scale_x == 1]
    wanted = HostPipeline(rig.engine).look(looks, THRESHOLDS)  # the same network, cut and decoded on the host
    found = rig.engine.look(looks, THRESHOLDS)
    assert sum(len(each.score) for each in wanted.candidates) > 300
    for one, other in zip(found.candidates, wanted.candidates, strict=True):
        for field in ("tile", "class_id", "score", "xyxy"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_only_what_is_kept_comes_back(rig: Rig, frames) -> None:
    looks = looks_of(frames[0])
    for _ in range(2):  # graphs are made and judged by the first one
        before = rig.device.copied
        sight = rig.engine.look(looks, THRESHOLDS)
    kept = sum(len(each.score) for each in sight.candidates)
    copied = rig.device.copied - before
    assert CANDIDATE.itemsize * kept + frames[0].size < copied < CANDIDATE.itemsize * kept + frames[0].size + 2000


def test_an_empty_field_is_no_candidates(rig: Rig) -> None:
    sight = rig.engine.look(looks_of(np.full((100, 90), 120, np.uint8)), THRESHOLDS)
    (only,) = sight.candidates
    assert only.xyxy.shape == (0, 4)
    assert only.tile.dtype == np.int64
    assert rig.engine.look([], THRESHOLDS).candidates == ()


def test_another_threshold_and_another_picture_count_at_once(rig: Rig, frames) -> None:
    for thresholds in ([0.3, 0.3], [0.3, 2], [0.9, 0.5]):
        for frame in frames[:2]:
            looks, own = looks_of(frame), np.array(thresholds, np.float32)
            same_sight(rig.engine.look(looks, own), HostPipeline(rig.engine).look(looks, own))


def test_more_tiles_than_a_batch_holds_go_in_several(folder, frames) -> None:
    narrow = Rig(folder, largest=(3, 1, 1536, 1536)).engine
    looks = [look for look in looks_of(*frames, *frames[:3]) if look[1].scale_x == 1]  # 7 of one size
    same_sight(narrow.look(looks, THRESHOLDS), HostPipeline(narrow).look(looks, THRESHOLDS))


def test_squares_of_a_bundle_without_a_stride(folder, frames) -> None:
    bundle = Bundle(BUNDLE.path, msgspec.structs.replace(BUNDLE.manifest, stride=None, input_size_px=160))
    rig = Rig(folder, bundle=bundle, largest=(5, 1, 160, 160))
    detector = Detector(bundle, rig.engine, DetectSettings(score=0.3))
    host = Detector(bundle, load_engine("openvino", bundle), DetectSettings(score=0.3))
    found, wanted = (each.detect(frames[2]) for each in (detector, host))
    assert found.tiles == wanted.tiles > 5
    assert abs(len(found.detections) - len(wanted.detections)) <= 1


def test_two_calls_may_be_on_their_way(rig: Rig, frames) -> None:
    looks = [looks_of(frame) for frame in frames]
    wanted = [HostPipeline(rig.engine).look(each, THRESHOLDS) for each in looks]
    flights = []
    for each in looks:  # a third call waits for the first by itself
        scratch = [(field.copy(), level) for field, level in each]
        flights.append(rig.engine.start(scratch, THRESHOLDS))
        for field, _ in scratch:
            field[...] = 0  # what a source does with its memory once it has it back
    for flight, own in zip(flights, wanted, strict=True):
        same_sight(rig.engine.finish(flight), own)
        same_sight(rig.engine.finish(flight), own)


def test_a_shape_is_captured_once(rig: Rig, frames) -> None:
    for frame in frames:
        rig.engine.look(looks_of(frame), THRESHOLDS)
    assert all(lane.graph is not None for lane in rig.engine.bare())
    assert rig.device.launches == 2 * (len(frames) - 1) + 2  # two scales; the first launch of each is judged


@pytest.mark.parametrize("fault", ["refuses_graphs", "graphs_do_nothing"])
def test_a_graph_that_cannot_be_had_or_is_wrong_is_dropped_and_said(rig: Rig, frames, fault: str, caplog) -> None:
    looks = looks_of(frames[0])
    wanted = HostPipeline(rig.engine).look(looks, THRESHOLDS)
    setattr(rig.device, fault, True)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            same_sight(rig.engine.look(looks, THRESHOLDS), wanted)
    assert [lane.graph for lane in rig.engine.bare()] == [None, None]
    assert len([line for line in caplog.messages if "without a CUDA graph" in line]) == 2


def test_nothing_is_left_behind(folder, frames) -> None:
    rig = Rig(folder)
    for side in range(64, 320, 14):  # more shapes than are kept
        rig.engine.look(looks_of(frames[0][:side, :side]), THRESHOLDS)
    assert len(rig.engine.bare()) <= 16
    rig.engine.close()
    assert rig.device.live == {}
    assert rig.device.closed


def test_before_version_10_each_context_has_a_profile_of_its_own(folder, frames) -> None:
    rig = Rig(folder, version="8.5.3.1", profiles=2)
    for frame in (frames[0], frames[1][:200, :300], frames[2]):
        looks = looks_of(frame)
        same_sight(rig.engine.look(looks, THRESHOLDS), HostPipeline(rig.engine).look(looks, THRESHOLDS))
    assert len(rig.engine.bare()) == 2


def test_infer_is_what_openvino_answers(rig: Rig, openvino) -> None:
    tiles = np.random.default_rng(3).random((6, 1, 64, 96), np.float32)  # more than a batch holds
    wanted = openvino.infer(tiles)
    np.testing.assert_allclose(rig.engine.infer(tiles), wanted, atol=0.05)


def test_description_and_precision(rig: Rig) -> None:
    assert (rig.engine.name, rig.engine.precision) == ("tensorrt", "fp32")
    assert rig.engine.description == "TensorRT 11.4.0 on a stand-in"


@pytest.mark.parametrize("plan", [b"", b"vtrt and nonsense", PLAN[:5000]])
def test_a_plan_that_tensorrt_does_not_take(folder, plan: bytes) -> None:
    with pytest.raises(EngineError, match=r"does not load the plan: Serialization assertion plan->header"):
        Rig(folder, plan=plan)


def test_a_plan_with_other_types_or_other_classes_is_refused(folder, frames) -> None:
    device = FakeDevice(folder)
    trt = FakeTensorRt(device)
    trt.dtype = DataType.HALF
    with pytest.raises(EngineError, match="not both float32"):
        TensorRtEngine(BUNDLE, PLAN, trt=trt, cuda=device)
    three = Bundle(BUNDLE.path, msgspec.structs.replace(BUNDLE.manifest, classes=("a", "b", "c")))
    with pytest.raises(EngineError, match="is it of another model"):
        Rig(folder, bundle=three).engine.look(looks_of(frames[0]), np.full(3, 0.5, np.float32))


def test_a_shape_beyond_the_profile_is_an_error(folder) -> None:
    rig = Rig(folder, largest=(4, 1, 320, 320))
    with pytest.raises(EngineError, match=r"not made for batches of \(1, 1, 416, 416\)"):
        rig.engine.look(looks_of(np.zeros((400, 400), np.uint8)), THRESHOLDS)


@pytest.mark.parametrize("memory_bytes", [SCRATCH_BYTES // 2, 200_000, 1_000_000])
def test_no_memory_on_the_device_is_said(folder, frames, memory_bytes: int) -> None:
    rig = Rig(folder, memory_bytes=memory_bytes)
    with pytest.raises(EngineError, match="out of memory"):
        rig.engine.look(looks_of(frames[0]), THRESHOLDS)
    rig.engine.close()


def test_a_launch_that_fails_is_said(rig: Rig, frames) -> None:
    rig.engine.look(looks_of(frames[0]), THRESHOLDS)
    rig.device.broken = True
    with pytest.raises(EngineError, match="illegal memory access"):
        rig.engine.look(looks_of(frames[0]), THRESHOLDS)
    rig.engine.close()
    assert rig.device.live == {}


def test_a_network_that_does_not_run_is_said(rig: Rig, frames) -> None:
    rig.trt.refuses_to_run = True
    with pytest.raises(EngineError, match=r"does not run the network: IExecutionContext::enqueueV3"):
        rig.engine.look(looks_of(frames[0]), THRESHOLDS)
