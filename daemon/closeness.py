"""How closely a source is looked at: found out now and then, for it takes the time of several frames."""

from __future__ import annotations

import time

from nanotally.frame import Frame

EVERY_S = 10.0
"""How often it is found out anew, while nothing says that the picture is another."""


class Closeness:
    """Remembers the scale that was best for a source.

    Stills have nothing to do with each other: for each it is found out.
    """

    def __init__(self, *, stills: bool) -> None:
        self._stills = stills
        self._scale: float | None = None
        self._known_of: object = None
        self._until_ns = 0
        self._before = 1.0

    def scale_of(self, frame: Frame) -> float | None:
        """Network pixels per image pixel to look at this frame with; None: find it out."""
        kind = frame.image.shape, frame.field, frame.nm_per_px
        if self._stills or kind != self._known_of or time.monotonic_ns() >= self._until_ns:
            self._known_of, self._scale = kind, None
            self._until_ns = time.monotonic_ns() + round(EVERY_S * 1e9)
        return self._scale

    def remember(self, scale: float) -> bool:
        """Take down with what scale a live frame was looked at; whether the source is looked at in another way now."""
        before, self._scale, self._before = self._before, scale, scale
        return scale != before and not self._stills
