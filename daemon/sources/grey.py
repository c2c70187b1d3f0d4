"""From the pixels of a camera or of another program to 8-bit grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.micrograph.pixels import to_uint8
from nanotally.opencv import cv2


def window_of(bits: int) -> tuple[float, float]:
    """Grey levels that become black and white: the same in every frame, so that equal signals stay equal."""
    return 0.0, 2.0**bits - 1


def to_grey(pixels: NDArray[Any], *, bits: int) -> NDArray[np.uint8]:
    """Grey (h, w) uint8 of grey (h, w) or red, green, blue (h, w, 3), uint8 or uint16.

    Colours become luma (ITU-R BT.601). The window is `window_of(bits)`.
    """
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return to_uint8(pixels, window_of(bits))
