"""Pictures for the tests of the overlay, made of the detections of `told.py`."""

from __future__ import annotations

import json
import struct
from typing import Any

from nanotally.wire import DetectionsMessage, FrameMessage

JPEG = b"\xff\xd8 not really"


def frame_of(message: DetectionsMessage, **otherwise: Any) -> FrameMessage:
    given = {"frame": message.frame, "origin": message.origin, "image": JPEG, **otherwise}
    return FrameMessage(grabbed_ns=0, wall=message.wall, width=64, height=48, nm_per_px=None, state="live", **given)


def unpacked(raw: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<I", raw[:4])
    return json.loads(raw[4 : 4 + length]), raw[4 + length :]
