"""A subscriber in a process of its own: takes down when each frame's detections came, and how old they were.

python -m nanotally.daemon.bench.listener ENDPOINT, until the daemon says that it stops; then it prints a `Heard`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nanotally.wire import DetectionsMessage, Gap, StatusMessage, Subscriber


@dataclass(frozen=True)
class Told:
    """One frame's detections, as they came.

    Attributes:
        frame: number of the frame; numbers left out were dropped.
        grabbed_ns, received_ns: monotonic clock of this machine.
        age_ms: from the grab until the message was made.
        latency_ms: milliseconds a stage.
        particles: found.
        live: whether the frame was counted.
    """

    frame: int
    grabbed_ns: int
    received_ns: int
    age_ms: float
    latency_ms: Mapping[str, float]
    particles: int
    live: bool


@dataclass(frozen=True)
class Heard:
    """All that a daemon said.

    Attributes:
        told: a row a frame.
        missed: messages that never came.
    """

    told: list[Told]
    missed: int


def listen(endpoint: str) -> Heard:
    """Say that it is ready, and listen until the daemon stops."""
    told, missed = [], 0
    with Subscriber(endpoint, kinds=("detections", "status")) as subscriber:
        print("ready", flush=True)
        for item in subscriber:
            now_ns = time.monotonic_ns()
            if isinstance(item, DetectionsMessage):
                live, found = item.state == "live", len(item.records)
                told.append(Told(item.frame, item.grabbed_ns, now_ns, item.age_ms, item.latency_ms, found, live))
            elif isinstance(item, Gap):
                missed += item.missed
            elif isinstance(item, StatusMessage) and item.stopping:
                break
    return Heard(told, missed)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(listen(sys.argv[1])))
