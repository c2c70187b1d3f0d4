"""The scale of a micrograph: a round length, how it is written, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import floor, log10

import numpy as np
from numpy.random import Generator

from nanotally.generator.typesetting import Piece

UNITS = (("nm", 1.0), ("µm", 1e3), ("mm", 1e6))
LengthText = Callable[[float], str]


@dataclass(frozen=True)
class Scale:
    """A length that is drawn.

    Attributes:
        length_nm: one to nine times a power of ten.
        length_px: the same length in the picture.
    """

    length_nm: float
    length_px: int


class Mark(Enum):
    """How a length is drawn."""

    SOLID = "a filled bar"
    ENDS = "a line between two uprights"
    RULE = "eleven uprights, the ends and the middle one taller"
    COMB = "eleven uprights alike"


def fit_scale(
    nm_per_px: float, shortest_px: float, longest_px: float, rng: Generator, *, firsts: tuple[int, ...] = (1, 2, 5)
) -> Scale:
    """A round length, at random among those that fit.

    Args:
        nm_per_px: pixel size.
        shortest_px: of the drawn length.
        longest_px: of the drawn length; at least 2.5 times the shortest, so that 1, 2 or 5 always fits.
        rng: of the choice.
        firsts: first digits to choose among; where none of them fits, 1, 2 and 5 are.
    """
    low, high = shortest_px * nm_per_px, longest_px * nm_per_px
    for digits in (firsts, (1, 2, 5)):
        powers = range(floor(log10(low)) - 1, floor(log10(high)) + 1)
        lengths = [float(f"{digit}e{power}") for power in powers for digit in digits]
        fitting = [length for length in lengths if low <= length <= high]
        if fitting:
            break
    length_nm = fitting[rng.integers(len(fitting))]
    return Scale(length_nm, max(round(length_nm / nm_per_px), 1))


def length_text(length_nm: float, *, digits: str = ".3g", space: str = " ", micro: str = "µ") -> str:
    """The length with its unit, such as 500 nm or 1 µm; nanometres below 1000.

    Args:
        length_nm: nanometres.
        digits: format of the number; rounded to three digits in any case.
        space: between number and unit.
        micro: sign for micrometres.
    """
    length_nm = float(f"{length_nm:.3g}")
    unit, size_nm = [unit for unit in UNITS if length_nm >= unit[1] or unit[0] == "nm"][-1]
    number = f"{length_nm / size_nm:{digits}}".rstrip(".")
    return f"{number}{space}{unit.replace('µ', micro)}"


def draw_mark(mark: Mark, length_px: int, height_px: int, line_px: int) -> Piece:
    """The length as ink, `length_px` from its first column to its last, lines `line_px` wide."""
    if mark is Mark.SOLID:
        return Piece(np.full((height_px, length_px), 255, np.uint8))
    cover = np.zeros((height_px, length_px), np.uint8)
    if mark is Mark.ENDS:
        middle = (height_px - line_px) // 2
        cover[:, :line_px] = cover[:, -line_px:] = cover[middle : middle + line_px] = 255
        return Piece(cover)
    for number, left in enumerate(np.linspace(0, max(length_px - line_px, 0), 11)):
        top = 0 if mark is Mark.COMB or number % 5 == 0 else height_px // 3
        cover[top:, round(left) : round(left) + line_px] = 255
    return Piece(cover)
