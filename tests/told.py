"""Detections messages for the tests of journal, replay and log."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np

from nanotally.detections import Detections
from nanotally.wire import DetectionsMessage, Model, Origin, StatusMessage, records_from

MODEL = Model("m", "ab" * 32, "stand-in", "fp32")
WALL = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=timezone.utc)


def detections(
    seq: int = 1, offset: int | None = None, *, run_id: str = "run1", source: str = "main", particles: int = 3
) -> DetectionsMessage:
    found = Detections(np.full((particles, 4), [1, 2, 9, 12], np.float32))
    return DetectionsMessage(
        origin=Origin(run_id, "sem", source, seq),
        offset=offset,
        frame=seq - 1,
        file="a.tif",
        grabbed_ns=0,
        wall=WALL,
        age_ms=1.0,
        width=64,
        height=48,
        nm_per_px=(2.0, 2.5),
        pixel_size_from="config",
        state="live",
        classes=("cube", "quasi_sphere"),
        counts={"cube": particles, "quasi_sphere": 0},
        truncated=False,
        model=MODEL,
        thresholds={"cube": 0.5, "quasi_sphere": 0.5},
        scale=1.0,
        tile=416,
        overlap=96,
        roi=None,
        settings_sha256="cd" * 32,
        latency_ms={},
        records=records_from(found),
    )


def status(
    seq: int = 1,
    *,
    last_seq: int = 0,
    last_offset: int | None = None,
    replay: str | None = None,
    journal_fault: str | None = None,
    stopping: bool = False,
    run_id: str = "run1",
) -> StatusMessage:
    return StatusMessage(
        origin=Origin(run_id, "sem", "main", seq),
        wall=WALL,
        uptime_s=1.0,
        version="0",
        model=MODEL,
        source_state="up",
        frame_state=None,
        frames_grabbed=0,
        frames_dropped=0,
        frames_processed=0,
        last_seq=last_seq,
        last_offset=last_offset,
        journal_fault=journal_fault,
        replay=replay,
        stopping=stopping,
    )
