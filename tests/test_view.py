"""The screen of `nanotally view`, without a window and, where there is Xvfb, with one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlay_pictures import frame_of
from told import detections, status
from typer.testing import CliRunner

from nanotally.cli import app
from nanotally.cli.view import view  # noqa: F401 - adds its verb
from nanotally.daemon.publish import to_jpeg
from nanotally.draw import CLASS_COLOURS
from nanotally.errors import NanotallyError, UsageError
from nanotally.overlay.microscope import Microscope
from nanotally.overlay.picture import Picture
from nanotally.overlay.screen import NO_PICTURE, WORDS, screen
from nanotally.wire import DetectionsMessage

WAIT_S = 30.0
GREY = np.full((240, 320), 120, np.uint8)


def microscope(told: DetectionsMessage | None = None, image: bytes | None = None, **otherwise: object) -> Microscope:
    """A microscope that was heard at 10 s."""
    found = Microscope(since_s=10.0)
    found.take(replace(status(), **{"frame_state": "live", **otherwise}), 10.0)
    if told is not None:
        found.take_picture(Picture(told, frame_of(told, image=to_jpeg(GREY) if image is None else image)), 10.0)
    return found


def has(picture: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((picture == colour).all(axis=2).any())


def big(**otherwise: object) -> DetectionsMessage:
    told = detections()
    records = told.records.copy()
    for name, value in {"x1": 150, "y1": 100, "x2": 200, "y2": 140}.items():
        records[name] = value
    return replace(told, records=records, unique={"cube": 7, "quasi_sphere": 0}, **otherwise)


def test_live_picture_has_its_boxes() -> None:
    picture = screen(microscope(big()), now_s=11.0)
    assert picture.shape == (*GREY.shape, 3)
    assert tuple(picture[100, 170]) == CLASS_COLOURS["cube"]
    assert abs(int(picture[120, 180, 0]) - 120) < 5


@pytest.mark.parametrize(
    ("status_says", "frame_state", "now_s"),
    [
        ({"source_state": "lost", "fault": "cable"}, "live", 11.0),
        ({"source_state": "stalled"}, "live", 11.0),
        ({}, "frozen", 11.0),
        ({}, "partial", 11.0),
        ({}, "live", 20.0),
        ({"stopping": True}, "live", 11.0),
    ],
)
def test_what_is_not_live_is_dark_and_has_no_boxes(
    status_says: dict[str, object], frame_state: str, now_s: float
) -> None:
    picture = screen(microscope(big(state=frame_state), **status_says), now_s=now_s)
    assert not has(picture, CLASS_COLOURS["cube"])
    assert abs(int(picture[120, 180, 0]) - 40) < 5
    assert picture[180:].max() > 100  # it says why


def test_every_state_has_words_of_its_own() -> None:
    assert len(set(WORDS.values())) == len(WORDS)
    shown = [
        screen(microscope(big(), source_state=state), now_s=11.0).tobytes() for state in ("stalled", "lost", "ended")
    ]
    shown += [screen(microscope(big()), now_s=now_s).tobytes() for now_s in (11.0, 20.0, 21.0)]
    assert len(set(shown)) == len(shown)


def test_without_a_picture_there_are_words() -> None:
    for refused in (False, True):
        picture = screen(Microscope(since_s=0.0), now_s=1.0, refused=refused)
        assert picture.shape == (*NO_PICTURE, 3)
        assert picture.max() > 100
    assert (screen(Microscope(since_s=0.0), now_s=1.0) != screen(Microscope(since_s=0.0), now_s=9.0)).any()


@settings(max_examples=40)
@given(
    image=st.binary(max_size=64) | st.tuples(st.integers(1, 40), st.integers(1, 40)).map(
        lambda shape: to_jpeg(np.full(shape, 50, np.uint8))
    ),
    corners=st.lists(st.floats(width=32), min_size=4, max_size=4),
    nm_per_px=st.none() | st.tuples(st.floats(), st.floats()),
    fault=st.text(max_size=50),
    now_s=st.sampled_from([10.5, 30.0]),
)  # fmt: skip
def test_whatever_a_daemon_sends_is_drawn(
    image: bytes, corners: list[float], nm_per_px: tuple[float, float] | None, fault: str, now_s: float
) -> None:
    told = detections()
    records = told.records.copy()
    for name, value in zip(("x1", "y1", "x2", "y2"), corners, strict=True):
        records[name][0] = value
    told = replace(told, records=records, nm_per_px=nm_per_px)
    for source_state in ("up", "lost", "unheard of"):
        picture = screen(microscope(told, image, source_state=source_state, fault=fault), now_s=now_s)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3


def test_without_a_display_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    result = CliRunner().invoke(app, ["view"])
    assert type(result.exception) is NanotallyError
    assert "no display here" in str(result.exception)
    assert isinstance(CliRunner().invoke(app, ["view", "nowhere"]).exception, UsageError)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian package xvfb)")
    reading = tmp_path / "display"
    with reading.open("wb") as file:
        words = ["Xvfb", "-displayfd", str(file.fileno()), "-screen", "0", "800x600x24"]
        server = subprocess.Popen(words, pass_fds=[file.fileno()], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + WAIT_S
    while not reading.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.1)
    yield f":{reading.read_text().strip()}"
    server.terminate()
    server.wait(WAIT_S)


def test_window_opens_and_a_signal_closes_it(tmp_path: Path, display: str) -> None:
    words = [sys.executable, "-m", "nanotally", "view", f"ipc://{tmp_path}/nowhere", "--full-screen"]
    with subprocess.Popen(words, env={"DISPLAY": display, "PATH": "/usr/bin:/bin"}, stderr=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(5)
        child.terminate()
        assert child.wait(WAIT_S) == 0
