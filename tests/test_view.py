"""The screen of `nanotally view`, without a window and, where there is Xvfb, with one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlay_pictures import contours_of, frame_of
from PIL import ImageGrab, features
from told import detections, status
from typer.testing import CliRunner

from nanotally.cli import app
from nanotally.cli.view import view  # noqa: F401 - adds its verb
from nanotally.daemon.publish import Publisher, to_jpeg
from nanotally.draw import CLASS_COLOURS
from nanotally.errors import NanotallyError, UsageError
from nanotally.overlay.microscope import Microscope
from nanotally.overlay.picture import Picture
from nanotally.overlay.screen import NO_PICTURE, WORDS, screen
from nanotally.overlay.window import fitted
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


def test_contours_take_the_place_of_boxes_where_they_are_known() -> None:
    told = big()
    xy = np.full((3, 4, 2), np.nan, np.float32)
    told = replace(told, width=320, height=240)
    for known, row in [(False, slice(0)), (True, slice(None))]:
        xy[row] = [[175, 105], [190, 120], [175, 135], [160, 120]]
        found = microscope()
        found.take_picture(Picture(told, frame_of(told, image=to_jpeg(GREY)), contours_of(told, xy)), 10.0)
        with_contours, boxed = (screen(found, now_s=11.0, contours=wanted) for wanted in (True, False))
        assert tuple(boxed[100, 170]) == CLASS_COLOURS["cube"]
        assert (tuple(with_contours[100, 170]) == CLASS_COLOURS["cube"]) is not known
        assert (abs(int(with_contours[112, 182, 0]) - 120) > 20) is known
    assert (screen(microscope(told), now_s=11.0, contours=True)[100, 170] == CLASS_COLOURS["cube"]).all()


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
    unit_px=st.floats(1e-30, 1024),
    corners=st.lists(st.floats(width=32), min_size=4, max_size=4),
    nm_per_px=st.none() | st.tuples(st.floats(), st.floats()),
    fault=st.text(max_size=50),
    now_s=st.sampled_from([10.5, 30.0]),
)  # fmt: skip
def test_whatever_a_daemon_sends_is_drawn(
    image: bytes, unit_px: float, corners: list[float], nm_per_px: tuple[float, float] | None, fault: str, now_s: float
) -> None:
    told = detections()
    records = told.records.copy()
    for name, value in zip(("x1", "y1", "x2", "y2"), corners, strict=True):
        records[name][0] = value
    told = replace(told, records=records, nm_per_px=nm_per_px)
    contours = replace(contours_of(told, np.ones((3, 4, 2), np.float32)), unit_px=unit_px)
    for source_state in ("up", "lost", "unheard of"):
        found = microscope(told, image, source_state=source_state, fault=fault)
        found.take_picture(Picture(told, frame_of(told, image=image), contours), 10.0)
        picture = screen(found, now_s=now_s, contours=True)
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


@contextmanager
def viewing(display: str, endpoint: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "nanotally", "view", endpoint, *words]
    env = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.terminate()


def seen(display: str) -> np.ndarray:
    """(h, w, 3) BGR of all that is on a display."""
    return np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))[:, :, ::-1]


@pytest.mark.skipif(not features.check_feature("xcb"), reason="Pillow was built without xcb, which looks at a display")
def test_window_shows_what_a_daemon_sends_and_a_signal_closes_it(tmp_path: Path, display: str) -> None:
    told = replace(big(), width=320, height=240)
    messages = [replace(status(), frame_state="live"), told, frame_of(told, image=to_jpeg(GREY))]
    with (
        closing(Publisher(f"ipc://{tmp_path}/publish", instance="sem")) as publisher,
        viewing(display, publisher.endpoint) as child,
    ):
        deadline_s, boxes = time.monotonic() + WAIT_S, 0
        while boxes < 50 and time.monotonic() < deadline_s:
            assert child.poll() is None
            publisher.answer_subscribers()
            for message in messages:
                publisher.send(replace(message, origin=publisher.next_origin(message.kind, "main")))
            time.sleep(0.1)
            boxes = np.count_nonzero((np.abs(seen(display).astype(int) - CLASS_COLOURS["cube"]) < 40).all(axis=2))
        assert boxes >= 50
        child.terminate()
        assert child.wait(WAIT_S) == 0


@pytest.mark.parametrize(("shape", "place"), [((60, 80), (0, 10, 80, 70)), ((80, 60), (10, 0, 70, 80))])
def test_the_picture_fits_into_the_window_with_nothing_left_out(
    shape: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = place
    shown = fitted(np.full((4 * shape[0], 4 * shape[1], 3), 100, np.uint8), 80, 80)
    assert shown.shape == (80, 80, 3)
    assert (shown[top:bottom, left:right] == 100).all()
    assert shown.sum() == 300 * shape[0] * shape[1]
    lines = np.zeros((400, 400, 3), np.uint8)
    lines[:, 201] = 255  # OpenCV's own windows would leave it out
    assert fitted(lines, 100, 100).max(axis=(1, 2)).min() > 50
    assert fitted(lines, 0, 0).shape == (1, 1, 3)
