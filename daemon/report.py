"""What the daemon says about a frame: the messages made from what was found in it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from nanotally import __version__
from nanotally.daemon.channel import Channel
from nanotally.daemon.journal import Journal
from nanotally.detect import Detector, Found
from nanotally.frame import Frame, SourceState
from nanotally.wire import CountsMessage, DetectionsMessage, FrameMessage, Model, Origin, StatusMessage, records_from


@dataclass(frozen=True)
class Setup:
    """What stays the same from frame to frame. Attributes as in `nanotally.wire.DetectionsMessage`."""

    model: Model
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    scale: float
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
            scale=settings.scale,
            tile=manifest.input_size_px,
            overlap=detector.overlap_px,
            settings_sha256=hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest(),
        )


def detections_message(
    origin: Origin,
    frame: Frame,
    found: Found,
    setup: Setup,
    latency_ms: Mapping[str, float],
    *,
    tracks: NDArray[np.int64] | None = None,
    unique: Mapping[str, int] | None = None,
) -> DetectionsMessage:
    """All particles of a frame, with their identities where they are tracked."""
    height, width = frame.image.shape
    return DetectionsMessage(
        origin=origin,
        frame=frame.number,
        file=frame.name,
        grabbed_ns=frame.grabbed_ns,
        wall=wall(frame.wall_ns),
        age_ms=age_ms(frame),
        width=width,
        height=height,
        nm_per_px=frame.nm_per_px,
        pixel_size_from=frame.pixel_size_from,
        state=frame.state,
        classes=setup.classes,
        # Only a live frame is counted: a lost signal is never a measurement.
        counts=found.detections.counts(setup.classes) if frame.state == "live" else None,
        unique=unique,
        truncated=found.truncated,
        model=setup.model,
        thresholds=setup.thresholds,
        scale=setup.scale,
        tile=setup.tile,
        overlap=setup.overlap,
        roi=frame.field,
        settings_sha256=setup.settings_sha256,
        latency_ms={stage: round(ms, 3) for stage, ms in latency_ms.items()},
        records=records_from(found.detections, tracks),
    )


def counts_message(origin: Origin, told: DetectionsMessage) -> CountsMessage:
    """Tally of the frame that `told` tells of."""
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


def status_message(
    origin: Origin,
    channel: Channel,
    state: SourceState,
    setup: Setup,
    *,
    uptime_s: float,
    last_seq: int,
    journal: Journal,
    replay: str | None,
    stopping: bool,
) -> StatusMessage:
    """How a source is."""
    feed = channel.feed
    return StatusMessage(
        origin=origin,
        wall=wall(time.time_ns()),
        uptime_s=round(uptime_s, 3),
        version=__version__,
        model=setup.model,
        source_state=state,
        frame_state=channel.frame_state,
        fault=None if feed.fault is None else str(feed.fault),
        frames_grabbed=feed.grabbed,
        frames_dropped=feed.mailbox.dropped + feed.damaged,
        frames_processed=channel.processed,
        last_seq=last_seq,
        last_offset=journal.last_offset(channel.name),
        journal_fault=journal.fault(channel.name),
        replay=replay,
        stopping=stopping,
    )


def wall(wall_ns: int) -> datetime:
    """Wall clock in UTC from nanoseconds since 1970."""
    return datetime.fromtimestamp(wall_ns / 1e9, timezone.utc)


def age_ms(frame: Frame) -> float:
    """Milliseconds since the frame was grabbed."""
    return round((time.monotonic_ns() - frame.grabbed_ns) / 1e6, 3)
