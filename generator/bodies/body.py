"""What all bodies share: their habit, how they answer to the beam, and the sprite that comes of it.

The secondary-electron signal of a surface rises as 1/cos(tilt) and again near an edge, where electrons escape
through two faces; a transmitted beam is weakened along its way through the body (field facts 3.12).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.generator.bodies.texture import SMALLEST_TEXTURE_PX, SOBEL, Image, grain, lit_bumps, patches
from nanotally.opencv import cv2

CUBE = CLASSES.index("cube")
QUASI_SPHERE = CLASSES.index("quasi_sphere")
STEEPEST = 0.22
"""Cosine below which the 1/cos law no longer holds and the signal stops rising."""
DEEPEST = 0.1
"""What the deepest dent of a rough surface keeps of its signal."""


@dataclass(frozen=True, kw_only=True)
class Habit:
    """The shape of the particles of one specimen.

    Attributes:
        roundness: radius of a cube's edges as a share of half its edge length, 0 to 0.9.
        truncation: how much of a cube's corners is cut off, 0 to 1 (1: a cuboctahedron).
        concavity: how far the sides of a cube are drawn in, as a share of half its edge length.
        oblong: largest ratio of a cube's longest to its shortest edge, 1 or more; its volume stays.
        tilt_rad: largest tilt of a cube out of the plane, radians; 0.8 shows it on edge, 0.96 on a corner.
        irregularity: departure of a quasi-sphere's contour from a circle, standard deviation of the radius.
        elongation: largest ratio of a quasi-sphere's longer to its shorter axis, 1 or more.
        facets: faces of a faceted quasi-sphere, 12 or more; fewer: a smooth one.
        shell: thickness of a quasi-sphere's shell as a share of its radius; 0: it has none.
    """

    roundness: float = 0.15
    truncation: float = 0.0
    concavity: float = 0.0
    oblong: float = 1.0
    tilt_rad: float = 0.15
    irregularity: float = 0.02
    elongation: float = 1.0
    facets: int = 0
    shell: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Material:
    """How particles of one specimen answer to the beam.

    Attributes:
        level: signal of a flat face, 0 to 1; in transmission the signal of the bare film.
        spread: standard deviation of the level from particle to particle, as a share of it.
        tilt_gain: share of the 1/cos(tilt) law that is seen: 0 for backscattered, 1 for secondary electrons.
        edge_gain: extra signal at an edge, as a share of `level`.
        edge_width: decay length of the edge signal as a share of the particle's radius.
        side_gain: shading towards the detector's side, as a share of `level`, and twice that of the edge signal; its
            direction is `side_rad`.
        side_rad: direction of the detector, radians clockwise from +x.
        roughness: surface texture, standard deviation as a share of `level`.
        grain: size of that texture as a share of the particle's size.
        relief: share of that texture that is shading of bumps lit from `side_rad`; the rest are patches.
        mottle: broad unevenness within a particle, standard deviation as a share of its signal.
        shell_level: signal of a shell as a share of the core's.
        absorption: optical density of a particle along its full size; 0: the surface is seen, not the inside.
    """

    level: float = 0.5
    spread: float = 0.0
    tilt_gain: float = 0.35
    edge_gain: float = 0.5
    edge_width: float = 0.12
    side_gain: float = 0.1
    side_rad: float = 0.0
    roughness: float = 0.03
    grain: float = 0.06
    relief: float = 0.0
    mottle: float = 0.0
    shell_level: float = 0.6
    absorption: float = 0.0


@dataclass(frozen=True)
class Sprite:
    """One particle, ready to be laid on a canvas.

    Attributes:
        signal: (h, w) float32, the particle's own signal, 0 to about 1; in transmission the share that comes through.
        alpha: (h, w) float32, share of each pixel that the particle covers, 0 to 1.
        class_id: index into `CLASSES`; None: not a particle that is counted.
        size_px: edge length of a cube, equivalent circular diameter of a quasi-sphere.
        turn_rad: angle of a cube's sides about the beam, radians.
    """

    signal: Image
    alpha: Image
    class_id: int | None
    size_px: float
    turn_rad: float = 0.0

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) bool, pixels of which the particle covers at least half."""
        return self.alpha >= 0.5


