"""The window: the screen of one microscope, on this machine's display."""

from __future__ import annotations

import os
import time

import numpy as np
from numpy.typing import NDArray

from nanotally.errors import NanotallyError
from nanotally.opencv import cv2
from nanotally.overlay.screen import screen
from nanotally.overlay.sight import Sight
from nanotally.signals import stopping_on_signals

TITLE = "nanotally"
WAIT_S = 0.05
AGAIN_S = 0.5
"""The screen is drawn at least this often: the seconds since the daemon was heard go on."""

QUIT = (ord("q"), 27)
CONTOURS = ord("c")
SIZE = (960, 720)
"""Width and height of a window that was just opened."""


def fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) uint8, the picture as large as it can be on black; OpenCV's windows would leave out lines."""
    width, height = max(width, 1), max(height, 1)
    zoom = min(width / picture.shape[1], height / picture.shape[0])
    size = max(1, round(zoom * picture.shape[1])), max(1, round(zoom * picture.shape[0]))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=how)
    return canvas


class Window:
    """A window of OpenCV. Used by the main thread."""

    def __init__(self, *, full_screen: bool) -> None:
        """Open it.

        Raises:
            NanotallyError: there is no display, or OpenCV was built without windows.
        """
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise NanotallyError("no display here, DISPLAY is not set: `nanotally overlay` needs none")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(TITLE, *SIZE)
            if full_screen:
                cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        except cv2.error as error:
            why = error.err.split(". ")[0]  # the rest is about building OpenCV
            advice = "if this is opencv-python-headless, install opencv-python in its place"
            raise NanotallyError(f"OpenCV opens no window ({why}); {advice}") from error
        self._open, self._contours, self._drawn_s = True, False, 0.0

    def run(self, sight: Sight) -> None:
        """Show a microscope until `q`, Esc, a closed window or a signal; `c`: contours in place of boxes, and back."""
        with stopping_on_signals(self._close):
            while self._open:
                if sight.look(WAIT_S) or time.monotonic() - self._drawn_s > AGAIN_S:
                    self._draw(sight)
                self._press(cv2.waitKey(1) & 0xFF)
                if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                    self._close()
        cv2.destroyAllWindows()

    def _draw(self, sight: Sight) -> None:
        self._drawn_s = now_s = time.monotonic()
        shown = screen(sight.microscope, now_s=now_s, refused=sight.refused, contours=self._contours)
        _, _, width, height = cv2.getWindowImageRect(TITLE)
        cv2.imshow(TITLE, fitted(shown, width, height))

    def _press(self, key: int) -> None:
        if key == CONTOURS:
            self._contours, self._drawn_s = not self._contours, 0.0
        elif key in QUIT:
            self._close()

    def _close(self) -> None:
        self._open = False
