"""The outline of a particle inside its box: the closed path around the centre that follows the strongest edge.

Thresholds fail where particles touch or their faces are no brighter than the substrate, and graph cuts leak there. A
path of one radius an angle cannot leak, and the box, which is tight, says where it may run. It is found by dynamic
programming, as in Timp & Karssemeijer, Med. Phys. 31 (2004) 958; `docs/pattern-file.md` has the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from nanotally.detections import iou
from nanotally.measure.closed_path import closed_path
from nanotally.opencv import cv2

ANGLES = 128
RADII = np.linspace(0.4, 1.5, 48)
"""Radii that are tried, in halves of the box: 1 is the ellipse in the box, sqrt(2) its corners."""
SLACK = 1.04
"""How far the path may leave the box: labels are drawn by hand."""
REACH = 3
"""Radii on either side of an edge whose mean grey levels are compared."""
CUBE_BEND, ROUND_BEND = 0.02, 0.05
"""Cost of a step of one radius from an angle to the next; the gain of the strongest edge is 1. A cube has corners."""
GLOW_PX = 1.0
"""How far outside the steepest change of the grey level people draw the edge, at most."""
ROUND = 5.0
"""Cost of a quasi-sphere's distance from the ellipse, per squared half box."""

Mask = NDArray[np.bool_]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Outline:
    """Where a particle is, as far as its box and the edges in it agree.

    Attributes:
        mask: (h, w) bool of the whole image, filled.
        fit: overlap (IoU), 0 to 1, of the box around the path that was found with the box that was given, where a
            difference of `GLOW_PX` is none.
    """

    mask: Mask
    fit: float


def find_outline(image: NDArray[np.uint8], box: ArrayLike, *, cube: bool) -> Outline:
    """The outline of the particle in `box`.

    The path runs where the grey level changes most. People see the edge of a particle further out, at the foot of its
    glow, and draw the box there; so at last the path is stretched until it fills the box.

    Args:
        image: (h, w) uint8.
        box: x1 y1 x2 y2 in pixels, half-open and tight around the particle.
        cube: True for a cube, whose outline may run anywhere in the box; a quasi-sphere's is nearly an ellipse.
    """
    x1, y1, x2, y2 = np.asarray(box, float)
    centre, half = np.array([x1 + x2 - 1, y1 + y2 - 1]) / 2, np.array([x2 - x1, y2 - y1]) / 2
    angle: Table = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    edge_of_box = 1 / np.abs(direction).max(axis=1)
    step = _steps(_unrolled(image, centre, half, direction), edge_of_box)
    cost = -np.clip(step / (np.percentile(np.clip(step, 0, None), 97) + 1e-3), -0.5, 1)
    if not cube:
        cost += ROUND * (RADII - 1) ** 2
    cost[edge_of_box[:, None] * SLACK < RADII] = 9.0
    bend = CUBE_BEND if cube else ROUND_BEND
    path = closed_path(cost.astype(np.float32), bend, 2)
    radius = RADII[path] - (RADII[1] - RADII[0]) / 2
    points = centre + radius[:, None] * direction * half
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 2 * half / (high - low)
    mask = _inside(image.shape, centre - half + (centre - low) * scale, half * scale, angle, radius)
    given, found = np.concatenate([centre - half, centre + half]), np.concatenate([low, high])
    off = np.sign(found - given) * np.maximum(np.abs(found - given) - GLOW_PX, 0)
    return Outline(mask, float(iou([given + off], [given])[0, 0]))


def _inside(shape: tuple[int, ...], centre: Table, half: Table, angle: Table, radius: Table) -> Mask:
    """(h, w) bool, the pixels whose middle is nearer to the centre than the path at their angle."""
    mask = np.zeros(shape, bool)
    low = np.maximum(np.floor(centre - half * RADII[-1]), 0).astype(int)
    part = mask[low[1] : int(centre[1] + half[1] * RADII[-1]) + 2, low[0] : int(centre[0] + half[0] * RADII[-1]) + 2]
    y, x = ((np.indices(part.shape)[i] + low[1 - i] - centre[1 - i]) / half[1 - i] for i in (0, 1))
    part[:] = np.hypot(x, y) <= np.interp(np.arctan2(y, x), angle, radius, period=2 * np.pi)
    return mask


def _unrolled(image: NDArray[np.uint8], centre: Table, half: Table, direction: Table) -> Table:
    """Grey levels (angle, radius) around the centre, smoothed in proportion to the box."""
    reach = np.ceil(half * RADII[-1]).astype(int) + 2
    low = np.clip(np.floor(centre).astype(int) - reach, 0, None)
    high = np.floor(centre).astype(int) + reach + 1
    crop = image[low[1] : high[1], low[0] : high[0]]
    smooth = cv2.GaussianBlur(crop, (0, 0), max(0.6, 0.02 * float(half.sum()))).astype(np.float32)
    at = (centre - low + RADII[None, :, None] * (direction * half)[:, None, :]).astype(np.float32)
    grey = cv2.remap(smooth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grey, np.float64)


def _steps(grey: Table, edge_of_box: Table) -> Table:
    """How much the grey level changes outwards at each (angle, radius), positive in the direction of the contrast.

    The ring around the box tells whether particles are brighter than their surroundings or darker.
    """
    ring = (edge_of_box[:, None] * 1.06 < RADII) & (edge_of_box[:, None] * 1.3 > RADII)
    brighter = np.median(grey[:, RADII < 0.9]) >= np.median(grey[ring])
    padded = np.pad(grey, ((0, 0), (REACH, REACH - 1)), mode="edge")
    mean = sliding_window_view(padded, REACH, axis=1).mean(axis=2)
    inside, outside = mean[:, : len(RADII)], mean[:, REACH:]
    return np.asarray(inside - outside if brighter else outside - inside)
