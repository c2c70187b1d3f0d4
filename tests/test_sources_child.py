import io
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from rtsp_server import RtspServer
from source_parts import following, lost, number_of, picture, read_some, stand_in_launch, until

from nanotally.daemon.sources import open_source, rtsp_client
from nanotally.daemon.sources.child import ChildSource, read_pgm
from nanotally.errors import SourceError

REAL = pytest.mark.skipif(
    which("gst-launch-1.0") is None, reason="gst-launch-1.0 is not installed (gstreamer1.0-tools, -plugins-base, -bad)"
)


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `gst-launch-1.0` that writes pictures."""
    stand_in_launch(tmp_path / "bin", monkeypatch)


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with closing(RtspServer(picture)) as serving:
        yield serving


def child_of(source: object) -> int:
    assert isinstance(source, ChildSource)
    return source._process.pid


def test_pictures_come_whole_and_one_after_the_other() -> None:
    images = [np.arange(12, dtype=np.uint8).reshape(3, 4), np.full((2, 5), 7, np.uint8)]
    stream = b"".join(b"P5\n%d %d\n255\n" % image.shape[::-1] + image.tobytes() for image in images)
    pipe = io.BufferedReader(io.BytesIO(stream))  # type: ignore[arg-type]
    for image in images:
        taken = read_pgm(pipe)
        assert taken is not None
        assert np.array_equal(taken[0], image)
    assert read_pgm(pipe) is None


@pytest.mark.parametrize("stream", [b"", b"P5\n4 3\n255\n" + bytes(11)])
def test_end_in_the_middle_of_a_picture_is_an_end(stream: bytes) -> None:
    assert read_pgm(io.BufferedReader(io.BytesIO(stream))) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "stream", [b"GST_ARGUS: Creating output stream\n", b"P6\n4 3\n255\n", b"P5\n4 3\n65535\n", b"P5\n0 3\n255\n"]
)
def test_what_is_no_picture_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"PGM|makes no sense"):
        read_pgm(io.BufferedReader(io.BytesIO(stream)))  # type: ignore[arg-type]


@pytest.mark.usefixtures("launch")
def test_pipeline_that_ends_is_lost_and_says_so() -> None:
    with closing(open_source("gst:short")) as source:
        assert "gst-launch-1.0 ended with 0" in str(lost(source))


@pytest.mark.usefixtures("launch")
def test_child_that_writes_something_else_is_lost_and_ended() -> None:
    with closing(open_source("gst:short odd")) as source:
        assert "pictures must come as PGM" in str(lost(source))


@pytest.mark.usefixtures("launch")
def test_child_that_hangs_does_not_hold_up_close() -> None:
    source = open_source("gst:pictures")
    read_some(source, 1)
    os.kill(child_of(source), signal.SIGSTOP)
    source.close()
    assert not Path(f"/proc/{child_of(source)}").exists()


@pytest.mark.usefixtures("launch")
def test_feed_starts_another_child_when_one_dies() -> None:
    with following("gst:pictures") as feed:
        first = feed.mailbox.take(10)
        assert first is not None
        os.kill(child_of(feed._source), signal.SIGKILL)
        assert until(lambda: feed.reconnects == 1)
        assert "ended with -9" in str(feed.fault or "ended with -9")  # gone again as soon as a frame came
        assert until(lambda: feed.state == "up" and feed.fault is None)
        later = feed.mailbox.take(10)
        assert later is not None
        assert later.number > first.number


@REAL
def test_gstreamer_gives_what_the_pipeline_shows() -> None:
    # 65 pixels wide: GStreamer pads such lines, and a reader that does not know shears the picture.
    pipeline = (
        "videotestsrc pattern=solid-color foreground-color=0xff646464 is-live=true ! video/x-raw,width=65,height=48"
    )
    with closing(open_source(f"gst:{pipeline}")) as source:
        frame = read_some(source, 1)[0]
    assert frame.image.shape == (48, 65)
    assert np.abs(frame.image.astype(int) - 100).max() <= 2


@REAL
@pytest.mark.parametrize(
    ("pipeline", "complaint"),
    [
        ("nosuch", 'no element "nosuch"'),
        ("v4l2src device=/dev/nowhere", "Cannot identify device"),
        ("videotestsrc ! nosuch=1", "syntax error"),
    ],
)
def test_gstreamer_says_what_is_wrong_with_a_pipeline(pipeline: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        open_source(f"gst:{pipeline}")


def test_stream_over_rtsp_shows_what_the_server_sent(server: RtspServer) -> None:
    with closing(open_source(f"rtsp://127.0.0.1:{server.port}/sem")) as source:
        frames = read_some(source, 3)
    assert frames[0].image.shape == (48, 64)
    steps = [(later.number - earlier.number) for earlier, later in pairwise(frames)]
    assert steps == [(number_of(later.image) - number_of(earlier.image)) % 30 for earlier, later in pairwise(frames)]


@pytest.mark.parametrize(("port", "complaint"), [(None, "404 Not Found"), (1, "Connection refused")])
def test_stream_that_is_not_there_is_an_error(server: RtspServer, port: int | None, complaint: str) -> None:
    uri = f"rtsp://127.0.0.1:{port or server.port}/no"
    try:
        source = open_source(uri)
    except SourceError as error:
        fault = error
    else:  # a busy machine takes longer than opening waits
        with closing(source):
            fault = lost(source)
    assert str(fault).startswith(f"{uri}: ")
    assert complaint in str(fault)


def test_password_is_not_on_the_command_line(server: RtspServer) -> None:
    with closing(open_source(f"rtsp://anna:secret@127.0.0.1:{server.port}/sem")) as source:
        assert b"secret" not in Path(f"/proc/{child_of(source)}/cmdline").read_bytes()


def test_feed_outlives_a_server_that_is_started_anew(server: RtspServer) -> None:
    with following(f"rtsp://127.0.0.1:{server.port}/sem") as feed:
        assert feed.mailbox.take(10) is not None
        server.close()
        assert until(lambda: feed.state == "lost")
        with closing(RtspServer(picture, server.port)):
            assert until(lambda: feed.state == "up")


def test_server_that_falls_silent_is_lost(server: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    monkeypatch.setattr(rtsp_client, "SILENCE_S", 0.2)
    monkeypatch.setattr("sys.argv", ["rtsp_client.py", str(write)])
    monkeypatch.setenv("NANOTALLY_RTSP_URL", f"rtsp://127.0.0.1:{server.port}/sem")
    server.silent_after = 30
    with os.fdopen(read, "rb"):
        assert rtsp_client.main() == 1
