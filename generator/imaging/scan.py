"""The scan: what happens while the beam goes along the lines, one pixel after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.generator.imaging.beam import spot
from nanotally.opencv import cv2

VIBRATIONS = 10
"""Sinusoids of which a vibration is made."""
VIBRATION_HZ = (1.0, 100.0)
"""Range of their frequencies (ARTIMAGEN, NIST; field facts 3.12)."""
LEAST_BLUR_PX = 0.5
"""Blur of averaged frames, whose places are no whole pixels apart; a narrower streak would fall between pixels."""
COARSER = 4
"""Charge is blurred so far along a line that it is worked out on every fourth pixel."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """How the field is scanned.

    Attributes:
        dwell_us: time on a pixel, microseconds: about 0.05 at TV rate, 1 in a live view, 10 and more in a photograph.
        flyback_us: time from the end of a line to the beginning of the next, microseconds.
        frames: frames that are averaged.
        vibration_px: standard deviation of the beam's place, of ten sinusoids between 1 and 100 Hz, pixels.
        drift_x_px: way of the stage along x while the picture is recorded, with all its frames, pixels.
        drift_y_px: the same along y.
        streaks: standard deviation of the gain from line to line.
        charging: signal that a charged particle adds behind itself along its line, as a share of its own; negative
            values take away.
        charging_px: decay length of that trail, pixels.
        halo: signal that is lost around what is bright, as a share of its brightness.
    """

    dwell_us: float = 1.0
    flyback_us: float = 20.0
    frames: int = 1
    vibration_px: float = 0.0
    drift_x_px: float = 0.0
    drift_y_px: float = 0.0
    streaks: float = 0.0
    charging: float = 0.0
    charging_px: float = 60.0
    halo: float = 0.0


def wander(height: int, width: int, scan: Scan, rng: Generator) -> NDArray[np.float32] | None:
    """Where the beam really was, (2, height) x and y against each line's place, pixels; None: where it should be.

    What is averaged over n frames sees the mean of n places, so the displacement shrinks by the root of n.
    """
    if not (scan.vibration_px or scan.drift_x_px or scan.drift_y_px):
        return None
    time_s = np.arange(height, dtype=np.float64) * (width * scan.dwell_us + scan.flyback_us) * 1e-6
    shift = np.stack([_vibration(time_s, rng), _vibration(time_s, rng)]) * scan.vibration_px / np.sqrt(scan.frames)
    shift += np.outer([scan.drift_x_px, scan.drift_y_px], np.linspace(-0.5, 0.5, height)) / scan.frames
    return np.asarray(shift, np.float32)


def sweep(signal: Image, scan: Scan, shift_px: NDArray[np.float32] | None, rng: Generator) -> Image:
    """The signal (h, w) float32 as it comes from a beam that was `shift_px` (2, h) beside its lines' places."""
    if scan.charging or scan.halo:
        signal = _charged(signal, scan)
    if shift_px is not None:
        signal = _displaced(signal if scan.frames == 1 else _averaged(signal, scan), shift_px)
    if scan.streaks:
        signal = signal * (1 + scan.streaks * rng.standard_normal((len(signal), 1))).astype(np.float32)
    return signal


def _averaged(signal: Image, scan: Scan) -> Image:
    """The blur that is left of vibration and drift when several frames are averaged, each at a place of its own."""
    shaken = max(scan.vibration_px * np.sqrt(1 - 1 / scan.frames), LEAST_BLUR_PX)
    way = np.hypot(scan.drift_x_px, scan.drift_y_px) * np.sqrt((1 - 1 / scan.frames**2) / 12)
    kernel = spot(np.hypot(shaken, way), shaken, np.arctan2(scan.drift_y_px, scan.drift_x_px))
    return np.asarray(cv2.filter2D(signal, -1, kernel, borderType=cv2.BORDER_REFLECT), np.float32)


def _displaced(signal: Image, shift_px: NDArray[np.float32]) -> Image:
    height, width = signal.shape
    columns = np.arange(width, dtype=np.float32)[None, :] + shift_px[0][:, None]
    lines = np.repeat((np.arange(height, dtype=np.float32) + shift_px[1])[:, None], width, axis=1)
    return np.asarray(cv2.remap(signal, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def _vibration(time_s: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """Displacement at the given times, unit standard deviation."""
    slowest, fastest = np.log(VIBRATION_HZ)
    frequency = np.exp(rng.uniform(slowest, fastest, VIBRATIONS))
    phase, strength = rng.uniform(0, 2 * np.pi, VIBRATIONS), rng.uniform(0.2, 1, VIBRATIONS)
    waves = np.sin(2 * np.pi * np.outer(time_s, frequency) + phase) @ strength
    return np.asarray(waves / np.sqrt(np.square(strength).sum() / 2))


def _charged(signal: Image, scan: Scan) -> Image:
    """A trail behind what is bright, along its line, and a dark halo around it."""
    height, width = signal.shape
    bright = np.maximum(signal - np.float32(np.median(signal[::7, ::7])), 0)
    small = cv2.resize(bright, (max(width // COARSER, 1), max(height // COARSER, 1)), interpolation=cv2.INTER_AREA)
    change = np.zeros_like(small)
    if scan.charging:
        reach = scan.charging_px / COARSER
        tail = np.exp(-np.arange(int(4 * reach) + 2) / max(reach, 0.1))
        kernel = np.concatenate([np.zeros(len(tail) - 1), tail])[::-1] / tail.sum()
        wide = cv2.copyMakeBorder(small, 0, 0, len(tail), len(tail), cv2.BORDER_CONSTANT)
        trail = cv2.filter2D(wide, -1, kernel[None].astype(np.float32))[:, len(tail) : len(tail) + small.shape[1]]
        change += np.float32(scan.charging) * trail
    if scan.halo:
        change -= np.float32(scan.halo) * cv2.GaussianBlur(small, (0, 0), scan.charging_px / COARSER)
    return np.asarray(signal + cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
