import errno
import sys
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from source_parts import lost, number_of, read_some
from stand_in_camera import BufferFlag, Camera, PixelFormat

from nanotally.daemon.sources import open_source
from nanotally.daemon.sources.camera_pixels import DECODERS, bits_of, decode
from nanotally.errors import SourceError
from nanotally.opencv import cv2

DEVICE = "v4l2:/dev/null"  # a file that is there; what is behind it comes from the stand-in
GREY = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) // 13  # 0 to 236


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Camera:
    camera = Camera()
    monkeypatch.setitem(sys.modules, "linuxpy.video.device", camera.module())
    return camera


def packed(fourcc: str) -> bytes:
    """GREY as a camera gives it in this format."""
    grey, chroma = GREY.astype(np.uint8), np.full((48, 64), 128, np.uint8)
    packings: dict[str, Callable[[], bytes]] = {
        "GREY": grey.tobytes,
        "Y10 ": (GREY * 4 + 1).astype("<u2").tobytes,
        "Y12 ": (GREY * 16 + 7).astype("<u2").tobytes,
        "Y16 ": (GREY * 257).astype("<u2").tobytes,
        "YUYV": np.dstack([grey, chroma]).tobytes,
        "UYVY": np.dstack([chroma, grey]).tobytes,
        "NV12": lambda: grey.tobytes() + chroma[:24].tobytes(),
        "YU12": lambda: grey.tobytes() + chroma[:24].tobytes(),
        "RGB3": np.dstack([grey, grey, grey]).tobytes,
        "BGR3": np.dstack([grey, grey, grey]).tobytes,
        "MJPG": cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes,
        "JPEG": cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes,
    }
    return packings[fourcc]()


def layout(fourcc: str, bytes_per_line: int = 0) -> SimpleNamespace:
    return SimpleNamespace(width=64, height=48, bytes_per_line=bytes_per_line, pixel_format=PixelFormat(fourcc))


@pytest.mark.parametrize("fourcc", DECODERS)
def test_every_format_becomes_the_same_grey(fourcc: str) -> None:
    image = decode(packed(fourcc), layout(fourcc))
    assert image is not None
    assert (image.dtype, image.shape) == (np.uint8, (48, 64))
    assert np.abs(image.astype(int) - GREY).max() <= 1


@pytest.mark.parametrize(("fourcc", "bits"), [("GREY", 8), ("Y10 ", 10), ("Y16 ", 16), ("MJPG", 8)])
def test_bits_of_a_sample(fourcc: str, bits: int) -> None:
    assert bits_of(layout(fourcc)) == bits


@pytest.mark.parametrize("fourcc", DECODERS)
def test_picture_that_is_cut_off_is_damaged(fourcc: str) -> None:
    whole = packed(fourcc)
    assert decode(whole[: len(whole) // 3], layout(fourcc)) is None
    assert decode(b"", layout(fourcc)) is None


def test_colours_are_weighted_as_bt_601_says() -> None:
    for fourcc, order in (("RGB3", [255, 0, 0]), ("BGR3", [0, 0, 255])):
        red = np.tile(np.array(order, np.uint8), (48, 64, 1)).tobytes()
        image = decode(red, layout(fourcc))
        assert image is not None
        assert image[0, 0] == round(0.299 * 255)


def test_padding_at_the_end_of_lines_is_cut() -> None:
    lines = np.full((48, 80), 99, np.uint8)
    lines[:, :64] = GREY
    image = decode(lines.tobytes(), layout("GREY", bytes_per_line=80))
    assert np.array_equal(image, GREY)


def test_size_and_format_are_asked_for_and_given(camera: Camera) -> None:
    with closing(open_source(f"{DEVICE}?size=32x24&format=Y16")) as source:
        assert read_some(source, 1)[0].image.shape == (24, 32)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("size=1280x960", "1280x960 YUYV was asked for, the driver gives 64x48 YUYV"),
        (
            "format=MJPG",
            "MJPG was asked for, the driver gives 64x48 YUYV; formats that it has and that can be read: YUYV,",
        ),
        ("format=RGBP", "format RGBP cannot be read; ask with ?format= for one of: YUYV, GREY, Y16"),
    ],
)
def test_what_the_driver_changes_silently_is_an_error(camera: Camera, options: str, complaint: str) -> None:
    camera.offers["RGBP"] = 2
    with pytest.raises(SourceError) as caught:
        open_source(f"{DEVICE}?{options}")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [(errno.EACCES, "group video"), (errno.EBUSY, "another program has it"), (errno.EIO, "dmesg")],
)
def test_device_that_does_not_open_says_what_to_do(camera: Camera, fault: int, remedy: str) -> None:
    camera.fault = fault
    with pytest.raises(SourceError, match=remedy):
        open_source(DEVICE)


def test_unplugged_camera_is_lost_and_closes(camera: Camera) -> None:
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        read_some(source, 1)
        camera.fault = errno.ENODEV
        assert "it was unplugged" in str(lost(source))
        source.close()


def test_stamp_is_the_drivers_where_it_is_of_our_clock(camera: Camera) -> None:
    camera.clock_ns = lambda: time.monotonic_ns() - 70_000_000
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        frame = read_some(source, 1)[0]
        assert time.monotonic_ns() - frame.grabbed_ns >= 69_000_000
        assert abs((time.time_ns() - frame.wall_ns) - (time.monotonic_ns() - frame.grabbed_ns)) < 50_000_000
    camera.flags, camera.clock_ns = BufferFlag(0), time.time_ns
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        before_ns = time.monotonic_ns()
        assert before_ns - 10**9 < read_some(source, 1)[0].grabbed_ns <= time.monotonic_ns()


def test_buffers_that_waited_too_long_are_passed_by(camera: Camera) -> None:
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        for _ in range(3):
            time.sleep(0.2)
            asked_ns = time.monotonic_ns()
            assert read_some(source, 1)[0].grabbed_ns > asked_ns - 50_000_000


def test_frames_that_the_driver_had_no_buffer_for_are_numbered(camera: Camera) -> None:
    camera.lost = 4
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        frames = read_some(source, 3)
    for earlier, later in pairwise(frames):
        assert (later.number - earlier.number) % 5 == 0
        assert (number_of(later.image) - number_of(earlier.image)) % 30 == (later.number - earlier.number) % 30


def test_bad_buffers_are_counted_and_passed_over(camera: Camera, caplog: pytest.LogCaptureFixture) -> None:
    camera.flags |= BufferFlag.ERROR
    with closing(open_source(f"{DEVICE}?format=GREY")) as source:
        deadline_s = time.monotonic() + 10
        while source.damaged < 3 and time.monotonic() < deadline_s:
            assert source.read(0.05) is None
        assert source.damaged >= 3
        assert len([line for line in caplog.messages if "marked as bad" in line]) == 1  # told once in ten seconds
        camera.flags = BufferFlag.TIMESTAMP_MONOTONIC
        assert read_some(source, 1)[0].number >= 3
