"""Squares, discs and hexagons of known size as a microscope would show them, made by other means than the generator's.

Each shape is drawn on a grid of `FINE` x `FINE` points a pixel, brightened near its edge, averaged to pixels, blurred
and given noise: the edge brightening of NIST's ARTIMAGEN, which falls by 1/e in 5 px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2

FINE = 4
BACKGROUND, FACE, GLOW = 60.0, 120.0, 70.0
"""Grey levels of the substrate, of a particle's face, and what is added to that at the very edge."""
GLOW_DECAY_PX = 5.0
JITTER = 0.08
"""Largest error of each side of a box, as a share of its width or height; the mean IoU is then about 0.85."""
SIDES = {"square": 4, "hexagon": 6, "disc": 0}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """A frame of particles and what is true of them.

    Attributes:
        image: (h, w) uint8.
        tight: (n, 4) float32, exact boxes, x1 y1 x2 y2 in pixels, half-open.
        boxes: (n, 4) float32, the same as a detector would give them.
        turn_deg: (n,) how far each is turned, anticlockwise as seen.
        ecd_px: true equivalent circular diameter.
    """

    image: NDArray[np.uint8]
    tight: NDArray[np.float32]
    boxes: NDArray[np.float32]
    turn_deg: Array
    ecd_px: float


def render(
    shape: str, size_px: float, turn_deg: Array, *, blur_px: float, snr: float, glow: float = GLOW, seed: int = 0
) -> Scene:
    """One particle an angle, on a grid, each at a sub-pixel place of its own.

    Args:
        shape: of `SIDES`.
        size_px: edge length of a square, diameter of a disc, distance of opposite sides of a hexagon.
        turn_deg: (n,) angles.
        blur_px: standard deviation of the beam.
        snr: difference of face and substrate over the standard deviation of the noise.
        glow: grey levels added at the edge.
        seed: of places, boxes and noise.
    """
    rng = np.random.default_rng(seed)
    pitch = int(np.ceil(size_px * 1.9)) + 12
    columns = int(np.ceil(np.sqrt(len(turn_deg))))
    rows = -(-len(turn_deg) // columns)
    picture = np.full((rows * pitch, columns * pitch), BACKGROUND)
    tight = np.empty((len(turn_deg), 4))
    for i, turn in enumerate(turn_deg):
        corner = np.array([i % columns, i // columns]) * pitch
        middle = pitch / 2 + rng.uniform(-0.5, 0.5, 2)
        part, reach = _particle(SIDES[shape], size_px, turn, middle, pitch, glow)
        picture[corner[1] : corner[1] + pitch, corner[0] : corner[0] + pitch] = part
        tight[i] = np.concatenate([corner + middle - reach, corner + middle + reach])
    picture = cv2.GaussianBlur(picture, (15, 15), blur_px) if blur_px else picture
    picture += rng.normal(0, (FACE - BACKGROUND) / snr, picture.shape)
    side = np.tile(tight[:, 2:] - tight[:, :2], 2)
    boxes = tight + rng.uniform(-JITTER, JITTER, tight.shape) * side
    area = np.pi / 4 * size_px**2 if shape == "disc" else SIDES[shape] / 4 * np.tan(np.pi / SIDES[shape]) * size_px**2
    return Scene(
        np.clip(np.round(picture), 0, 255).astype(np.uint8), tight.astype(np.float32), boxes.astype(np.float32),
        np.asarray(turn_deg), float(np.sqrt(4 * area / np.pi)),
    )  # fmt: skip


def _particle(
    sides: int, size_px: float, turn_deg: float, middle: Array, pitch: int, glow: float
) -> tuple[Array, Array]:
    """Grey levels (pitch, pitch) of a particle, and how far it reaches in x and y from its middle."""
    at = (np.arange(pitch * FINE) + 0.5) / FINE
    x, y = at[None, :] - middle[0], at[:, None] - middle[1]
    if sides:
        # Rows of the image go down: an angle anticlockwise as seen is negative here.
        normals = -np.radians(turn_deg) + 2 * np.pi * np.arange(sides) / sides
        inside = np.min([size_px / 2 - (x * np.cos(t) + y * np.sin(t)) for t in normals], axis=0)
        corners = normals + np.pi / sides
        radius = size_px / 2 / np.cos(np.pi / sides)
        reach = radius * np.array([np.abs(np.cos(corners)).max(), np.abs(np.sin(corners)).max()])
    else:
        inside = size_px / 2 - np.hypot(x, y)
        reach = np.full(2, size_px / 2)
    level = np.where(inside > 0, FACE + glow * np.exp(-np.maximum(inside, 0) / GLOW_DECAY_PX), BACKGROUND)
    return level.reshape(pitch, FINE, pitch, FINE).mean(axis=(1, 3)), reach
