"""PyCUDA and CUDA graphs on a driver that works on the memory of the host."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_device import LOOPS, SHIM, SOURCE
from test_tensorrt_contract import looked_up

from nanotally.detect.engines.tensorrt.graphs import DriverGraphs
from nanotally.errors import EngineError

HERE = Path(__file__).parent
PYCUDA = ("init", "Device", "Stream", "Event", "Error", "event_flags.DISABLE_TIMING", "mem_alloc", "pagelocked_empty",
          "host_alloc_flags.DEVICEMAP", "module_from_buffer", "memcpy_htod", "memcpy_dtoh", "memcpy_htod_async",
          "memcpy_dtoh_async", "get_driver_version", "device_attribute.INTEGRATED", "Device.get_attribute",
          "Device.retain_primary_context", "Device.name", "Device.compute_capability", "Context.push", "Context.pop",
          "Context.detach", "Stream.handle", "Stream.synchronize", "Stream.wait_for_event", "Event.record",
          "Module.get_function", "PagelockedHostAllocation.get_device_pointer", "PagelockedHostAllocation.free",
          "DeviceAllocation.free")  # fmt: skip
ENGINE_ON_PYCUDA = """
import ctypes, os, sys
import numpy as np
from fake_tensorrt import FakeTensorRt
from nanotally.bundle import load_bundle
from nanotally.detect.engines.tensorrt.engine import TensorRtEngine
from nanotally.detect.engines.tensorrt.pycuda_provider import PyCuda
from nanotally.detect.pipeline import HostPipeline
from nanotally.errors import EngineError
from nanotally.generator.stage import open_sim
from test_tensorrt_engine import looks_of, same_sight

CALL = ctypes.CFUNCTYPE(None)
driver = ctypes.CDLL("libcuda.so.1")

class Streams(dict):
    kept = []
    def __missing__(self, handle):
        return self
    def give(self, work):
        self.kept.append(CALL(work))
        driver.stand_in_give(ctypes.c_void_p(self.handle), self.kept[-1])
    def __getitem__(self, handle):
        self.handle = handle
        return self

class Device:
    streams = Streams()

bundle = load_bundle()
try:
    cuda = PyCuda()
    engine = TensorRtEngine(bundle, bundle.onnx.read_bytes(), trt=FakeTensorRt(Device()), cuda=cuda)
    source = open_sim("sim:?width=448&height=320&fields=1.5&particles=200&size_px=15&fps=0")
    thresholds = np.array([0.3, 0.3], np.float32)
    for _ in range(3):
        looks = looks_of(source.read(20).image)
        found = engine.look(looks, thresholds)
        same_sight(found, HostPipeline(engine).look(looks, thresholds))
    print(engine.description)
    print(sum(len(each.score) for each in found.candidates) > 300)
    print([lane.graph is not None for lane in engine.bare()], driver.stand_in_graph_launches())
    if "LEFT_OPEN" not in os.environ:
        engine.close()
        engine.close()
        print(driver.stand_in_live())
except EngineError as error:
    print(error)
"""

STAND_IN = "stand-in-driver.so"
"""Whoever later asks for libcuda.so.1 in the tests' own process, as torch does, must not be given this one."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a libcuda.so.1, for processes of their own, and of the same under a name that nobody else looks for."""
    compiler, folder = shutil.which("g++"), tmp_path_factory.mktemp("driver")
    if compiler is None:
        pytest.skip("no C++ compiler; apt install g++")
    parts = [SHIM, SOURCE.read_text(), LOOPS, (HERE / "stand_in_driver.cpp").read_text()]
    spec = find_spec("pycuda._driver") if find_spec("pycuda") else None
    if spec is not None and spec.origin is not None:  # what it links to must be there, whether it is called or not
        wanted = subprocess.run(
            ["nm", "-D", "--undefined-only", spec.origin], capture_output=True, text=True, check=True
        )
        symbols = {word for word in wanted.stdout.split() if word.startswith("cu")}
        known = {name for name in symbols if f"int {name}(" in parts[-1]}
        parts.append("".join(f'extern "C" int {name}() {{ return 801; }}\n' for name in sorted(symbols - known)))
    (folder / "driver.cpp").write_text("\n".join(parts))
    subprocess.run([compiler, "-O2", "-w", "-fPIC", "-c", "driver.cpp"], cwd=folder, check=True)
    for name in ("libcuda.so.1", STAND_IN):
        subprocess.run([compiler, "-shared", "-o", name, "driver.o", f"-Wl,-soname,{name}"], cwd=folder, check=True)
    return folder


