"""A scene: the signal of particles on a substrate, before any microscope has seen it."""

from __future__ import annotations

import numpy as np

from nanotally.generator.bodies import Image
from nanotally.generator.placement import Placed
from nanotally.opencv import cv2


def paint_particles(
    canvas: Image, placed: list[Placed], *, shadow: float = 0.0, sunk: float = 0.0, transmission: bool = False
) -> None:
    """Lay the sprites on `canvas`, in place, the first at the bottom.

    Args:
        canvas: (h, w) float32 signal.
        placed: in order of depth.
        shadow: share of the signal that is lost beside a particle, where electrons cannot escape.
        sunk: share of its signal that the lowest particle has lost against the topmost.
        transmission: the beam goes through: each sprite's signal is the share that it lets pass.
    """
    for rank, spot in enumerate(placed):
        at, part = spot.windows(*canvas.shape)
        alpha = spot.sprite.alpha[part]
        if alpha.size == 0:
            continue
        if transmission:
            canvas[at] *= 1 - alpha * (1 - spot.sprite.signal[part])
            continue
        if shadow:
            _cast_shadow(canvas, spot, shadow)
        depth = np.float32(1 - sunk * (1 - (rank + 1) / len(placed)))
        under = canvas[at]
        under += alpha * (depth * spot.sprite.signal[part] - under)


def _cast_shadow(canvas: Image, spot: Placed, strength: float) -> None:
    reach = max(2, round(spot.sprite.size_px * 0.25))
    h, w = (side + 2 * reach for side in spot.sprite.alpha.shape)
    y1, x1 = spot.y - reach, spot.x - reach
    rows = slice(max(y1, 0), min(y1 + h, canvas.shape[0]))
    cols = slice(max(x1, 0), min(x1 + w, canvas.shape[1]))
    if rows.stop <= rows.start or cols.stop <= cols.start:
        return
    alpha = cv2.copyMakeBorder(spot.sprite.alpha, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    side = reach | 1  # odd, or it would fall to one side
    soft = cv2.blur(cv2.blur(alpha, (side, side)), (side, side))  # nearly Gaussian, at a price that is not its width
    canvas[rows, cols] *= (
        1 - np.float32(strength) * soft[rows.start - y1 : rows.stop - y1, cols.start - x1 : cols.stop - x1]
    )
