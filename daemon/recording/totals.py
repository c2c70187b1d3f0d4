"""What was recorded of a source since the daemon started, over all its recordings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

EndReason = Literal["asked", "stopped", "time", "size", "room", "fault"]
"""Why a recording ended: asked to; the daemon stopped; one of its three limits; the disk did not take a frame."""


@dataclass
class Totals:
    """Counts of one source that only rise. Counted by its recorder, read by any thread.

    Attributes:
        frames: written.
        missed: frames that the disk was too slow for.
        size_bytes: written.
        ended: recordings, by why.
    """

    frames: int = 0
    missed: int = 0
    size_bytes: int = 0
    ended: Counter[EndReason] = field(default_factory=Counter)
