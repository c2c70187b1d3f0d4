"""What particles lie on: a graded, textured film, or a user's own micrograph of one, with its flaws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.opencv import cv2

STAIN = 0.35
"""Width of the widest stain, as a share of the field's."""
STAIN_GRID = 64
"""Points along a side on which a stain is worked out."""


@dataclass(frozen=True, kw_only=True)
class Substrate:
    """What the particles lie on.

    Attributes:
        level: mean signal, as a share of that of a particle's flat face.
        gradient: change of the signal across the longer side of the field, as a share of its mean.
        gradient_rad: direction in which it grows, radians clockwise from +x.
        grain: standard deviation of the fine texture, as a share of the mean.
        grain_px: size of the texture's grain, pixels.
        rolled: ratio of the grain's length to its width: 1 for a film, more for rolled or ground metal.
        relief: standard deviation of the shading of a bumpy film, lit from `gradient_rad`, as a share of the mean.
        blotches: standard deviation of broad patches, as a share of the mean.
    """

    level: float = 0.25
    gradient: float = 0.0
    gradient_rad: float = 0.0
    grain: float = 0.0
    grain_px: float = 4.0
    rolled: float = 1.0
    relief: float = 0.0
    blotches: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Flaws:
    """What lies on a substrate, or is missing in it, and is not a particle.

    Attributes:
        debris: flakes and crumbs of irregular shape, a megapixel.
        scratches: lines, a megapixel.
        pores: dark holes with a bright rim, a megapixel.
        stains: spots where something has dried, with soft outlines, up to a third of the field wide, a field.
        size_px: of a flake or a pore, geometric mean, pixels.
        contrast: of all of them against the substrate, as a share of a particle's signal.
    """

    debris: float = 0.0
    scratches: float = 0.0
    pores: float = 0.0
    stains: float = 0.0
    size_px: float = 12.0
    contrast: float = 0.4


def paint_substrate(height: int, width: int, substrate: Substrate, rng: Generator) -> Image:
    """Signal of the bare substrate, (height, width) float32, as a share of that of a particle's flat face."""
    x = ((np.arange(width, dtype=np.float32) - (width - 1) / 2) / max(height, width))[None, :]
    y = ((np.arange(height, dtype=np.float32) - (height - 1) / 2) / max(height, width))[:, None]
    direction = np.array([np.cos(substrate.gradient_rad), np.sin(substrate.gradient_rad)], np.float32)
    factor = 1 + np.float32(substrate.gradient) * (x * direction[0] + y * direction[1])
    if substrate.blotches:
        coarse = rng.standard_normal((5, 5)).astype(np.float32)
        factor += np.float32(substrate.blotches) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    if substrate.grain:
        factor += np.float32(substrate.grain) * _grain(height, width, substrate, rng)
    if substrate.relief:
        factor += np.float32(substrate.relief) * _relief(height, width, substrate, rng)
    return np.asarray(np.maximum(np.float32(substrate.level) * factor, 0), np.float32)


