"""What a detector would find on a simulated stage, with its errors, for the tests of tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import FLAG_BORDER, Detections
from nanotally.frame import Frame
from nanotally.generator.stage import FrameTruth, Stage

JITTER, MISSED, FALSE, FLIPPED = 0.05, 0.05, 0.02, 0.03


@dataclass(frozen=True)
class Look:
    """One frame, what is really in it, and what is found: `identity` (n,) of each detection, -1 for a false one."""

    frame: Frame
    truth: FrameTruth
    detections: Detections
    identity: NDArray[np.int64]

    @property
    def whole(self) -> NDArray[np.int64]:
        """Identities of the particles that were found and do not touch the border."""
        return self.identity[(self.detections.flags == 0) & (self.identity >= 0)]


def look(stage: Stage, number: int) -> Look:
    """Frame `number` as a noisy detector sees it: boxes jittered, some missed, some invented, some misjudged."""
    moment, truth = stage.course.at(number), stage.truth(number)
    frame = Frame(number, 0, 0, stage.image(number), (moment.nm_per_px,) * 2, state=moment.state)
    rng = np.random.default_rng((stage.simulation.seed, number))
    height, width = frame.image.shape
    seen = (truth.visible > 0.3) & (rng.random(len(truth.visible)) >= MISSED)
    true, side = truth.detections[seen], np.sqrt(truth.detections.size.prod(axis=1))
    jitter = rng.normal(0, JITTER, true.xyxy.shape) * side[seen, None]
    kind = np.where(rng.random(len(true)) < FLIPPED, 1 - true.class_id, true.class_id)
    invented = rng.poisson(FALSE * len(side)) if len(side) else 0
    centre = rng.uniform(0, [width, height], (invented, 2))
    half = rng.choice(side, (invented, 1)) / 2 if invented else np.zeros((0, 1))
    false = np.hstack([centre - half, centre + half])
    border = touching(np.vstack([true.xyxy, false]), width, height)
    xyxy = np.clip(np.vstack([true.xyxy + jitter, false]), 0, [width, height, width, height])
    kinds = np.concatenate([kind, rng.integers(0, 2, invented)])
    found = Detections(xyxy, class_id=kinds).flag(FLAG_BORDER, border)
    return Look(frame, truth, found, np.concatenate([truth.identity[seen], np.full(invented, -1)]).astype(np.int64))


def touching(xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    return (xyxy[:, :2] <= 0).any(axis=1) | (xyxy[:, 2:] >= [width, height]).any(axis=1)
