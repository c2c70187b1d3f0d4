"""From a plan on disk to an engine that runs, or to OpenVINO and a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_device import FakeDevice
from fake_tensorrt import FakeTensorRt

from nanotally.bundle import load_bundle
from nanotally.detect import load_engine
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.tensorrt import cache, probe
from nanotally.errors import EngineError

ORIN = probe.Device("Orin", "8.7", "12.6", "11.4.0")
BUNDLE = load_bundle()
KEY = cache.key_of(BUNDLE, ORIN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def device(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """Of a machine on which TensorRT can run."""
    device = FakeDevice(folder)
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(probe, "_asked_once", lambda: ORIN)
    monkeypatch.setattr(tensorrt, "PyCuda", lambda: device)
    monkeypatch.setattr(tensorrt, "import_module", lambda name: FakeTensorRt(device))
    return device


@pytest.mark.parametrize("name", ["auto", "tensorrt"])
def test_a_plan_that_is_there_is_taken(device: FakeDevice, name: str) -> None:
    cache.write_plan(KEY, BUNDLE.onnx.read_bytes())
    engine = load_engine(name, BUNDLE)
    assert engine.description == "TensorRT 11.4.0 on a stand-in"
    assert engine.infer(np.zeros((1, 1, 64, 64), np.float32)).shape == (1, 6, 84)
    engine.close()
    assert (device.closed, device.live) == (True, {})


def test_a_plan_that_tensorrt_refuses_is_taken_away(device: FakeDevice) -> None:
    place = cache.write_plan(KEY, b"whole, but of no use")
    with pytest.raises(tensorrt.NoPlanError, match=r"does not load the plan: .*; nanotally engine builds it anew"):
        load_engine("tensorrt", BUNDLE)
    assert (device.closed, place.exists()) == (True, False)


def test_where_the_device_is_full_openvino_serves_and_the_plan_stays(device: FakeDevice) -> None:
    place = cache.write_plan(KEY, BUNDLE.onnx.read_bytes())
    device.free_bytes = 100_000
    engine = load_engine("auto", BUNDLE)
    assert engine.name == "openvino"
    assert engine.description.endswith("out of memory")
    assert (device.closed, place.exists()) == (True, True)
    with pytest.raises(EngineError, match="out of memory"):
        load_engine("tensorrt", BUNDLE)
