"""What is read off a measurement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nanotally.daemon.bench.listener import Heard

PERCENTILES = (50, 95, 99)

Percentiles = tuple[float, float, float]
"""The 50th, 95th and 99th."""


@dataclass(frozen=True)
class Run:
    """The whole daemon at one rate.

    Attributes:
        asked_fps: frames a second that were pushed.
        fps: frames a second that were told of.
        frames: how many those were.
        dropped: frames that were pushed in between, and nobody looked at.
        missed: messages that did not reach the subscriber.
        particles: found in a frame, median.
        stages_ms: what each stage took; `rest` is what lies between them and until the message is made.
        age_ms: from the grab until the subscriber had the message.
        engine_ms: a frame in the engine alone, right before this run and right after it, mean of both.
    """

    asked_fps: float
    fps: float
    frames: int
    dropped: int
    missed: int
    particles: int
    stages_ms: dict[str, Percentiles]
    age_ms: Percentiles
    engine_ms: float

    @property
    def of_engine(self) -> float:
        """Its rate as a share of that of the engine alone."""
        return self.fps * self.engine_ms / 1000

    @property
    def age_in_engine_times(self) -> float:
        """99th percentile of the age, in times that a frame takes in the engine alone."""
        return self.age_ms[-1] / self.engine_ms


def figures(heard: Heard, *, asked_fps: float, engine_ms: float, warm_s: float) -> Run | None:
    """Figures of a run without its first `warm_s`; None if fewer than two frames are left.

    Args:
        heard: what the subscriber took down.
        asked_fps: frames a second that were pushed.
        engine_ms: a frame in the engine alone.
        warm_s: of the run, what does not count.
    """
    begun_ns = min((told.received_ns for told in heard.told), default=0) + round(warm_s * 1e9)
    told = [each for each in heard.told if each.live and each.received_ns >= begun_ns]
    if len(told) < 2:
        return None
    stages = {name: [each.latency_ms.get(name, 0.0) for each in told] for name in told[0].latency_ms}
    stages["rest"] = [each.age_ms - sum(each.latency_ms.values()) for each in told]
    took_s = (told[-1].received_ns - told[0].received_ns) / 1e9
    return Run(
        asked_fps=asked_fps,
        fps=(len(told) - 1) / took_s,
        frames=len(told),
        dropped=told[-1].frame - told[0].frame + 1 - len(told),
        missed=heard.missed,
        particles=round(float(np.median([each.particles for each in told]))),
        stages_ms={name: _percentiles(took) for name, took in stages.items()},
        age_ms=_percentiles((each.received_ns - each.grabbed_ns) / 1e6 for each in told),
        engine_ms=engine_ms,
    )


def _percentiles(values: Iterable[float]) -> Percentiles:
    p50, p95, p99 = np.percentile(np.fromiter(values, float), PERCENTILES).tolist()
    return p50, p95, p99
