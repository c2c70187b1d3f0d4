"""The TensorRT engine: fields go to the GPU as they are, candidates come back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect.batches import Look
from nanotally.detect.decode import Candidates
from nanotally.detect.engines.tensorrt.cuda import Cuda
from nanotally.detect.engines.tensorrt.lane import CANDIDATE, TILE, Job, Lane, load_kernels
from nanotally.detect.engines.tensorrt.network import Network
from nanotally.detect.engines.tensorrt.profile import Shape
from nanotally.detect.engines.tensorrt.uploads import Upload
from nanotally.detect.kinds import Rivals
from nanotally.detect.pipeline import Sight, stages_ms

IN_FLIGHT = 2
"""Batches of one shape, and calls of `start`, that may be on their way at a time."""


class Part(NamedTuple):
    """A batch on its way, and whose tiles it has: place of the look and row in its level, of each tile."""

    job: Job
    anchors: int
    look: NDArray[np.int64]
    row: NDArray[np.int64]


class Flight(NamedTuple):
    """All that `start` gave to the device."""

    looks: int
    parts: list[Part]
    started_ns: int
    tiled_ns: int


class TensorRtEngine:
    """The network of a bundle on a GPU, and the pipeline around it. Used by the thread that made it.

    Raises:
        EngineError: TensorRT does not load the plan, or it is of another model.
    """

    name = "tensorrt"

    def __init__(self, bundle: Bundle, plan: bytes, *, trt: Any, cuda: Cuda) -> None:
        """Load a plan.

        Args:
            bundle: whose plan it is.
            plan: as `build_plan` gives it.
            trt: the module `tensorrt`.
            cuda: the device; closed with the engine.
        """
        self._cuda = cuda
        self.precision: str = bundle.manifest.precision
        self.description = f"TensorRT {trt.__version__} on {cuda.device}"
        self._classes = len(bundle.manifest.classes)
        self._network = Network(trt, cuda, plan)
        self._kernels = load_kernels(cuda)
        self._lanes: list[Lane] = []
        self._uploads = [Upload(cuda) for _ in range(IN_FLIGHT)]

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        """As `Pipeline` says. `tile` is the time until the device has everything, `infer` until it has done it."""
        return self.finish(self.start(looks, thresholds))

    def start(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Flight:
        """Give the device all of `looks`, without waiting; the fields may be changed afterwards."""
        started = time.monotonic_ns()
        upload = self._uploads[0]
        self._uploads = [*self._uploads[1:], upload]
        addresses = upload.send(field for field, _ in looks)
        parts = []
        for height, width, look, row in self._batches(looks):
            own = [_tiles(looks[place], row[look == place], addresses) for place in np.unique(look).tolist()]
            tiles = np.concatenate(own)
            lane = self._lane((len(tiles), 1, height, width))
            job = lane.start(tiles, thresholds.astype(np.float32), upload.sent)
            upload.jobs.append(job)
            parts.append(Part(job, lane.anchors, look, row))
        return Flight(len(looks), parts, started, time.monotonic_ns())

    def finish(self, flight: Flight) -> Sight:
        """Wait for what `start` gave to the device.

        Raises:
            EngineError: the device failed.
        """
        records = [part.job.result() for part in flight.parts]
        inferred = time.monotonic_ns()
        found = np.concatenate([np.zeros(0, CANDIDATE), *records])
        place = [each["place"] // part.anchors for each, part in zip(records, flight.parts, strict=True)]
        of = [part.look[tile] for part, tile in zip(flight.parts, place, strict=True)]
        row = [part.row[tile] for part, tile in zip(flight.parts, place, strict=True)]
        look, tile = (np.concatenate([np.zeros(0, np.int64), *each]) for each in (of, row))
        candidates = tuple(_candidates(found[look == number], tile[look == number]) for number in range(flight.looks))
        times = flight.started_ns, flight.tiled_ns, inferred, time.monotonic_ns()
        return Sight(candidates, stages_ms(*times))

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, height, width); for judging, not for frames."""
        most = self._network.largest[0]
        parts = [np.ascontiguousarray(batch[first : first + most]) for first in range(0, len(batch), most)]
        return np.concatenate([self._lane((len(part), *batch.shape[1:])).infer(part) for part in parts])

    def bare(self) -> list[Lane]:
        """What is on the device of the last looks: the network alone can be run there, to be compared with."""
        return list(self._lanes)

    def _batches(self, looks: Sequence[Look]) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
        """Height, width, looks and rows of each batch: tiles of one size, no more than the plan takes."""
        sizes: dict[tuple[int, int], list[int]] = {}
        for place, (_, level) in enumerate(looks):
            sizes.setdefault(level.tile, []).append(place)
        most = self._network.largest[0]
        for (width, height), places in sizes.items():
            counts = [len(looks[place][1].corners) for place in places]
            look = np.repeat(np.array(places, np.int64), counts)
            row = np.concatenate([np.arange(count, dtype=np.int64) for count in counts])
            for first in range(0, len(look), most):
                yield height, width, look[first : first + most], row[first : first + most]

    def _lane(self, shape: Shape) -> Lane:
        """A lane for a batch of this shape: an idle one if there is one, else a new one, else the next to be idle."""
        same = [lane for lane in self._lanes if lane.shape == shape]
        lane = next((lane for lane in same if lane.job is None), None)
        if lane is None and len(same) == IN_FLIGHT:
            lane = same[0]
        if lane is None:
            if len(self._lanes) == self._network.most_runs:
                self._lanes.pop(0).close()
            lane = Lane(self._cuda, self._network, self._kernels, shape, self._classes)
        else:
            self._lanes.remove(lane)
        self._lanes.append(lane)  # the one that was used longest ago is the first
        return lane

    def close(self) -> None:
        """Give memory and device back."""
        for lane in self._lanes:
            lane.close()
        self._lanes = []
        for upload in self._uploads:
            upload.close()
        self._network.close()
        self._cuda.close()


def _tiles(look: Look, rows: NDArray[np.int64], addresses: dict[int, int]) -> NDArray[np.void]:
    """How the kernel is told of tiles of a look."""
    (field, level), tiles = look, np.zeros(len(rows), TILE)
    height, width = field.shape
    tiles["field"], tiles["pitch"], tiles["width"], tiles["height"] = addresses[id(field)], width, width, height
    tiles["level_width"], tiles["level_height"] = level.width, level.height
    tiles["x"], tiles["y"] = level.corners[rows].T
    return tiles


def _candidates(records: NDArray[np.void], tile: NDArray[np.int64]) -> Candidates:
    xyxy, score, class_id, rival, rival_score = (
        np.ascontiguousarray(records[name]) for name in ("xyxy", "score", "class_id", "rival", "rival_score")
    )
    return Candidates(tile, xyxy, score, class_id, Rivals(rival, rival_score))
