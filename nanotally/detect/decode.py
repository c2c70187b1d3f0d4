"""From the raw output of a network to candidate boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detect.kinds import Rivals


@dataclass(frozen=True)
class Candidates:
    """Boxes that may be particles, before merging.

    Attributes:
        tile: (n,) int64, row of the tile in which the box was seen.
        xyxy: (n, 4) float32, x1 y1 x2 y2 in pixels of the tile.
        score: (n,) float32.
        class_id: (n,) uint16, the best class: a particle is a cube or a quasi-sphere, never both.
        rivals: what else it may be.
    """

    tile: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.uint16]
    rivals: Rivals


def decode_ultralytics(raw: NDArray[np.float32], thresholds: NDArray[np.float32]) -> Candidates:
    """Candidates in `raw` (batch, 4 + classes, anchors), rows cx cy w h in pixels, then class probabilities.

    Args:
        raw: output of the head, without suppression inside.
        thresholds: (classes,) float32, score at which a class is kept.
    """
    scores = raw[:, 4:]
    tile, anchor = np.nonzero((scores >= thresholds[None, :, None]).any(axis=1))
    hits = scores[tile, :, anchor]
    kept = np.where(hits >= thresholds, hits, -1)
    class_id = kept.argmax(axis=1)
    others = np.where(hits >= 0, hits, 0)
    others[np.arange(len(hits)), class_id] = -1
    rivals = Rivals(others.argmax(axis=1).astype(np.uint16), np.maximum(others.max(axis=1, initial=-1), 0))
    centre_size = raw[tile, :4, anchor]
    half = centre_size[:, 2:] / 2
    xyxy = np.concatenate([centre_size[:, :2] - half, centre_size[:, :2] + half], axis=1)
    return Candidates(tile, xyxy, kept.max(axis=1, initial=-1), class_id.astype(np.uint16), rivals)
