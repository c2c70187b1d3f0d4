"""The sizes of a particle by name, and as numbers for people; needs no compiled code, for those who only read sizes."""

from __future__ import annotations

from math import isnan

CUBE = "cube"
SIZES = ("area_{}2", "ecd_{}", "feret_max_{}", "feret_min_{}", "edge_{}")
"""Names of the sizes, without their unit."""


def quantity_of(class_name: str) -> str:
    """What the size of a particle of this class is: `edge` of a cube, `ecd` of anything else."""
    return "edge" if class_name == CUBE else "ecd"


def rounded(value: float) -> float | int | None:
    """Five digits; None for nan, which JSON does not know."""
    if isinstance(value, int):
        return value
    return None if isnan(value) else float(f"{value:.5g}")
