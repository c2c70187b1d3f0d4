"""Pictures for the tests of the overlay, made of the detections of `told.py`."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from nanotally.wire import ContoursMessage, DetectionsMessage, FrameMessage, outlines_from

JPEG = b"\xff\xd8 not really"


def frame_of(message: DetectionsMessage, **otherwise: Any) -> FrameMessage:
    given = {"frame": message.frame, "origin": message.origin, "image": JPEG, **otherwise}
    return FrameMessage(grabbed_ns=0, wall=message.wall, width=64, height=48, nm_per_px=None, state="live", **given)


def contours_of(message: DetectionsMessage, xy: np.ndarray) -> ContoursMessage:
    """Contours (n, k, 2) of its particles, pixels."""
    unit_px, outlines = outlines_from(xy, width=message.width, height=message.height)
    return ContoursMessage(
        origin=message.origin, frame=message.frame, grabbed_ns=0, wall=message.wall,
        unit_px=unit_px, points=xy.shape[1], outlines=outlines,
    )  # fmt: skip


def unpacked(raw: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<I", raw[:4])
    return json.loads(raw[4 : 4 + length]), raw[4 + length :]
