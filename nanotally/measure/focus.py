"""How sharp a frame is: one figure, to turn the focus knob by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

BLOCK_PX = 2
"""Pixels that are averaged in both directions first."""
LAG = 2
"""Blocks between the two ends of a difference. With this and BLOCK_PX, noise costs least against what is gained."""
LEAST_CONTRAST = 5.0
"""Standard deviations of pure noise below which there is nothing to judge by."""


def sharpness(image: NDArray[np.uint8]) -> float | None:
    """Sharpness of an image (h, w) along its lines, 0 to about 1; None where it has no contrast to judge by.

    One minus the autocorrelation over a few pixels: how much of the contrast changes within so short a way. Each
    product is of two places on neighbouring lines, whose noise is independent, so noise, which a Laplacian takes for
    sharpness, cancels (the idea is that of the estimate of the signal-to-noise ratio from one image by Thong, Sim and
    Phang 2001). Contrast and brightness cancel too. A wider beam weighs down fine detail more than coarse, so the
    figure falls as the beam widens. It can be compared only within one specimen and magnification.
    """
    height, width = (side // BLOCK_PX for side in image.shape)
    if height < 2 or width <= LAG:
        return None
    cut = image[: height * BLOCK_PX, : width * BLOCK_PX]
    block = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    block -= block.mean(axis=1, keepdims=True)  # a line brighter than its neighbour, as streaks are, is not detail
    upper, lower = block[:-1], block[1:]
    same = float(np.vdot(upper, lower))
    if same <= LEAST_CONTRAST * float(np.vdot(block, block)) / upper.size**0.5:
        return None
    change = block[:, LAG:] - block[:, :-LAG]
    return max(0.0, float(np.vdot(change[:-1], change[1:])) / 2 / same)