def grid(reach_x_px: float, reach_y_px: float, rng: Generator) -> tuple[Image, Image]:
    """Coordinates x (1, w) and y (h, 1) in pixels, at least that far from a random place within the middle pixel."""
    axes = [np.arange(-half, half + 1, dtype=np.float32) for half in (int(reach_x_px) + 3, int(reach_y_px) + 3)]
    shift_x, shift_y = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
    return (axes[0] - shift_x)[None, :], (axes[1] - shift_y)[:, None]


def lit(
    x: NDArray[np.floating], y: NDArray[np.floating], z: NDArray[np.floating], material: Material
) -> NDArray[np.floating]:
    """Signal of faces with the unit normals (x, y, z), z towards the beam, before edge brightening."""
    # Cosines of Python, here and in the other bodies: those of NumPy would turn every picture into float64.
    side = x * math.cos(material.side_rad) + y * math.sin(material.side_rad)
    lighted: NDArray[np.floating] = 1 + material.tilt_gain * (1 / np.maximum(z, STEEPEST) - 1)
    return lighted + material.side_gain * side


def finish(
    relative: Image, depth: Image, inside: Image, material: Material, rng: Generator, *, size_px: float,
    laid: Callable[[Image], Image] | None = None,
) -> Image:  # fmt: skip
    """Signal of a body.

    Args:
        relative: (h, w) signal of its faces, 1 where flat; in transmission the path through it as a share of its size.
        depth: (h, w) distance to the nearest edge, pixels.
        inside: (h, w) distance to the contour, pixels, negative outside.
        material: what it is made of.
        rng: of texture and of the particle's own level.
        size_px: of the body.
        laid: lays a texture (h, w) on the body's surface; None: as it is.
    """
    own = float(np.exp(rng.normal(0, material.spread))) if material.spread else 1.0
    if material.absorption:
        signal = np.exp(-material.absorption * own * relative)
        signal += material.edge_gain * 0.15 * np.exp(-(np.square(inside) / 2))  # Fresnel's fringe
    else:
        width = material.edge_width * size_px / 2 + 0.3
        glow = np.exp(np.clip(depth, 0, None) / -width)
        if material.side_gain:
            glow *= _facing(inside, material)
        signal = material.level * own * (relative + material.edge_gain * glow)
    if size_px >= SMALLEST_TEXTURE_PX and (material.roughness or material.mottle):
        signal = signal * _unevenness(inside.shape, material, rng, size_px, laid)
    return np.asarray(signal, np.float32)


def _unevenness(
    shape: tuple[int, ...], material: Material, rng: Generator, size_px: float, laid: Callable[[Image], Image] | None
) -> Image:
    """Factor (h, w) of the signal: texture and broad patches, 1 on average."""
    factor = np.ones(shape, np.float32)
    if material.roughness:
        texture = grain(shape, material.grain * size_px, rng)
        if material.relief:
            texture = lit_bumps(texture, material.grain * size_px, material.relief, material.side_rad)
        factor += np.float32(material.roughness) * (texture if laid is None else laid(texture))
    if material.mottle:
        factor += np.float32(material.mottle) * patches(shape, rng)
    return np.asarray(np.maximum(factor, np.float32(DEEPEST)))


def _facing(inside: Image, material: Material) -> Image:
    """How much of the edge signal is seen: more on the detector's side, less on the other; (h, w), 1 on average."""
    towards = math.cos(material.side_rad) * SOBEL + math.sin(material.side_rad) * SOBEL.T
    outwards = cv2.filter2D(inside, cv2.CV_32F, -2 * material.side_gain * towards)
    return np.asarray(np.maximum(1 + outwards, 0), np.float32)


def coverage(inside: Image) -> Image:
    """Share of each pixel that is covered, from the distance to the contour in pixels, negative outside."""
    return np.asarray(np.clip(inside + 0.5, 0, 1), np.float32)
