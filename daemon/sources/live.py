"""What live sources share: how they wait, how they close, how they number their frames."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.errors import SourceError
from nanotally.frame import Frame

log = logging.getLogger(__name__)

SLICE_S = 0.1
"""Longest that a device is waited for at a stretch: how soon `close` from another thread is heard."""

WARN_EVERY_S = 10.0
"""Damaged frames are counted one by one, but told at most this often."""


class LiveSource:
    """A feed of which the newest frame matters. A subclass opens in `__init__` and waits in `_wait`.

    Attributes:
        uri: what it was opened with.
        damaged: how many frames could not be read and were passed over.
    """

    live = True
    stills = False
    idle = False

    def __init__(self, uri: str) -> None:
        """Nothing is open yet; what a subclass opens it leaves with `_held`, which `close` unwinds."""
        self.uri = uri
        self.damaged = 0
        self._held = ExitStack()
        self._number = 0
        self._busy = threading.Lock()
        self._closing = threading.Event()
        self._warn_at_s = 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame, or None if there was none within `timeout_s`.

        Raises:
            SourceError: the feed has broken, or was closed.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._busy:
            while not self._closing.is_set():
                left_s = max(deadline_s - time.monotonic(), 0.0)
                frame = self._wait(min(left_s, SLICE_S))
                if frame is not None or left_s <= SLICE_S:
                    return frame
        raise SourceError(f"{self.uri}: was closed")

    def close(self) -> None:
        """Give everything back. From any thread, in every state, as often as one likes."""
        self._closing.set()
        with self._busy:
            self._held.close()

    def _wait(self, timeout_s: float) -> Frame | None:
        """The newest frame, waiting `timeout_s` at most."""
        raise NotImplementedError

    def _frame(self, image: NDArray[np.uint8], *, grabbed_ns: int | None = None, **facts: Any) -> Frame:
        """`image` as the next frame. Without a stamp of the driver it was grabbed now."""
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        grabbed_ns = now_ns if grabbed_ns is None else min(grabbed_ns, now_ns)
        number = self._number
        self._skip()
        return Frame(number, grabbed_ns, wall_ns - (now_ns - grabbed_ns), image, **facts)

    def _skip(self, frames: int = 1) -> None:
        """Count frames that the feed had and nobody will see."""
        self._number += frames

    def _pass_over(self, reason: str) -> None:
        """Count a damaged frame."""
        self._skip()
        self.damaged += 1
        if time.monotonic() >= self._warn_at_s:
            self._warn_at_s = time.monotonic() + WARN_EVERY_S
            log.warning("passed over: %s: %s (%d so far)", self.uri, reason, self.damaged)
