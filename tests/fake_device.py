"""A GPU on the memory of the host: streams do nothing until somebody waits; kernels.cu is compiled for the CPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nanotally.detect.engines import tensorrt
from nanotally.errors import EngineError

SOURCE = Path(tensorrt.__file__).with_name("kernels.cu")
POISON = 0xA5
"""What new memory is full of: who reads what nobody wrote gets nonsense."""

SHIM = """
#include <cmath>
#define __global__
#define __device__
struct Index { int x, y, z; };
static Index blockIdx, threadIdx, blockDim;
static unsigned atomicAdd(unsigned* at, unsigned more) { unsigned old = *at; *at += more; return old; }
"""
LOOPS = """
#define EACH(count, at) for (at = 0; at < count; ++at)
#define ALL EACH(gz, blockIdx.z) EACH(gy, blockIdx.y) EACH(gx, blockIdx.x) \\
            EACH(by, threadIdx.y) EACH(bx, threadIdx.x)
extern "C" void all_cut_tiles(int gx, int gy, int gz, int bx, int by, const Tile* a, float* b, int c, int d) {
    blockDim = {bx, by, 1};
    ALL cut_tiles(a, b, c, d);
}
extern "C" void all_keep_candidates(int gx, int gy, int gz, int bx, int by, const float* a, const float* b,
                                    Candidate* c, unsigned* d, int e, int f, int g) {
    blockDim = {bx, by, 1};
    ALL keep_candidates(a, b, c, d, e, f, g);
}
"""


@cache
def compiled_kernels(folder: Path) -> ctypes.CDLL:
    """kernels.cu as a library of the host, one thread after the other."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler; apt install g++")
    (folder / "kernels.cpp").write_text(SHIM + SOURCE.read_text() + LOOPS)
    library = folder / "kernels.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, folder / "kernels.cpp"], check=True)
    return ctypes.CDLL(str(library))


class FakeStream:
    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.handle = id(self)
        self.work: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        device.streams[self.handle] = self

    def give(self, work: Callable[[], None]) -> None:
        (self.work if self.recording is None else self.recording).append(work)

    def synchronize(self) -> None:
        assert self.recording is None, "a stream that is captured cannot be waited for"
        self.device.waits += 1
        while self.work:
            self.work.pop(0)()


class FakeEvent:
    def __init__(self) -> None:
        self.stream: FakeStream | None = None

    def record(self, stream: FakeStream) -> None:
        self.stream = stream

    def hold(self, stream: FakeStream) -> None:
        recorded = self.stream
        assert recorded is not None
        stream.give(recorded.synchronize)


class FakeMemory:
    def __init__(self, device: FakeDevice, nbytes: int) -> None:
        assert nbytes > 0, "nothing cannot be allocated"
        device.take(nbytes)
        self.device, self.nbytes = device, nbytes
        self.bytes = np.full(nbytes, POISON, np.uint8)
        self.address = self.bytes.ctypes.data
        device.live[id(self)] = self

    def read(self, out: NDArray[np.generic]) -> None:
        ctypes.memmove(out.ctypes.data, self.address, out.nbytes)

    def write(self, data: NDArray[np.generic]) -> None:
        assert data.nbytes <= self.nbytes
        ctypes.memmove(self.address, np.ascontiguousarray(data).ctypes.data, data.nbytes)

    def free(self) -> None:
        self.device.live.pop(id(self), None)


class FakeBuffer(FakeMemory):
    """Mapped: host and device have the same bytes; else two copies."""

    def __init__(self, device: FakeDevice, nbytes: int) -> None:
        super().__init__(device, nbytes)
        self.host = self.bytes if device.mapped else np.full(nbytes, POISON, np.uint8)

    def upload(self, nbytes: int, stream: FakeStream) -> None:
        self._copy(self.bytes, self.host, nbytes, stream)

    def download(self, nbytes: int, stream: FakeStream) -> None:
        self._copy(self.host, self.bytes, nbytes, stream)

    def _copy(self, target: NDArray[np.uint8], source: NDArray[np.uint8], nbytes: int, stream: FakeStream) -> None:
        def work() -> None:
            self.device.copied += nbytes
            target[:nbytes] = source[:nbytes]

        if not self.device.mapped:
            stream.give(work)


class FakeGraph:
    def __init__(self, device: FakeDevice, work: list[Callable[[], None]]) -> None:
        self.device, self.work = device, work
        device.live[id(self)] = self

    def launch(self, stream: FakeStream) -> None:
        self.device.launches += 1
        if not self.device.graphs_do_nothing:
            for each in self.work:
                stream.give(each)

    def free(self) -> None:
        self.device.live.pop(id(self), None)


class FakeKernel:
    def __init__(self, function: Callable[..., object], device: FakeDevice) -> None:
        self.function, self.device = function, device

    def launch(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[np.generic], stream: FakeStream):
        assert block[2] == 1
        kinds = {np.dtype(np.uint64): ctypes.c_void_p, np.dtype(np.int32): ctypes.c_int}
        own = [kinds[argument.dtype](int(argument)) for argument in arguments]

        def work() -> None:
            if self.device.broken:
                raise EngineError("CUDA: kernel: an illegal memory access was encountered")
            self.function(*grid, *block[:2], *own)

        stream.give(work)


class FakeDevice:
    """As `Cuda`."""

    device = "a stand-in"

    def __init__(self, folder: Path, *, mapped: bool = False, memory_bytes: int = 1 << 40) -> None:
        self._library = compiled_kernels(folder)
        self.mapped, self.free_bytes = mapped, memory_bytes
        self.refuses_graphs = self.graphs_do_nothing = self.broken = self.closed = False
        self.copied = self.launches = self.waits = 0
        self.streams: dict[int, FakeStream] = {}
        self.live: dict[int, object] = {}

    def take(self, nbytes: int) -> None:
        self.free_bytes -= nbytes
        if self.free_bytes < 0:
            raise EngineError(f"CUDA: {nbytes / 1e6:.0f} MB of device memory: out of memory")

    def stream(self) -> FakeStream:
        return FakeStream(self)

    def event(self) -> FakeEvent:
        return FakeEvent()

    def memory(self, nbytes: int) -> FakeMemory:
        return FakeMemory(self, nbytes)

    def buffer(self, nbytes: int) -> FakeBuffer:
        return FakeBuffer(self, nbytes)

    def kernels(self, ptx: bytes, names: Sequence[str]) -> list[FakeKernel]:
        assert all(f".entry {name}(".encode() in ptx for name in names)
        return [FakeKernel(getattr(self._library, f"all_{name}"), self) for name in names]

    def capture(self, stream: FakeStream, work: Callable[[], None]) -> FakeGraph:
        if self.refuses_graphs:
            raise EngineError("CUDA: cuStreamBeginCapture_v2: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (900)")
        stream.recording = recorded = []
        work()
        stream.recording = None
        return FakeGraph(self, recorded)

    def close(self) -> None:
        self.closed = True
