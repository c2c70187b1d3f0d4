"""`screen:X,Y,WIDTH,HEIGHT`: a part of the screen, where the SEM's PC allows nothing else."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.sources.live import LiveSource
from nanotally.daemon.sources.optional import needed
from nanotally.daemon.sources.options import split_options
from nanotally.errors import SourceError
from nanotally.frame import Frame
from nanotally.opencv import cv2

FPS = 10.0


class ScreenSource(LiveSource):
    """A rectangle of an X11 screen, grabbed `fps` times a second (10 unless told otherwise).

    What lies over the window is grabbed with it; a closed or minimised window gives whatever is behind it.
    """

    def __init__(self, uri: str) -> None:
        """Connect to the display, `$DISPLAY` unless `display=` says otherwise, and grab once to see that it works.

        Raises:
            SourceError: there is no such display, or the rectangle is not on it.
        """
        super().__init__(uri)
        place, options = split_options(uri, {"fps": _rate, "display": str})
        x, y, width, height = _rectangle(uri, place)
        self._region = {"left": x, "top": y, "width": width, "height": height}
        self._period_s = 1 / options.get("fps", FPS)
        mss = needed(uri, "mss", package="mss")
        try:
            self._screen = mss.MSS(display=options["display"]) if "display" in options else mss.MSS()
            self._held.callback(_close, self._screen)
            self._grab()
        except Exception as error:
            self.close()
            raise SourceError(f"{uri}: cannot be grabbed ({_reason(error)}); is there an X11 display?") from error
        self._due_s = time.monotonic()

    def _wait(self, timeout_s: float) -> Frame | None:
        wait_s = self._due_s - time.monotonic()
        self._closing.wait(min(max(wait_s, 0.0), timeout_s))
        if wait_s > timeout_s:
            return None
        self._due_s = max(self._due_s, time.monotonic() - self._period_s) + self._period_s
        grabbed_ns = time.monotonic_ns()
        try:
            return self._frame(self._grab(), grabbed_ns=grabbed_ns)
        except Exception as error:  # mss raises AssertionError too when the display has gone
            raise SourceError(f"{self.uri}: the screen has gone ({_reason(error)})") from error

    def _grab(self) -> NDArray[np.uint8]:
        shot: Any = self._screen.grab(self._region)
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2GRAY), np.uint8)


def _close(screen: Any) -> None:
    with contextlib.suppress(Exception):  # of a display that has gone; then there is nothing to give back
        screen.close()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _rectangle(uri: str, place: str) -> list[int]:
    """Left, top, width and height, pixels."""
    if re.fullmatch(r"-?\d+,-?\d+,0*[1-9]\d*,0*[1-9]\d*", place) is None:
        raise SourceError(f"{uri}: expected screen:X,Y,WIDTH,HEIGHT in pixels, such as screen:100,50,1280,960")
    return [int(number) for number in place.split(",")]


def _rate(text: str) -> float:
    expected = "expected frames a second, above 0 and at most 100"
    try:
        rate = float(text)
    except ValueError as error:
        raise ValueError(expected) from error
    if not 0 < rate <= 100:
        raise ValueError(expected)
    return rate
