"""CUDA through PyCUDA."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.engines.tensorrt.cuda import Graph, Kernel, Size, Stream
from nanotally.detect.engines.tensorrt.graphs import DriverGraphs
from nanotally.errors import EngineError


class PyCuda:
    """The first device, in the primary context, which TensorRT's runtime uses too; current in this thread until closed.

    Raises:
        EngineError: if PyCUDA, the driver or the device is missing.
    """

    def __init__(self) -> None:
        try:
            from pycuda import driver
        except ImportError as error:
            raise EngineError(f"PyCUDA cannot be loaded ({error}): pip install 'nanotally[tensorrt]'") from error
        self._driver = driver
        with self._telling("the device"):
            driver.init()
            device = driver.Device(0)
            self._context = device.retain_primary_context()
        self._context.push()
        atexit.register(self.close)  # PyCUDA aborts a process that ends with a context on its stack
        self.device: str = device.name()
        self._mapped = bool(device.get_attribute(driver.device_attribute.INTEGRATED))
        self._graphs = DriverGraphs()
        self._modules: list[Any] = []  # a module that is collected takes its functions with it

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            raise EngineError(f"CUDA: {what}: {error}") from error

    def stream(self) -> PyCudaStream:
        """As `Cuda`."""
        with self._telling("a stream"):
            return PyCudaStream(self, self._driver.Stream())

    def event(self) -> PyCudaEvent:
        """As `Cuda`."""
        with self._telling("an event"):
            return PyCudaEvent(self, self._driver.Event(self._driver.event_flags.DISABLE_TIMING))

    def memory(self, nbytes: int) -> PyCudaMemory:
        """As `Cuda`."""
        with self._telling(f"{nbytes / 1e6:.0f} MB of device memory"):
            return PyCudaMemory(self, self._driver.mem_alloc(nbytes))

    def buffer(self, nbytes: int) -> PyCudaBuffer:
        """As `Cuda`."""
        flags = self._driver.host_alloc_flags.DEVICEMAP if self._mapped else 0
        with self._telling(f"{nbytes / 1e6:.0f} MB of page-locked memory"):
            host = self._driver.pagelocked_empty(nbytes, np.uint8, mem_flags=flags)
        return PyCudaBuffer(self, host, None if self._mapped else self.memory(nbytes))

    def kernels(self, ptx: bytes, names: Sequence[str]) -> list[Kernel]:
        """As `Cuda`."""
        with self._telling("the kernels"):
            module = self._driver.module_from_buffer(ptx)
            self._modules.append(module)
            return [PyCudaKernel(self, name, module.get_function(name)) for name in names]

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """As `Cuda`."""
        return self._graphs.capture(stream, work)

    def close(self) -> None:
        """As `Cuda`."""
        self._modules.clear()
        if self._context is not None:
            self._context.pop()
            self._context.detach()
            self._context = None
            atexit.unregister(self.close)


class PyCudaStream:
    """As `Stream`."""

    def __init__(self, cuda: PyCuda, stream: Any) -> None:
        self._cuda, self.own = cuda, stream
        self.handle: int = stream.handle

    def synchronize(self) -> None:
        """As `Stream`."""
        with self._cuda._telling("what the device was given"):
            self.own.synchronize()


class PyCudaEvent:
    """As `Event`."""

    def __init__(self, cuda: PyCuda, event: Any) -> None:
        self._cuda, self._own = cuda, event

    def record(self, stream: Any) -> None:
        """As `Event`."""
        with self._cuda._telling("an event"):
            self._own.record(stream.own)

    def hold(self, stream: Any) -> None:
        """As `Event`."""
        with self._cuda._telling("an event"):
            stream.own.wait_for_event(self._own)


class PyCudaMemory:
    """As `Memory`."""

    def __init__(self, cuda: PyCuda, allocation: Any) -> None:
        self._cuda, self._own = cuda, allocation
        self.address = int(allocation)

    def read(self, out: NDArray[np.generic]) -> None:
        """As `Memory`."""
        with self._cuda._telling("a copy to the host"):
            self._cuda._driver.memcpy_dtoh(out, self.address)

    def write(self, data: NDArray[np.generic]) -> None:
        """As `Memory`."""
        with self._cuda._telling("a copy to the device"):
            self._cuda._driver.memcpy_htod(self.address, np.ascontiguousarray(data))

    def free(self) -> None:
        """As `Memory`."""
        if self._own is not None:
            self._own.free()
            self._own = None


class PyCudaBuffer:
    """As `Buffer`; mapped where there is no memory of the device's own."""

    def __init__(self, cuda: PyCuda, host: NDArray[np.uint8], memory: PyCudaMemory | None) -> None:
        self._cuda, self.host, self._memory = cuda, host, memory
        pages: Any = host.base  # what frees the memory and knows its address
        self.address: int = pages.get_device_pointer() if memory is None else memory.address
        self._pages = pages

    def upload(self, nbytes: int, stream: Any) -> None:
        """As `Buffer`."""
        if self._memory is not None and nbytes:
            with self._cuda._telling("a copy to the device"):
                self._cuda._driver.memcpy_htod_async(self.address, self.host[:nbytes], stream.own)

    def download(self, nbytes: int, stream: Any) -> None:
        """As `Buffer`."""
        if self._memory is not None and nbytes:
            with self._cuda._telling("a copy to the host"):
                self._cuda._driver.memcpy_dtoh_async(self.host[:nbytes], self.address, stream.own)

    def free(self) -> None:
        """As `Buffer`."""
        if self._memory is not None:
            self._memory.free()
        if self._pages is not None:
            self._pages.free()
            self._pages = None


class PyCudaKernel:
    """As `Kernel`."""

    def __init__(self, cuda: PyCuda, name: str, function: Any) -> None:
        self._cuda, self._name, self._own = cuda, name, function

    def launch(self, grid: Size, block: Size, arguments: Sequence[np.generic], stream: Any) -> None:
        """As `Kernel`."""
        with self._cuda._telling(f"kernel {self._name}"):
            self._own(*arguments, grid=grid, block=block, stream=stream.own)
