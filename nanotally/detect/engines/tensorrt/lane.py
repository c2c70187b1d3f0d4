"""One batch's way over the device: tiles are cut, the network runs, candidates come back."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.engines.tensorrt.cuda import Cuda, Event, Graph, Kernel
from nanotally.detect.engines.tensorrt.network import Network
from nanotally.detect.engines.tensorrt.profile import Shape
from nanotally.errors import EngineError

log = logging.getLogger(__name__)

PTX = Path(__file__).with_name("kernels.ptx")
TILE = np.dtype(
    [("field", "<u8"), ("pitch", "<i4"), ("width", "<i4"), ("height", "<i4"),
     ("level_width", "<i4"), ("level_height", "<i4"), ("x", "<i4"), ("y", "<i4")], align=True,
)  # fmt: skip
"""`Tile` of kernels.cu."""
CANDIDATE = np.dtype(
    [
        ("place", "<u4"), ("class_id", "<u2"), ("rival", "<u2"), ("score", "<f4"), ("rival_score", "<f4"),
        ("xyxy", "<f4", 4),
    ]
)  # fmt: skip
"""`Candidate` of kernels.cu."""
BLOCK = (32, 8, 1)
THREADS = 256
COUNT_BYTES = 4


class Kernels(NamedTuple):
    """The functions of kernels.cu."""

    cut_tiles: Kernel
    keep_candidates: Kernel


def load_kernels(cuda: Cuda) -> Kernels:
    """From the PTX that lies beside this module; the driver translates it for its device."""
    return Kernels(*cuda.kernels(PTX.read_bytes(), Kernels._fields))


class Job:
    """A batch that a lane was given.

    Attributes:
        records: (n,) of `CANDIDATE` by place, once they are there.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.records: NDArray[np.void] | None = None

    def result(self) -> NDArray[np.void]:
        """The records; waits for them.

        Raises:
            EngineError: the device failed.
        """
        if self.records is None:
            self.records = self._lane.finish()
        return self.records


class Lane:
    """A stream, and memory for one batch of one shape. The next one must wait until this one is finished.

    What is given to the stream is the same each time, so it is captured into a graph at the first batch, unless the
    driver refuses or the graph does not do the same.

    Attributes:
        job: the batch that is on its way, or None.
        anchors: of a tile.
        graph: what was captured, or None.
    """

    def __init__(self, cuda: Cuda, network: Network, kernels: Kernels, shape: Shape, classes: int) -> None:
        """Take the memory.

        Raises:
            EngineError: there is not enough, the plan is not made for this shape, or its output has other rows.
        """
        self.shape = shape
        self.job: Job | None = None
        self.graph: Graph | None = None
        self._tried_graph = False
        self._cuda, self._kernels, self._classes = cuda, kernels, classes
        tiles, _, height, width = shape
        self._stream = cuda.stream()
        self._execution = network.execution(shape, self._stream)
        out_tiles, rows, self.anchors = self._execution.out_shape
        if (out_tiles, rows) != (tiles, 4 + classes):
            raise EngineError(f"the plan answers {self._execution.out_shape} to {shape}; is it of another model?")
        self._pixels = cuda.memory(4 * tiles * height * width)
        self._raw = cuda.memory(self._execution.out_bytes)
        self._thresholds = cuda.buffer(4 * classes)
        self._tiles = cuda.buffer(TILE.itemsize * tiles)
        self._count = cuda.buffer(COUNT_BYTES)
        self._kept = cuda.buffer(CANDIDATE.itemsize * tiles * self.anchors)  # as many as there can be: no ceiling
        self._execution.bind(self._pixels, self._raw)

    def start(self, tiles: NDArray[np.void], thresholds: NDArray[np.float32], after: Event) -> Job:
        """Give the device (n,) of `TILE`, to be cut when `after` is reached."""
        if self.job is not None:
            self.job.result()
        self._tiles.host[:] = tiles.view(np.uint8)
        self._thresholds.host[:] = thresholds.view(np.uint8)
        self._count.host[:] = 0
        after.hold(self._stream)
        if self.graph is not None:
            self.graph.launch(self._stream)
        else:
            self._work()
            if not self._tried_graph:
                self._try_graph()
        self.job = Job(self)
        return self.job

    def finish(self) -> NDArray[np.void]:
        """Wait for the batch and take the candidates off the device: first how many, then no more than those."""
        self.job = None
        self._stream.synchronize()
        found = int(self._count.host.view(np.uint32)[0])
        nbytes = CANDIDATE.itemsize * found
        self._kept.download(nbytes, self._stream)
        self._stream.synchronize()
        records = self._kept.host[:nbytes].view(CANDIDATE)
        return records[np.argsort(records["place"])]

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output for tiles that come from the host."""
        if self.job is not None:
            self.job.result()
        self._pixels.write(batch)
        self._execution.enqueue(self._stream)
        return self._read_raw()

    def run_bare(self) -> None:
        """Enqueue the network alone, on the tiles that are there; what it can be compared with."""
        self._execution.enqueue(self._stream)

    def wait(self) -> None:
        """Until the device has done all it was given."""
        self._stream.synchronize()

    def _work(self) -> None:
        tiles, _, height, width = self.shape
        stream, kernels = self._stream, self._kernels
        for parameters in (self._tiles, self._thresholds, self._count):
            parameters.upload(len(parameters.host), stream)
        grid = (-(-width // BLOCK[0]), -(-height // BLOCK[1]), tiles)
        addresses = [np.uint64(memory.address) for memory in (self._tiles, self._pixels)]
        kernels.cut_tiles.launch(grid, BLOCK, [*addresses, np.int32(width), np.int32(height)], stream)
        self._execution.enqueue(stream)
        addresses = [np.uint64(own.address) for own in (self._raw, self._thresholds, self._kept, self._count)]
        sizes = [np.int32(tiles), np.int32(self._classes), np.int32(self.anchors)]
        blocks = (-(-tiles * self.anchors // THREADS), 1, 1)
        kernels.keep_candidates.launch(blocks, (THREADS, 1, 1), [*addresses, *sizes], stream)
        self._count.download(COUNT_BYTES, stream)

    def _try_graph(self) -> None:
        """Capture the work, and keep the graph if it does what was just done without."""
        self._tried_graph = True
        wanted = self._read_raw()
        try:
            graph = self._cuda.capture(self._stream, self._work)
        except EngineError as error:
            log.warning("batches of %s run without a CUDA graph: %s", self.shape, error)
            return
        self._raw.write(np.full_like(wanted, -1))
        self._count.host[:] = 0
        graph.launch(self._stream)
        if np.allclose(self._read_raw(), wanted, rtol=1e-2, atol=1e-2):
            self.graph = graph
            return
        log.warning("batches of %s run without a CUDA graph: it gives other results", self.shape)
        graph.free()
        self._count.host[:] = 0
        self._work()

    def _read_raw(self) -> NDArray[np.float32]:
        self._stream.synchronize()
        raw = np.empty(self._execution.out_shape, np.float32)
        self._raw.read(raw)
        return raw

    def close(self) -> None:
        """Give the memory back; a batch on its way is waited for."""
        if self.job is not None:
            with contextlib.suppress(EngineError):  # a device that failed is to be left all the same
                self.job.result()
        if self.graph is not None:
            self.graph.free()
        self._execution.close()
        for held in (self._pixels, self._raw, self._thresholds, self._tiles, self._count, self._kept):
            held.free()
