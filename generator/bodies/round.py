"""Smooth quasi-spheres and ellipsoids, with a shell where they have one."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from nanotally.generator.bodies.body import QUASI_SPHERE, Habit, Material, Sprite, coverage, finish, grid, lit
from nanotally.generator.bodies.texture import Image, round_a_sphere
from nanotally.opencv import cv2

ANGLES = 1024
"""Steps of a full turn in which a contour is worked out."""
ORDERS = np.arange(2, 7)
PHASES = np.outer(ORDERS, np.arange(ANGLES) * 2 * np.pi / ANGLES)
WAVES = np.concatenate([np.cos(PHASES), np.sin(PHASES)])
STRENGTHS = np.sqrt(1 / (ORDERS - 1) / (1 / (ORDERS - 1)).sum())
"""Share of each order in the deviation of the radius."""


def _waves(irregularity: float, rng: Generator) -> Image:
    """Radius (ANGLES,) of a contour about 1, by angle: waves of two to six periods, the longer the stronger."""
    waves = np.concatenate([rng.standard_normal(len(STRENGTHS)) * STRENGTHS for _ in range(2)]) @ WAVES
    return np.asarray(np.clip(1 + irregularity * waves, 0.75, 1.25), np.float32)


def rounded(
    diameter_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """A smooth, nearly round particle of equivalent circular diameter `diameter_px`.

    Its contour is a circle with waves of two to six periods, stretched along one axis.
    """
    radius, turn = diameter_px / 2, rng.uniform(0, np.pi) if turn_rad is None else turn_rad
    stretch = math.sqrt(rng.uniform(1, habit.elongation)) if habit.elongation > 1 else 1.0
    reach = radius * stretch * (1 + min(4 * habit.irregularity, 0.25))
    x, y = grid(reach, reach, rng)
    cosine, sine = math.cos(turn), math.sin(turn)
    along, across = (x * cosine + y * sine) / stretch, (y * cosine - x * sine) * stretch
    distance, angle = cv2.cartToPolar(along, across)
    contour: Image | float = radius
    if habit.irregularity:
        steps = (angle * np.float32(ANGLES / (2 * math.pi))).astype(np.intp) % ANGLES
        contour = (radius * _waves(habit.irregularity, rng))[steps]
    inside = np.asarray(contour - distance, np.float32)
    share = np.clip(distance / contour, 0, 1)
    height = np.sqrt(1 - share**2)
    if material.absorption:
        relative = height
    else:
        towards = share / np.maximum(distance, 1e-6)
        relative = lit(x * towards, y * towards, height, material)
    if habit.shell:
        core = coverage(inside - habit.shell * radius)
        relative = relative * (material.shell_level + (1 - material.shell_level) * core)
    alpha = coverage(inside)
    signal = finish(
        relative, inside, inside, material, rng, size_px=diameter_px,
        laid=None if material.absorption else lambda texture: round_a_sphere(texture, x, y, share),
    )  # fmt: skip
    return Sprite(signal, alpha, QUASI_SPHERE, 2 * float(np.sqrt(alpha.sum() / np.pi)), turn)