@pytest.fixture
def driver(folder: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(folder / STAND_IN))


@pytest.fixture
def stream(driver: ctypes.CDLL) -> SimpleNamespace:
    handle = ctypes.c_void_p()
    assert driver.cuStreamCreate(ctypes.byref(handle), 0) == 0
    return SimpleNamespace(handle=handle.value)


def copying(driver: ctypes.CDLL, stream: SimpleNamespace, target, source):
    sizes = ctypes.c_size_t(ctypes.sizeof(target)), ctypes.c_void_p(stream.handle)
    return lambda: driver.cuMemcpyDtoHAsync_v2(ctypes.byref(target), ctypes.c_uint64(ctypes.addressof(source)), *sizes)


def test_a_graph_does_what_was_captured_each_time_and_not_before(folder, driver, stream) -> None:
    graphs, before = DriverGraphs(str(folder / STAND_IN)), driver.stand_in_live()
    source, target = ctypes.c_int(7), ctypes.c_int(0)
    graph = graphs.capture(stream, copying(driver, stream, target, source))
    assert target.value == 0
    for value in (7, 8):
        source.value = value
        graph.launch(stream)
        assert target.value == value
    graph.free()
    assert driver.stand_in_live() == before


def test_a_refusal_is_said_with_its_name(folder, stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_NO_GRAPHS", "1")
    with pytest.raises(EngineError, match=r"cuStreamBeginCapture_v2: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED \(900\)"):
        DriverGraphs(str(folder / STAND_IN)).capture(stream, lambda: None)


def test_a_fault_while_capturing_ends_the_capture(folder, driver, stream) -> None:
    graphs = DriverGraphs(str(folder / STAND_IN))

    def work() -> None:
        raise EngineError("TensorRT does not run the network")

    with pytest.raises(EngineError, match="does not run the network"):
        graphs.capture(stream, work)
    assert driver.cuStreamSynchronize(ctypes.c_void_p(stream.handle)) == 0


def test_a_driver_without_graphs_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cuStreamBeginCapture_v2"):
        DriverGraphs("libc.so.6")
    with pytest.raises(EngineError, match=r"no-such-driver\.so"):
        DriverGraphs("no-such-driver.so")


def on_pycuda(folder: Path, **environment: str) -> list[str]:
    if find_spec("pycuda") is None:
        pytest.skip("no pycuda; pip install 'nanotally[tensorrt]', with CUDA")
    places = {"LD_LIBRARY_PATH": str(folder), "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    child = [sys.executable, "-c", ENGINE_ON_PYCUDA]
    done = subprocess.run(
        child, env={**os.environ, **places, **environment}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_pycuda_has_every_name_that_is_used(folder: Path) -> None:
    if find_spec("pycuda") is None:
        pytest.skip("no pycuda; pip install 'nanotally[tensorrt]', with CUDA")
    assert looked_up("pycuda.driver", [("", name) for name in PYCUDA], LD_LIBRARY_PATH=str(folder))[1] == []


@pytest.mark.parametrize("integrated", [{}, {"STAND_IN_INTEGRATED": "1"}], ids=["copied", "mapped"])
def test_the_engine_runs_on_pycuda_and_leaves_nothing(folder: Path, integrated: dict[str, str]) -> None:
    assert on_pycuda(folder, **integrated) == [
        "TensorRT 11.4.0 on a stand-in", "True", "[True, True] 6", "0"
    ]  # fmt: skip


def test_who_forgets_to_close_it_ends_well(folder: Path) -> None:
    assert len(on_pycuda(folder, LEFT_OPEN="1")) == 3


def test_without_graphs_it_runs_as_well(folder: Path) -> None:
    assert on_pycuda(folder, STAND_IN_NO_GRAPHS="1")[2] == "[False, False] 0"


def test_no_device_and_no_memory_are_said(folder: Path) -> None:
    (no_device,) = on_pycuda(folder, STAND_IN_NO_DEVICE="1")
    assert no_device == "CUDA: the device: cuInit failed: no CUDA-capable device is detected"
    (no_memory,) = on_pycuda(folder, STAND_IN_MOST_BYTES="400000")
    assert no_memory.startswith("CUDA: ")
    assert no_memory.endswith("out of memory")
