"""The window: the screen of one microscope, on this machine's display."""

from __future__ import annotations

import os
import time

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
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            if full_screen:
                cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        except cv2.error as error:
            raise NanotallyError(f"this OpenCV has no windows ({error.err}); install opencv-python") from error
        self._open = True

    def run(self, sight: Sight) -> None:
        """Show a microscope until `q`, Esc, a closed window or a signal."""
        drawn_s = 0.0
        with stopping_on_signals(self._close):
            while self._open:
                now_s = time.monotonic()
                if sight.look(WAIT_S) or now_s - drawn_s > AGAIN_S:
                    cv2.imshow(TITLE, screen(sight.microscope, now_s=now_s, refused=sight.refused))
                    drawn_s = now_s
                if cv2.waitKey(1) & 0xFF in QUIT or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                    self._close()
        cv2.destroyAllWindows()

    def _close(self) -> None:
        self._open = False
