"""Particles as solid bodies: rounded and truncated cubes, quasi-spheres, and other shapes that are not counted."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

from nanotally.generator.bodies.body import CUBE, QUASI_SPHERE, Habit, Material, Sprite
from nanotally.generator.bodies.polyhedra import (
    FEWEST_FACETS,
    bipyramid,
    cube,
    faceted,
    octahedron,
    plate,
    rod,
    tetrahedron,
)
from nanotally.generator.bodies.round import rounded
from nanotally.generator.bodies.texture import Image

Draw = Callable[..., Sprite]


def quasi_sphere(
    size_px: float, habit: Habit, material: Material, rng: Generator, *, turn_rad: float | None = None
) -> Sprite:
    """A nearly round particle of equivalent circular diameter `size_px`: smooth, or with facets where the habit has."""
    draw = faceted if habit.facets >= FEWEST_FACETS else rounded
    return draw(size_px, habit, material, rng, turn_rad=turn_rad)


DRAW: dict[str, Draw] = {"cube": cube, "quasi_sphere": quasi_sphere}
"""How to draw each class that is counted: (size_px, habit, material, rng, turn_rad=None) -> Sprite."""
OTHERS: dict[str, Draw] = {
    "rod": rod,
    "plate": plate,
    "octahedron": octahedron,
    "tetrahedron": tetrahedron,
    "bipyramid": bipyramid,
}
"""Shapes that a micrograph may show and that have no label; drawn in the same way."""

__all__ = ["CUBE", "DRAW", "OTHERS", "QUASI_SPHERE", "Habit", "Image", "Material", "Sprite", "quasi_sphere"]
