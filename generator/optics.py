"""From the signal of a scene to a recorded image: the imaging chain in its true order (field facts 3.12).

Beam, scan, electrons, detector, brightness and contrast, eight bits, and at last what publishing does to a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.shapes import Image
from nanotally.opencv import cv2


@dataclass(frozen=True)
class Optics:
    """Settings of a microscope and of what came after it.

    Attributes:
        beam_px: standard deviation of the beam's Gaussian spread, pixels.
        astigmatism: ratio of the wider to the narrower axis of the beam.
        vibration_px: standard deviation of the line-to-line shift, pixels.
        streaks: standard deviation of the line-to-line gain.
        electrons: detected electrons a pixel at signal 1 (dwell times current times frames averaged).
        contrast: gain of the video amplifier.
        brightness: offset of the video amplifier, 0 to 1.
        gamma: exponent of the display curve.
        rescale: factor by which a published picture was resized after recording; 1: not at all.
        jpeg_quality: 1 to 100; None: never compressed.
    """

    beam_px: float = 0.7
    astigmatism: float = 1.0
    vibration_px: float = 0.0
    streaks: float = 0.0
    electrons: float = 200.0
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    rescale: float = 1.0
    jpeg_quality: int | None = None


def _beam(sigma_px: float, astigmatism: float, angle: float) -> Image:
    """Kernel of an elliptic Gaussian beam, sum 1."""
    half = int(np.ceil(3 * sigma_px * np.sqrt(astigmatism))) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    wide, narrow = sigma_px * np.sqrt(astigmatism), sigma_px / np.sqrt(astigmatism)
    kernel = np.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _scan(signal: Image, vibration_px: float, rng: Generator) -> Image:
    """The signal with every line shifted as the beam wandered."""
    height, width = signal.shape
    shift = np.convolve(rng.standard_normal(height + 4), np.ones(5) / np.sqrt(5), mode="valid") * vibration_px
    columns = np.arange(width, dtype=np.float32)[None, :] + shift[:, None].astype(np.float32)
    lines = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    return np.asarray(cv2.remap(signal, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def record(signal: Image, optics: Optics, rng: Generator) -> NDArray[np.uint8]:
    """Image (h, w) uint8 of a scene's signal (h, w) float32."""
    if optics.beam_px > 0.2:
        kernel = _beam(optics.beam_px, optics.astigmatism, rng.uniform(0, np.pi))
        signal = np.asarray(cv2.filter2D(signal, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    if optics.vibration_px:
        signal = _scan(signal, optics.vibration_px, rng)
    if optics.streaks:
        signal = signal * (1 + optics.streaks * rng.standard_normal((len(signal), 1))).astype(np.float32)
    counted = rng.poisson(np.clip(signal, 0, None) * optics.electrons).astype(np.float32) / optics.electrons
    shown = np.clip(optics.contrast * counted + optics.brightness, 0, 1) ** optics.gamma
    image = np.round(shown * 255).astype(np.uint8)
    return _publish(image, optics)


def _publish(image: NDArray[np.uint8], optics: Optics) -> NDArray[np.uint8]:
    height, width = image.shape
    if optics.rescale != 1:
        small = cv2.resize(image, None, fx=optics.rescale, fy=optics.rescale, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if optics.jpeg_quality is not None:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, optics.jpeg_quality])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image
