"""The four messages of schema 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.wire.records import COLUMNS, Column

SCHEMA = 1
"""Goes up when a key or a column is taken away or changes its meaning; a new one leaves it as it is."""


@dataclass(frozen=True)
class Origin:
    """Who sent a message, and where it stands in the sequence.

    Attributes:
        run_id: drawn anew at every start of the daemon.
        instance: the microscope.
        source: its feed.
        seq: rises by one with every message of one topic within a run, from 1.
    """

    run_id: str
    instance: str
    source: str
    seq: int


@dataclass(frozen=True)
class Model:
    """What found the particles.

    Attributes:
        name: of the bundle.
        sha256: of its network.
        engine: what ran it.
        precision: of its network: `fp32`, `fp16` or `int8`.
    """

    name: str
    sha256: str
    engine: str
    precision: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionsMessage:
    """All particles of one frame.

    Attributes:
        origin: sender and sequence number.
        offset: place in the journal, or None where none is kept or it could not be written. It rises per source,
            across runs, and is never given twice.
        frame: number of the frame within the run; numbers left out were dropped.
        file: the name of the file the frame came from, or "".
        grabbed_ns: monotonic clock of the daemon's machine at the grab, nanoseconds.
        wall: wall clock at the grab. For people; never for durations.
        age_ms: from the grab until this message was made.
        width, height: of the frame in pixels.
        nm_per_px: nanometres a pixel (x, y), or None where it is not known.
        pixel_size_from: where that comes from, in a word or two.
        state: of the frame: `live`, `partial`, `frozen` or `blank`.
        classes: names, in the order of the column `class`.
        counts: particles a class; None unless the frame is live.
        unique: different particles a class since the run began, or None where nothing is tracked.
        truncated: True if there were more particles than the model may report.
        model: what found them.
        thresholds: score a class had to reach.
        scale: network pixels per image pixel at the finest level.
        tile: side of a tile in network pixels.
        overlap: size in network pixels up to which every particle is whole in some tile.
        roi: x1 y1 x2 y2 in pixels, half-open: what was looked at. None: all of the frame.
        settings_sha256: of everything that decides what is found; equal hashes mean comparable counts.
        latency_ms: milliseconds a stage.
        columns: what a record holds.
        records: (n,) structured array with one field a column.
    """

    kind: ClassVar[str] = "detections"

    origin: Origin
    offset: int | None = None
    frame: int
    file: str = ""
    grabbed_ns: int
    wall: datetime
    age_ms: float
    width: int
    height: int
    nm_per_px: tuple[float, float] | None
    pixel_size_from: str | None
    state: str
    classes: tuple[str, ...]
    counts: Mapping[str, int] | None
    unique: Mapping[str, int] | None = None
    truncated: bool
    model: Model
    thresholds: Mapping[str, float]
    scale: float
    tile: int
    overlap: int
    roi: tuple[int, int, int, int] | None
    settings_sha256: str
    latency_ms: Mapping[str, float]
    columns: tuple[Column, ...] = COLUMNS
    records: NDArray[np.void] = field(repr=False)

    @property
    def detections(self) -> Detections:
        """The particles as the library's struct of arrays."""
        r = self.records
        xyxy = np.stack([r["x1"], r["y1"], r["x2"], r["y2"]], axis=1)
        return Detections(xyxy, r["score"], r["class"], r["flags"])


@dataclass(frozen=True, kw_only=True)
class CountsMessage:
    """The tally of one frame, for people and dashboards. Attributes as in `DetectionsMessage`."""

    kind: ClassVar[str] = "counts"

    origin: Origin
    frame: int
    file: str = ""
    grabbed_ns: int
    wall: datetime
    age_ms: float
    nm_per_px: tuple[float, float] | None
    state: str
    counts: Mapping[str, int] | None
    unique: Mapping[str, int] | None = None
    truncated: bool


@dataclass(frozen=True, kw_only=True)
class StatusMessage:
    """The daemon's heartbeat.

    Attributes:
        origin: sender and sequence number.
        wall: wall clock when it was sent.
        uptime_s: since the daemon started.
        version: of nanotally.
        model: what finds the particles.
        source_state: `up`, `stalled`, `lost` or `ended`.
        frame_state: of the last frame, or None before the first.
        fault: why the source is lost, in one line, or None.
        frames_grabbed: frames the source delivered.
        frames_dropped: of these, frames nobody looked at.
        frames_processed: of these, frames that became a detections message.
        last_seq: sequence number of the last detections message; 0 before the first.
        last_offset: of the newest message in the journal, or None where none is kept.
        journal_fault: why the last message is not safe in the journal, in one line, or None.
        replay: endpoint that answers what the journal holds, or None where none is kept.
        stopping: True in the last status of a run; a daemon that was killed sends none.
    """

    kind: ClassVar[str] = "status"

    origin: Origin
    wall: datetime
    uptime_s: float
    version: str
    model: Model
    source_state: str
    frame_state: str | None
    fault: str | None = None
    frames_grabbed: int
    frames_dropped: int
    frames_processed: int
    last_seq: int
    last_offset: int | None = None
    journal_fault: str | None = None
    replay: str | None = None
    stopping: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameMessage:
    """The picture that a detections message with the same `frame` and `run_id` was made from.

    Attributes:
        origin, frame, file, grabbed_ns, wall, width, height, nm_per_px, state: as in `DetectionsMessage`.
        encoding: of the picture: `jpeg`.
        image: the encoded picture.
    """

    kind: ClassVar[str] = "frames"

    origin: Origin
    frame: int
    file: str = ""
    grabbed_ns: int
    wall: datetime
    width: int
    height: int
    nm_per_px: tuple[float, float] | None
    state: str
    encoding: str = "jpeg"
    image: bytes = field(repr=False)


Message = DetectionsMessage | CountsMessage | StatusMessage | FrameMessage
