"""The loop of the paper (section 2.3) written plainly: what `generator.py` is measured against."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

FULL = 100_000
"""Failed tries in a row after which the plain program gives up."""
Grey = NDArray[Any]
"""(h, w) uint8, of which OpenCV's types tell no more than that it is an array."""
Laid = list[tuple[int, int, NDArray[np.bool_]]]
"""x, y and mask of each particle."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Size in pixels, grey of the empty canvas, and how many particles are wanted."""

    height: int
    width: int
    background: int
    particles: int


def plain(canvas: Canvas, templates: list[Grey], positions: int, seed: int) -> tuple[Grey, Laid]:
    """The paper's loop: draw a template, turn it, try a position, test for overlap, paste.

    Args:
        canvas: what is to be made.
        templates: (h, w, 2) uint8 each, grey and alpha.
        positions: tried with a turned template before another is drawn; 1 is the loop as the paper tells it.
        seed: of the draws.
    """
    draw = random.Random(seed)
    size = canvas.height, canvas.width
    picture, occupied = np.full(size, canvas.background, np.uint8), np.zeros(size, bool)
    laid: Laid = []
    failed = 0
    while len(laid) < canvas.particles and failed < FULL:
        grey, mask = turned(draw.choice(templates), draw.uniform(0, 360))
        h, w = mask.shape
        for _ in range(positions):
            x, y = draw.randrange(canvas.width - w + 1), draw.randrange(canvas.height - h + 1)
            window = occupied[y : y + h, x : x + w]
            if not (window & mask).any():
                window |= mask
                picture[y : y + h, x : x + w][mask] = grey[mask]
                laid.append((x, y, mask))
                failed = 0
                break
            failed += 1
    return picture, laid


def turned(template: Grey, degrees: float) -> tuple[Grey, NDArray[np.bool_]]:
    """Grey and mask of a turned template, as wide and high as its diagonal."""
    h, w = template.shape[:2]
    side = math.ceil(math.hypot(h, w))
    turn = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, 1.0)
    turn[:, 2] += ((side - w) / 2, (side - h) / 2)
    both = cv2.warpAffine(template, turn, (side, side))
    return both[..., 0], both[..., 1] >= 128
