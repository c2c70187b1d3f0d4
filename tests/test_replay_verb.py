"""`nanotally replay`: the same model and settings find the same, and what differs is told."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from recorded import record
from typer.testing import CliRunner

from nanotally.cli import app
from nanotally.cli.replay import replay  # noqa: F401 - adds its verb
from nanotally.daemon import service as service_module
from nanotally.daemon.config import Config, ControlConfig, MetricsConfig, PublishConfig, SourceConfig
from nanotally.daemon.recording.playing import Comparison, config_for
from nanotally.daemon.recording.reader import read_recording
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.daemon.service import Service
from nanotally.errors import SourceError
from nanotally.opencv import cv2

StandIn = runpy.run_path(str(Path(__file__).with_name("stand_in_daemon.py")))["StandIn"]
NANOTALLY = [sys.executable, "-m", "nanotally"]
ANY_PORT = "tcp://127.0.0.1:*"
WAIT_S = 120


def recording(tmp: Path, uri: str, make: object = StandIn, **source: object) -> Path:
    """What a daemon records of a whole feed."""
    config = Config(
        source={"main": SourceConfig(uri=uri, **source)},
        publish=PublishConfig(endpoint=ANY_PORT),
        control=ControlConfig(endpoint=ANY_PORT),
        metrics=MetricsConfig(enabled=False),
        recording=RecordingConfig(directory=str(tmp / "kept"), keep_free_mb=0),
    )
    service = Service(config, make)
    try:
        service.startup()
        started = service.keeping.start_recording("main", stills=service.channels["main"].feed.stills)
        service.main_loop()
    finally:
        service.shutdown()
    return Path(started["place"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with 3, 0, 7 and 2 particles."""
    (tmp_path / "in").mkdir()
    for number, count in enumerate((3, 0, 7, 2)):
        image = np.full((48, 64), 100, np.uint8)
        image[0, 0] = count
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), image)
    return recording(tmp_path, f"dir:{tmp_path / 'in'}", masks=((0, 0, 3, 3),), nm_per_px=2.5)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "Service", partial(Service, make_detector=StandIn))


@pytest.mark.usefixtures("stand_in")
def test_same_model_and_settings_find_the_same(folder: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(folder), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "frames_compared": 4, "frames_equal": 4, "frames_differing": [], "frames_left_out": 0, "same_settings": True,
        "recorded": {"cube": 5, "quasi_sphere": 7}, "now": {"cube": 5, "quasi_sphere": 7},
    }  # fmt: skip


@pytest.mark.usefixtures("stand_in")
def test_what_differs_is_told(folder: Path) -> None:
    pictures = sorted((folder / "pictures").iterdir())
    pictures[3].write_bytes(pictures[2].read_bytes())  # seven where there were two
    pictures[1].unlink()
    result = CliRunner().invoke(app, ["replay", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "3 frames compared, 2 equal, 1 not",
        "not equal: frames 3",
        "1 frames of the recording were not looked at",
        "              recorded       now",
        "cube                 5         7",
        "quasi_sphere         7        10",
    ]


def test_replay_looks_as_the_recorder_did_unless_told_otherwise(folder: Path) -> None:
    config = config_for(folder)
    assert config.source == {
        "main": SourceConfig(uri=f"recording:{folder}?speed=full", masks=((0, 0, 3, 3),), nm_per_px=2.5)
    }
    assert (config.publish.endpoint, config.control.endpoint, config.metrics.enabled) == (ANY_PORT, ANY_PORT, False)
    other = config_for(folder, real_time=True, bundle="/b", engine="openvino")
    assert other.source["main"].uri.endswith("?speed=real")
    assert (other.model.bundle, other.model.engine) == ("/b", "openvino")
    own = Config(source={"a": SourceConfig(uri="sim:")}, instance="other")
    assert config_for(folder, otherwise=own) == replace(own, source=config.source)


def test_folder_that_is_no_recording_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path)])
    assert isinstance(result.exception, SourceError)
    assert "no recording" in str(result.exception)


def test_particle_that_moved_by_a_hair_is_not_the_same(tmp_path: Path) -> None:
    folder = record(tmp_path / "a")
    comparison = Comparison(folder)
    for recorded in read_recording(folder):
        records = recorded.told.records.copy()
        if recorded.told.frame == 2:
            records["x1"][0] += 1e-4
        comparison.take(None, replace(recorded.told, records=records))  # type: ignore[arg-type] # is not looked at
    comparison.close()
    assert comparison.differing == [2]
    assert comparison.recorded == comparison.now


def test_real_model_finds_the_same_again(tmp_path: Path) -> None:
    folder = recording(tmp_path, "sim:?frames=3&fps=0&width=416&height=416", service_module.load_detector)
    done = subprocess.run(
        [*NANOTALLY, "replay", str(folder), "--json"], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    figures = json.loads(done.stdout)
    assert (figures["frames_compared"], figures["frames_equal"], figures["same_settings"]) == (3, 3, True)
    assert sum(figures["now"].values()) > 0
