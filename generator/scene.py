"""A scene: particles on a substrate, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.generator.placement import Placed
from nanotally.generator.shapes import Image
from nanotally.opencv import cv2

LEAST_VISIBLE = 0.25
"""Visible share below which a particle is not labelled: nobody could say what it is."""
DIFFICULT_BELOW = 0.5
"""Visible share below which a label is marked difficult."""


@dataclass(frozen=True)
class Substrate:
    """What the particles lie on.

    Attributes:
        level: mean signal, 0 to 1.
        gradient: change of the signal across the field, as a share of `level`.
        grain: standard deviation of the fine texture, as a share of `level`.
        grain_px: size of the texture's grain.
        blotches: standard deviation of broad patches, as a share of `level`.
    """

    level: float = 0.12
    gradient: float = 0.0
    grain: float = 0.0
    grain_px: float = 4.0
    blotches: float = 0.0


@dataclass(frozen=True)
class Truth:
    """What is really in a micrograph, one row a labelled particle.

    Attributes:
        detections: boxes tight to the visible mask, score 1.
        instances: (h, w) int32, 0 substrate, i + 1 the pixels where row i of `detections` is seen.
        visible: (n,) float32, share of the particle's mask that is seen.
        truncated: (n,) bool, cut by the border of the field.
        difficult: (n,) bool, visible share below `DIFFICULT_BELOW`.
        size_px: (n,) float32, edge length of a cube, equivalent circular diameter of a quasi-sphere.
    """

    detections: Detections
    instances: NDArray[np.int32]
    visible: NDArray[np.float32]
    truncated: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    size_px: NDArray[np.float32]


def paint_substrate(height: int, width: int, substrate: Substrate, rng: Generator) -> Image:
    """Signal of the bare substrate, (height, width) float32."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width) - 0.5
    direction = rng.uniform(0, 2 * np.pi)
    factor = 1 + substrate.gradient * (x * np.cos(direction) + y * np.sin(direction))
    if substrate.blotches:
        coarse = rng.standard_normal((5, 5)).astype(np.float32)
        factor += substrate.blotches * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    if substrate.grain:
        noise = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), substrate.grain_px)
        factor += substrate.grain * noise / (noise.std() + 1e-6)
    return np.asarray(substrate.level * factor, np.float32)


def paint_particles(canvas: Image, placed: list[Placed], *, shadow: float = 0.0, sunk: float = 0.0) -> None:
    """Lay the sprites on `canvas`, in place, the first at the bottom.

    Args:
        canvas: (h, w) float32 signal.
        placed: in order of depth.
        shadow: share of the signal that is lost beside a particle, where electrons cannot escape.
        sunk: share of its signal that the lowest particle has lost against the topmost.
    """
    for rank, spot in enumerate(placed):
        at, part = spot.windows(*canvas.shape)
        alpha = spot.sprite.alpha[part]
        if alpha.size == 0:
            continue
        if shadow:
            _cast_shadow(canvas, spot, shadow)
        depth = 1 - sunk * (1 - (rank + 1) / len(placed))
        canvas[at] = canvas[at] * (1 - alpha) + depth * spot.sprite.signal[part] * alpha


def _cast_shadow(canvas: Image, spot: Placed, strength: float) -> None:
    reach = max(2, round(spot.sprite.size_px * 0.25))
    alpha = np.pad(spot.sprite.alpha, reach)
    soft = cv2.GaussianBlur(alpha, (0, 0), reach / 2)
    h, w = soft.shape
    y1, x1 = spot.y - reach, spot.x - reach
    rows, cols = (
        slice(max(y1, 0), min(y1 + h, canvas.shape[0])),
        slice(max(x1, 0), min(x1 + w, canvas.shape[1])),
    )
    canvas[rows, cols] *= 1 - strength * soft[rows.start - y1 : rows.stop - y1, cols.start - x1 : cols.stop - x1]


def truth_of(
    placed: list[Placed], hidden: NDArray[np.bool_], *, bar_px: int = 0, least_visible: float = LEAST_VISIBLE
) -> Truth:
    """Exact labels from the masks: what lies on top hides what lies below.

    Args:
        placed: in order of depth.
        hidden: (h, w) bool, pixels in which no particle can be seen.
        bar_px: rows at the bottom that are databar: no particle reaches into it.
        least_visible: share of a particle's mask that must be seen for a label.
    """
    height, width = hidden.shape[0] - bar_px, hidden.shape[1]
    top = np.zeros(hidden.shape, np.int32)
    for number, spot in enumerate(placed, start=1):
        at, part = spot.windows(height, width)
        top[at][spot.sprite.mask[part]] = number
    top[hidden] = 0
    rows, instances = [], np.zeros_like(top)
    for number, spot in enumerate(placed, start=1):
        at, part = spot.windows(height, width)
        seen = top[at] == number
        whole, on_canvas = spot.sprite.mask.sum(), spot.sprite.mask[part].sum()
        visible = seen.sum() / max(whole, 1)
        if not seen.any() or visible < least_visible:
            continue
        x, y, w, h = cv2.boundingRect(seen.view(np.uint8))
        x, y = x + at[1].start, y + at[0].start
        rows.append((x, y, x + w, y + h, spot.sprite.class_id, visible, on_canvas < whole, spot.sprite.size_px))
        instances[at][seen] = len(rows)
    table = np.array(rows, np.float32).reshape(-1, 8)
    return Truth(
        detections=Detections(table[:, :4], class_id=table[:, 4].astype(np.uint16)),
        instances=instances,
        visible=table[:, 5],
        truncated=table[:, 6] > 0,
        difficult=table[:, 5] < DIFFICULT_BELOW,
        size_px=table[:, 7],
    )
