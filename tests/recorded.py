"""Recordings for the tests, as the daemon writes them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from kept import frame_of, told_of

from nanotally.daemon.config import ModelConfig, SourceConfig
from nanotally.daemon.recording.facts import Facts
from nanotally.daemon.recording.recorder import Recorder
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.daemon.recording.totals import Totals
from nanotally.detect import DetectSettings
from nanotally.frame import Frame

BOXES = [[2, 3, 20, 22.5], [40, 10, 60.25, 31]]


def facts(*, stills: bool = False) -> Facts:
    return Facts(
        version="0", instance="sem", source="main", stills=stills, began=datetime(2026, 3, 14, tzinfo=timezone.utc),
        feed=SourceConfig(uri="sim:", masks=((0, 0, 5, 5),)), model=ModelConfig(), detect=DetectSettings(levels=1),
    )  # fmt: skip


def begin(folder: Path, *, stills: bool = False, **limits: float) -> Recorder:
    return Recorder(folder, facts(stills=stills), RecordingConfig(**{"keep_free_mb": 0.0, **limits}), Totals())


def record(folder: Path, frames: Iterable[Frame] | None = None, *, stills: bool = False) -> Path:
    """A recording of these frames; without, of five. None is missed, however slow the disk is."""
    recorder = begin(folder, stills=stills)
    for frame in frames or map(frame_of, range(5)):
        before = recorder.frames
        recorder.take(frame, told_of(frame, BOXES, 0.9, [0, 1]))
        while recorder.frames == before:
            assert recorder.ended is None, recorder.ended
            time.sleep(0.001)
    recorder.close()
    return folder
