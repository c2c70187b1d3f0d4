"""Procedural particles: cubes and quasi-spheres as an electron beam sees them.

The secondary-electron signal of a surface rises as 1/cos(tilt) and again near an edge, where electrons escape
through two faces (field facts 3.12). Both shapes are drawn from a signed distance to their contour, so the contour
is known to a fraction of a pixel and the mask is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.opencv import cv2

Image = NDArray[np.float32]
CUBE = CLASSES.index("cube")
QUASI_SPHERE = CLASSES.index("quasi_sphere")
STEEPEST = 0.22
"""Cosine below which the 1/cos law no longer holds and the signal stops rising."""


@dataclass(frozen=True)
class Material:
    """How particles of one specimen answer to the beam.

    Attributes:
        level: signal of a flat face, 0 to 1.
        tilt_gain: share of the 1/cos(tilt) law that is seen: 0 for backscattered, 1 for secondary electrons.
        edge_gain: extra signal at an edge, as a share of `level`.
        edge_width: decay length of the edge signal as a share of the particle's radius.
        side_gain: shading towards the detector's side, as a share of `level`; its direction is `side_rad`.
        side_rad: direction of the detector, radians clockwise from +x.
        roughness: surface texture, standard deviation as a share of `level`.
        roundness: corner radius of a cube as a share of half its edge.
        irregularity: departure of a quasi-sphere's contour from a circle, standard deviation of the radius.
        tilt_rad: largest tilt of a cube out of the plane, radians.
    """

    level: float = 0.5
    tilt_gain: float = 0.35
    edge_gain: float = 0.5
    edge_width: float = 0.12
    side_gain: float = 0.1
    side_rad: float = 0.0
    roughness: float = 0.03
    roundness: float = 0.15
    irregularity: float = 0.02
    tilt_rad: float = 0.15


@dataclass(frozen=True)
class Sprite:
    """One particle, ready to be laid on a canvas.

    Attributes:
        signal: (h, w) float32, the particle's own signal, 0 to about 1.
        alpha: (h, w) float32, share of each pixel that the particle covers, 0 to 1.
        class_id: index into `CLASSES`.
        size_px: edge length of a cube, equivalent circular diameter of a quasi-sphere.
    """

    signal: Image
    alpha: Image
    class_id: int
    size_px: float

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) bool, pixels of which the particle covers at least half."""
        return self.alpha >= 0.5


def _grid(radius_px: float, centre: NDArray[np.float64]) -> tuple[Image, Image]:
    """Pixel coordinates x, y (side, side) from a centre given as a sub-pixel shift of the middle of the sprite."""
    half = int(np.ceil(radius_px)) + 2
    axis = np.arange(-half, half + 1, dtype=np.float32)
    x, y = np.meshgrid(axis - np.float32(centre[0]), axis - np.float32(centre[1]))
    return x, y


