"""What every source keeps, whatever it is made of."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from shutil import which
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from kept import frame_of
from recorded import record
from rtsp_server import RtspServer
from source_parts import (
    free_port,
    picture,
    pushing,
    read_some,
    saving,
    stand_in_launch,
    until,
    write_folder,
    write_video,
)
from stand_in_camera import Camera

from nanotally.daemon.sources import open_source, watch
from nanotally.errors import SourceError
from nanotally.frame import Source

ENOUGH = 3


class Fed(NamedTuple):
    """A URI with something behind it while the block lasts."""

    uri: str
    feeding: AbstractContextManager[object] = nullcontext()


Make = Callable[[Path, pytest.MonkeyPatch], Fed]


def fed_watch(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    patch.setattr(watch, "POLL_S", 0.01)
    patch.setattr(watch, "SETTLE_S", 0.03)
    (tmp / "saved").mkdir()
    return Fed(f"watch:{tmp / 'saved'}", saving(tmp / "saved"))


def fed_zmq(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    return Fed(f"zmq:{endpoint}", pushing(endpoint))


def fed_launch(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    stand_in_launch(tmp / "bin", patch)
    return Fed("gst:pictures")


def fed_gst(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    if which("gst-launch-1.0") is None:
        pytest.skip("gst-launch-1.0 is not installed (gstreamer1.0-tools, -plugins-base, -plugins-bad)")
    return Fed("gst:videotestsrc is-live=true ! video/x-raw,width=65,height=48,framerate=50/1")


def fed_rtsp(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    server = RtspServer(picture)
    return Fed(f"rtsp://127.0.0.1:{server.port}/sem", closing(server))


def fed_camera(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    patch.setitem(sys.modules, "linuxpy.video.device", Camera().module())
    return Fed("v4l2:/dev/null?size=64x48&format=GREY")


def stand_in_screen() -> ModuleType:
    """python-mss with a screen of 100 x 80 pixels that brightens with every grab."""

    class Screen:
        grabs = 0

        def __init__(self, display: str = ":0") -> None:
            if display != ":0":
                raise RuntimeError("Cannot connect to display")

        def grab(self, region: dict[str, int]) -> SimpleNamespace:
            self.grabs += 1
            width, height = region["width"], region["height"]
            if region["left"] + width > 100 or region["top"] + height > 80:
                raise RuntimeError("X11 Protocol Error")
            return SimpleNamespace(raw=bytes([self.grabs % 256]) * width * height * 4, width=width, height=height)

        def close(self) -> None:
            pass

    module: Any = ModuleType("mss")
    module.MSS = Screen
    return module


def fed_screen(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    patch.setitem(sys.modules, "mss", stand_in_screen())
    return Fed("screen:10,10,64,48?fps=100")


def fed_display(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    pytest.importorskip("mss", reason="python-mss is not installed")
    if "DISPLAY" not in os.environ:
        pytest.skip("there is no X11 display; `xvfb-run` makes one")
    return Fed("screen:0,0,64,48?fps=100")


def fed_recording(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    return Fed(f"recording:{record(tmp / 'recording')}")


def fed_recording_live(tmp: Path, patch: pytest.MonkeyPatch) -> Fed:
    frames = [frame_of(number, every_s=0.05) for number in range(20)]
    return Fed(f"recording:{record(tmp / 'recording', frames)}?speed=real")


EVERY: dict[str, Make] = {
    "dir": lambda tmp, _: Fed(f"dir:{write_folder(tmp / 'folder')}"),
    "file": lambda tmp, _: Fed(f"file:{write_video(tmp / 'video.avi')}"),
    "sim, live": lambda *_: Fed("sim:?width=96&height=64&particles=3&fps=50"),
    "sim, replay": lambda *_: Fed("sim:?width=96&height=64&particles=3&frames=3&fps=0"),
    "recording": fed_recording,
    "recording, live": fed_recording_live,
    "watch": fed_watch,
    "zmq": fed_zmq,
    "gst, stand-in": fed_launch,
    "gst": fed_gst,
    "rtsp": fed_rtsp,
    "v4l2, stand-in": fed_camera,
    "screen, stand-in": fed_screen,
    "screen": fed_display,
}


@pytest.fixture(params=EVERY)
def fed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fed:
    return EVERY[request.param](tmp_path, monkeypatch)


@contextmanager
def opened(fed: Fed) -> Iterator[Source]:
    """The source, with at least three frames to come."""
    with ExitStack() as stack:
        if not fed.uri.startswith("watch:"):  # what lies there before is old
            stack.enter_context(fed.feeding)
        source = stack.enter_context(closing(open_source(fed.uri)))
        if fed.uri.startswith("watch:"):
            stack.enter_context(fed.feeding)
        yield source


def test_frames_are_what_the_rest_of_the_daemon_relies_on(fed: Fed) -> None:
    began_ns = time.monotonic_ns() - 10**10  # a picture may have waited
    with opened(fed) as source:
        frames = read_some(source, ENOUGH)
        _check_numbers([frame.number for frame in frames], live=source.live)
        stamps = [began_ns, *(frame.grabbed_ns for frame in frames), time.monotonic_ns()]
        assert stamps == sorted(stamps)
        assert not np.shares_memory(frames[0].image, frames[1].image)
        for frame in frames:
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 2
            assert frame.image.size > 0
            assert frame.image.flags.c_contiguous
            assert frame.state == "live"
            assert (frame.nm_per_px is None) == (frame.pixel_size_from is None)


def _check_numbers(numbers: list[int], *, live: bool) -> None:
    assert len(numbers) == ENOUGH
    assert numbers[0] >= 0
    assert numbers == (sorted(set(numbers)) if live else list(range(ENOUGH)))


def test_source_says_what_it_is_and_its_frames_are_new(fed: Fed) -> None:
    with opened(fed) as source:
        assert source.uri == fed.uri
        assert source.damaged == 0
        if type(source).__module__.startswith("nanotally.daemon"):
            assert source.uri in repr(source)
        if source.live:
            read_some(source, 1)
            time.sleep(0.5)
            asked_ns = time.monotonic_ns()
            assert read_some(source, 1)[0].grabbed_ns > asked_ns - 0.4e9


def test_close_may_come_twice_from_another_thread_and_nothing_is_left(fed: Fed) -> None:
    with fed.feeding:
        with closing(open_source(fed.uri)) as first:  # what is loaded once stays loaded
            first.read(0.2)
        before = _held()
        for _ in range(2):
            source = open_source(fed.uri)
            assert read_some(source, 1)
            closer = threading.Thread(target=source.close)
            closer.start()
            closer.join(5)
            assert not closer.is_alive()
            source.close()
        assert until(lambda: _no_more_than(before)), f"{before} -> {_held()}"


def _held() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def _no_more_than(before: tuple[int, int]) -> bool:
    return all(now <= then for now, then in zip(_held(), before, strict=True))


@pytest.mark.parametrize("kind", ["watch", "zmq", "gst, stand-in", "v4l2, stand-in", "screen, stand-in"])
def test_read_is_over_in_time_and_close_ends_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = EVERY[kind](tmp_path, monkeypatch).uri.replace("pictures", "silent").replace("fps=100", "fps=0.01")
    silent = Camera()
    silent.silent = True
    monkeypatch.setitem(sys.modules, "linuxpy.video.device", silent.module())
    with closing(open_source(uri)) as source:
        source.read(0.5)
        began_s = time.monotonic()
        assert source.read(0.05) is None
        assert time.monotonic() - began_s < 2
        threading.Timer(0.1, source.close).start()
        with pytest.raises(SourceError, match=r"was closed|ended"):
            source.read(60)
        assert time.monotonic() - began_s < 10


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("watch:{tmp}/nowhere", "No such file"),
        ("watch:{tmp}/text", "Not a directory"),
        ("zmq:tcp://0.0.0.0:5758", "can be reached from other machines"),
        ("zmq:tcp://sem-pc:5758", "can be reached from other machines"),
        ("zmq:udp://127.0.0.1:5758", "expected zmq:tcp://127.0.0.1:PORT"),
        ("zmq:", "expected zmq:tcp://127.0.0.1:PORT"),
        ("gst:", "there is no pipeline"),
        ("gst:nosuch", 'no element "nosuch"'),
        ("gst:'open", "No closing quotation"),
        ("v4l2:{tmp}/video7", "no such device"),
        ("v4l2:/dev/null?size=1280", "expected WIDTHxHEIGHT"),
        ("v4l2:/dev/null?format=greyscale", "expected a FOURCC"),
        ("v4l2:/dev/null?sise=1x1", "option 'sise' is not known; there are size, format"),
        ("screen:", "expected screen:X,Y,WIDTH,HEIGHT"),
        ("screen:0,0,64,0", "expected screen:X,Y,WIDTH,HEIGHT"),
        ("screen:0,0,64,48?fps=0", "expected frames a second"),
        ("screen:0,0,64,48?fps=fast", "expected frames a second"),
        ("screen:0,0,64,48?display=:77", "Cannot connect to display"),
        ("screen:90,0,64,48", "X11 Protocol Error"),
    ],
)
def test_feed_that_cannot_be_had_is_one_line_with_its_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, complaint: str
) -> None:
    (tmp_path / "text").write_text("no folder")
    fed_camera(tmp_path, monkeypatch)
    fed_screen(tmp_path, monkeypatch)
    stand_in_launch(tmp_path / "bin", monkeypatch)
    uri = uri.format(tmp=tmp_path)
    before = _held()
    with pytest.raises(SourceError) as caught:
        open_source(uri)
    assert str(caught.value).startswith(f"{uri}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert until(lambda: _no_more_than(before)), f"{before} -> {_held()}"


@pytest.mark.parametrize(
    ("uri", "module", "remedy"),
    [
        ("screen:0,0,1,1", "mss", "pip install mss"),
        ("v4l2:/dev/video0", "linuxpy.video.device", "pip install linuxpy"),
    ],
)
def test_missing_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, uri: str, module: str, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match=remedy):
        open_source(uri)


def test_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"apt install gstreamer1\.0-tools"):
        open_source("gst:videotestsrc")
