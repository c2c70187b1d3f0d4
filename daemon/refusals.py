"""Refusals: requests that made no sense to a socket, counted one by one and told now and then."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)

WARN_EVERY_S = 10.0
"""Whoever asks nonsense again and again does not fill the log."""


class Refusals:
    """What one socket refused. Added to by the thread that owns the socket, read by any.

    Attributes:
        socket: its name in the configuration.
        count: requests refused so far.
    """

    def __init__(self, socket: str) -> None:
        self.socket, self.count = socket, 0
        self._warn_at_s = 0.0

    def add(self, reason: str) -> None:
        """Count a request that was refused."""
        self.count += 1
        if time.monotonic() >= self._warn_at_s:
            self._warn_at_s = time.monotonic() + WARN_EVERY_S
            log.warning("%s: refused: %s (%d so far)", self.socket, reason, self.count)
