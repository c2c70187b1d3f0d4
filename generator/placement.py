"""Laying particles on a field, later ones on top of earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies import Sprite
from nanotally.generator.room import Room
from nanotally.generator.sites import STACKED, Crowd, sites_of
from nanotally.opencv import cv2

Stop = Literal["maximum reached", "no space left"]
Mask = NDArray[np.uint8]
TRIES = 200
"""Failed tries in a row after which a field counts as full: "no space left" cannot be decided by chance draws."""
REDRAW = 20
"""Failed tries after which another particle is drawn: a smaller one may still fit."""

FULL = 10
"""Particles in a row for which chance found no place apart from others, after which every place is looked at; and for
which there is none, after which the field counts as full."""


@dataclass(frozen=True)
class Placed:
    """A sprite on the field.

    Attributes:
        sprite: the particle.
        x: column of the sprite's left edge, pixels; may be negative.
        y: row of the sprite's top edge, pixels; may be negative.
    """

    sprite: Sprite
    x: int
    y: int

    def windows(self, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of the field that the sprite covers, and the part of the sprite that lies on the field."""
        h, w = self.sprite.alpha.shape
        y1, y2 = max(self.y, 0), min(self.y + h, height)
        x1, x2 = max(self.x, 0), min(self.x + w, width)
        if y2 <= y1 or x2 <= x1:
            nothing = slice(0, 0)
            return (nothing, nothing), (nothing, nothing)
        return (slice(y1, y2), slice(x1, x2)), (
            slice(y1 - self.y, y2 - self.y),
            slice(x1 - self.x, x2 - self.x),
        )


class Field:
    """What is occupied already."""

    def __init__(self, height: int, width: int, crowd: Crowd) -> None:
        self._inside = crowd.inside
        self._overlap = max(crowd.max_overlap, STACKED if crowd.heaped else 0)
        self._gap = crowd.gap_px if self._overlap == 0 else 0
        # Particles grown by the gap, so that one test of the next one's own mask keeps the distance.
        self._occupied = np.zeros((height, width), bool)
        self._ball = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * self._gap + 1, 2 * self._gap + 1))

    def has_room_for(self, spot: Placed) -> bool:
        """True if the crowd's rules let the particle lie there."""
        canvas, part = spot.windows(*self._occupied.shape)
        mask = spot.sprite.mask[part]
        on_field = np.count_nonzero(mask)
        if on_field == 0 or (self._inside and on_field < np.count_nonzero(spot.sprite.mask)):
            return False
        covered = np.count_nonzero(self._occupied[canvas] & mask)
        return bool(covered <= self._overlap * on_field)

    def occupy(self, spot: Placed) -> None:
        """The particle lies there now."""
        grown = spot
        if self._gap:
            mask = cv2.dilate(np.pad(spot.sprite.mask.view(np.uint8), self._gap), self._ball)
            alpha = np.asarray(mask, np.float32)
            grown = Placed(Sprite(alpha, alpha, None, 0.0), spot.x - self._gap, spot.y - self._gap)
        canvas, part = grown.windows(*self._occupied.shape)
        self._occupied[canvas] |= grown.sprite.mask[part]


def place(
    *,
    height: int,
    width: int,
    most: int,
    draw: Callable[[float | None], Sprite],
    crowd: Crowd,
    rng: Generator,
) -> tuple[list[Placed], Stop]:
    """Lay up to `most` sprites on a field of `height` x `width` pixels.

    Args:
        height: of the field.
        width: of the field.
        most: sprites.
        draw: answers a new sprite, turned about the beam by the given angle; None: by any.
        crowd: the rules.
        rng: of the places.

    Returns:
        The placed sprites in their order of depth, and which of the two ends was met (paper section 2.3).
    """
    if crowd.arrangement == "scattered" and crowd.inside and crowd.max_overlap == 0:
        return _place_apart(Room(height, width, crowd.gap_px), most, draw, rng)
    sites, field = sites_of(crowd, height=height, width=width, rng=rng), Field(height, width, crowd)
    placed: list[Placed] = []
    failed = 0
    while len(placed) < most:
        if failed >= TRIES:
            return placed, "no space left"
        sprite = draw(sites.turn())
        h, w = sprite.alpha.shape
        for _ in range(REDRAW):
            site = sites.offer(sprite)
            if site is None:
                return placed, "no space left"
            spot = Placed(sprite, round(site[0] - w / 2), round(site[1] - h / 2))
            if field.has_room_for(spot):
                field.occupy(spot)
                sites.take(sprite, *site)
                placed.append(spot)
                failed = 0
                break
            failed += 1
    return placed, "maximum reached"


def _place_apart(
    room: Room, most: int, draw: Callable[[float | None], Sprite], rng: Generator
) -> tuple[list[Placed], Stop]:
    """Whole particles anywhere, at their distance from one another."""
    placed: list[Placed] = []
    failed = 0
    while len(placed) < most:
        if failed == 2 * FULL:
            return placed, "no space left"
        sprite = draw(None)
        left, top, w, h = cv2.boundingRect(sprite.mask.view(np.uint8))
        mask = np.ascontiguousarray(sprite.mask[top : top + h, left : left + w])
        spot = room.find(mask, rng, everywhere=failed >= FULL) if w else None
        if spot is None:
            failed += 1
            continue
        failed = 0
        room.take(mask, *spot)
        placed.append(Placed(sprite, spot[0] - left, spot[1] - top))
    return placed, "maximum reached"