def _grain(height: int, width: int, substrate: Substrate, rng: Generator) -> Image:
    """Texture of zero mean and unit deviation, worked out on a coarser grid where its grain is coarse."""
    step = max(1, int(substrate.grain_px / 2))
    shape = (height // step + 2, width // step + 2)
    fine = substrate.grain_px / step
    white = rng.standard_normal(shape, np.float32)
    noise = np.asarray(cv2.GaussianBlur(white, (0, 0), fine * substrate.rolled, sigmaY=fine))
    if step > 1:
        noise = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
    noise = noise[:height, :width] - noise[:height, :width].mean()
    return np.asarray(noise / (noise.std() + 1e-6), np.float32)


def _relief(height: int, width: int, substrate: Substrate, rng: Generator) -> Image:
    """Slope of a bumpy surface against the light, zero mean and unit deviation."""
    bumps = _grain(height, width, replace(substrate, grain_px=max(substrate.grain_px, 2.0)), rng)
    along = cv2.Sobel(bumps, cv2.CV_32F, 1, 0), cv2.Sobel(bumps, cv2.CV_32F, 0, 1)
    slope = along[0] * np.float32(np.cos(substrate.gradient_rad)) + along[1] * np.float32(
        np.sin(substrate.gradient_rad)
    )
    return np.asarray((slope - slope.mean()) / (slope.std() + 1e-6), np.float32)


def cut_background(micrograph: NDArray[np.uint8], height: int, width: int, level: float, rng: Generator) -> Image:
    """A random part of a user's picture of a bare substrate as signal (height, width), its mean brought to `level`.

    Where the picture is smaller than the field it is mirrored at its borders.
    """
    h, w = micrograph.shape
    y, x = int(rng.integers(0, max(h - height, 0) + 1)), int(rng.integers(0, max(w - width, 0) + 1))
    part = micrograph[y : y + height, x : x + width].astype(np.float32)
    part = np.pad(part, ((0, height - part.shape[0]), (0, width - part.shape[1])), mode="symmetric")
    return np.asarray(part * np.float32(level / max(float(part.mean()), 0.1)), np.float32)


def add_flaws(signal: Image, flaws: Flaws, rng: Generator) -> None:
    """Paint debris, scratches and pores into the signal (h, w), in place."""
    megapixels = signal.size / 1e6
    for _ in range(rng.poisson(flaws.stains)):
        _stain(signal, flaws.contrast, rng)
    for _ in range(rng.poisson(flaws.scratches * megapixels)):
        _scratch(signal, flaws.contrast, rng)
    for _ in range(rng.poisson(flaws.pores * megapixels)):
        _pore(signal, flaws, rng)
    for _ in range(rng.poisson(flaws.debris * megapixels)):
        _flake(signal, flaws, rng)
    np.maximum(signal, 0, out=signal)


def _stain(signal: Image, contrast: float, rng: Generator) -> None:
    """A spot of any outline, in most of them with a rim that is brighter or darker, as of a drop that has dried."""
    side = int(max(signal.shape) * np.exp(rng.uniform(np.log(0.04), np.log(STAIN)))) + 8
    x1, y1 = (int(rng.uniform(-side / 2, length - side / 2)) for length in signal.shape[::-1])
    part = signal[max(y1, 0) : y1 + side, max(x1, 0) : x1 + side]
    axis = np.linspace(-1, 1, STAIN_GRID, dtype=np.float32)
    hill = cv2.resize(rng.standard_normal((6, 6)).astype(np.float32), (STAIN_GRID,) * 2, interpolation=cv2.INTER_CUBIC)
    hill = 0.35 * hill + 0.6 - 1.6 * (axis[None] ** 2 + axis[:, None] ** 2)
    inner = np.clip(hill * float(rng.uniform(2, 12)), 0, 1)
    rim = 4 * inner * (1 - inner)
    layer = inner * float(rng.uniform(-0.5, 0.5)) + rim * float(rng.uniform(-0.3, 0.5))
    whole = cv2.resize(np.asarray(layer, np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    shown = whole[max(-y1, 0) :, max(-x1, 0) :][: part.shape[0], : part.shape[1]]
    part += np.float32(0.5 * contrast) * shown


def _scratch(signal: Image, contrast: float, rng: Generator) -> None:
    height, width = signal.shape
    start, turn = rng.uniform(0, [width, height]), rng.uniform(0, 2 * np.pi)
    length = rng.uniform(0.1, 1.2) * max(height, width)
    along = np.linspace(0, 1, 12)
    bow = rng.normal(0, 0.02) * length * np.sin(np.pi * along)
    points = (
        start + np.outer(along * length, [np.cos(turn), np.sin(turn)]) + np.outer(bow, [-np.sin(turn), np.cos(turn)])
    )
    _draw(signal, points, int(rng.integers(1, 4)), float(rng.choice([-0.5, 0.5]) * contrast * rng.uniform(0.3, 1)))


def _draw(signal: Image, points: NDArray[np.floating], thickness: int, change: float) -> None:
    """Add a line through `points` (n, 2), or where `thickness` is -1 fill their polygon."""
    low = np.maximum(points.min(axis=0).astype(int) - 4, 0)
    high = np.minimum(points.max(axis=0).astype(int) + 5, signal.shape[::-1])
    if (high <= low).any():
        return
    layer = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    at = np.round((points - low) * 16).astype(np.int32)[None]
    if thickness < 0:
        cv2.fillPoly(layer, at, 1.0, cv2.LINE_AA, 4)
        layer *= 1 + 0.5 * cv2.GaussianBlur(layer, (0, 0), 1.5) * (0.5 - cv2.blur(layer, (5, 5)))
    else:
        cv2.polylines(layer, at, False, 1.0, thickness, cv2.LINE_AA, 4)
    signal[low[1] : high[1], low[0] : high[0]] += np.float32(change) * layer


def _flake(signal: Image, flaws: Flaws, rng: Generator) -> None:
    """A crumb with an outline that no particle has: long, jagged, concave."""
    height, width = signal.shape
    size = flaws.size_px * np.exp(rng.normal(0, 0.6))
    corners = int(rng.integers(5, 12))
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = size / 2 * rng.uniform(0.25, 1.3, corners)
    outline = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] * [1, rng.uniform(0.3, 0.8)]
    turn = rng.uniform(0, 2 * np.pi)
    outline = outline @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    _draw(signal, outline + rng.uniform(0, [width, height]), -1, flaws.contrast * float(rng.uniform(0.3, 1.6)))


def _pore(signal: Image, flaws: Flaws, rng: Generator) -> None:
    height, width = signal.shape
    radius = flaws.size_px / 2 * np.exp(rng.normal(0, 0.4))
    reach = int(radius * 1.6) + 3
    cx, cy = rng.uniform(0, width), rng.uniform(0, height)
    x1, x2 = max(int(cx) - reach, 0), min(int(cx) + reach, width)
    y1, y2 = max(int(cy) - reach, 0), min(int(cy) + reach, height)
    if x2 <= x1 or y2 <= y1:
        return
    y, x = np.mgrid[y1:y2, x1:x2].astype(np.float32)
    inside = radius - np.hypot(x - cx, (y - cy) * rng.uniform(1, 1.5))
    hole, rim = np.clip(inside + 0.5, 0, 1), np.exp(-np.square(inside / max(0.15 * radius, 1)) / 2)
    part = signal[y1:y2, x1:x2]
    part *= 1 - min(1.5 * flaws.contrast, 0.9) * hole
    part += np.float32(0.3 * flaws.contrast) * rim
