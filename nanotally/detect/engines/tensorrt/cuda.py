"""What the engine needs of CUDA. Real: `pycuda_provider.py`. In the tests: memory of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int, int]
"""x, y, z."""


class Stream(Protocol):
    """Work that the device does in order.

    Attributes:
        handle: of the driver, as TensorRT takes it.
    """

    handle: int

    def synchronize(self) -> None:
        """Wait until all is done."""
        ...


class Event(Protocol):
    """A point in a stream."""

    def record(self, stream: Stream) -> None:
        """Be the end of what `stream` was given so far."""
        ...

    def hold(self, stream: Stream) -> None:
        """Let what `stream` is given from now on wait until this point is reached."""
        ...


class Memory(Protocol):
    """Memory of the device.

    Attributes:
        address: where it begins, for the device; a multiple of 256.
    """

    address: int

    def read(self, out: NDArray[np.generic]) -> None:
        """Fill `out`, now."""
        ...

    def write(self, data: NDArray[np.generic]) -> None:
        """Take over `data`, now."""
        ...

    def free(self) -> None:
        """Give it back; twice is once."""
        ...


class Buffer(Protocol):
    """Memory of the device with its image in page-locked memory of the host.

    Where both have the same memory it is mapped: there is one piece, and copies are nothing.

    Attributes:
        address: where it begins, for the device.
        host: (nbytes,) uint8, the image.
    """

    address: int
    host: NDArray[np.uint8]

    def upload(self, nbytes: int, stream: Stream) -> None:
        """Copy the first bytes to the device, in order with the stream."""
        ...

    def download(self, nbytes: int, stream: Stream) -> None:
        """Copy the first bytes to the host, in order with the stream."""
        ...

    def free(self) -> None:
        """Give it back; twice is once."""
        ...


class Graph(Protocol):
    """Work that was recorded once, and is given to the device in one piece."""

    def launch(self, stream: Stream) -> None:
        """Do it."""
        ...

    def free(self) -> None:
        """Forget it."""
        ...


class Kernel(Protocol):
    """A function that runs on the device."""

    def launch(self, grid: Size, block: Size, arguments: Sequence[np.generic], stream: Stream) -> None:
        """Run it: `arguments` are numpy scalars of the types in its source, addresses as uint64."""
        ...


class Cuda(Protocol):
    """One device, for one thread. Whatever fails is an `EngineError` that says what.

    Attributes:
        device: its name.
    """

    device: str

    def stream(self) -> Stream:
        """A new stream."""
        ...

    def event(self) -> Event:
        """A new event."""
        ...

    def memory(self, nbytes: int) -> Memory:
        """New memory."""
        ...

    def buffer(self, nbytes: int) -> Buffer:
        """A new buffer."""
        ...

    def kernels(self, ptx: bytes, names: Sequence[str]) -> list[Kernel]:
        """Functions of a module, in the order of `names`."""
        ...

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """Record what `work` gives to `stream`, without doing it; an `EngineError` where that is refused."""
        ...

    def close(self) -> None:
        """Leave the device. Everything taken from here must have been given back."""
        ...
