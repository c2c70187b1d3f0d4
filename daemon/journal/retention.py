"""Retention: which segments of a journal have had their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nanotally.daemon.journal.segment import Segment


@dataclass(frozen=True)
class Retention:
    """How much of the journal of one source is kept.

    Attributes:
        age_s: a segment whose last record is older goes. By the wall clock, which alone spans a reboot; set back, it
            keeps segments longer.
        size_bytes: the oldest segments go until the others, and the one that is written to, are not larger.
        segment_bytes: a segment that would grow beyond this is closed and the next one begun.
    """

    age_s: float
    size_bytes: int
    segment_bytes: int

    def expired(self, segments: Sequence[Segment], now_ns: int) -> int:
        """How many of `segments`, oldest first, are to go before another one is begun."""
        room = self.size_bytes - self.segment_bytes
        sizes = [segment.size_bytes for segment in segments]
        ages_s = ((now_ns - segment.written_ns) / 1e9 for segment in segments)
        old = next((n for n, age_s in enumerate(ages_s) if age_s <= self.age_s), len(sizes))
        return next((n for n in range(old, len(sizes)) if sum(sizes[n:]) <= room), len(sizes))
