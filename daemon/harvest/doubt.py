"""How much doubt there is about what was found in a frame: three shares, each from 0 to 1.

    unsure   particles whose score lies in the lowest third between their threshold and 1
    doubled  particles whose box lies mostly within another one's: one counted as two, by two classes or at two scales
    jump     particles by which the counts of a class differ from those of the frame before, of the same place

Each is a share of the particles of the frame and `SURE` more, so that one doubtful particle in an empty field is not
worth as much as fifty in a full one. `jump` compares only frames that look alike (`nanotally.daemon.harvest.look`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from nanotally.detections import FLAG_MASKED, Detections, area, intersection
from nanotally.wire import DetectionsMessage

UNSURE = 1 / 3
"""A score is doubtful in this share of the way from its threshold to 1."""
WITHIN = 0.6
"""A box is doubled if another covers more than this of it. Neighbours that touch cover less of each other."""
SURE = 5
"""Particles that count as sure in every frame."""


@dataclass(frozen=True)
class Doubt:
    """The three shares."""

    unsure: float = 0.0
    doubled: float = 0.0
    jump: float = 0.0

    @property
    def total(self) -> float:
        """All three together."""
        return self.unsure + self.doubled + self.jump

    @property
    def why(self) -> str:
        """The largest of them."""
        shares = asdict(self)
        return max(shares, key=lambda name: shares[name])


def counted(told: DetectionsMessage) -> Detections:
    """The particles of a frame, those in masks left out."""
    found = told.detections
    return found[(found.flags & FLAG_MASKED) == 0]


def doubt_of(told: DetectionsMessage, before: DetectionsMessage | None = None) -> Doubt:
    """Doubt about a live frame.

    Args:
        told: what was found in it.
        before: what was found in the frame before, of the same place; None: there was none.
    """
    found = counted(told)
    among = len(found) + SURE
    jump = 0.0
    if before is not None and told.counts is not None and before.counts is not None:
        changes = sum(abs(count - before.counts.get(name, 0)) for name, count in told.counts.items())
        jump = min(1.0, changes / (max(len(found), len(counted(before))) + SURE))
    return Doubt(_unsure(found, told) / among, _doubled(found) / among, jump)


def _unsure(found: Detections, told: DetectionsMessage) -> int:
    thresholds = np.array([told.thresholds.get(name, 0.0) for name in told.classes], np.float32)
    least = thresholds[found.class_id]
    return int((found.score < least + UNSURE * (1 - least)).sum())


def _doubled(found: Detections) -> int:
    shared = intersection(found.xyxy, found.xyxy)
    np.fill_diagonal(shared, 0)
    covered = shared.max(axis=1, initial=0)
    return int((covered > WITHIN * area(found.xyxy)).sum())
