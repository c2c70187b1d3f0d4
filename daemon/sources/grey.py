"""From the pixels of a camera or of another program to 8-bit grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.micrograph.pixels import to_uint8
from nanotally.opencv import cv2


def to_grey(pixels: NDArray[Any], *, bits: int) -> NDArray[np.uint8]:
    """Grey (h, w) uint8 of grey (h, w) or red, green, blue (h, w, 3), uint8 or uint16.

    Colours become luma (ITU-R BT.601). The window is fixed: 0 is black and `2**bits - 1` white in every frame,
    so that equal signals stay equal.
    """
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return to_uint8(pixels, (0, 2**bits - 1))
