"""What makes a particle uneven: the grain of its surface, bumps lit from one side, and broad patches."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.opencv import cv2

Image = NDArray[np.float32]
SMALLEST_TEXTURE_PX = 10
"""Size below which the texture of a surface is not resolved, and not drawn."""
FINEST_GRAIN_PX = 0.7
"""Standard deviation of the finest texture that pixels can show."""
WAVES = 4
"""Half waves along a side of a particle, of which its broad patches are made."""
_falling = 1 / (1 + np.add.outer(np.arange(WAVES), np.arange(WAVES)))
_falling[0, 0] = 0
STRENGTHS = _falling / np.sqrt((_falling**2 * np.outer([1, *[0.5] * (WAVES - 1)], [1, *[0.5] * (WAVES - 1)])).sum())
"""Deviation of each wave's height, of the unit deviation of all."""
SOBEL = np.outer([1, 2, 1], [-1, 0, 1]) / 8
"""Rise of a picture towards larger x, a pixel."""


def grain(shape: tuple[int, ...], sigma_px: float, rng: Generator) -> Image:
    """Texture (h, w) of zero mean and unit deviation: white noise blurred by a Gaussian of `sigma_px`."""
    sigma_px = max(sigma_px, FINEST_GRAIN_PX)
    white = np.empty(shape, np.float32)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    # A Gaussian of this width leaves of white noise the deviation 1 / (2 sqrt(pi) sigma).
    cv2.randn(white, np.zeros(1), np.full(1, 2 * math.sqrt(math.pi) * sigma_px))
    noise = cv2.GaussianBlur(white, (0, 0), sigma_px)
    return np.asarray(noise - np.float32(cv2.mean(noise)[0]))  # a coarse texture is not another level


def lit_bumps(texture: Image, sigma_px: float, relief: float, side_rad: float) -> Image:
    """The grain (h, w) as bumps, the share `relief` of it their slope towards the light at `side_rad`."""
    along = math.cos(side_rad) * SOBEL + math.sin(side_rad) * SOBEL.T
    # Noise that was blurred so has slopes of the deviation 1 / (sqrt(2) sigma).
    slope = cv2.filter2D(texture, cv2.CV_32F, along * (-relief * math.sqrt(2) * max(sigma_px, FINEST_GRAIN_PX)))
    # Slope and height at one place do not depend on one another.
    return np.asarray((slope + np.float32(1 - relief) * texture) / np.float32(math.hypot(relief, 1 - relief)))


@lru_cache(maxsize=256)
def _waves(length: int) -> Image:
    """Cosines (WAVES, length) of no, one, two ... half waves."""
    return np.asarray(np.cos(np.pi * np.outer(np.arange(WAVES), (np.arange(length) + 0.5) / length)), np.float32)


def patches(shape: tuple[int, ...], rng: Generator) -> Image:
    """Broad patches (h, w) of zero mean and unit deviation."""
    heights = np.asarray(STRENGTHS * rng.standard_normal(STRENGTHS.shape), np.float32)
    return np.asarray(_waves(shape[0]).T @ heights @ _waves(shape[1]), np.float32)


def round_a_sphere(texture: Image, x: Image, y: Image, share: Image) -> Image:
    """The texture (h, w) as it lies on a sphere: the nearer its rim, the steeper it is looked at.

    Args:
        texture: of a flat face.
        x: (h, w) or (1, w) distance from the middle, pixels.
        y: (h, w) or (h, 1) the same.
        share: (h, w) distance from the middle as a share of the radius, at most 1.
    """
    longer = np.arcsin(share) / np.maximum(share, np.float32(1e-3))
    height, width = texture.shape
    columns, rows = (np.asarray(away * longer + (side - 1) / 2, np.float32) for away, side in ((x, width), (y, height)))
    return np.asarray(cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