def _texture(shape: tuple[int, int], grain_px: float, rng: Generator) -> Image:
    """Smooth noise of zero mean and unit deviation whose grain is about `grain_px`."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), max(grain_px, 0.5))
    return np.asarray(noise / (noise.std() + 1e-6), np.float32)


def _lit(cosine: Image, normal_x: Image, normal_y: Image, material: Material) -> Image:
    """Signal of a surface with the given normals, before edge brightening."""
    tilt = 1 + material.tilt_gain * (1 / np.maximum(cosine, STEEPEST) - 1)
    side = material.side_gain * (normal_x * np.cos(material.side_rad) + normal_y * np.sin(material.side_rad))
    return np.asarray(material.level * (tilt + side), np.float32)


def quasi_sphere(diameter_px: float, material: Material, rng: Generator) -> Sprite:
    """A nearly round particle of equivalent circular diameter `diameter_px`."""
    radius = diameter_px / 2
    x, y = _grid(radius * 1.35, rng.uniform(-0.5, 0.5, 2))
    angle, distance = np.arctan2(y, x), np.hypot(x, y)
    orders = np.arange(2, 7)
    strength = rng.standard_normal((2, len(orders))) * material.irregularity / np.sqrt(orders - 1)
    wave = sum(
        (a * np.cos(k * angle) + b * np.sin(k * angle) for k, a, b in zip(orders, *strength, strict=True)),
        start=np.zeros_like(angle),
    )
    contour = radius * np.clip(1 + wave, 0.7, 1.3)
    inside = contour - distance
    share = np.clip(distance / contour, 0, 1)
    cosine = np.sqrt(1 - share**2)
    signal = _lit(cosine, share * np.cos(angle), share * np.sin(angle), material)
    signal += (
        material.level * material.edge_gain * np.exp(-np.clip(inside, 0, None) / (material.edge_width * radius + 0.3))
    )
    signal *= 1 + material.roughness * _texture(x.shape, diameter_px * rng.uniform(0.02, 0.12), rng)
    alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return Sprite(signal.astype(np.float32), alpha, QUASI_SPHERE, 2 * float(np.sqrt(alpha.sum() / np.pi)))


def _rotation(material: Material, rng: Generator) -> NDArray[np.float64]:
    """Rotation matrix of a cube: free about the beam, tilted about an axis in the plane."""
    turn, axis, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi), rng.uniform(0, material.tilt_rad)
    lean = cv2.Rodrigues(np.array([np.cos(axis), np.sin(axis), 0.0]) * tilt)[0]
    return np.asarray(lean @ cv2.Rodrigues(np.array([0, 0, turn]))[0])


def _inside_polygon(x: Image, y: Image, corners: NDArray[np.float64], rounding_px: float) -> Image:
    """Distance into a convex polygon (corners (n, 2) in order), negative outside, its corners rounded.

    The rounding is the smooth minimum of the distances to the sides.
    """
    centre = corners.mean(axis=0)
    sides = []
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = np.hypot(x2 - x1, y2 - y1)
        if length < 1e-6:
            continue
        normal = np.array([y2 - y1, x1 - x2]) / length
        if normal @ (centre - (x1, y1)) < 0:
            normal = -normal
        sides.append(np.add.outer(normal[1] * (y[:, 0] - y1), normal[0] * (x[0] - x1)))
    stack = np.stack(sides)
    nearest = stack.min(axis=0)
    soft = max(rounding_px, 1e-3) / 2.5
    # In place: the stack of a large particle is bigger than the cache, and this is where drawing spends its time.
    np.subtract(stack, nearest, out=stack)
    np.divide(stack, -soft, out=stack)
    return np.asarray(nearest - soft * np.log(np.exp(stack, out=stack).sum(axis=0)), np.float32)


def cube(edge_px: float, material: Material, rng: Generator) -> Sprite:
    """A cube of edge length `edge_px`, turned freely about the beam and tilted a little."""
    half = edge_px / 2
    turn = _rotation(material, rng)
    x, y = _grid(half * np.sqrt(3), rng.uniform(-0.5, 0.5, 2))
    rounding = material.roundness * half
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * half @ turn.T
    outline = cv2.convexHull(corners[:, :2].astype(np.float32))[:, 0].astype(np.float64)
    inside = _inside_polygon(x, y, outline, rounding)
    signal, best = np.zeros_like(x), np.full_like(x, -np.inf)
    for axis in range(3):
        normal = turn[:, axis] * np.sign(turn[2, axis] or 1)
        if normal[2] < 1e-3:
            continue
        across = [turn[:, (axis + 1) % 3] * half, turn[:, (axis + 2) % 3] * half]
        middle = normal * half
        face = np.array([middle + i * across[0] + j * across[1] for i, j in ((-1, -1), (-1, 1), (1, 1), (1, -1))])
        depth = _inside_polygon(x, y, face[:, :2], rounding)
        lit = _lit(np.full_like(x, normal[2]), np.full_like(x, normal[0]), np.full_like(x, normal[1]), material)
        lit += (
            material.level * material.edge_gain * np.exp(-np.clip(depth, 0, None) / (material.edge_width * half + 0.3))
        )
        np.copyto(signal, lit, where=depth > best)
        np.maximum(best, depth, out=best)
    signal *= 1 + material.roughness * _texture(x.shape, edge_px * rng.uniform(0.02, 0.12), rng)
    alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return Sprite(signal.astype(np.float32), alpha, CUBE, edge_px)


DRAW = {"cube": cube, "quasi_sphere": quasi_sphere}
"""How to draw each class: (size_px, material, rng) -> Sprite."""
