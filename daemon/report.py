"""What the daemon says about a frame: the messages made from what was found in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally import __version__
from nanotally.daemon.channel import Channel
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.journal import Journal
from nanotally.daemon.population import Population
from nanotally.detect import Detector, Found
from nanotally.frame import Frame, SourceState
from nanotally.measure.measurement import Measurement
from nanotally.wire import (
    ContoursMessage,
    CountsMessage,
    DetectionsMessage,
    FrameMessage,
    Model,
    Origin,
    Session,
    StatusMessage,
    columns_with,
    outlines_from,
    records_from,
)

FIGURES = ("examined_px", "density_per_um2", "agglomerates", "covered_share", "sharpness")
"""Of a frame as a whole, as `Measurement` and the messages name them."""


@dataclass(frozen=True)
class Setup:
    """What stays the same from frame to frame. Attributes as in `nanotally.wire.DetectionsMessage`."""

    model: Model
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    tile: int
    overlap: int
    settings_sha256: str

    @classmethod
    def of(cls, detector: Detector) -> Setup:
        """How `detector` looks at frames."""
        manifest, engine, settings = detector.bundle.manifest, detector.engine, detector.settings
        decisive = {
            **asdict(settings),
            "overlap_px": detector.overlap_px,
            "model": manifest.sha256,
            "thresholds": detector.thresholds,
            "nms_iou": manifest.nms_iou,
            "max_detections": settings.max_detections or manifest.max_detections,
        }
        return cls(
            model=Model(manifest.name, manifest.sha256, engine.name, engine.precision),
            classes=manifest.classes,
            thresholds=detector.thresholds,
            tile=detector.tile_px,
            overlap=detector.overlap_px,
            settings_sha256=_sha256_of(decisive),
        )

    def of_source(self, source: SourceConfig) -> Setup:
        """The same for one source: its region, pixel size and averaging decide too what is found and measured."""
        own = {key: value for key, value in asdict(source).items() if key != "uri"}
        return replace(self, settings_sha256=_sha256_of({**own, "detector": self.settings_sha256}))


def _sha256_of(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def detections_message(
    origin: Origin,
    frame: Frame,
    found: Found,
    setup: Setup,
    latency_ms: Mapping[str, float],
    *,
    population: Population,
    session: Session | None = None,
    measured: Measurement | None = None,
    tracks: NDArray[np.int64] | None = None,
) -> DetectionsMessage:
    """All particles of a frame, with what was measured on it if it is live, and identities where they are tracked."""
    height, width = frame.image.shape
    columns = {} if measured is None else measured.columns
    return DetectionsMessage(
        origin=origin,
        frame=frame.number,
        file=frame.name,
        grabbed_ns=frame.grabbed_ns,
        wall=wall(frame.wall_ns),
        age_ms=age_ms(frame),
        width=width,
        height=height,
        window=frame.window,
        nm_per_px=frame.nm_per_px,
        pixel_size_from=frame.pixel_size_from,
        state=frame.state,
        classes=setup.classes,
        # Only a live frame is counted: a lost signal is never a measurement.
        counts=found.detections.counts(setup.classes) if frame.state == "live" else None,
        unique=population.unique,
        session=session,
        group=population.number,
        **_figures(measured),
        truncated=found.truncated,
        model=setup.model,
        thresholds=setup.thresholds,
        scale=found.scale,
        tile=setup.tile,
        overlap=setup.overlap,
        roi=frame.field,
        settings_sha256=setup.settings_sha256,
        latency_ms={stage: round(ms, 3) for stage, ms in latency_ms.items()},
        columns=columns_with(columns),
        records=records_from(found.detections, tracks, columns),
    )


def _figures(measured: Measurement | None) -> dict[str, Any]:
    """What was measured on the frame as a whole."""
    return {} if measured is None else {name: _rounded(getattr(measured, name)) for name in FIGURES}


def _rounded(value: float | None) -> float | None:
    """A figure with the digits that mean something."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def counts_message(origin: Origin, told: DetectionsMessage, population: Population) -> CountsMessage:
    """Tally of the frame that `told` tells of, and statistics of all particles so far."""
    return CountsMessage(
        origin=origin,
        frame=told.frame,
        file=told.file,
        grabbed_ns=told.grabbed_ns,
        wall=told.wall,
        age_ms=told.age_ms,
        nm_per_px=told.nm_per_px,
        state=told.state,
        counts=told.counts,
        unique=told.unique,
        session=told.session,
        group=told.group,
        **{name: getattr(told, name) for name in FIGURES},
        statistics=population.statistics(),
        truncated=told.truncated,
    )


def frame_message(origin: Origin, told: DetectionsMessage, jpeg: bytes) -> FrameMessage:
    """Picture of the frame that `told` tells of."""
    return FrameMessage(
        origin=origin,
        frame=told.frame,
        file=told.file,
        grabbed_ns=told.grabbed_ns,
        wall=told.wall,
        width=told.width,
        height=told.height,
        nm_per_px=told.nm_per_px,
        state=told.state,
        image=jpeg,
    )


def contours_message(origin: Origin, told: DetectionsMessage, contours: NDArray[np.float32]) -> ContoursMessage:
    """Contours (n, k, 2) of the particles that `told` tells of, x y in pixels; NaN where there is none."""
    unit_px, outlines = outlines_from(contours, width=told.width, height=told.height)
    return ContoursMessage(
        origin=origin,
        frame=told.frame,
        grabbed_ns=told.grabbed_ns,
        wall=told.wall,
        unit_px=unit_px,
        points=outlines.shape[1],
        outlines=outlines,
    )


def status_message(
    origin: Origin,
    channel: Channel,
    state: SourceState,
    *,
    uptime_s: float,
    last_seq: int,
    journal: Journal,
    replay: str | None,
    stopping: bool,
    recording: bool = False,
    engine_fault: str | None = None,
) -> StatusMessage:
    """How a source is."""
    feed = channel.feed
    return StatusMessage(
        origin=origin,
        wall=wall(time.time_ns()),
        uptime_s=round(uptime_s, 3),
        version=__version__,
        model=channel.setup.model,
        source_state=state,
        frame_state=channel.frame_state,
        fault=None if feed.fault is None else str(feed.fault),
        frames_grabbed=feed.grabbed,
        frames_dropped=feed.mailbox.dropped + feed.damaged,
        frames_processed=channel.processed,
        last_seq=last_seq,
        last_offset=journal.last_offset(channel.name),
        journal_fault=journal.fault(channel.name),
        engine_fault=engine_fault,
        replay=replay,
        session=channel.session,
        recording=recording,
        stopping=stopping,
    )


def wall(wall_ns: int) -> datetime:
    """Wall clock in UTC from nanoseconds since 1970."""
    return datetime.fromtimestamp(wall_ns / 1e9, timezone.utc)


def age_ms(frame: Frame) -> float:
    """Milliseconds since the frame was grabbed."""
    return round((time.monotonic_ns() - frame.grabbed_ns) / 1e6, 3)
