"""Frames that are read before the clock runs, so that no disk and no simulation is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.sources import open_source
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame


@dataclass(frozen=True, eq=False)
class Footage:
    """Frames in memory.

    Attributes:
        images: (n, h, w) uint8.
        nm_per_px: pixel size (x, y) of the first, for all of them; None where it is not known.
        databar_px: rows at the bottom that are not of the specimen.
    """

    images: NDArray[np.uint8]
    nm_per_px: tuple[float, float] | None
    databar_px: int

    def save(self, path: Path) -> None:
        """Write it for another process."""
        np.savez(path, images=self.images, nm_per_px=self.nm_per_px or (), databar_px=self.databar_px)

    @classmethod
    def load(cls, path: Path) -> Footage:
        """Read what `save` wrote."""
        with np.load(path) as file:
            x_y = file["nm_per_px"].tolist()
            return cls(file["images"], (x_y[0], x_y[1]) if x_y else None, int(file["databar_px"]))


def preload(uri: str, *, most: int) -> Footage:
    """The first frames of a feed, such as a recording, a folder of images, a video or a simulation.

    Raises:
        SourceError: if it cannot be opened, breaks, has fewer than three frames (of fewer, the one after a dropped
            frame could be the same as the one before, and would be taken for frozen), or if they differ in size.
    """
    source = open_source(uri)
    frames: list[Frame] = []
    try:
        while len(frames) < most:
            frame = source.read(1.0)
            if frame is not None:
                frames.append(frame)
    except EndOfFeed:
        pass
    finally:
        source.close()
    if len(frames) < 3:
        raise SourceError(f"{uri}: {len(frames)} frames; three or more are needed")
    if len({frame.image.shape for frame in frames}) > 1:
        raise SourceError(f"{uri}: frames are not all of one size")
    first = frames[0]
    bottom = first.image.shape[0] if first.field is None else first.field[3]
    return Footage(np.stack([frame.image for frame in frames]), first.nm_per_px, first.image.shape[0] - bottom)
