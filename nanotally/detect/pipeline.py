"""What lies between looks at fields and candidate boxes: cutting, network, decoding; on the host or on a device."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.batches import Cutter, Look
from nanotally.detect.decode import Candidates, decode_ultralytics
from nanotally.detect.engine import Engine


@dataclass(frozen=True)
class Sight:
    """What `Pipeline.look` answers.

    Attributes:
        candidates: of each look, in the order of the looks; `tile` is the row of the level's corners.
        latency_ms: milliseconds of all looks together by stage: `tile`, `infer`, `decode`.
    """

    candidates: tuple[Candidates, ...]
    latency_ms: Mapping[str, float]


@runtime_checkable
class Pipeline(Protocol):
    """Looks at fields. Used by one thread. An engine that has it keeps tiles and raw output to itself."""

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        """Candidates in each of `looks`; thresholds (classes,) float32, score at which a class is kept."""
        ...


class HostPipeline:
    """Cuts and decodes on the processor, around any engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cutter = Cutter()

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        """As `Pipeline` says."""
        started = time.monotonic_ns()
        batches = self._cutter.cut(looks)
        tiled = time.monotonic_ns()
        raw: dict[int, NDArray[np.float32]] = {}
        for batch in batches:
            raw |= batch.by_look(self._engine.infer(batch.tiles))
        inferred = time.monotonic_ns()
        candidates = tuple(decode_ultralytics(raw[place], thresholds) for place in range(len(looks)))
        return Sight(candidates, stages_ms(started, tiled, inferred, time.monotonic_ns()))


def stages_ms(started_ns: int, tiled_ns: int, inferred_ns: int, decoded_ns: int) -> dict[str, float]:
    """Milliseconds a stage, from the times at which they ended."""
    return {
        "tile": (tiled_ns - started_ns) / 1e6,
        "infer": (inferred_ns - tiled_ns) / 1e6,
        "decode": (decoded_ns - inferred_ns) / 1e6,
    }


def pipeline_of(engine: Engine) -> Pipeline:
    """The engine's own pipeline if it has one, else one on the host around it."""
    return engine if isinstance(engine, Pipeline) else HostPipeline(engine)
