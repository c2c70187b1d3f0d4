"""The five messages of schema 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.measure.statistics import SizeDistribution
from nanotally.wire.origin import Model, Origin, Session
from nanotally.wire.records import COLUMNS, Column

SCHEMA = 1
"""Goes up when a key or a column is taken away or changes its meaning; a new one leaves it as it is."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What is known of the particles of one group, each counted once.

    Attributes:
        grounds: stretches of ground that nobody could put together on one map, so that a particle may have been
            counted once on each; 1 where nothing was counted twice, None where nothing is tracked.
        frames: frames without common ground that the density is the mean over.
        area_um2: examined in them, or None where the pixel size is not known.
        density_per_um2: particles a square micrometre, those made up for that the border cut, or None.
        sizes: statistics of the sizes of a class; empty where the pixel size is not known.
    """

    grounds: int | None
    frames: int
    area_um2: float | None
    density_per_um2: float | None
    sizes: Mapping[str, SizeDistribution]


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
        window: grey levels of the source that became black and white of 8 bits.
        nm_per_px: nanometres a pixel (x, y), or None where it is not known.
        pixel_size_from: where that comes from, in a word or two.
        state: of the frame: `live`, `partial`, `frozen`, `blank` or `unexamined`.
        classes: names, in the order of the column `class`.
        counts: particles a class; None unless the frame is live.
        unique: different particles a class since the group began, or None where nothing is tracked.
        session: in which it was seen, or None where none was started.
        group: number of the group that `unique` and statistics are of. It rises when they begin anew: because the
            magnification is no longer known, or because somebody asked for it.
        examined_px: area in which particles were counted, square pixels; None unless the frame is live.
        density_per_um2: particles a square micrometre in this frame; None unless live and the pixel size known.
        agglomerates: groups of two or more particles that touch; None unless the frame is live.
        covered_share: of the examined area that particles cover, 0 to 1; None unless the frame is live.
        sharpness: of the picture, 0 to about 1; None where it has no contrast, and unless the frame is live.
        truncated: True if there were more particles than the model may report.
        model: what found them.
        thresholds: score a class had to reach.
        scale: network pixels per image pixel at the finest level.
        tile: largest side of a tile in network pixels.
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
    window: tuple[float, float] = (0.0, 255.0)
    nm_per_px: tuple[float, float] | None
    pixel_size_from: str | None
    state: str
    classes: tuple[str, ...]
    counts: Mapping[str, int] | None
    unique: Mapping[str, int] | None = None
    session: Session | None = None
    group: int = 1
    examined_px: int | None = None
    density_per_um2: float | None = None
    agglomerates: int | None = None
    covered_share: float | None = None
    sharpness: float | None = None
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
    """The tally of one frame, for people and dashboards.

    Attributes:
        statistics: of all particles of the group so far; None before the first live frame.
        origin and all others: as in `DetectionsMessage`.
    """

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
    session: Session | None = None
    group: int = 1
    examined_px: int | None = None
    density_per_um2: float | None = None
    agglomerates: int | None = None
    covered_share: float | None = None
    sharpness: float | None = None
    statistics: Statistics | None = None
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
        engine_fault: why frames are not looked at, in one line, or None while they are.
        replay: endpoint that answers what the journal holds, or None where none is kept.
        session: that goes on, or None where none was started.
        recording: whether the frames of the source are being recorded.
        forwarded: whether a forwarder passed it on, which puts this in; it takes no requests for the daemon.
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
    engine_fault: str | None = None
    replay: str | None = None
    session: Session | None = None
    recording: bool = False
    forwarded: bool = False
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


@dataclass(frozen=True, kw_only=True, eq=False)
class ContoursMessage:
    """Where the particles end that the detections message with the same `frame` and `run_id` tells of.

    Attributes:
        origin, frame, grabbed_ns, wall: as in `DetectionsMessage`.
        unit_px: pixels that one unit of the outlines is.
        points: of an outline.
        outlines: (n, points, 2) int16, x y in units from the corner of the frame, once around; a row a particle, in
            the order of the records. -1 throughout where the contour is not trusted.
    """

    kind: ClassVar[str] = "contours"

    origin: Origin
    frame: int
    grabbed_ns: int
    wall: datetime
    unit_px: float
    points: int
    outlines: NDArray[np.int16] = field(repr=False)

    @property
    def xy(self) -> NDArray[np.float32]:
        """(n, points, 2) x y in pixels of the frame, its corner at 0 0; NaN where there is no contour."""
        xy = self.outlines * np.float32(self.unit_px)
        return np.asarray(np.where(self.outlines < 0, np.float32(np.nan), xy))


Message = DetectionsMessage | CountsMessage | StatusMessage | FrameMessage | ContoursMessage
