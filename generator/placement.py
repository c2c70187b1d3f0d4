"""Where particles lie: apart, in contact, or packed. Later ones lie on top of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.shapes import Sprite

Arrangement = Literal["scattered", "clustered", "packed"]
Stop = Literal["maximum reached", "no space left"]
TRIES = 200
"""Failed tries in a row after which a canvas counts as full: "no space left" cannot be decided by chance draws."""

REDRAW = 20
"""Failed tries after which another particle is drawn: a smaller one may still fit."""


@dataclass(frozen=True)
class Placed:
    """A sprite on the canvas.

    Attributes:
        sprite: the particle.
        x: column of the sprite's left edge on the canvas, pixels; may be negative.
        y: row of the sprite's top edge on the canvas, pixels; may be negative.
    """

    sprite: Sprite
    x: int
    y: int

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of the sprite's middle on the canvas, pixels."""
        h, w = self.sprite.alpha.shape
        return self.x + w / 2, self.y + h / 2

    def windows(self, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The part of the canvas that the sprite covers, and the part of the sprite that lies on the canvas."""
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


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How particles share the canvas.

    Attributes:
        arrangement: `scattered` anywhere, `clustered` mostly in contact with another, `packed` on a hexagonal lattice.
        max_overlap: share of a particle's mask that may lie on earlier ones, 0 to 1; 0 keeps them apart.
        gap_px: least distance between masks where `max_overlap` is 0.
        inside: True if no particle may be cut by the border.
    """

    arrangement: Arrangement = "scattered"
    max_overlap: float = 0.0
    gap_px: int = 1
    inside: bool = True


def _anywhere(height: int, width: int, rng: Generator) -> tuple[float, float]:
    return rng.uniform(0, width), rng.uniform(0, height)


def _touching(placed: list[Placed], sprite: Sprite, crowd: Crowd, rng: Generator) -> tuple[float, float]:
    neighbour = placed[rng.integers(len(placed))]
    angle = rng.uniform(0, 2 * np.pi)
    reach = (neighbour.sprite.size_px + sprite.size_px) / 2 * rng.uniform(1 - 0.5 * crowd.max_overlap, 1.1)
    x, y = neighbour.centre
    return x + reach * np.cos(angle), y + reach * np.sin(angle)


def _lattice(height: int, width: int, pitch: float, rng: Generator) -> Iterator[tuple[float, float]]:
    """Sites of a hexagonal lattice of the given pitch over the canvas, in random order, turned at random."""
    reach = np.hypot(height, width) / 2 + pitch
    most = np.ceil(1.2 * reach / pitch)  # the two axes of the lattice are not at right angles
    steps = np.arange(-most, most + 1)
    sites = np.stack([axis.ravel() for axis in np.meshgrid(steps, steps)], axis=1) @ np.array(
        [[pitch, 0], [pitch / 2, pitch * np.sqrt(3) / 2]]
    )
    turn = rng.uniform(0, np.pi / 3)
    sites = sites @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    sites += np.array([width, height]) / 2 + rng.uniform(-pitch / 2, pitch / 2, 2)
    on_canvas = np.all((sites > -pitch / 2) & (sites < np.array([width, height]) + pitch / 2), axis=1)
    for x, y in rng.permutation(sites[on_canvas]):
        yield x + rng.normal(0, 0.03 * pitch), y + rng.normal(0, 0.03 * pitch)


def _fits(place: Placed, occupied: NDArray[np.bool_], crowd: Crowd) -> bool:
    canvas, part = place.windows(*occupied.shape)
    mask = place.sprite.mask[part]
    on_canvas = mask.sum()
    if on_canvas == 0 or (crowd.inside and on_canvas < place.sprite.mask.sum()):
        return False
    if crowd.max_overlap == 0 and crowd.gap_px:
        (rows, cols), gap = canvas, crowd.gap_px
        near = occupied[max(rows.start - gap, 0) : rows.stop + gap, max(cols.start - gap, 0) : cols.stop + gap]
        if not near.any():
            return True
        for dy in range(-gap, gap + 1):
            for dx in range(-gap, gap + 1):
                shifted = Placed(place.sprite, place.x + dx, place.y + dy)
                at, of = shifted.windows(*occupied.shape)
                if (occupied[at] & place.sprite.mask[of]).any():
                    return False
        return True
    return bool((occupied[canvas] & mask).sum() <= crowd.max_overlap * on_canvas)


def place(
    *,
    height: int,
    width: int,
    most: int,
    draw: Callable[[], Sprite],
    crowd: Crowd,
    rng: Generator,
) -> tuple[list[Placed], Stop]:
    """Lay up to `most` sprites, each from a call of `draw`, on a canvas of `height` x `width` pixels.

    Returns:
        The placed sprites in their order of depth, and which of the two ends was met (paper section 2.3).
    """
    occupied = np.zeros((height, width), bool)
    placed: list[Placed] = []
    failed = 0
    sites: Iterator[tuple[float, float]] | None = None
    sprite = draw()
    while len(placed) < most:
        if crowd.arrangement == "packed":
            sites = sites or _lattice(height, width, sprite.size_px * rng.uniform(1.0, 1.15), rng)
            site = next(sites, None)
            if site is None:
                return placed, "no space left"
            x, y = site
        elif crowd.arrangement == "clustered" and placed and rng.random() < 0.85:
            x, y = _touching(placed, sprite, crowd, rng)
        else:
            x, y = _anywhere(height, width, rng)
        h, w = sprite.alpha.shape
        spot = Placed(sprite, round(x - w / 2), round(y - h / 2))
        if _fits(spot, occupied, crowd):
            canvas, part = spot.windows(height, width)
            occupied[canvas] |= sprite.mask[part]
            placed.append(spot)
            failed = 0
        else:
            failed += 1
        if failed >= TRIES:
            return placed, "no space left"
        if failed % REDRAW == 0:
            sprite = draw()
    return placed, "maximum reached"
