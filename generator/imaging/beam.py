"""The beam: how far a point of the specimen is spread before anything is scanned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nanotally.generator.bodies import Image
from nanotally.opencv import cv2

FINEST_PX = 0.2
"""Spread below which nothing is seen of it."""


@dataclass(frozen=True, kw_only=True)
class Beam:
    """The spot that the beam makes on the specimen.

    Attributes:
        sigma_px: standard deviation of its Gaussian profile in focus, pixels.
        astigmatism: ratio of its wider to its narrower axis.
        angle_rad: direction of the wider axis, radians clockwise from +x.
        defocus_px: radius of the disc that it becomes out of focus, pixels.
    """

    sigma_px: float = 0.7
    astigmatism: float = 1.0
    angle_rad: float = 0.0
    defocus_px: float = 0.0


def spread(signal: Image, beam: Beam) -> Image:
    """The signal (h, w) float32 as a beam of this size sees it."""
    if beam.defocus_px > FINEST_PX:
        signal = np.asarray(cv2.filter2D(signal, -1, _disc(beam.defocus_px), borderType=cv2.BORDER_REFLECT), np.float32)
    if beam.sigma_px <= FINEST_PX:
        return signal
    if beam.astigmatism == 1:
        blurred = cv2.GaussianBlur(signal, (0, 0), beam.sigma_px, borderType=cv2.BORDER_REFLECT)
    else:
        wide, narrow = beam.sigma_px * np.sqrt(beam.astigmatism), beam.sigma_px / np.sqrt(beam.astigmatism)
        blurred = cv2.filter2D(signal, -1, spot(wide, narrow, beam.angle_rad), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def spot(wide_px: float, narrow_px: float, angle_rad: float) -> Image:
    """Kernel of an elliptic Gaussian of two standard deviations, its wider axis at `angle_rad` from +x, sum 1."""
    half = int(np.ceil(3 * wide_px)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along = x * np.cos(angle_rad) + y * np.sin(angle_rad)
    across = y * np.cos(angle_rad) - x * np.sin(angle_rad)
    kernel = np.exp(-0.5 * ((along / wide_px) ** 2 + (across / narrow_px) ** 2))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _disc(radius_px: float) -> Image:
    """Kernel of a disc, its rim shared out by pixels, sum 1."""
    half = int(np.ceil(radius_px))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(kernel / kernel.sum(), np.float32)
