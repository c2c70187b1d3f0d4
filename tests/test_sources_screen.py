import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from shutil import which
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from source_parts import lost, picture, read_some

from nanotally.daemon.sources import open_source


@pytest.fixture
def display() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An X11 screen that nobody sees, with nothing on it."""
    pytest.importorskip("mss", reason="python-mss is not installed")
    if which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (xvfb)")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "200x100x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as number:
        name = number.readline().strip()
    try:
        yield f":{name}", server
    finally:
        server.kill()
        server.wait(10)


def test_real_screen_is_grabbed_and_its_end_is_a_loss(display: tuple[str, subprocess.Popen[bytes]]) -> None:
    name, server = display
    with closing(open_source(f"screen:100,20,64,48?display={name}&fps=50")) as source:
        frames = read_some(source, 3)
        assert frames[0].image.shape == (48, 64)
        assert not frames[0].image.any()  # the root window of Xvfb is black
        server.kill()
        server.wait(10)
        assert "the screen has gone" in str(lost(source))
        source.close()


def test_rectangle_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, int]] = []

    class Screen:
        def grab(self, region: dict[str, int]) -> SimpleNamespace:
            asked.append(region)
            bgra = np.dstack([picture(5)] * 3 + [np.zeros((48, 64), np.uint8)])
            return SimpleNamespace(raw=bytearray(bgra.tobytes()), width=64, height=48)

        def close(self) -> None:
            raise AssertionError  # as python-mss does when the display has gone

    module: Any = ModuleType("mss")
    module.MSS = Screen
    monkeypatch.setitem(sys.modules, "mss", module)
    with closing(open_source("screen:-10,20,64,48")) as source:
        assert np.array_equal(read_some(source, 1)[0].image, picture(5))
    assert asked[0] == {"left": -10, "top": 20, "width": 64, "height": 48}
