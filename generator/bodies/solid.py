"""Convex bodies with flat faces and rounded edges, each the intersection of half-spaces.

Rounding by a radius is an opening: the faces are moved inwards by it, and a ball of that radius is rolled over what
is left. The projection of the result is the hull of the smaller body's corners, grown by the same radius, so the
contour of a rounded body is exact at every tilt.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies.body import Material, Sprite, coverage, finish, grid, lit
from nanotally.generator.bodies.texture import Image
from nanotally.opencv import cv2

Points = NDArray[np.float64]
ARC_PX = 0.3
"""Radius below which the corner between two sides is as good as its arc."""
UNSEEN_PX = -1.0
"""Distance into a contour below which no pixel shows anything of the body."""


@lru_cache(maxsize=32)
def _triples(number: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    first, second, third = np.array(list(combinations(range(number), 3)), np.intp).T
    return first, second, third


def corners_of(normals: Points, offsets: Points) -> Points:
    """Corners (m, 3) of the body that lies below all planes `normals` (n, 3) at the distances `offsets` (n,).

    Three planes meet in (a (v x w) + b (w x u) + c (u x v)) / u (v x w); what lies above another plane is no corner.
    """
    first, second, third = _triples(len(normals))
    across = np.cross(normals[:, None], normals[None])  # (n, n, 3)
    volume = (normals[first] * across[second, third]).sum(axis=1)
    sharp = np.abs(volume) > 1e-6
    first, second, third, volume = first[sharp], second[sharp], third[sharp], volume[sharp]
    points = offsets[first, None] * across[second, third]
    points += offsets[second, None] * across[third, first]
    points += offsets[third, None] * across[first, second]
    points /= volume[:, None]
    within = (points @ normals.T - offsets).max(axis=1, initial=-np.inf) <= 1e-6 * offsets.max()
    return np.asarray(points[within])


def turned(turn_rad: float | None, tilt_rad: float, rng: Generator) -> tuple[Points, float]:
    """Rotation matrix of a body, by `turn_rad` (None: any angle) about the beam and up to `tilt_rad` out of the plane.

    Also answers the angle about the beam.
    """
    turn = rng.uniform(0, 2 * np.pi) if turn_rad is None else turn_rad
    axis, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0, tilt_rad)
    lean = cv2.Rodrigues(np.array([np.cos(axis), np.sin(axis), 0.0]) * tilt)[0]
    return np.asarray(lean @ cv2.Rodrigues(np.array([0.0, 0.0, turn]))[0]), turn


def inside_hull(x: Image, y: Image, corners: Points, radius_px: float) -> Image:
    """Distance into the hull of `corners` (m, 2) grown by `radius_px`, in pixels, negative outside.

    Args:
        x: (1, w) or (h, w) pixels.
        y: (h, 1) or (h, w) pixels.
        corners: points, in any order.
        radius_px: of the growth; 0: none.
    """
    hull = cv2.convexHull(corners.astype(np.float32))[:, 0].astype(np.float64)
    ends = np.roll(hull, -1, axis=0)
    lengths = np.hypot(*(ends - hull).T)
    hull, along = hull[lengths > 1e-6], ((ends - hull) / np.maximum(lengths, 1e-6)[:, None])[lengths > 1e-6]
    lengths = lengths[lengths > 1e-6]
    turns = np.sign(cv2.contourArea(hull.astype(np.float32), oriented=True)) or 1.0
    inwards = np.stack([-along[:, 1], along[:, 0]], axis=1) * turns
    offsets = (inwards * hull).sum(axis=1)
    nearest = np.full((y.shape[0], x.shape[1]), np.inf, np.float32)
    side = np.empty_like(nearest)
    for (nx, ny), offset in zip(inwards.tolist(), offsets.tolist(), strict=True):
        np.minimum(nearest, np.add(nx * x, ny * y - offset, out=side), out=nearest)
    if radius_px > ARC_PX:
        # Outside, the distance to a corner is longer than that to its sides; it matters within the radius only.
        near = (nearest < 0) & (nearest > -radius_px - 1)
        at = _chosen(x, y, near)
        reach = _affine(along, -(hull * along).sum(axis=1), at)  # (sides, pixels): how far along each, from its start
        past = reach - np.clip(reach, 0, lengths[:, None].astype(np.float32))
        nearest[near] = -np.sqrt((_affine(inwards, -offsets, at) ** 2 + past**2).min(axis=0))
    nearest += np.float32(radius_px)
    return nearest


def _chosen(x: Image, y: Image, chosen: NDArray[np.bool_]) -> Image:
    """Coordinates (2, pixels) of the chosen pixels."""
    field = np.empty((2, *chosen.shape), np.float32)
    field[0], field[1] = x, y
    return field.reshape(2, -1).take(np.flatnonzero(chosen), axis=1)


def _affine(slopes: Points, base: Points, at: Image) -> Image:
    """Values (n, pixels) of n functions `slopes` (n, 2) and `base` (n,) at the coordinates `at` (2, pixels)."""
    values: Image = slopes.astype(np.float32) @ at
    values += base.astype(np.float32)[:, None]
    return values


def solid(
    normals: Points, offsets: Points, corners: Points, radius_px: float, material: Material, rng: Generator,
    *, class_id: int | None, size_px: float, turn_rad: float, concavity: float = 0.0,
) -> Sprite:  # fmt: skip
    """The sprite of a body.

    Args:
        normals: (n, 3) of its faces, turned as it lies.
        offsets: (n,) distances of the faces from the centre, pixels.
        corners: (m, 3) of the body shrunk by `radius_px`.
        radius_px: of its edges.
        material: what it is made of.
        rng: of the sub-pixel place, texture and level.
        class_id: of the sprite.
        size_px: of the sprite.
        turn_rad: of the sprite.
        concavity: how far the sides between four corners are drawn in, as a share of half the size.
    """
    reach_x, reach_y = (np.abs(corners[:, :2]).max(axis=0) + radius_px).tolist()
    x, y = grid(reach_x, reach_y, rng)
    if concavity:
        x, y = _drawn_in(x, y, turn_rad, concavity, size_px / 2)
    inside = inside_hull(x, y, corners[:, :2], radius_px)
    seen = inside > UNSEEN_PX
    at = _chosen(x, y, seen)
    upper = normals[:, 2] > 1e-3
    heights = _planes(at, normals[upper], offsets[upper])
    relative, depth = np.zeros_like(inside), inside
    if material.absorption:
        lower = normals[:, 2] < -1e-3
        path = heights.min(axis=0) - _planes(at, normals[lower], offsets[lower]).max(axis=0)
        relative[seen] = np.clip(path / np.float32(size_px), 0, None)
    else:
        depth = inside.copy()
        relative[seen], ridge = _faces(heights, normals[upper], radius_px, material)
        depth[seen] = np.minimum(depth[seen], ridge)
    signal = finish(relative, depth, inside, material, rng, size_px=size_px)
    return Sprite(signal, coverage(inside), class_id, size_px, turn_rad)


def _planes(at: Image, normals: Points, offsets: Points) -> Image:
    """Heights (n, pixels) of planes over the coordinates `at` (2, pixels)."""
    return _affine(-normals[:, :2] / normals[:, 2:], offsets / normals[:, 2], at)


def _faces(heights: Image, normals: Points, radius_px: float, material: Material) -> tuple[Image, Image]:
    """Signal (pixels,) of the faces, blended over rounded edges, and the distance (pixels,) to a ridge, pixels."""
    light = lit(normals[:, 0], normals[:, 1], normals[:, 2], material).astype(np.float32)
    if len(normals) == 1:
        return np.full_like(heights[0], light[0]), np.full_like(heights[0], np.inf)
    slope = -normals[:, :2] / normals[:, 2:]
    steepness = np.hypot(*(slope[:, None] - slope[None]).transpose(2, 0, 1))
    rises = (1 / np.maximum(steepness, 1e-6)).astype(np.float32)
    highest = heights.argmin(axis=0)
    away = heights - heights.min(axis=0)
    away *= rises.take(highest, axis=1)  # (n, pixels): how far each face begins
    every = np.arange(len(highest))
    away[highest, every] = np.inf
    ridge = away.min(axis=0)
    away[highest, every] = 0
    if radius_px < 1:
        return light[highest], ridge
    weight = np.exp(away * np.float32(-2 / radius_px))
    return np.asarray(light @ weight / weight.sum(axis=0), np.float32), ridge


def _drawn_in(x: Image, y: Image, turn_rad: float, concavity: float, half_px: float) -> tuple[Image, Image]:
    """The coordinates in which a cube with sides drawn in is a plain one."""
    cosine, sine = np.float32(np.cos(turn_rad)), np.float32(np.sin(turn_rad))
    u, v = x * cosine + y * sine, y * cosine - x * sine
    bow = [np.clip(1 - np.square(w / np.float32(half_px)), 0, 1) * np.float32(concavity) for w in (v, u)]
    u, v = u / (1 - bow[0]), v / (1 - bow[1])
    return u * cosine - v * sine, u * sine + v * cosine
