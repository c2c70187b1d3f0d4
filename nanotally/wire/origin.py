"""Where a message comes from: its sender, what found the particles, and in which session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Origin:
    """Who sent a message, and where it stands in the sequence.

    Attributes:
        run_id: drawn anew at every start of the daemon.
        instance: the microscope.
        source: its feed.
        seq: rises by one with every message of one topic within a run, from 1.
    """

    run_id: str
    instance: str
    source: str
    seq: int


@dataclass(frozen=True)
class Model:
    """What found the particles.

    Attributes:
        name: of the bundle.
        sha256: of its network.
        engine: what ran it.
        precision: of its network: `fp32`, `fp16` or `int8`.
    """

    name: str
    sha256: str
    engine: str
    precision: str


@dataclass(frozen=True)
class Session:
    """Somebody looks at a sample, from a start to a stop.

    Attributes:
        id: drawn when it was started; the same for every source that it is of.
        sample: what is looked at.
        operator: who looks, or "".
        notes: whatever else, or "".
        started: wall clock when it was started.
    """

    id: str
    sample: str
    operator: str
    notes: str
    started: datetime
