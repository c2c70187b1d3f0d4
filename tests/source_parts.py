"""What the sources' tests feed them with: pictures that tell their number, senders, writers, servers, stand-ins."""

from __future__ import annotations

import json
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
import zmq
from numpy.typing import NDArray

from nanotally.daemon import feed as feed_module
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.feed import Feed
from nanotally.daemon.preparation import Preparation
from nanotally.daemon.sources import open_source
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame, Source
from nanotally.opencv import cv2

WAIT_S = 10.0
NAMES = ("grid_2.png", "grid_10.png", "grid_11.tif")


def picture(number: int) -> NDArray[np.uint8]:
    """A picture (48, 64) that tells its number up to 30: grey 10 + 8 * number, with a dark corner."""
    image = np.full((48, 64), 10 + 8 * (number % 30), np.uint8)
    image[:8, :8] = 0
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    return round((float(image[20:, 20:].mean()) - 10) / 8)


def write_folder(folder: Path) -> Path:
    folder.mkdir()
    for number, name in enumerate(NAMES):
        cv2.imwrite(str(folder / name), picture(number))
    (folder / "notes.txt").write_text("not an image")
    return folder


def write_video(path: Path, frames: int = 5, codec: str = "mjpeg", **metadata: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="gray")))
        container.mux(stream.encode())
    return path


def read_some(source: Source, most: int = 1000) -> list[Frame]:
    """Up to `most` frames, fewer if the feed ends; one that gives nothing for ten seconds is broken."""
    frames, deadline = [], time.monotonic() + WAIT_S
    while len(frames) < most:
        assert time.monotonic() < deadline, f"{source.uri} neither gave a frame nor ended"
        try:
            frame = source.read(0.5)
        except EndOfFeed:
            break
        if frame is not None:
            frames.append(frame)
            deadline = time.monotonic() + WAIT_S
    return frames


def lost(source: Source) -> SourceError:
    """The error with which a live source breaks."""
    deadline = time.monotonic() + WAIT_S
    with pytest.raises(SourceError) as caught:  # noqa: PT012 - one of many reads raises it
        while time.monotonic() < deadline:
            source.read(0.2)
    return caught.value


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


@contextmanager
def following(uri: str) -> Iterator[Feed]:
    """A feed as the daemon has it, that tries again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_module, "BACK_OFF_S", (0.01, 0.02))
        feed = Feed("main", lambda: open_source(uri), Preparation(SourceConfig(uri=uri)))
        feed.start()
        try:
            yield feed
        finally:
            feed.stop()
            feed.join(WAIT_S)
            assert not feed.is_alive()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def doing(work: Callable[[int], object], every_s: float = 0.02) -> Iterator[None]:
    """`work(0)`, `work(1)`, ... in a thread until the block ends."""
    over = threading.Event()

    def go_on() -> None:
        number = 0
        while not over.wait(every_s):
            work(number)
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def sender(endpoint: str) -> Iterator[Callable[..., bool]]:
    """A PUSH socket as on the SEM's PC: a function that sends parts and says whether it could."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as pushing:
        pushing.linger, pushing.sndtimeo, pushing.immediate = 0, 1000, True
        pushing.connect(endpoint)

        def send(*parts: bytes) -> bool:
            try:
                pushing.send_multipart(parts)
            except zmq.Again:
                return False
            return True

        yield send


def header(image: NDArray[np.uint8], **facts: object) -> bytes:
    return json.dumps({"width": image.shape[1], "height": image.shape[0], **facts}).encode()


@contextmanager
def pushing(endpoint: str) -> Iterator[None]:
    """Pictures that are pushed again and again."""
    image = picture(0)
    with sender(endpoint) as send, doing(lambda number: send(header(image, name=str(number)), image.tobytes())):
        yield


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Micrographs that are saved one after the other."""
    with doing(lambda number: cv2.imwrite(str(folder / f"{number}.png"), picture(number))):
        yield


LAUNCH = """#!{python} -IS
import sys, time, os
pipe = os.fdopen(int(sys.argv[-1].partition("=")[2]), "wb")
words = sys.argv[1:]
print("GST_ARGUS: a driver that prints", flush=True)
if "nosuch" in words:
    sys.exit('WARNING: erroneous pipeline: no element "nosuch"')
number = 0
while "silent" in words:
    time.sleep(60)
while number < (3 if "short" in words else 10**9):
    pipe.write(b"P5\\n64 48\\n255\\n" + bytes([10 + 8 * (number % 30)]) * 64 * 48)
    pipe.flush()
    number += 1
    time.sleep(0.02)
if "odd" in words:
    pipe.write(b"P6\\n64 48\\n255\\n")
    pipe.flush()
    time.sleep(60)
"""


def stand_in_launch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `gst-launch-1.0` on the PATH that writes pictures and understands `short`, `silent`, `odd` and `nosuch`."""
    folder.mkdir(exist_ok=True)
    program = folder / "gst-launch-1.0"
    program.write_text(LAUNCH.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
