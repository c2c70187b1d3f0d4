"""Instance masks: a grey picture as large as the micrograph, 0 on the substrate, a number on each particle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.errors import LabelError
from nanotally.opencv import cv2

MOST_INSTANCES = 65_535
"""The largest number of 16 bits, which is also their white."""


def read_mask(path: Path | str, *, width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Read an instance mask of 8 or 16 bits; each level above 0 is a particle.

    A picture that is black and white is no such mask but a threshold's: each connected area of it is a particle.
    Black and white means one level above 0: in 8 bits any level, in 16 bits 65535.

    Args:
        path: the picture.
        width: of the micrograph, pixels.
        height: of the micrograph, pixels.

    Returns:
        (h, w) int32, 0 on the substrate and i + 1 on particle i, in the order of the levels, without gaps; and
        the particles' boxes, (n, 4) float32, x1 y1 x2 y2 in pixels, half-open, tight.

    Raises:
        LabelError: if it is not such a picture, or not as large as the micrograph.
    """
    picture = _read_grey(Path(path))
    if picture.shape != (height, width):
        size = f"{picture.shape[1]}x{picture.shape[0]}"
        raise LabelError(f"{path}: the mask is {size} px, the micrograph {width}x{height}")
    levels = np.unique(picture[picture > 0])
    if len(levels) == 1 and (picture.dtype == np.uint8 or levels[0] == MOST_INSTANCES):
        picture = cv2.connectedComponents((picture > 0).astype(np.uint8))[1]
        levels = np.arange(1, picture.max() + 1)
    y, x = np.nonzero(picture)
    row = np.searchsorted(levels, picture[y, x])
    low, high = np.full((len(levels), 2), np.inf), np.zeros((len(levels), 2))
    np.minimum.at(low, row, np.stack([x, y], axis=1))
    np.maximum.at(high, row, np.stack([x, y], axis=1) + 1)
    instances = np.zeros(picture.shape, np.int32)
    instances[y, x] = row + 1
    return instances, np.hstack([low, high]).astype(np.float32)


def _read_grey(path: Path) -> NDArray[Any]:
    try:
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from error
    except cv2.error:
        picture = None
    if picture is None or picture.ndim != 2 or picture.dtype not in (np.uint8, np.uint16):
        raise LabelError(f"{path}: not an instance mask; expected a grey picture of 8 or 16 bits")
    return picture


def write_mask(path: Path | str, instances: NDArray[np.int32]) -> None:
    """Write an instance mask as a PNG of 16 bits.

    Args:
        path: the `.png`.
        instances: (h, w) int32, 0 on the substrate and i + 1 on the pixels of particle i.

    Raises:
        LabelError: if a number is negative or does not fit into 16 bits.
    """
    for number in (instances.min(initial=0), instances.max(initial=0)):
        if not 0 <= number <= MOST_INSTANCES:
            raise LabelError(f"{path}: instance {number}; a mask of 16 bits holds {MOST_INSTANCES}, numbered from 1")
    Path(path).write_bytes(cv2.imencode(".png", instances.astype(np.uint16))[1].tobytes())
