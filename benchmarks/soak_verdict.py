"""What is said of a soak: figures of its two halves, and whether anything grew, stopped or was lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nanotally.daemon.journal.segment import read_records

WARM = 0.2
"""Share of the time after which everything has been used once."""

FLAT = 0.02
"""Most by which mean resident memory may differ from half to half."""

STRAY = 1
"""Most by which the median of descriptors or threads may differ: one may be open at the moment of each sample."""

OLDER = 1.25
"""Most by which the median age may grow from half to half: what else the machine does is in it."""


@dataclass(frozen=True)
class Sample:
    """The daemon's process at a moment.

    Attributes:
        at_s: since the soak began.
        memory_mb: resident, 10^6 bytes.
        descriptors: open.
        threads: that run.
    """

    at_s: float
    memory_mb: float
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int, at_s: float) -> Sample:
        """Read from /proc."""
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        facts = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(at_s, int(facts["VmRSS"][0]) * 1024 / 1e6, descriptors, int(facts["Threads"][0]))


@dataclass(frozen=True)
class Half:
    """Figures of a half of a soak, after it was warm.

    Attributes:
        memory_mb: mean.
        descriptors: median and most.
        threads: median and most.
        age_ms: p50 and p99 of the stage's live frames.
        frames: of these.
    """

    memory_mb: float
    descriptors: tuple[int, int]
    threads: tuple[int, int]
    age_ms: tuple[float, float]
    frames: int

    @classmethod
    def of(cls, samples: Sequence[Sample], ages_ms: Sequence[float]) -> Half:
        """Of what was taken down in it."""
        return cls(
            float(np.mean([sample.memory_mb for sample in samples])),
            _usual_and_most([sample.descriptors for sample in samples]),
            _usual_and_most([sample.threads for sample in samples]),
            (float(np.percentile(ages_ms, 50)), float(np.percentile(ages_ms, 99))),
            len(ages_ms),
        )


def halves(samples: Sequence[Sample], ages: Sequence[tuple[float, float]]) -> tuple[Half, Half]:
    """Both halves of the time after it was warm.

    Args:
        samples: one a second.
        ages: second and milliseconds of each live frame.
    """
    end_s = samples[-1].at_s
    warm_s = WARM * end_s
    middle_s = (warm_s + end_s) / 2
    first, second = (
        Half.of(
            [sample for sample in samples if from_s <= sample.at_s <= to_s],
            [age_ms for at_s, age_ms in ages if from_s <= at_s <= to_s],
        )
        for from_s, to_s in ((warm_s, middle_s), (middle_s, end_s))
    )
    return first, second


def judge(first: Half, second: Half) -> dict[str, bool]:
    """Whether nothing grew. Medians are compared: the most are those of a fault that goes on."""
    return {
        f"memory flat within {FLAT:.0%}": abs(second.memory_mb / first.memory_mb - 1) <= FLAT,
        "no growth of age": second.age_ms[0] <= OLDER * first.age_ms[0],
        "descriptors constant": abs(second.descriptors[0] - first.descriptors[0]) <= STRAY,
        "threads constant": abs(second.threads[0] - first.threads[0]) <= STRAY,
    }


def committed(journal: Path, source: str) -> list[int]:
    """Offsets that the journal of a source holds."""
    segments = sorted((journal / source).glob("*.segment"))
    return [record.offset for segment in segments for record in read_records(segment)]


def logged(log: Path, source: str) -> tuple[list[int], int]:
    """Offsets in the log of a source, in the order of its rows, and how many rows say that something is missing."""
    with closing(sqlite3.connect(log, timeout=30)) as database:
        select = 'SELECT event, "offset" FROM log WHERE source = ? ORDER BY row'
        rows = database.execute(select, (source,)).fetchall()
    return [offset for event, offset in rows if event == "counts" and offset], sum(e != "counts" for e, _ in rows)


def each_once(journal: Path, log: Path, source: str) -> bool:
    """Whether every offset from the first to the last is in the log once, and all that the journal holds are."""
    offsets, gaps = logged(log, source)
    held = committed(journal, source)
    whole = offsets == list(range(offsets[0], offsets[-1] + 1)) if offsets else not held
    return whole and gaps == 0 and set(held) <= set(offsets)


def _usual_and_most(values: Sequence[int]) -> tuple[int, int]:
    return round(float(np.median(values))), max(values)
