"""Frames with what was told of them, for the tests of what a daemon keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import ArrayLike, NDArray
from told import detections

from nanotally.detections import CLASSES, Detections
from nanotally.frame import Frame
from nanotally.wire import DetectionsMessage, records_from

SECOND_NS = 10**9
BEGAN_NS = 1_750_000_000 * SECOND_NS + 123_456_789


def speckle(seed: int, shape: tuple[int, int] = (96, 128)) -> NDArray[np.uint8]:
    """A picture with detail of its own."""
    rough = np.random.default_rng(seed).integers(40, 200, (shape[0] // 8, shape[1] // 8), np.uint8)
    return np.kron(rough, np.ones((8, 8), np.uint8))


def frame_of(number: int, image: NDArray[np.uint8] | None = None, *, every_s: float = 1.0) -> Frame:
    """A frame of a feed with one frame every `every_s`."""
    after_ns = round(number * every_s * SECOND_NS)
    return Frame(
        number=number,
        grabbed_ns=10**15 + after_ns,
        wall_ns=BEGAN_NS + after_ns,
        image=speckle(number) if image is None else image,
        nm_per_px=(2.48, 2.5),
        pixel_size_from="zeiss tag 34118",
        field=(0, 0, 128, 80),
        name=f"field {number}.tif",
    )


def told_of(
    frame: Frame, boxes: ArrayLike = (), scores: ArrayLike = (), classes: ArrayLike = (), *, run_id: str = "run1"
) -> DetectionsMessage:
    """What a daemon tells of a frame in which it found these particles."""
    n = len(np.reshape(boxes, (-1, 4)))
    given = [np.broadcast_to(column, n) if np.size(column) else None for column in (scores, classes)]
    found = Detections(np.reshape(boxes, (-1, 4)), *given)
    wall = datetime.fromtimestamp(frame.wall_ns // SECOND_NS, timezone.utc)
    return replace(
        detections(frame.number + 1, run_id=run_id),
        frame=frame.number,
        file=frame.name,
        grabbed_ns=frame.grabbed_ns,
        wall=wall + timedelta(microseconds=frame.wall_ns % SECOND_NS // 1000),
        width=frame.image.shape[1],
        height=frame.image.shape[0],
        nm_per_px=frame.nm_per_px,
        pixel_size_from=frame.pixel_size_from,
        state=frame.state,
        counts=found.counts(CLASSES) if frame.state == "live" else None,
        roi=frame.field,
        window=frame.window,
        records=records_from(found),
    )
