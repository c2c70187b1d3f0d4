"""The detector: electrons are counted, and counting is noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.generator.imaging.scan import Scan
from nanotally.opencv import cv2

FAST_US = 0.5
"""Dwell below which the pulses of single electrons show: the noise is Gamma-like (field facts 3.12)."""
PULSE_EXCESS = 2.0
"""Variance of a sum of pulses of exponential height, against that of a plain count."""
MANY = 40.0
"""Mean count at signal 1 from which Poisson deviates are drawn as squares of normal ones: four times as fast."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Detector and video amplifier.

    Attributes:
        electrons_per_us: electrons that are detected in a microsecond where the signal is 1.
        response_us: time constant of scintillator and amplifier, microseconds; a short dwell smears along the line.
        amplifier: standard deviation of the amplifier's own noise in one frame, as a share of signal 1.
    """

    electrons_per_us: float = 200.0
    response_us: float = 0.0
    amplifier: float = 0.0


def electrons_a_pixel(detector: Detector, scan: Scan) -> float:
    """Electrons detected on a pixel of signal 1, over all frames that are averaged."""
    return detector.electrons_per_us * scan.dwell_us * scan.frames


def noise_sigma(level: float, detector: Detector, scan: Scan) -> float:
    """Standard deviation of the noise at a signal of `level`."""
    excess = PULSE_EXCESS if scan.dwell_us < FAST_US else 1.0
    counted = excess * max(level, 0) / electrons_a_pixel(detector, scan)
    kept = float(np.square(_tail(detector, scan)).sum())  # what neighbours share they have averaged
    return float(np.sqrt(counted * kept + detector.amplifier**2 / scan.frames))


def _normal(shape: tuple[int, ...], sigma: float, rng: Generator) -> Image:
    """Normal deviates float32, from OpenCV's generator, which takes a third of the time of NumPy's."""
    drawn = np.empty(shape, np.float32)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(drawn, np.zeros(1), np.full(1, sigma))
    return drawn


def respond(signal: Image, detector: Detector, scan: Scan) -> Image:
    """The signal (h, w) float32 as a detector of finite speed follows it along the lines."""
    tail = _tail(detector, scan)
    if len(tail) == 1:
        return signal
    kernel = np.concatenate([np.zeros(len(tail) - 1), tail])[::-1]
    return np.asarray(cv2.filter2D(signal, -1, kernel[None].astype(np.float32)), np.float32)


def _tail(detector: Detector, scan: Scan) -> NDArray[np.float64]:
    """Shares of a pixel's signal in itself and in the pixels after it."""
    smear_px = detector.response_us / scan.dwell_us
    if smear_px <= 0.1:
        return np.ones(1)
    tail = np.exp(-np.arange(int(5 * smear_px) + 2) / smear_px)
    return np.asarray(tail / tail.sum())


def detect(signal: Image, detector: Detector, scan: Scan, rng: Generator) -> Image:
    """The signal (h, w) float32 with the noise of its electrons."""
    full = electrons_a_pixel(detector, scan)
    expected = np.maximum(signal, 0) * np.float32(full)
    if scan.dwell_us < FAST_US:
        counted = rng.standard_gamma(expected / PULSE_EXCESS, dtype=np.float32) * np.float32(PULSE_EXCESS)
    elif full >= MANY:
        # The square root of a count is nearly normal with a deviation of 1/2 (Anscombe 1948); the mean is exact, the
        # variance by 1/8 of an electron too large.
        root = np.sqrt(expected) + _normal(expected.shape, 0.5, rng)
        counted = np.multiply(root, root, out=root) - np.float32(0.25)
    else:
        counted = rng.poisson(expected).astype(np.float32)
    noisy = respond(np.asarray(counted / np.float32(full), np.float32), detector, scan)
    if detector.amplifier:
        noisy += _normal(noisy.shape, detector.amplifier / float(np.sqrt(scan.frames)), rng)
    return noisy
