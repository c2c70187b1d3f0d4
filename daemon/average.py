"""Averaging of frames before anything is looked for, as microscopists do with scans at TV rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nanotally.frame import Frame


class BlockAverage:
    """One frame out of every `frames`: their mean, with number and times of the last.

    The first frame that is not live passes as it is and the block begins anew, so that no average mixes what was
    before a fault with what comes after it; so does a frame of another size.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._sum = np.zeros((0, 0), np.uint32)
        self._held = 0

    def take(self, frame: Frame) -> Frame | None:
        """The average, or None while frames are still wanted for it."""
        if frame.state != "live":
            self._held = 0
            return frame
        if self._held == 0 or self._sum.shape != frame.image.shape:
            self._sum, self._held = frame.image.astype(np.uint32), 1
        else:
            self._sum += frame.image
            self._held += 1
        if self._held < self._frames:
            return None
        mean = (self._sum + self._held // 2) // self._held
        self._held = 0
        return replace(frame, image=mean.astype(np.uint8))


class RecursiveAverage:
    """Every frame, each as the running mean in which a new one has the weight 1 / `frames`.

    The mean begins anew after a frame that is not live and with another size; until it has seen `frames` frames it is
    their plain mean.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._mean: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._seen = 0

    def take(self, frame: Frame) -> Frame | None:
        """The running mean."""
        if frame.state != "live":
            self._seen = 0
            return frame
        if self._seen == 0 or self._mean.shape != frame.image.shape:
            self._mean, self._seen = frame.image.astype(np.float32), 0
        self._seen = min(self._seen + 1, self._frames)
        self._mean += (frame.image - self._mean) * np.float32(1 / self._seen)
        return replace(frame, image=np.rint(self._mean).astype(np.uint8))


def averaging(mode: str, frames: int) -> BlockAverage | RecursiveAverage | None:
    """What averages in this mode, `none`, `block` or `recursive`; None where nothing does."""
    if mode == "none" or frames == 1:
        return None
    return BlockAverage(frames) if mode == "block" else RecursiveAverage(frames)
