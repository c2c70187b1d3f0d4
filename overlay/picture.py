"""A picture with the particles that were found in it, and where they end: of the same frame, always."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nanotally.errors import WireError
from nanotally.wire import ContoursMessage, DetectionsMessage, FrameMessage, Message
from nanotally.wire.header import dump

FACTS = (
    "frame", "file", "wall", "width", "height", "age_ms", "state", "nm_per_px", "pixel_size_from", "classes", "counts",
    "unique", "group", "thresholds", "roi", "truncated", "sharpness", "settings_sha256",
)  # fmt: skip
"""Keys of a `detections` header that go to the page with every picture."""

DECIMALS = {"x1": 1, "y1": 1, "x2": 1, "y2": 1, "score": 3, "class": 0, "track": 0, "flags": 0}
SIZES, SIZE_DECIMALS = ("ecd", "edge"), 2
"""Of what was measured, in its unit."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What was seen in one frame.

    Attributes:
        detections: the particles.
        frame: the picture itself.
        contours: a row a particle; None where none came.
    """

    detections: DetectionsMessage
    frame: FrameMessage
    contours: ContoursMessage | None = None

    @cached_property
    def packed(self) -> bytes:
        """One message to the page: length of the JSON (4 bytes, little-endian), JSON, outlines, JPEG.

        Made when first asked for, and once however many look. NaN becomes null.
        """
        told = dump(self.detections, without=("records", "columns"))
        facts = {name: told[name] for name in FACTS} | {"run_id": self.detections.origin.run_id}
        unit = unit_of(self.detections)
        records = self.detections.records
        columns = {name: _column(records[name], decimals) for name, decimals in DECIMALS.items()}
        sizes = {name: _size(records, f"{name}_{unit}") for name in SIZES}
        outlines, outlines_raw = self._outlines()
        raw = msgspec.json.encode({**facts, "particles": {**columns, **sizes}, "ecd_unit": unit, "outlines": outlines})
        return b"".join([struct.pack("<I", len(raw)), raw, outlines_raw, self.frame.image])

    def _outlines(self) -> tuple[dict[str, Any] | None, bytes]:
        """What the page must know of the outlines, and the outlines."""
        if self.contours is None:
            return None, b""
        raw = self.contours.outlines.astype("<i2").tobytes()
        return {"points": self.contours.points, "unit_px": self.contours.unit_px, "bytes": len(raw)}, raw


def unit_of(message: DetectionsMessage) -> str:
    """Unit of the sizes in a message, `nm` or `px`: they are never in both."""
    return "nm" if "ecd_nm" in (message.records.dtype.names or ()) else "px"


def _size(records: NDArray[np.void], name: str) -> list[Any]:
    if name not in (records.dtype.names or ()):
        return [None] * len(records)
    return _column(records[name], SIZE_DECIMALS)


def _column(values: NDArray[Any], decimals: int) -> list[Any]:
    if values.dtype.kind != "f":
        return list(values.tolist())
    return list(np.round(values.astype(float), decimals).tolist())


PICTURE_KINDS = ("detections", "contours", "frames")
"""Messages that a picture is made of."""


class Pairing:
    """Puts pictures and particles together, from the messages of one source in the order in which they were sent."""

    def __init__(self) -> None:
        self._detections: DetectionsMessage | None = None
        self._contours: ContoursMessage | None = None

    def take(self, message: Message) -> Picture | None:
        """The picture that is whole with this message, or None.

        Raises:
            WireError: a particle is of a class without a name.
        """
        if isinstance(message, DetectionsMessage):
            self._detections, self._contours = message, None
            highest = message.records["class"].max(initial=0)
            if len(message.records) and not 0 <= highest < len(message.classes):
                self._detections = None
                raise WireError(f"frame {message.frame}: class {highest}, but there are {len(message.classes)} names")
        elif isinstance(message, ContoursMessage):
            found = self._detections
            if found is not None and _id(found) == _id(message) and len(found.records) == len(message.outlines):
                self._contours = message
        elif isinstance(message, FrameMessage):
            found, self._detections = self._detections, None
            if found is not None and _id(found) == _id(message):
                return Picture(found, message, self._contours)
        return None


def _id(message: DetectionsMessage | ContoursMessage | FrameMessage) -> tuple[str, str, str, int]:
    return message.origin.instance, message.origin.source, message.origin.run_id, message.frame
