"""How long the stages of a frame take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(latency_ms: dict[str, float], stage: str) -> Iterator[None]:
    """Take down how many milliseconds the block took."""
    started_ns = time.monotonic_ns()
    yield
    latency_ms[stage] = (time.monotonic_ns() - started_ns) / 1e6
