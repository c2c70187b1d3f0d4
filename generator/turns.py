"""Templates in all their turns: each is turned once, and laid as often as it is drawn."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np
from numpy.random import Generator

from nanotally.generator.pattern import Pattern, Template, turned
from nanotally.generator.pieces import Canvas, Piece, piece_of
from nanotally.opencv import cv2

STEP_PX = 1.0
"""Way of a template's corner from one turn to the next: places, too, are whole pixels."""
FEWEST_TURNS = 8
MOST_BYTES = 128_000_000
"""Memory of the turns of a pattern that are kept."""


class Turns:
    """The templates of a pattern, each in so many turns that no pixel lies more than half a `STEP_PX` from its place.

    A turn is made when it is first drawn; whether it was kept from an earlier picture changes nothing but the time.
    """

    def __init__(self, pattern: Pattern) -> None:
        self.canvas = Canvas(pattern.height, pattern.width, pattern.background)
        self._templates = pattern.templates
        self._shares = np.array(pattern.shares)
        corners_px = [math.hypot(*template.image.shape) / 2 for template in pattern.templates]
        self._steps = np.array([max(FEWEST_TURNS, math.ceil(2 * math.pi * px / STEP_PX)) for px in corners_px])
        self._spacing = min(_square_px(template) for template in pattern.templates)
        self._kept: dict[tuple[int, int], Piece] = {}
        self._bytes = 0

    def draw(self, number: int, rng: Generator) -> list[Piece]:
        """Templates drawn by weight, each in one of its turns."""
        drawn = np.searchsorted(self._shares, rng.random(number) * self._shares[-1], side="right")
        turns = (rng.random(number) * self._steps[drawn]).astype(np.intp)
        kept = self._kept
        return [kept.get(key) or self._turn(*key) for key in zip(drawn.tolist(), turns.tolist(), strict=True)]

    def _turn(self, number: int, turn: int) -> Piece:
        sprite = turned(self._templates[number], 360 * turn / int(self._steps[number]))
        piece = piece_of(sprite, self.canvas, spacing=self._spacing)
        if self._bytes + piece.nbytes > MOST_BYTES:
            self._kept.clear()
            self._bytes = 0
        self._kept[number, turn] = piece
        self._bytes += piece.nbytes
        return piece


def _square_px(template: Template) -> int:
    """Side of a square that the template covers whatever its turn; 1 where it is in several parts."""
    mask = np.pad(template.alpha >= 0.5, 1).view(np.uint8)
    if cv2.connectedComponents(mask)[0] > 2:
        return 1
    deepest = float(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    return max(1, int(math.sqrt(2) * (deepest - 1.5)))


_turns: WeakKeyDictionary[Pattern, Turns] = WeakKeyDictionary()


def turns_of(pattern: Pattern) -> Turns:
    """The turns of a pattern, kept as long as the pattern is."""
    if pattern not in _turns:
        _turns[pattern] = Turns(pattern)
    return _turns[pattern]
