"""Fields on their way to the device."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.engines.tensorrt.cuda import Buffer, Cuda
from nanotally.detect.engines.tensorrt.lane import Job

ALIGNED = 256
"""Where each field begins."""


class Upload:
    """Page-locked memory for the fields of one call, sent over in one copy.

    Attributes:
        sent: the point at which the fields are there.
        jobs: that read them; before the next fields come all must have ended.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._stream, self.sent = cuda.stream(), cuda.event()
        self._buffer: Buffer | None = None
        self.jobs: list[Job] = []

    def send(self, fields: Iterable[NDArray[np.uint8]]) -> dict[int, int]:
        """Send each of `fields` (h, w) uint8, rows without gaps; its address on the device by its `id`."""
        for job in self.jobs:
            job.result()
        self.jobs = []
        own = {id(field): field for field in fields}
        starts = np.cumsum([0, *(-(-field.size // ALIGNED) * ALIGNED for field in own.values())]).tolist()
        buffer = self._room(max(starts[-1], ALIGNED))
        for start, field in zip(starts, own.values(), strict=False):
            buffer.host[start : start + field.size].reshape(field.shape)[...] = field
        buffer.upload(starts[-1], self._stream)
        self.sent.record(self._stream)
        return {key: buffer.address + start for key, start in zip(own, starts, strict=False)}

    def _room(self, nbytes: int) -> Buffer:
        if self._buffer is None or len(self._buffer.host) < nbytes:
            self.close()
            self._buffer = self._cuda.buffer(nbytes)
        return self._buffer

    def close(self) -> None:
        """Give the memory back; nobody reads it any more."""
        if self._buffer is not None:
            self._buffer.free()
            self._buffer = None
