"""The polyhedra of a specimen: cubes and blocks, faceted quasi-spheres, and shapes that are not counted."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.random import Generator

from nanotally.generator.bodies.body import CUBE, QUASI_SPHERE, Habit, Material, Sprite
from nanotally.generator.bodies.solid import Points, corners_of, solid, turned
from nanotally.opencv import cv2

FEWEST_FACETS = 12
"""Faces below which a body would be no quasi-sphere."""
AXES = np.vstack([np.eye(3), -np.eye(3)])
DIAGONALS = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) / np.sqrt(3)


@lru_cache(maxsize=64)
def _block(halves: tuple[float, float, float], roundness: float, truncation: float) -> tuple[Points, Points, Points]:
    """Normals, offsets and shrunken corners of a block with these half edges."""
    faces = np.array(halves * 2)
    if not truncation:
        return AXES, faces, np.sign(DIAGONALS) * (np.array(halves) - roundness)
    normals = np.vstack([AXES, DIAGONALS])
    offsets = np.concatenate([faces, np.full(8, (sum(halves) - truncation) / np.sqrt(3))])
    return normals, offsets, corners_of(normals, offsets - roundness)


def _half_edges(oblong: float, rng: Generator) -> tuple[float, float, float]:
    """Half edges of a block with the volume of a cube of half edge 1, of a ratio of at most `oblong`."""
    if oblong <= 1:
        return 1.0, 1.0, 1.0
    powers = rng.uniform(0, 1, 3)
    a, b, c = (oblong ** (powers - powers.mean())).tolist()
    return a, b, c


def cube(edge_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None) -> Sprite:
    """A cube of edge length `edge_px` from face to face; a block of that volume where the habit is oblong."""
    half = edge_px / 2
    halves = _half_edges(habit.oblong, rng)
    roundness, truncation = (share * min(halves) for share in (habit.roundness, habit.truncation))
    normals, offsets, corners = _block(halves, roundness, truncation)
    rotation, turn = turned(turn_rad, habit.tilt_rad, rng)
    return solid(
        normals @ rotation.T, offsets * half, corners @ rotation.T * half, roundness * half, material, rng,
        class_id=CUBE, size_px=edge_px, turn_rad=turn, concavity=habit.concavity,
    )  # fmt: skip


def _evenly(number: int) -> Points:
    """Directions (n, 3) spread evenly over the sphere, along a spiral of the golden angle."""
    z = 1 - (2 * np.arange(number) + 1) / number
    around = np.arange(number) * np.pi * (3 - np.sqrt(5))
    return np.stack([np.sqrt(1 - z**2) * np.cos(around), np.sqrt(1 - z**2) * np.sin(around), z], axis=1)


def faceted(
    diameter_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """A quasi-sphere of about `habit.facets` faces and equivalent circular diameter `diameter_px`."""
    normals = _evenly(habit.facets) + rng.normal(0, 0.12, (habit.facets, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets, rounding = rng.uniform(0.92, 1.0, len(normals)), 0.2
    rotation, turn = turned(turn_rad, np.pi, rng)
    corners = corners_of(normals, offsets - rounding) @ rotation.T
    scale = diameter_px / _equivalent_diameter(corners[:, :2], rounding)
    return solid(
        normals @ rotation.T, scale * offsets, scale * corners, scale * rounding, material, rng,
        class_id=QUASI_SPHERE, size_px=diameter_px, turn_rad=turn,
    )  # fmt: skip


def _equivalent_diameter(corners: Points, radius: float) -> float:
    """Diameter of the circle with the area of the hull of `corners` (m, 2) grown by `radius` (Steiner)."""
    hull = cv2.convexHull(corners.astype(np.float32))
    area = cv2.contourArea(hull) + radius * cv2.arcLength(hull, closed=True) + np.pi * radius**2
    return 2 * float(np.sqrt(area / np.pi))


def _other(
    normals: Points, offsets: Points, size_px: float, tilt_rad: float, habit: Habit, material: Material,
    rng: Generator, turn_rad: float | None,
) -> Sprite:  # fmt: skip
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    rounding = min(habit.roundness, 0.5) * float(offsets.min())
    rotation, turn = turned(turn_rad, tilt_rad, rng)
    corners = corners_of(normals, offsets - rounding)
    return solid(
        normals @ rotation.T, offsets, corners @ rotation.T, rounding, material, rng,
        class_id=None, size_px=size_px, turn_rad=turn,
    )  # fmt: skip


def _prism(sides: int, radius: float, half_length: float) -> tuple[Points, Points]:
    """Normals and offsets of an upright prism."""
    angle = np.arange(sides) * 2 * np.pi / sides
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides)], axis=1)
    return np.vstack([around, AXES[[2, 5]]]), np.concatenate([np.full(sides, radius), [half_length] * 2])


def rod(size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None) -> Sprite:
    """A lying rod of length `size_px`, two to six times as long as wide."""
    radius = size_px / 2 / rng.uniform(2, 6)
    upright, offsets = _prism(int(rng.choice([4, 5, 6, 12])), radius, size_px / 2)
    lying = upright[:, [2, 0, 1]]
    return _other(lying, offsets, size_px, 0.3, habit, material, rng, turn_rad)


def plate(size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None) -> Sprite:
    """A flat triangle or hexagon about `size_px` across."""
    sides = int(rng.choice([3, 6]))
    normals, offsets = _prism(sides, size_px * (0.3 if sides == 3 else 0.5), size_px / 2 * rng.uniform(0.08, 0.25))
    return _other(normals, offsets, size_px, habit.tilt_rad, habit, material, rng, turn_rad)


def octahedron(
    size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """An octahedron of inner diameter `size_px`, lying in any way."""
    return _other(DIAGONALS, np.full(8, size_px / 2), size_px, np.pi, habit, material, rng, turn_rad)


def tetrahedron(
    size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """A tetrahedron of inner diameter half of `size_px`, lying in any way."""
    alternate = DIAGONALS[np.prod(np.sign(DIAGONALS), axis=1) > 0]
    return _other(alternate, np.full(4, size_px / 4), size_px, np.pi, habit, material, rng, turn_rad)


def bipyramid(
    size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """A lying bipyramid of length about `size_px` over a pentagon."""
    angle = np.arange(5) * 2 * np.pi / 5
    slant = rng.uniform(0.25, 0.45)
    around = np.stack([np.full(5, slant), np.cos(angle), np.sin(angle)], axis=1)
    normals = np.vstack([around, around * [-1, 1, 1]])
    offsets = np.full(10, size_px / 2 * slant / np.hypot(1, slant))
    return _other(normals, offsets, size_px, 0.3, habit, material, rng, turn_rad)
