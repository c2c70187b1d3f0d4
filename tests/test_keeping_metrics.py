"""What Prometheus is told of recordings and of the harvest."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from kept import frame_of, told_of
from prometheus_client import CollectorRegistry
from source_parts import until

from nanotally.daemon.config import Config, SourceConfig
from nanotally.daemon.harvest.settings import HarvestConfig
from nanotally.daemon.keeping import Keeping
from nanotally.daemon.keeping_metrics import KeepingMetrics
from nanotally.daemon.recording import recorder as recorder_module
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.detections import CLASSES

BOXES = np.array([[10 * i + 2, 12, 10 * i + 9, 20] for i in range(8)], np.float32)
UNSURE = 0.55
"""A score of which the harvest is in doubt."""


class Rig:
    """A keeping of two sources, and what is told of it."""

    def __init__(self, folder: Path, *, harvest: dict[str, float] | None, **limits: float) -> None:
        self.keeping = Keeping(
            Config(
                source={"main": SourceConfig(uri="sim:"), "other": SourceConfig(uri="sim:")},
                recording=RecordingConfig(directory=str(folder / "kept"), **{"keep_free_mb": 0.0, **limits}),
                harvest=HarvestConfig(
                    directory="" if harvest is None else str(folder / "harvest"),
                    **{"every_s": 0.0, **(harvest or {})},
                ),
            ),
            classes=CLASSES,
        )
        self.registry = CollectorRegistry()
        self.registry.register(KeepingMetrics(self.keeping, ["main", "other"]))

    def take(self, *numbers: int) -> None:
        for number in numbers:
            frame = frame_of(number)
            self.keeping.take(frame, told_of(frame, BOXES, UNSURE, np.arange(8) % 2))

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(f"nanotally_{name}", labels)
        assert found is not None, f"no series nanotally_{name} {labels}"
        return found

    def dropped(self, why: str) -> float:
        return self.value("harvest_frames_dropped_total", source="main", reason=why)

    def ended(self) -> dict[str, float]:
        """Recordings of the source by why they ended, those that did."""
        reasons = ("asked", "stopped", "time", "size", "room", "fault")
        found = {why: self.value("recordings_ended_total", source="main", reason=why) for why in reasons}
        return {why: many for why, many in found.items() if many}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, harvest=None)
    with closing(made.keeping):
        yield made


def test_every_series_is_there_from_the_start(rig: Rig) -> None:
    names = ("recording_active", "recording_frames_total", "recording_frames_missed_total", "recording_bytes_total")
    for source in ("main", "other"):
        assert [rig.value(name, source=source) for name in names] == [0, 0, 0, 0]
        assert rig.value("harvest_frames_kept_total", source=source) == 0
    assert rig.ended() == {}
    assert [rig.dropped(why) for why in ("busy", "full", "disk")] == [0, 0, 0]
    assert math.isnan(rig.value("harvest_frames"))
    assert math.isnan(rig.value("harvest_bytes"))


def test_recordings_add_up(rig: Rig) -> None:
    for numbers, stop in (((0, 1), rig.keeping.stop_recording), ((2, 3, 4), None)):
        rig.keeping.start_recording("main", stills=False)
        assert rig.value("recording_active", source="main") == 1
        assert rig.value("recording_active", source="other") == 0
        rig.take(*numbers)
        if stop is not None:
            stop("main")
            assert rig.value("recording_active", source="main") == 0
    rig.keeping.close()
    pixels = frame_of(0).image.nbytes
    assert rig.value("recording_frames_total", source="main") == 5
    assert 5 * pixels < rig.value("recording_bytes_total", source="main") < 8 * pixels
    assert rig.value("recording_frames_total", source="other") == 0
    assert rig.ended() == {"asked": 1, "stopped": 1}


@pytest.mark.parametrize(
    ("limits", "why"), [({"most_s": 1.5}, "time"), ({"most_mb": 0.013}, "size"), ({"keep_free_mb": 1e12}, "room")]
)
def test_a_limit_that_ends_a_recording_is_told(tmp_path: Path, limits: dict[str, float], why: str) -> None:
    rig = Rig(tmp_path, harvest=None, **limits)
    with closing(rig.keeping):
        rig.keeping.start_recording("main", stills=False)
        rig.take(0, 1, 2, 3)
        assert until(lambda: rig.ended() == {why: 1})
        assert rig.value("recording_active", source="main") == 0


def test_a_disk_that_is_full_or_slow_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    rig.keeping.start_recording("main", stills=False)
    monkeypatch.setattr(rig.keeping.recorders["main"]._worker, "_capacity", 0)
    rig.take(0, 1)
    assert rig.value("recording_frames_missed_total", source="main") == 2
    monkeypatch.setattr(rig.keeping.recorders["main"]._worker, "_capacity", 8)
    monkeypatch.setattr(recorder_module, "write_picture", full)
    rig.take(2)
    assert until(lambda: rig.ended() == {"fault": 1})


def test_the_harvest_tells_what_it_kept_and_what_had_no_place(tmp_path: Path) -> None:
    rig = Rig(tmp_path, harvest={"most_frames": 2})
    harvest = rig.keeping.harvest
    assert harvest is not None
    with closing(rig.keeping):
        for number in range(4):
            rig.take(number)
            assert until(lambda n=number: harvest.kept["main"] + rig.dropped("full") == n + 1)
        assert rig.value("harvest_frames_kept_total", source="main") == rig.value("harvest_frames") == 2
        assert rig.value("harvest_bytes") == sum(
            path.stat().st_size for path in (tmp_path / "harvest" / "sem" / "images").iterdir()
        )
        assert rig.dropped("full") == 2


def test_a_harvest_without_time_or_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, harvest={})
    harvest = rig.keeping.harvest
    assert harvest is not None
    with closing(rig.keeping):
        monkeypatch.setattr(harvest._worker, "_capacity", 0)
        rig.take(0)
        assert rig.dropped("busy") == 1
        monkeypatch.setattr(harvest._worker, "_capacity", 2)

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(harvest.shelf, "add", full)
        rig.take(1)
        assert until(lambda: rig.dropped("disk") == 1)
        assert rig.value("harvest_frames_kept_total", source="main") == 0
